package oracle

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// writer is one session of the application, which may break at any time: what
// became of its last transaction, the table tells in the end.
type writer struct {
	*scenario
	name   int
	random *rand.Rand
	conn   *pgx.Conn
	serial int
	twin   string // a message that was written before
	mine   []*job // it may write to, and holds the gates of
	loose  bool   // it holds them for a statement only
}

// write writes transactions until the scenario stops.
func (w *writer) write(ctx context.Context) {
	for w.stop.Err() == nil && ctx.Err() == nil {
		if w.conn == nil || w.conn.IsClosed() {
			var err error
			if w.conn, err = w.open(ctx); err != nil {
				w.conn = nil
				pause(w.stop, 20*time.Millisecond)
				continue
			}
		}
		w.serial++
		w.transaction(ctx)
		pause(w.stop, time.Duration(w.random.IntN(w.idle()))*time.Millisecond)
	}
	if w.conn != nil {
		_ = w.conn.Close(ctx)
	}
}

// idle is the longest time between two transactions, in milliseconds.
func (w *writer) idle() int {
	if w.ordinary {
		return 30
	}
	return 60
}

// open makes the writer's session.
func (w *writer) open(ctx context.Context) (*pgx.Conn, error) {
	conn, err := w.connect(ctx)
	if err == nil && w.late && w.random.IntN(2) == 0 {
		_, err = conn.Exec(ctx, `SET synchronous_commit = off`)
	}
	return conn, err
}

// transaction makes one of the kinds there are. Those that take long may have
// rows of a job under way when that ends, if the scenario is of that kind.
func (w *writer) transaction(ctx context.Context) {
	long := []func(context.Context) error{w.nested, w.nested, w.burn, w.prepared, w.long}
	short := []func(context.Context) error{w.single, w.single, w.copied, w.bulk, w.slow, w.update, w.caught, w.twins, w.revised}
	do, n := w.usual, w.random.IntN(len(long)+len(short))
	switch {
	case w.ordinary:
	case n < len(long):
		do, w.loose = long[n], w.early
	default:
		do = short[n-len(long)]
	}
	defer func() { w.loose = false }()
	if !w.loose {
		if w.take(); len(w.mine) == 0 {
			return // all have ended
		}
		defer w.give()
	}
	pid := w.conn.PgConn().PID()
	if err := do(ctx); err == nil {
		return
	}
	if !w.conn.IsClosed() {
		_, _ = w.conn.Exec(ctx, "ROLLBACK")
	}
	if w.conn.IsClosed() {
		_ = w.gone(ctx, pid) // else it may still write
	}
}

// take holds the gates of the jobs that have not ended.
func (w *writer) take() {
	for _, j := range w.jobs {
		if j.gate.TryRLock() {
			w.mine = append(w.mine, j)
		}
	}
}

func (w *writer) give() {
	for _, j := range w.mine {
		j.gate.RUnlock()
	}
	w.mine = w.mine[:0]
}

func (w *writer) job() string { return w.mine[w.random.IntN(len(w.mine))].name }

func (w *writer) message(i int) string {
	w.twin = fmt.Sprintf("%d/%d/%d/%d", w.seed, w.name, w.serial, i)
	return w.twin
}

const (
	insertOne = `INSERT INTO vibe_events (task_id, event_message, severity, event_time) VALUES ($1, $2, $3, 1234567890)`
	// insertMany takes a job, the beginning of the messages and their number.
	insertMany = `INSERT INTO vibe_events (task_id, event_message, severity, event_time)
		SELECT $1, $2 || i, 'info', 1234567890 FROM generate_series(1, $3::int) i`
)

// insert writes one row, now and then by another name of the table.
func (w *writer) insert(ctx context.Context, i int) error {
	if w.loose {
		if w.take(); len(w.mine) == 0 {
			return nil
		}
		defer w.give()
	}
	into, severity := "vibe_events", []string{"info", "info", "info", "debug"}[w.random.IntN(4)]
	if w.others != nil && w.random.IntN(4) == 0 {
		into = w.others[w.random.IntN(len(w.others))] // a partition may refuse it
	}
	if w.ordinary {
		severity = "info"
	}
	_, err := w.conn.Exec(ctx, strings.Replace(insertOne, "vibe_events", into, 1), w.job(), w.message(i), severity)
	return err
}

