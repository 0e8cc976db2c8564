package oracle

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// viewer is a client as browsers are: it keeps the last id of a whole frame,
// and comes back with it, to any node.
type viewer struct {
	*scenario
	name int
	job  *job

	last     string  // the id
	loose    []int64 // rows that came since, without one
	repeats  []int64 // those of the connection before, which come again
	got      map[int64]string
	twice    []int64
	came     joblog.Cursor // what its last id says, if that may have been at its bound; else all
	again    int           // rows that came twice, and which that does not cover
	problems []string
	resumes  int
	cursors  []int
	ended    bool
}

// client has no timeout: streams are long. Each viewer has its own connections,
// of which the kernel takes little that nobody reads.
func newClient() (*http.Client, func()) {
	dialer := net.Dialer{Control: func(_, _ string, c syscall.RawConn) (err error) {
		cerr := c.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) })
		return errors.Join(cerr, err)
	}}
	transport := &http.Transport{DisableCompression: true, DialContext: dialer.DialContext}
	return &http.Client{Transport: transport}, transport.CloseIdleConnections
}

// nearBound is the length of ids from which on they may say less than the viewer
// has: the README allows for rows that come twice then, but only for such as the
// id does not cover.
const nearBound = 3500

// mostLoose is how many rows of 100 bytes or more come without an id where ids are
// long, by the README.
const mostLoose = 2 * 4000 / 100

// watch connects again and again until the log has ended.
func (v *viewer) watch(ctx context.Context, r *rand.Rand) {
	client, closeIdle := newClient()
	defer closeIdle()
	pause(v.stop, time.Duration(r.IntN(400))*time.Millisecond)
	var deadline <-chan time.Time
	for !v.ended {
		select {
		case <-v.job.ended:
			if deadline == nil {
				deadline = time.After(patience)
			}
		default:
		}
		select {
		case <-deadline:
			v.problems = append(v.problems, "the log has no end")
			return
		case <-ctx.Done():
			return
		default:
		}
		v.connection(ctx, client, r)
		pause(ctx, time.Duration(5+r.IntN(30))*time.Millisecond)
	}
}

// connection is one request, which the viewer may drop, or not read for a
// while.
func (v *viewer) connection(ctx context.Context, client *http.Client, r *rand.Rand) {
	ctx, out := v.door.enter(ctx)
	defer out()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if r.IntN(3) > 0 { // it drops it, unless the log is about to end
		drop := time.AfterFunc(time.Duration(r.IntN(400))*time.Millisecond, func() {
			select {
			case <-v.job.ended:
			default:
				cancel()
			}
		})
		defer drop.Stop()
	}
	url := fmt.Sprintf("http://localhost:%s/%s/%s", v.nodes[r.IntN(2)].port, v.ground.name, v.job.name)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		v.problems = append(v.problems, err.Error())
		return
	}
	v.loose, v.repeats = nil, v.loose
	v.came = joblog.Cursor{N: math.MaxInt64}
	if v.last != "" {
		req.Header.Set("Last-Event-ID", v.last)
		if len(v.last) > nearBound {
			if v.came, err = joblog.ParseCursor(v.last); err != nil {
				v.problems = append(v.problems, err.Error())
			}
		}
		v.resumes++
	}
	resp, err := client.Do(req)
	if err != nil {
		return // a node that is down
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		v.read(ctx, resp, r)
	case http.StatusNoContent:
		v.ended = true
	default:
		v.problems = append(v.problems, "status "+resp.Status)
	}
}

// read reads frames. What was cut off before its blank line does not count.
func (v *viewer) read(ctx context.Context, resp *http.Response, r *rand.Rand) {
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	id, event, data, named := v.last, "", "", false
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch field {
		case "id":
			id, named = value, true
			v.cursors = append(v.cursors, len(value))
		case "event":
			event = value
		case "data":
			data = value
		case "":
			if lines.Text() == "" {
				if v.last = id; named {
					v.loose = nil
				}
				v.dispatch(event, data, named)
				event, data, named = "", "", false
			}
		}
		if r.IntN(1000) == 0 { // it does not read for a while
			pause(ctx, time.Duration(r.IntN(1000))*time.Millisecond)
		}
	}
}

func (v *viewer) dispatch(event, data string, named bool) {
	switch event {
	case "":
	case "gap":
		v.problems = append(v.problems, "a gap: "+data)
		return
	default:
		return
	}
	if data == "" {
		return
	}
	var m struct {
		Log *struct {
			ID      int64  `json:"event_id"`
			Job     string `json:"task_id"`
			Message string `json:"event_message"`
		} `json:"log"`
		Type string `json:"type"`
	}
	if err := json.Unmarshal([]byte(data), &m); err != nil {
		v.problems = append(v.problems, fmt.Sprintf("%.100q: %v", data, err))
		return
	}
	if m.Type == "complete" {
		v.ended = true
	}
	if m.Log == nil {
		return
	}
	if _, again := v.got[m.Log.ID]; again && (!v.came.Covers(m.Log.ID) || slices.Contains(v.repeats, m.Log.ID)) {
		v.again++
	} else if again {
		v.twice = append(v.twice, m.Log.ID)
	}
	if !named {
		v.loose = append(v.loose, m.Log.ID)
	}
	if len(v.loose) > mostLoose {
		v.problems = append(v.problems, fmt.Sprintf("row %d has no id, nor has any of the %d before it", m.Log.ID, mostLoose))
	}
	if m.Log.Job != v.job.name {
		v.problems = append(v.problems, "a row of "+m.Log.Job)
	}
	v.got[m.Log.ID] = m.Log.Message
}

// check compares what the viewer has with the table, and reports whether that
// is the same.
func (v *viewer) check(t *testing.T, want map[int64]string) bool {
	t.Helper()
	var lost, phantom []int64
	for id, message := range want {
		if got, ok := v.got[id]; !ok {
			lost = append(lost, id)
		} else if got != message {
			v.problems = append(v.problems, fmt.Sprintf("row %d is %q, want %q", id, got, message))
		}
	}
	for id := range v.got {
		if _, ok := want[id]; !ok {
			phantom = append(phantom, id)
		}
	}
	slices.Sort(lost)
	slices.Sort(phantom)
	same := len(lost)+len(phantom)+len(v.twice)+len(v.problems) == 0
	if !same {
		t.Errorf("seed %d, viewer %d of %s: of %d rows lost %v, twice %v, not in the table %v, %q; its last id is %s", v.seed, v.name, v.job.name, len(want), lost, v.twice, phantom, v.problems, v.last)
	}
	return same
}
