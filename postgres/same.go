package postgres

import (
	"context"
	"errors"
	"fmt"

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
type mark struct{ id, digest int64 }

// identity is what a tail knows of the database that it follows.
type identity struct {
	table    uint32
	server   string
	storage  string
	backends map[int32]struct{} // those that have served it
	newest   int64              // the highest id given out
	marks    []mark             // the rows that came last
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
	i.marks = append(i.marks, marks...)
	i.marks = i.marks[max(0, len(i.marks)-maxMarks):]
}

// restarted reports whether the server may be another one, or have been started
// again or promoted. One that lost a backend starts again by itself, which only
// new backends tell of.
func (i *identity) restarted(k *locks) bool {
	_, known := i.backends[k.backend]
	return k.server != i.server || !known
}

// compare returns joblog.ErrRewound if the database is not the one that was
// followed, as far as it was.
func (i *identity) compare(ctx context.Context, pool *pgxpool.Pool, l *layout, k *locks) error {
	if k.table == nil || *k.table != i.table || l.table != i.table {
		l.doubt.Store(true)
		return fmt.Errorf("%w: %w", joblog.ErrRewound, errNotSame)
	}
	restarted := i.restarted(k)
	// After a crash the sequence may be behind, by ids of which no row was ever
	// visible.
	if !restarted && k.newest != nil && *k.newest < i.newest {
		return fmt.Errorf("%w: the newest id is %d, it was %d", joblog.ErrRewound, *k.newest, i.newest)
	}
	if restarted && k.standby || !restarted && k.storage == i.storage {
		return nil // a standby may lag, and gives out no ids
	}
	// Rows may be deleted at any time. That they are gone tells of commits that
	// were lost only if ids may have gone, too.
	back := k.server != i.server || k.storage != i.storage || k.newest != nil && *k.newest < i.newest
	return i.recognise(ctx, pool, l, back)
}

// recognise returns joblog.ErrRewound if one of the rows that were seen last is
// another one, or is not there and must be.
func (i *identity) recognise(ctx context.Context, pool *pgxpool.Pool, l *layout, all bool) error {
	ids := make([]int64, len(i.marks))
	for at, m := range i.marks {
		ids[at] = m.id
	}
	rows, err := pool.Query(ctx, l.marks, ids)
	if err != nil {
		return err
	}
	found, err := collectMarks(rows)
	if err != nil {
		return fmt.Errorf("looking whether the newest rows are there: %w", err)
	}
	digests := map[int64]int64{}
	for _, m := range found {
		digests[m.id] = m.digest
	}
	for _, m := range i.marks {
		if digest, there := digests[m.id]; !there && all || there && digest != m.digest {
			return fmt.Errorf("%w: the row %d is gone or another one", joblog.ErrRewound, m.id)
		}
	}
	return nil
}

func collectMarks(rows pgx.Rows) (marks []mark, err error) {
	var m mark
	_, err = pgx.ForEachRow(rows, []any{&m.id, &m.digest}, func() error {
		marks = append(marks, m)
		return nil
	})
	return marks, err
}