func (w *writer) exec(ctx context.Context, statements ...string) error {
	for _, statement := range statements {
		if _, err := w.conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

func (w *writer) single(ctx context.Context) error { return w.insert(ctx, 0) }

// usual is a transaction of ordinary load.
func (w *writer) usual(ctx context.Context) error {
	if err := w.exec(ctx, "BEGIN"); err != nil {
		return err
	}
	rows := 1 + w.random.IntN(4)
	for i := range rows {
		if err := w.insert(ctx, i); err != nil {
			return err
		}
		pause(ctx, time.Duration(w.random.IntN(30/rows))*time.Millisecond)
	}
	if w.random.IntN(10) == 0 {
		return w.exec(ctx, "ROLLBACK")
	}
	return w.exec(ctx, "COMMIT")
}

// nested writes under savepoints, of which some are rolled back.
func (w *writer) nested(ctx context.Context) error {
	if err := w.exec(ctx, "BEGIN"); err != nil {
		return err
	}
	for i := range 1 + w.random.IntN(6) {
		name := fmt.Sprint("s", i)
		if err := w.exec(ctx, "SAVEPOINT "+name); err != nil {
			return err
		}
		if err := w.insert(ctx, i); err != nil {
			return err
		}
		then := []string{"RELEASE " + name, "ROLLBACK TO " + name, "SELECT 1"}[w.random.IntN(3)]
		if err := w.exec(ctx, then); err != nil {
			return err
		}
		pause(ctx, time.Duration(w.random.IntN(10))*time.Millisecond)
	}
	w.hesitate(ctx)
	return w.exec(ctx, "COMMIT")
}

// hesitate leaves the transaction open for a while, in which jobs may end that
// it has written to.
func (w *writer) hesitate(ctx context.Context) {
	if w.loose {
		pause(ctx, time.Duration(w.random.IntN(400))*time.Millisecond)
	}
}

// burn takes ids and gives none back.
func (w *writer) burn(ctx context.Context) error {
	if err := w.exec(ctx, "BEGIN"); err != nil {
		return err
	}
	for i := range 1 + w.random.IntN(20) {
		if err := w.insert(ctx, i); err != nil {
			return err
		}
	}
	return w.exec(ctx, "ROLLBACK")
}

// prepared is a two-phase commit, which another session ends later, or the
// scenario does. Triggers may not notify in it.
func (w *writer) prepared(ctx context.Context) error {
	if err := w.exec(ctx, "BEGIN", "SET LOCAL session_replication_role = replica"); err != nil {
		return err
	}
	for i := range 1 + w.random.IntN(3) {
		if err := w.insert(ctx, i); err != nil {
			return err
		}
	}
	gid := fmt.Sprintf("%d-%d-%d", w.seed, w.name, w.serial)
	if err := w.exec(ctx, "PREPARE TRANSACTION '"+gid+"'"); err != nil || w.random.IntN(3) == 0 {
		return err
	}
	pause(ctx, time.Duration(w.random.IntN(100))*time.Millisecond)
	w.hesitate(ctx)
	other, err := w.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = other.Close(ctx) }()
	_, err = other.Exec(ctx, []string{"COMMIT", "COMMIT", "ROLLBACK"}[w.random.IntN(3)]+" PREPARED '"+gid+"'")
	return err
}

func (w *writer) copied(ctx context.Context) error {
	n := 1 + w.random.IntN(300)
	_, err := w.conn.CopyFrom(ctx, pgx.Identifier{w.table}, []string{"task_id", "event_message", "severity", "event_time"},
		pgx.CopyFromSlice(n, func(i int) ([]any, error) { return []any{w.job(), w.message(i), "info", 1234567890}, nil }))
	return err
}

func (w *writer) bulk(ctx context.Context) error {
	_, err := w.conn.Exec(ctx, insertMany, w.job(), w.message(0)+"/", 1+w.random.IntN(500))
	return err
}

// slow takes ids long before it commits.
func (w *writer) slow(ctx context.Context) error {
	_, err := w.conn.Exec(ctx, `INSERT INTO vibe_events (task_id, event_message, severity, event_time)
		SELECT $1, $2 || i || left(pg_sleep(0.02)::text, 0), 'info', 1234567890 FROM generate_series(1, $3::int) i`, w.job(), w.message(0)+"/", 1+w.random.IntN(6))
	return err
}

// update changes rows that were delivered, which are not to be sent again.
func (w *writer) update(ctx context.Context) error {
	for _, j := range w.jobs {
		j.lives.thin() // rows that have another time are other rows, for who has seen few
	}
	_, err := w.conn.Exec(ctx, `UPDATE vibe_events SET event_time = event_time + 1 WHERE event_message LIKE $1`, fmt.Sprintf("%d/%d/%%", w.seed, w.name))
	return err
}

// revised edits a row and deletes another.
func (w *writer) revised(ctx context.Context) error {
	if w.kills {
		return w.single(ctx)
	}
	return w.attempt(ctx, func(ctx context.Context, conn *sql.Conn) error {
		return w.revise(ctx, conn, w.mine[w.random.IntN(len(w.mine))], fmt.Sprintf("%d/%d/", w.seed, w.name), 1, w.random)
	})
}

// caught is a block of PL/pgSQL whose error is handled: a savepoint that does
// not look like one.
func (w *writer) caught(ctx context.Context) error {
	row := func(i int) string {
		return fmt.Sprintf(`INSERT INTO vibe_events (task_id, event_message, severity, event_time) VALUES ('%s', '%s', 'info', 1234567890);`, w.job(), w.message(i))
	}
	return w.exec(ctx, `DO $$ BEGIN `+row(0)+` BEGIN `+row(1)+` RAISE EXCEPTION 'x'; EXCEPTION WHEN OTHERS THEN `+row(2)+` END; `+row(3)+` END $$`)
}

// twins writes a row that is there already, which only takes an id.
func (w *writer) twins(ctx context.Context) error {
	_, err := w.conn.Exec(ctx, insertOne+` ON CONFLICT DO NOTHING`, w.job(), w.twin, "info")
	return err
}

// long keeps its transaction open for most of the scenario, and writes now and
// then under savepoints.
func (w *writer) long(ctx context.Context) error {
	if err := w.exec(ctx, "BEGIN"); err != nil {
		return err
	}
	for i := 0; w.stop.Err() == nil && w.random.IntN(12) > 0; i++ {
		if err := w.exec(ctx, "SAVEPOINT l"); err != nil {
			return err
		}
		if err := w.insert(ctx, i); err != nil {
			return err
		}
		if err := w.exec(ctx, []string{"RELEASE l", "RELEASE l", "ROLLBACK TO l"}[w.random.IntN(3)]); err != nil {
			return err
		}
		pause(w.stop, time.Duration(w.random.IntN(80))*time.Millisecond)
	}
	w.hesitate(ctx)
	return w.exec(ctx, []string{"COMMIT", "COMMIT", "COMMIT", "ROLLBACK"}[w.random.IntN(4)])
}
