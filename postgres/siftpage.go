package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// sift reads a part of a page of which a row cannot be read.
func (p *paging) sift(ctx context.Context, some joblog.Ranges) error {
	ids, err := p.ids(ctx, some)
	if err != nil {
		return err
	}
	room := p.limit - len(p.page.Events)
	events, done, err := p.store.siftRows(ctx, p.pool, p.layout, ids, []string{p.job})
	if err != nil {
		return err
	}
	for _, e := range events {
		if e.Job = p.q.Job; !p.add(e) {
			p.page.More, p.page.Passed = true, 0 // it goes no further than its rows
			return nil
		}
	}
	if done < len(ids) || done > room { // rows may be gone meanwhile, and others follow
		p.page.More, p.page.Passed = true, ids[done-1]
	}
	return nil
}

// ids are those of the rows in some ranges. If not even their jobs can be told,
// they are everybody's.
func (p *paging) ids(ctx context.Context, some joblog.Ranges) ([]int64, error) {
	k := pageKind{last: p.q.Last, ranges: len(some) > 1, bare: true}
	rows, err := p.pool.Query(ctx, p.layout.page[k], p.args(k, some)...)
	if err == nil {
		var ids []int64
		if ids, err = pgx.CollectRows(rows, pgx.RowTo[int64]); err == nil {
			return ids, nil
		}
	}
	if !faulty(err) {
		return nil, err
	}
	rows, err = p.pool.Query(ctx, p.within[p.q.Last], some[0].Lo, some[len(some)-1].Hi, passRows)
	if err != nil {
		return nil, err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if len(ids) == passRows {
		p.page.More, p.page.Passed = true, ids[passRows-1]
	}
	return slices.DeleteFunc(ids, func(id int64) bool { return !some.Contain(id) }), err
}
