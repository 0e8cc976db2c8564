// Package postgres is the store jobs.stores.postgres: it reads the logs that
// applications write to Postgres tables, and loses no row whatever the order
// in which their transactions commit.
//
// Ids are not commit order: a transaction that took id 4 can commit after id 5
// was read. So the tail follows the table by id and remembers every id it
// passed that was not visible, a hole. A hole is looked at in each tick. It is
// given up only when every transaction that held the lock of a writer on the
// table when the hole was first seen has ended, and a later read still did not
// find the row: then nobody is left who could commit it.
//
// The order of a tick is the proof: rows first, then who holds locks. A writer
// takes its lock before it takes an id, and is visible before it gives the
// lock up.
package postgres
