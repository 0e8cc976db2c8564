package caddyjobs

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

const (
	// bodyGrace is how long a body may take however short it is.
	bodyGrace = 10 * time.Second
	// bodyPace is how many bytes a second a longer one has to come with.
	bodyPace = 16 << 10
	// bodyWait is from when on who sends a body is counted among the viewers: until
	// then it comes as fast as most do.
	bodyWait = time.Second
)

var (
	// errCutShort is wrapped where a body does not come to its end.
	errCutShort = errors.New("the body is cut short")
	// errTooSlow is returned where it does not come fast enough.
	errTooSlow = fmt.Errorf("the body comes too slowly; send more than %d KiB a second, or less at a time", bodyPace>>10)
	// errCrowd is returned where others are waited for already.
	errCrowd = errors.New("too many viewers, and clients that send slowly, are here at once")
)

// intake reads a body, and waits for it neither for ever nor beyond the limits.
type intake struct {
	io.Reader
	visit *visit
	from  client
	late  *time.Timer // ends the reading
	begun time.Time
	got   int64

	mu      sync.Mutex
	counted *viewer // among the viewers; nil if it is not
	crowd   bool    // it may not be
	over    bool
}

// read reads a body.
func (i *Ingest) read(v *visit) ([]byte, error) {
	in := &intake{Reader: http.MaxBytesReader(v.w, v.r.Body, i.MaxSize), visit: v, from: clientOf(v.r, ""), late: time.AfterFunc(bodyGrace, v.cutReading), begun: time.Now()}
	defer in.late.Stop()
	wait := time.AfterFunc(bodyWait, func() { in.count(&i.app.Limits) })
	defer wait.Stop()
	defer in.end()
	body, err := io.ReadAll(in)
	switch {
	case err == nil:
		return body, nil
	case !errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fmt.Errorf("%w: %w", errCutShort, err)
	case in.crowded():
		return nil, errCrowd
	default:
		return nil, errTooSlow
	}
}

// Read reads what comes, which may take the longer the more there is.
func (in *intake) Read(b []byte) (int, error) {
	n, err := in.Reader.Read(b)
	in.got += int64(n)
	in.late.Reset(time.Until(in.begun.Add(bodyGrace + time.Duration(in.got)*time.Second/bodyPace)))
	return n, err
}

// count counts the client among the viewers, or ends the reading.
func (in *intake) count(l *Limits) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.over {
		return
	}
	v := &viewer{client: in.from}
	if in.crowd = everyone.enter(v, l) != nil; in.crowd {
		in.visit.cutReading()
		return
	}
	in.counted = v
}

func (in *intake) end() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.over = true; in.counted != nil {
		everyone.leave(in.counted)
	}
}

func (in *intake) crowded() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.crowd
}
