// Package load is a generator of load for servers of Server-Sent Events that
// costs less than they do, so that one core of it is enough to see their
// limit: one goroutine, epoll and its own few lines of HTTP/1.1, TLS by
// crypto/tls, and HTTP/2. It publishes events and watches them arrive in the
// same loop, by the same clock.
//
// Each event carries the time at which it was published and its number in its
// job. A viewer thus knows of every event whether it is the next one, and a
// Tally counts what was lost, doubled and out of order.
//
// It speaks to loopback only.
package load
