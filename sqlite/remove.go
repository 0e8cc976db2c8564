package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// dropRequests forgets the idempotency keys of a job: the rows are gone.
const dropRequests = `DELETE FROM caddyjobs_requests WHERE job = ?`

// Remove deletes a job and its log. AUTOINCREMENT sees to it that the ids are
// not given out again.
func (s *Store) Remove(ctx context.Context, job string) error {
	err := s.use(ctx, func(ctx context.Context, f *file) error {
		if !f.owned {
			return fmt.Errorf("%w: the tables are the application's, and so are its jobs to remove", joblog.ErrUnsupported)
		}
		return f.change(ctx, func(tx *sql.Tx) error { return f.remove(ctx, tx, job) })
	})
	if err != nil {
		return fmt.Errorf("removing a job: %w", err)
	}
	return nil
}

func (f *file) remove(ctx context.Context, tx *sql.Tx, job string) error {
	for _, statement := range []string{f.dropRows, f.dropJob, dropRequests} {
		if _, err := tx.ExecContext(ctx, statement, job); err != nil {
			return err
		}
	}
	return nil
}
