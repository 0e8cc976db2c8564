package sqlite

import (
	"context"
	"errors"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// complete reads the beginnings of messages that are longer than max_message,
// which statements leave out. It is called after the snapshot's end: its reads
// take locks of their own, which a writer would keep from them who waits for the
// snapshot's. A row that is gone meanwhile stays without its message.
func (s *Store) complete(ctx context.Context, f *file, events []joblog.Event) error {
	for i := range events {
		e := &events[i]
		if !e.Truncated || e.Message != "" {
			continue
		}
		text, err := s.beginning(ctx, f, e.ID)
		if err != nil {
			return err
		}
		e.Message = cut(text, s.maxMessage)
	}
	return nil
}

// beginning is the first bytes of a row's message: read as such from a table, and
// by a statement from what is none, which loads all of it.
func (s *Store) beginning(ctx context.Context, f *file, id int64) (text string, err error) {
	if f.rowid {
		e := s.tables.Events
		text, err = blob(s.path, e.Table, e.Message, id, s.maxMessage, int(s.busy.Milliseconds()))
		if !errors.Is(err, errNoBlob) {
			return text, err
		}
	}
	var b []byte
	err = each(ctx, f.read, f.start, []any{id}, func(scan scanner) error { return scan(&b) })
	return string(b), err
}
