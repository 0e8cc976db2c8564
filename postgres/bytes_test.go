package postgres

import (
	"slices"
	"strings"
	"testing"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// TestBytes has messages that are bytes, and no text some of them.
func TestBytes(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.exec(t, `ALTER TABLE vibe_events ALTER event_message TYPE bytea USING event_message::bytea`)
		a.setJob(t, "job", "running")
		s := opened(t, a.dsn, func(d *Driver) { d.MaxMessage = 10 })
		f := follow(t, s)
		want := []joblog.Event{
			{Message: "hello"}, {Message: "a\xffb\x00c"}, {Message: "日本語", Truncated: true}, {Message: strings.Repeat("\x80", 10), Truncated: true}, {Message: ""},
		}
		for _, b := range []string{"hello", "a\xffb\x00c", "日本語日本語", strings.Repeat("\x80", 20), ""} {
			a.exec(t, `INSERT INTO vibe_events (task_id, event_message) VALUES ('job', $1)`, []byte(b))
		}
		tick, err := f.tail.Next(t.Context(), joblog.Watch{Jobs: map[string]struct{}{"job": {}}, Ask: []string{"job"}})
		if err != nil {
			t.Fatal(err)
		}
		page, err := s.Read(t.Context(), joblog.Query{Job: "job", UpTo: joblog.Cursor{N: 1 << 40}})
		if err != nil {
			t.Fatal(err)
		}
		for what, events := range map[string][]joblog.Event{"tick": tick.Events, "page": page.Events} {
			if !slices.EqualFunc(events, want, func(e, w joblog.Event) bool { return e.Message == w.Message && e.Truncated == w.Truncated }) {
				t.Errorf("%s: %+v", what, events)
			}
		}
		if _, err := s.Append(t.Context(), joblog.Batch{Job: "job", Events: []joblog.Event{{Message: "wörd"}}}); err != nil {
			t.Fatal(err)
		}
		if page, err = s.Read(t.Context(), joblog.Query{Job: "job", UpTo: joblog.Cursor{N: 1 << 40}, Last: true, Limit: 1}); err != nil || page.Events[0].Message != "wörd" {
			t.Errorf("written %+v, %v", page, err)
		}
	})
}
