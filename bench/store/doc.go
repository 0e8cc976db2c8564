// Package store is the guest module jobs.stores.bench: a store in memory that
// bench/feed fills, so that caddyjobs can be measured with the same events as
// the others, and without a database. It is a whole store for all that: it
// passes the suite of package storetest.
package store
