package oracle

import (
	"context"
	"sync"
	"time"
)

// row is a row of the table as it was at some time.
type row struct {
	id   int64
	text string
}

// fates are what became of rows that are not in the table any more, or have
// another text.
type fates struct {
	mu    sync.Mutex
	until map[row]fate
}

// fate is until when a row was in the table, and for how long after that it may
// be shown to who comes.
type fate struct {
	at    time.Time // the zero time if that is not known
	grace time.Duration
}

// unsure says of rows that they may cease to be in the table from now on.
func (f *fates) unsure(rows ...row) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.until == nil {
		f.until = map[row]fate{}
	}
	for _, r := range rows {
		f.until[r] = fate{}
	}
}

// past says that rows are not in the table any more.
func (f *fates) past(grace time.Duration, rows ...row) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range rows {
		f.until[r] = fate{time.Now(), grace}
	}
}

// shown reports whether a row that is not in the table in the end could be shown
// to who came at some time, and how much later than it could.
func (f *fates) shown(r row, came time.Time) (may, was bool, late time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fate, was := f.until[r]
	late = came.Sub(fate.at) - fate.grace
	return was && (fate.at.IsZero() || late <= 0), was, late
}

// rowsLike are the rows of a job whose messages begin with something.
func rowsLike(ctx context.Context, conn asker, job, prefix string) (rows []row, err error) {
	err = each(ctx, conn, `SELECT event_id, event_message FROM vibe_events WHERE task_id = $1 AND event_message LIKE $2`, []any{job, prefix + "%"},
		func(scan func(...any) error) error {
			var r row
			err := scan(&r.id, &r.text)
			rows = append(rows, r)
			return err
		})
	return rows, err
}
