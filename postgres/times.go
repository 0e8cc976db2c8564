package postgres

import (
	"context"
	"errors"
	"math"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// clock is how a table writes times.
type clock struct {
	typ string // of the column
}

// whole reports whether times are integers: those are passed on as they are, if
// they can be times.
func (c clock) whole() bool { return c.typ == "int4" || c.typ == "int8" }

// stamped reports whether the column knows what a time is.
func (c clock) stamped() bool { return strings.HasPrefix(c.typ, "timestamp") }

// time is a number that millis has found as an event has it.
func (c clock) time(n int64) int64 {
	if c.whole() {
		return joblog.AsTime(n)
	}
	return n
}

// millis is the SQL of a row's time: of integers as they are, of others in
// milliseconds. A number tells its unit by its size. What is no time of the years
// 1 to 9999 is none: NaN is above all other numbers.
func (c clock) millis() string {
	switch {
	case c.whole():
		return "x.{time}::bigint"
	case c.stamped():
		return "CASE WHEN x.{time} >= '0001-01-01' AND x.{time} < '10000-01-01' THEN round(extract(epoch FROM x.{time}) * 1000)::bigint END"
	default:
		return `CASE WHEN x.{time} > -9e18 AND x.{time} < 9e18 AND (x.{time} <= -1e11 OR x.{time} >= -62135596800) THEN
			round(x.{time} * CASE WHEN abs(x.{time}) < 1e11 THEN 1000 WHEN abs(x.{time}) < 1e14 THEN 1 WHEN abs(x.{time}) < 1e17 THEN 0.001 ELSE 0.000001 END)::bigint END`
	}
}

// written is the SQL of a time ms, in milliseconds, in the table's unit: so many
// of them as $5 says are a millisecond.
func (c clock) written() string {
	switch {
	case c.typ == "timestamptz":
		return "to_timestamp(ms * $5::text::numeric / 1000)"
	case c.stamped():
		return "to_timestamp(ms * $5::text::numeric / 1000) AT TIME ZONE 'UTC'"
	case c.whole():
		return "floor(ms * $5::text::numeric)::" + c.typ
	default:
		return "(ms * $5::text::numeric)::" + c.typ
	}
}

// number is the SQL of a row's time as the number that it is; none if it is none,
// or is beyond what a float8 can be: that would fail, whatever it is asked for.
func (c clock) number() string {
	if c.stamped() {
		return "NULL::float8"
	}
	return "CASE WHEN x.{time} BETWEEN -1e300 AND 1e300 THEN round(x.{time})::float8 END"
}

// unit is how many of the table's units a millisecond has, as SQL: as in the
// newest row.
func (l *layout) unit(ctx context.Context, tx pgx.Tx) (string, error) {
	switch {
	case l.clock.stamped():
		return "1", nil
	case l.clock.typ == "int4":
		return "0.001", nil
	}
	var newest *float64
	err := tx.QueryRow(ctx, l.lastTime).Scan(&newest)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && newest == nil {
		return "1", nil
	}
	if err != nil {
		return "", err
	}
	return unitOf(*newest), nil
}

// unitOf tells the unit of a time by its size.
func unitOf(newest float64) string {
	switch size := math.Abs(newest); {
	case size < 1e11:
		return "0.001"
	case size >= 1e14 && size < 1e17:
		return "1000"
	case size >= 1e17 && size < 1e20:
		return "1000000"
	default:
		return "1" // or it is no time
	}
}
