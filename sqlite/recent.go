package sqlite

import (
	"context"
	"fmt"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// Recent returns the newest rows of the jobs that have the newest ones.
func (s *Store) Recent(ctx context.Context, limit int) (events []joblog.Event, err error) {
	err = s.inTurn(ctx, s.reads, func(ctx context.Context, f *file) error {
		events = nil
		err := each(ctx, f.read, f.recent, []any{limit}, func(scan scanner) error {
			var e joblog.Event
			var at any
			err := scan(&e.Job, &e.ID, &at)
			e.Time = timeOf(at)
			events = append(events, e)
			return err
		})
		if f.faulty(ctx, f.read, f.recent, []any{limit}, err) {
			return fmt.Errorf("%w: a row cannot be read: %w", joblog.ErrUnserved, err)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the recent jobs: %w", err)
	}
	return events, nil
}
