// Package parking serves streams that have no goroutine.
//
// A stream that waits as a goroutine of a web server costs tens of KiB: its
// stack, its buffers, the request. One that is parked costs a cursor and a
// connection. Its handler has written the head of the response through all
// middleware, hijacked the connection, and returned.
//
// A lot has a few shards, each with one goroutine that does all for the streams
// parked there, so that none of their state needs a lock: it writes what their
// emitters have, without ever blocking, sends heartbeats by a timer wheel, and
// notices hang-ups. A stream that has something to do that may block, reading
// what it lacks from a store, leaves the lot with its connection, and comes
// back when it has caught up, or when its client takes no more for now.
package parking
