// Package sqlite is the store that reads and writes an SQLite database, and
// the guest module jobs.stores.sqlite.
//
// SQLite has one writer at a time, and an AUTOINCREMENT column never gives an
// id out twice: ids ascend in the order of commits, so "id > last" finds all
// that is new and positions have no holes. Where the application's table
// lacks AUTOINCREMENT the store says so in the log, once; an id that comes again
// for the newest row that was seen is noticed. Not noticed are rows that are put
// in below it with ids of the application's own choice.
//
// A page of a log costs so many rows that are looked at, whatever is asked for and
// whatever indexes there are: reading.go says how they are found. Reads have
// connections of their own, as jobs and the tail have.
//
// A database that has neither table and is empty, or was made by this store,
// gets them on first use; the store then owns them and makes jobs as events
// and states arrive. Any other database is the application's: the store reads
// the tables it is told, and writes rows only when asked to.
//
// Ids of events are positive whole numbers, each of one row; rows with others are
// not seen. A row that cannot be read is a placeholder that says why.
package sqlite
