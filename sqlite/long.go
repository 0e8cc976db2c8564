package sqlite

import (
	"context"
	"errors"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// long is a text that is longer than what statements read of it: an event's
// message, or its severity.
type long struct {
	event    int // its index
	severity bool
}

// complete reads the beginnings of the long texts of a page. It is called after
// the snapshot's end: its reads take locks of their own, which a writer would keep
// from them who waits for the snapshot's. A row that is gone meanwhile stays
// without its text.
func (s *Store) complete(ctx context.Context, f *file, q querier, p *page) (err error) {
	if len(p.long) == 0 {
		return nil
	}
	var b *blobs
	if f.rowid {
		if b, err = openBlobs(s.path, int(s.busy.Milliseconds())); err != nil {
			return err
		}
		defer b.close()
	}
	for _, l := range p.long {
		if err := errors.Join(ctx.Err(), s.begin(ctx, f, q, b, &p.events[l.event], l.severity)); err != nil {
			return err
		}
	}
	return nil
}

// begin reads the beginning of an event's message, or of its severity: as such from
// a table, and by a statement from what is none, which loads all of it.
func (s *Store) begin(ctx context.Context, f *file, q querier, b *blobs, e *joblog.Event, severity bool) error {
	to, column, most, query := &e.Message, s.tables.Events.Message, s.maxMessage, f.startMessage
	if severity {
		to, column, most, query = &e.Severity, s.tables.Events.Severity, joblog.WordBytes, f.startSeverity
	}
	begun, err := "", errNoBlob
	if b != nil {
		begun, err = b.read(s.tables.Events.Table, column, e.ID, most)
	}
	if errors.Is(err, errNoBlob) {
		var value []byte
		err = each(ctx, q, query, []any{e.ID}, func(scan scanner) error { return scan(&value) })
		begun = string(value)
	}
	*to = whole(begun[:min(len(begun), most)])
	return err
}
