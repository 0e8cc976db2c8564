package caddyjobs

import (
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
	"github.com/caddyjobs/caddyjobs/parking"
)

// output is how a viewer's client is written to.
type output interface {
	// Send sends what follows joblog.ChunkRoom bytes of b, which it may use. full
	// is true if the client takes no more for now.
	Send(b []byte) (full bool, err error)
}

// response is the output of a handler.
type response struct {
	w     http.ResponseWriter
	v     *viewer
	limit *lateDeadline // of one write
}

// mouthful is how many bytes of a response are written at once: a client that
// takes so many within the stall timeout, and no more, is slow, but goes on. A stream
// that stays in its handler has about as much in memory.
const mouthful = 16 << 10

// Send returns when all is sent, or the client took nothing for too long.
func (r response) Send(b []byte) (full bool, err error) {
	if r.v.writes(cap(b)) {
		defer r.v.written()
	}
	defer func() { _ = r.limit.SetWriteDeadline(time.Time{}) }()
	for part := range slices.Chunk(b[joblog.ChunkRoom:], mouthful) {
		if err := r.within(func() error { return r.write(part) }); err != nil {
			return false, err
		}
	}
	return false, r.within(http.NewResponseController(r.w).Flush)
}

func (r response) write(b []byte) error {
	n, err := r.w.Write(b)
	r.v.sent.Add(int64(n))
	metrics.bytes.Add(int64(n))
	return err
}

// within does something that fails if it takes longer than a client may take
// nothing, which then is why the stream ends.
func (r response) within(do func() error) error {
	late := time.Now().Add(r.v.stall)
	_ = r.limit.SetWriteDeadline(late)
	err := do()
	if err != nil && !time.Now().Before(late) {
		r.v.why = parking.Stalled
	}
	return err
}

// room is a buffer for what is to be sent.
func room() []byte { return make([]byte, joblog.ChunkRoom, 256) }

// buffers are what chunks are put together in. A viewer that waits has none.
var buffers, smallBuffers = sync.Pool{New: newRoom}, sync.Pool{New: newRoom}

func newRoom() any {
	b := room()
	return &b
}

// largestBuffer is the capacity, in bytes, up to which a buffer is kept.
const largestBuffer = 256 << 10
