package store

import (
	"sync"
	"unicode/utf8"

	"github.com/caddyjobs/caddyjobs/bench/feed"
	"github.com/caddyjobs/caddyjobs/joblog"
)

// running is the state of a job that nothing was said about.
const running = "running"

// rows are the tables: what the stores of one fixture share.
type rows struct {
	demand bool // jobs exist when they are asked for

	mu    sync.RWMutex
	all   []joblog.Event // the row with the id i+1 is all[i]
	jobs  map[string]*job
	hints map[*func(string)]struct{}
}

type job struct {
	id    string
	state string
	ids   []int64 // of its rows
}

func newRows(demand bool) *rows {
	return &rows{demand: demand, jobs: map[string]*job{}, hints: map[*func(string)]struct{}{}}
}

// job is a job, which is made if it is not there. The caller holds mu.
func (r *rows) job(id string) *job {
	if r.jobs[id] == nil {
		r.jobs[id] = &job{id: id, state: running}
	}
	return r.jobs[id]
}

// insert stores events of one job and returns their ids.
func (r *rows) insert(id string, events ...joblog.Event) []int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	from := len(r.all)
	j := r.job(id)
	for _, e := range events {
		r.add(j, e)
	}
	r.hint("")
	ids := make([]int64, 0, len(events))
	for _, e := range r.all[from:] {
		ids = append(ids, e.ID)
	}
	return ids
}

// add stores one event. The caller holds mu.
func (r *rows) add(j *job, e joblog.Event) {
	e.ID, e.Job, e.Severity = int64(len(r.all))+1, j.id, word(e.Severity)
	r.all = append(r.all, e)
	j.ids = append(j.ids, e.ID)
}

// setState stores the state of a job.
func (r *rows) setState(id, state string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.job(id).state = word(state)
	r.hint(id)
}

// take stores what came in one read of the feed at time now, in milliseconds.
func (r *rows) take(lines []feed.Line, now int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, line := range lines {
		j := r.job(line.Job)
		if line.State != "" {
			j.state = line.State
			r.hint(line.Job)
			continue
		}
		r.add(j, joblog.Event{Message: line.Message, Severity: "info", Time: now})
	}
	r.hint("")
}

// hint tells all listeners. The caller holds mu, so that nobody is told who has
// ceased to listen.
func (r *rows) hint(job string) {
	for h := range r.hints {
		(*h)(job)
	}
}

// listen adds a listener. It is removed by calling end.
func (r *rows) listen(hint func(job string)) (end func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hints[&hint] = struct{}{}
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.hints, &hint)
	}
}

// newest is the highest id.
func (r *rows) newest() int64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return int64(len(r.all))
}

// word is as much of a severity or a state as streams have.
func word(s string) string {
	n := min(len(s), joblog.WordBytes)
	for n > 0 && n < len(s) && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

func terminal(state string) bool { return state == "completed" || state == "failed" }
