package oracle

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"time"
)

// revise edits some rows of a job that the messages of begin so, and deletes as
// many.
func (s *scenario) revise(ctx context.Context, conn *sql.Conn, j *job, prefix string, most int, r *rand.Rand) error {
	rows, err := rowsLike(ctx, conn, j.name, prefix)
	if err != nil {
		return err
	}
	r.Shuffle(len(rows), func(a, b int) { rows[a], rows[b] = rows[b], rows[a] })
	rows = rows[:min(len(rows), 2*most)]
	edited, deleted := rows[:len(rows)/2], rows[len(rows)/2:]
	s.fates.unsure(rows...)
	j.lives.thin()
	if err := transact(ctx, conn, func(tx *sql.Tx) error {
		for _, row := range edited {
			if err := run(ctx, tx, []any{row.id}, `UPDATE vibe_events SET event_message = event_message || '*' WHERE event_id = $1`); err != nil {
				return err
			}
		}
		for _, row := range deleted {
			if err := run(ctx, tx, []any{row.id}, `DELETE FROM vibe_events WHERE event_id = $1`); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	s.fates.past(age, rows...)
	s.count.add(&s.count.edited, len(edited))
	s.count.add(&s.count.deleted, len(deleted))
	return nil
}

// redact changes a job that has ended, beside viewers: some are there or have
// come just before, some come at once, and some when nobody may be shown what was.
func (s *scenario) redact(ctx context.Context, j *job, r *rand.Rand, come func(*job)) error {
	if j.course == abandoned || s.kills {
		return nil
	}
	come(j)
	pause(ctx, time.Duration(r.IntN(200))*time.Millisecond)
	for range 1 + r.IntN(3) {
		if err := s.insist(ctx, func(ctx context.Context, conn *sql.Conn) error { return s.revise(ctx, conn, j, "", 3, r) }); err != nil {
			return err
		}
		come(j)
		pause(ctx, time.Duration(r.IntN(int(2*age))))
	}
	come(j)
	return nil
}
