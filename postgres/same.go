package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// Ids mean what they meant only as long as none is given out twice. A sequence
// that goes back tells of it, unless writers are past the old ids before
// anybody looks; the rows tell always. What is lost is what was committed last,
// so a few of the newest rows answer for all.

// maxMarks is how many rows are remembered.
const maxMarks = 16

// errNotSame is why a tail ends whose table is another one.
var errNotSame = errors.New("the events' name stands for another table than before")

// mark is a row that was seen, and a digest of what an application does not
// change in it.
type mark struct {
	id, digest int64
	seen       int64 // the look that found it, or a later one than of those before
	whole      bool  // the row was watched
	unread     bool  // the row cannot be read, and has no digest
}

// identity is what a tail knows of the database that it follows.
type identity struct {
	table    uint32
	server   string
	storage  string
	stats    string             // when its statistics began, which is anew after a crash
	backends map[int32]struct{} // those that have served it
	newest   int64              // the highest id given out
	marks    []mark             // the rows that came last
	looks    int64
}

// note takes over what a tick found.
func (i *identity) note(k *locks, marks []mark) {
	if i.server != k.server || i.backends == nil {
		i.backends = map[int32]struct{}{}
	}
	i.backends[k.backend] = struct{}{}
	i.server, i.storage = k.server, k.storage
	if k.newest != nil {
		i.newest = *k.newest
	}
	if k.stats != "" {
		i.stats = k.stats
	}
	i.looks++
	for _, m := range marks {
		m.seen = i.looks
		i.marks = append(i.marks, m)
	}
	i.marks = i.marks[max(0, len(i.marks)-maxMarks):]
}

// restarted reports whether the server may be another one, or have been started
// again or promoted. One that lost a backend starts again by itself, which only
// new backends tell of.
func (i *identity) restarted(k *locks) bool {
	_, known := i.backends[k.backend]
	return k.server != i.server || !known
}

// crashed reports whether commits may be lost. A session that is merely new tells
// of none: sessions come and go.
func (i *identity) crashed(ctx context.Context, pool *pgxpool.Pool, k *locks) (bool, error) {
	if !i.restarted(k) {
		return false, nil
	}
	err := k.askStats(ctx, pool)
	return k.server != i.server || k.stats != i.stats, err
}

// askStats asks when the server's statistics began.
func (k *locks) askStats(ctx context.Context, pool *pgxpool.Pool) error {
	return pool.QueryRow(ctx, `SELECT coalesce(pg_stat_get_bgwriter_stat_reset_time()::text, 'never')`).Scan(&k.stats)
}

// compare returns joblog.ErrRewound if the database is not the one that was
// followed, as far as it was.
func (i *identity) compare(ctx context.Context, pool *pgxpool.Pool, l *layout, k *locks) error {
	if k.table == nil || *k.table != i.table || l.table != i.table {
		l.doubt.Store(true)
		return fmt.Errorf("%w: %w", joblog.ErrRewound, errNotSame)
	}
	crashed, err := i.crashed(ctx, pool, k)
	if err != nil {
		return err
	}
	back := k.newest != nil && *k.newest < i.newest
	switch {
	case !crashed && back: // after a crash it may be, by ids of which no row was ever visible
		return fmt.Errorf("%w: the newest id is %d, it was %d", joblog.ErrRewound, *k.newest, i.newest)
	case crashed && k.standby, !crashed && !rewritten(i.storage, k.storage):
		return nil // a standby may lag, and gives out no ids
	}
	now, err := i.recognise(ctx, pool, l)
	if err != nil {
		return err
	}
	if crashed {
		// Rows may be deleted at any time. That they are gone tells of commits that
		// were lost only if ids may have gone, too.
		return i.lost(now, back || k.server != i.server)
	}
	return i.emptied(now)
}

// rewritten reports whether a table has other files than it had: it was emptied,
// or written anew; or, of a view, whether it is another table. Partitions come and
// go.
func rewritten(was, is string) bool {
	now := map[string]string{}
	for relation := range strings.FieldsSeq(is) {
		oid, file, _ := strings.Cut(relation, ":")
		now[oid] = file
	}
	for relation := range strings.FieldsSeq(was) {
		oid, file, _ := strings.Cut(relation, ":")
		if have, ok := now[oid]; ok && have != file || !ok && strings.HasSuffix(file, "r") {
			return was != is
		}
	}
	return false
}

// likeness is what has become of a row that was seen.
type likeness int

const (
	absent likeness = iota
	another
	same
)

// recognise looks at the rows that were seen last: what they are now, in their
// order.
func (i *identity) recognise(ctx context.Context, pool *pgxpool.Pool, l *layout) ([]likeness, error) {
	var ids, whole []int64
	for _, m := range i.marks {
		if ids = append(ids, m.id); m.whole {
			whole = append(whole, m.id)
		}
	}
	found, err := l.markRows(ctx, pool, ids, whole)
	if err != nil {
		return nil, fmt.Errorf("looking whether the newest rows are there: %w", err)
	}
	there := map[int64]mark{}
	for _, m := range found {
		there[m.id] = m
	}
	now := make([]likeness, len(i.marks))
	for at, m := range i.marks {
		if n, ok := there[m.id]; ok && (n.digest == m.digest || n.unread || m.unread) {
			now[at] = same
		} else if ok {
			now[at] = another
		}
	}
	return now, nil
}

// emptied returns joblog.ErrRewound if no row is left of those that were seen: a
// table that was written anew has its rows, but for some that were deleted or
// edited.
func (i *identity) emptied(now []likeness) error {
	if len(now) == 0 || slices.Contains(now, same) {
		return nil
	}
	return fmt.Errorf("%w: the row %d and those before it are gone or other ones", joblog.ErrRewound, i.marks[len(i.marks)-1].id)
}

// lost returns joblog.ErrRewound if one of the rows is another one, or is gone and
// that counts. What was committed before a row that is there is not lost with a
// crash, so of such rows nothing is said.
func (i *identity) lost(now []likeness, deleted bool) error {
	var durable int64
	for at, m := range i.marks {
		if now[at] == same {
			durable = max(durable, m.seen)
		}
	}
	for at, m := range i.marks {
		if m.seen >= durable && (now[at] == another || now[at] == absent && deleted) {
			return fmt.Errorf("%w: the row %d is gone or another one", joblog.ErrRewound, m.id)
		}
	}
	return nil
}

// markRows are the marks of rows that are there.
func (l *layout) markRows(ctx context.Context, pool *pgxpool.Pool, ids, whole []int64) (marks []mark, err error) {
	sift := sifter{statements: siftStatements}
	sift.try = func(from, to int) (int, error) {
		rows, err := pool.Query(ctx, l.marks, ids[from:to], whole)
		if err != nil {
			return 0, err
		}
		some, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (m mark, err error) {
			err = r.Scan(&m.id, &m.digest)
			m.whole = slices.Contains(whole, m.id)
			return m, err
		})
		if err == nil {
			marks = append(marks, some...)
		}
		return to - from, err
	}
	sift.pass = func(at int, _ error) error {
		marks = append(marks, mark{id: ids[at], unread: true})
		return nil
	}
	_, err = sift.sift(len(ids))
	return marks, err
}
