// Package sqlite is the store that reads and writes an SQLite database, and
// the guest module jobs.stores.sqlite.
//
// SQLite has one writer at a time, and an AUTOINCREMENT column never gives an
// id out twice: ids ascend in the order of commits, so "id > last" finds all
// that is new and positions have no holes. Where the application's table
// lacks AUTOINCREMENT the store says so in the log, once.
//
// A database that has neither table and is empty, or was made by this store,
// gets them on first use; the store then owns them and makes jobs as events
// and states arrive. Any other database is the application's: the store reads
// the tables it is told, and writes rows only when asked to.
//
// Ids of events are positive; rows with others are not seen.
package sqlite
