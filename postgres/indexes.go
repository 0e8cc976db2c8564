package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/caddyjobs/caddyjobs/tables"
)

// findIndexes looks at the tables that have the rows, be they one, partitions or
// heirs: an index counts if all of them have it, whole, valid, and in the order
// in which the columns compare.
//
//	$1 the events' oid  $2 column of the id  $3 column of the job
const findIndexes = `WITH RECURSIVE r(oid) AS (SELECT $1::oid UNION SELECT i.inhrelid FROM pg_inherits i JOIN r ON i.inhparent = r.oid),
	x AS (SELECT i.indrelid, a.attname AS first, i.indnkeyatts > 1 AND b.attname = $2 AS then_id,
			i.indoption[0] = i.indoption[1] AND i.indoption[0] IN (0, 3) AND i.indcollation[0] = a.attcollation
			AND EXISTS (SELECT FROM pg_opclass o JOIN pg_opclass d USING (opcfamily) WHERE o.oid = i.indclass[0] AND d.opcdefault) AS plain
		FROM pg_index i JOIN r ON r.oid = i.indrelid JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
		JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
		LEFT JOIN pg_attribute b ON b.attrelid = i.indrelid AND b.attnum = i.indkey[1]
		WHERE m.amname = 'btree' AND i.indisvalid AND i.indpred IS NULL)
	SELECT coalesce(bool_and(EXISTS (SELECT FROM x WHERE indrelid = t.oid AND first = $2)), true),
		coalesce(bool_and(EXISTS (SELECT FROM x WHERE indrelid = t.oid AND first = $3 AND then_id AND plain)), true),
		coalesce(bool_and(EXISTS (SELECT FROM x WHERE indrelid = t.oid AND first = $3)), true)
	FROM r JOIN pg_class t USING (oid) WHERE t.relkind = 'r'`

// inspectIndexes finds out whether ticks and backlogs can go by an index. A
// view's are left to whoever made it.
func (l *layout) inspectIndexes(ctx context.Context, pool *pgxpool.Pool, t tables.Tables, events *relation) error {
	if events.kind != "r" && events.kind != "p" {
		l.byID, l.indexed = true, true
		return nil
	}
	if err := pool.QueryRow(ctx, findIndexes, events.oid, t.Events.ID, t.Events.Job).Scan(&l.byID, &l.byJob, &l.indexed); err != nil {
		return fmt.Errorf("inspecting the indexes: %w", err)
	}
	l.parted = events.kind == "p"
	create := "CREATE INDEX CONCURRENTLY ON {events} "
	if l.parted {
		create = "CREATE INDEX ON {events} " // there is no other for partitioned tables
	}
	if !l.byID {
		l.warnings = append(l.warnings, named("every tick may read the whole table without an index that begins with {id}; make it by: "+create+"({id})", t))
	}
	if !l.byJob {
		l.warnings = append(l.warnings, named("backlogs are read slowly without an index; make it by: "+create+"({job}, {id})", t))
	}
	return nil
}
