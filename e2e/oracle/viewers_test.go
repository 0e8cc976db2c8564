package oracle

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// viewer is a client as browsers are: it keeps the last id of a whole frame,
// and comes back with it, to any node.
type viewer struct {
	*scenario
	name   int
	job    *job
	random *rand.Rand
	least  string // the severity that rows have at least; empty for all

	last     string             // the id
	loose    map[int64]struct{} // rows that came since, without one: they come again after a cut
	repeats  map[int64]struct{} // those of earlier connections
	got      map[int64]receipt
	before   []shown // what it was shown before it began anew
	end      parting
	lived    int           // the life of the job of which it has rows
	came     joblog.Cursor // what its last id says, if that may have been at its bound; else all
	problems []string
	trail    []string // what came last
	tally    tally
}

// receipt is how a row came.
type receipt struct {
	message string
	at      time.Time // when the viewer had asked
}

type shown struct {
	row
	at time.Time
}

// parting is what a viewer knows of the end of its log.
type parting struct {
	told  bool // it was told, and its id says so
	life  int  // of the job, that had ended
	fresh bool // rows have come since
	cuts  int  // more times that it leaves as if it had not been told, or where the end is near
	left  bool // for good
}

// tally is what the viewer has done.
type tally struct {
	resumes, cuts, unheard int
	twice                  []int64
	again                  int // rows that came twice, and which the id at its bound does not cover
	cursors                []int
	holes                  int // the most that it resumed with
}

func newViewer(s *scenario, name int, j *job) *viewer {
	v := &viewer{scenario: s, name: name, job: j, random: s.random(1000 + name), got: map[int64]receipt{}}
	if s.ordinary {
		return v
	}
	v.end.cuts = v.random.IntN(4)
	if v.random.IntN(5) == 0 {
		v.least = "info"
	}
	return v
}

// nearBound is the length of ids from which on they may say less than the viewer
// has: the README allows for rows that come twice then, but only for such as the
// id does not cover.
const nearBound = 3500

// mostLoose is how many rows of 100 bytes or more come without an id where ids are
// long, by the README.
const mostLoose = 2 * 4000 / 100

func (v *viewer) complain(format string, args ...any) {
	v.problems = append(v.problems, fmt.Sprintf(format, args...))
	if len(v.problems) == 1 {
		v.problems = append(v.problems, v.trail...)
	}
}

// trace notes what the viewer asked for or got, so that a failure can be understood.
func (v *viewer) trace(format string, args ...any) {
	const few = 16
	v.trail = append(v.trail, fmt.Sprintf("%s ", time.Now().Format("05.000"))+fmt.Sprintf(format, args...))
	if len(v.trail) > few {
		v.trail = v.trail[1:]
	}
}

// watch connects again and again until the log has ended.
func (v *viewer) watch(ctx context.Context) {
	client, closeIdle := newClient()
	defer closeIdle()
	pause(v.stop, time.Duration(v.random.IntN(400))*time.Millisecond)
	var deadline <-chan time.Time
	for !v.end.left {
		select {
		case <-v.job.ended:
			if deadline == nil {
				deadline = time.After(patience)
			}
		default:
		}
		select {
		case <-deadline:
			v.complain("the log has no end")
			return
		case <-ctx.Done():
			return
		default:
		}
		v.connection(ctx, client)
		pause(ctx, time.Duration(5+v.random.IntN(30))*time.Millisecond)
	}
}

// connection is one request, which the viewer may drop, or not read for a
// while.
func (v *viewer) connection(ctx context.Context, client *http.Client) {
	ctx, out := v.door.enter(ctx)
	defer out()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if v.random.IntN(3) > 0 { // it drops it, unless the log is about to end
		drop := time.AfterFunc(time.Duration(v.random.IntN(400))*time.Millisecond, func() {
			select {
			case <-v.job.ended:
			default:
				cancel()
			}
		})
		defer drop.Stop()
	}
	req, err := v.request(ctx)
	if err != nil {
		v.complain("%v", err)
		return
	}
	visit := v.job.lives.open()
	defer v.job.lives.close(visit)
	resp, err := client.Do(req)
	if err != nil {
		return // a node that is down
	}
	defer resp.Body.Close()
	v.trace("%d", resp.StatusCode)
	switch resp.StatusCode {
	case http.StatusOK:
		(&reader{viewer: v, visit: visit}).read(ctx, resp)
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			v.complain("a stream goes on after %v", patience)
		}
	case http.StatusNoContent:
		v.end.left = true
		if !v.end.told {
			v.complain("204 to %q, though it was not told the end", v.last)
		}
	case http.StatusNotFound:
		v.missing(visit)
	default:
		v.complain("status %s", resp.Status)
	}
}

// request asks for what comes after the last id.
func (v *viewer) request(ctx context.Context) (*http.Request, error) {
	node := v.random.IntN(2)
	v.trace("asks node %d after %.60s", node, v.last)
	url := fmt.Sprintf("http://localhost:%s/%s/%s", v.nodes[node].port, v.ground.name, v.job.name)
	if v.least != "" {
		url += "?severity=" + v.least
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	v.came, v.repeats = joblog.Cursor{N: math.MaxInt64}, maps.Clone(v.loose)
	if v.last == "" {
		return req, nil
	}
	req.Header.Set("Last-Event-ID", v.last)
	v.tally.resumes++
	v.tally.holes = max(v.tally.holes, strings.Count(v.last, "-")+strings.Count(v.last, "~"))
	if len(v.last) > nearBound {
		v.came, _, err = joblog.ParseID(v.last)
	}
	return req, err
}

// missing takes that there is no such job. Whoever opens the page again begins
// anew; scripts may come with the id that they have.
func (v *viewer) missing(visit *visit) {
	if !v.job.lives.missed(visit.came) {
		v.complain("404, though the job is there")
	}
	select {
	case <-v.job.ended:
		v.end.left = v.job.course == abandoned
	default:
	}
	if v.end.told = false; v.random.IntN(3) > 0 {
		return
	}
	v.anew("")
}

// anew begins anew, as the log is shown from its begin.
func (v *viewer) anew(last string) {
	for id, r := range v.got {
		v.before = append(v.before, shown{row{id, r.message}, r.at})
	}
	v.last, v.loose, v.repeats, v.got = last, nil, nil, map[int64]receipt{}
}
