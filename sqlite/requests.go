package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// keyAge is how long keys are remembered: a day, and something for clocks
// that differ.
const keyAge = 25 * time.Hour

// recall returns the ids of a batch that was stored before.
func recall(ctx context.Context, tx *sql.Tx, b joblog.Batch) (ids []int64, known bool, err error) {
	var job, digest, list string
	err = tx.QueryRowContext(ctx, `SELECT job, digest, ids FROM caddyjobs_requests WHERE key = ?`, b.Key).Scan(&job, &digest, &list)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, false, nil
	case missingTable(err):
		return nil, false, fmt.Errorf("%w: %w", joblog.ErrUnsupported, errNoRequests)
	case err != nil:
		return nil, false, err
	case job != b.Job || digest != b.Digest:
		return nil, false, joblog.ErrKeyReused
	}
	ids, err = parseIDs(list)
	return ids, err == nil, err
}

// remember stores the ids of a batch under its key, and forgets old keys.
func remember(ctx context.Context, tx *sql.Tx, b joblog.Batch, ids []int64, now time.Time) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM caddyjobs_requests WHERE created < ?`, now.Add(-keyAge).UnixMilli())
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO caddyjobs_requests (key, job, digest, ids, created) VALUES (?, ?, ?, ?, ?)`,
		b.Key, b.Job, b.Digest, formatIDs(ids), now.UnixMilli())
	return err
}

// formatIDs writes ascending ids as "1-5,8": most batches are one range.
func formatIDs(ids []int64) string {
	var b strings.Builder
	for i := 0; i < len(ids); {
		j := i
		for j+1 < len(ids) && ids[j+1] == ids[j]+1 {
			j++
		}
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%d-%d", ids[i], ids[j])
		i = j + 1
	}
	return b.String()
}

// parseIDs reads what formatIDs wrote.
func parseIDs(s string) (ids []int64, err error) {
	if s == "" {
		return nil, nil
	}
	for part := range strings.SplitSeq(s, ",") {
		first, last, _ := strings.Cut(part, "-")
		lo, err1 := strconv.ParseInt(first, 10, 64)
		hi, err2 := strconv.ParseInt(last, 10, 64)
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("the ids of an idempotency key are damaged: %w", err)
		}
		for id := lo; id <= hi; id++ {
			ids = append(ids, id)
		}
	}
	return ids, nil
}
