// Package joblog is the domain of caddyjobs: events, cursors, the stores
// that hold them, and the streams that carry them to viewers.
//
// A stream is a loop that reads a job's log from a cursor; everything else
// exists to wake it. Replay, live tail, a slow viewer that catches up and a
// reconnect are the same loop at different cursors.
//
// The package imports the standard library only, so that stores, HTTP
// handlers and tests can all depend on it.
package joblog
