package sqlite

import (
	"context"
	"fmt"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// Recent returns the newest rows of the jobs that have the newest ones.
func (s *Store) Recent(ctx context.Context, limit int) (events []joblog.Event, err error) {
	err = s.use(ctx, func(ctx context.Context, f *file) error {
		events = nil
		return each(ctx, f.read, f.recent, []any{limit}, func(scan scanner) error {
			var e joblog.Event
			var at any
			err := scan(&e.Job, &e.ID, &at)
			e.Time = timeOf(at)
			events = append(events, e)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("reading the recent jobs: %w", err)
	}
	return events, nil
}
