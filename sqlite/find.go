package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"math"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// findMessage is the size of a message, in bytes, up to which Find reads it.
const findMessage = 4096

// Find looks for rows by one statement.
func (s *Store) Find(ctx context.Context, rows []joblog.Row) (found map[joblog.Row]joblog.Event, err error) {
	err = s.inTurn(ctx, s.lookups, func(ctx context.Context, f *file) error {
		found = map[joblog.Row]joblog.Event{}
		err := f.findRows(ctx, rows, found)
		if !f.faulty(ctx, f.look, f.find, []any{"[]"}, err) {
			return err
		}
		for i := range rows { // the others are not to pay for one that cannot be read, which counts as gone
			if err := f.findRows(ctx, rows[i:i+1], found); err != nil && !f.faulty(ctx, f.look, f.find, []any{"[]"}, err) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("finding rows again: %w", err)
	}
	return found, nil
}

// findRows puts rows into a map, by what they were asked for.
func (f *file) findRows(ctx context.Context, rows []joblog.Row, found map[joblog.Row]joblog.Event) error {
	asked := make([][2]any, len(rows))
	for i, r := range rows {
		asked[i] = [2]any{r.Job, r.ID}
	}
	text, err := json.Marshal(asked)
	if err != nil {
		return err
	}
	p := page{rows: len(rows), bytes: math.MaxInt, maxMessage: findMessage}
	return each(ctx, f.look, f.find, []any{string(text)}, func(scan scanner) error {
		var nth int
		if err := p.add(scan, "", &nth); err != nil {
			return err
		}
		p.next.Job = rows[nth].Job
		found[rows[nth]] = p.next
		p.events, p.long = p.events[:0], p.long[:0] // one may be asked for twice
		return nil
	})
}

var _ joblog.Finder = (*Store)(nil)
