package oracle

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// reader reads the answer to one request.
type reader struct {
	*viewer
	visit *visit

	event, data string
	named       bool // by an id
	cut         bool // the viewer leaves
}

// read reads frames. What was cut off before its blank line does not count.
func (d *reader) read(ctx context.Context, resp *http.Response) {
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	id := d.last
	for !d.cut && lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch field {
		case "id":
			id, d.named = value, true
			d.tally.cursors = append(d.tally.cursors, len(value))
		case "event":
			d.event = value
		case "data":
			d.data = value
		case "":
			if lines.Text() == "" {
				d.dispatch(id)
				d.event, d.data, d.named = "", "", false
			}
		}
		if d.random.IntN(1000) == 0 { // it does not read for a while
			pause(ctx, time.Duration(d.random.IntN(1000))*time.Millisecond)
		}
	}
}

// message is the data of a frame.
type message struct {
	Log *struct {
		ID      int64  `json:"event_id"`
		Job     string `json:"task_id"`
		Message string `json:"event_message"`
	} `json:"log"`
	Type string `json:"type"`
}

// dispatch takes a frame, with the id that the viewer has after it.
func (d *reader) dispatch(id string) {
	before, loose := d.last, d.loose
	d.trace("%s id %.60s (%t) %.100s", d.event, id, d.named, d.data)
	if d.last = id; d.named {
		d.loose = map[int64]struct{}{}
	}
	switch {
	case d.event == "gap" && d.job.lives.another(d.lived) && strings.Contains(d.data, "made again"):
		d.anew(id)
		return
	case d.event == "gap", d.event == "error" && d.calm:
		d.complain("%s: %s", d.event, d.data)
		return
	case d.event != "" || d.data == "":
		return
	}
	var m message
	if err := json.Unmarshal([]byte(d.data), &m); err != nil {
		d.complain("%.100q: %v", d.data, err)
		return
	}
	if m.Type == "complete" {
		d.told(before, loose)
	}
	if m.Log != nil {
		d.row(m)
	}
}

// row takes a row. Where it says that the end is near, the viewer may leave.
func (d *reader) row(m message) {
	id := m.Log.ID
	_, again := d.got[id]
	_, loose := d.repeats[id]
	switch {
	case again && (loose || !d.came.Covers(id)):
		d.tally.again++
		delete(d.repeats, id) // once
	case again:
		d.tally.twice = append(d.tally.twice, id)
		d.complain("row %d came twice", id)
	}
	if !d.named {
		d.loosen(id)
	}
	if m.Log.Job != d.job.name {
		d.complain("a row of %s", m.Log.Job)
	}
	d.lived = d.visit.life
	d.got[id], d.end.fresh = receipt{m.Log.Message, d.visit.came}, true
	if d.end.cuts > 0 && strings.Contains(m.Log.Message, "/last/") {
		d.end.cuts--
		d.tally.cuts++
		d.cut = true
	}
}

// loosen takes that a row has no id.
func (d *reader) loosen(id int64) {
	if d.loose == nil {
		d.loose = map[int64]struct{}{}
	}
	if d.loose[id] = struct{}{}; len(d.loose) > mostLoose {
		d.complain("row %d has no id, nor has any of the %d before it", id, mostLoose)
	}
}

// told takes the end. The viewer may leave as if it had been cut before it, and is
// then to be told again; once its id says that it was told, it is not.
func (d *reader) told(before string, loose map[int64]struct{}) {
	if d.end.told && !d.end.fresh && d.end.life == d.job.lives.life() {
		d.complain("told the end again, after %q", before)
	}
	d.cut = true
	if d.end.cuts > 0 {
		d.end.cuts--
		d.tally.unheard++
		d.last, d.loose = before, loose
		return
	}
	d.end.told, d.end.fresh, d.end.life = true, false, d.visit.life
}
