// Command fanout measures what streams cost: caddyjobs beside servers that do
// as little as possible, and beside real peers, in one run.
//
//	go run ./bench/fanout                             everything: hours
//	go run ./bench/fanout -scenarios fanout,jobs      of idle, fanout, jobs, stall, replay
//	go run ./bench/fanout -servers raw,caddyjobs      with whom; -help lists them
//	go run ./bench/fanout -protocols http/1.1         of http/1.1, tls, h2
//
// # Servers
//
//	raw              a loop of epoll and write in C, a write for each event
//	raw-batch        the same, 32 events a write if so many have come
//	nethttp          net/http, a goroutine a viewer, a flush for each event
//	nethttp-batch    the same, a flush when all that there is was written
//	caddy-plain      the same handler as nethttp, in Caddy
//	nchan            nginx with the module nchan
//	centrifuge       Centrifugo's library, Server-Sent Events in one direction
//	caddyjobs        ours, with the store in memory of bench/store
//	caddyjobs-sqlite ours as users have it: SQLite, and events by HTTP
//
// # Method
//
// A server runs on one core, with GOMAXPROCS=1 where it is of Go, and the
// generator of bench/load on another. All connections are on loopback. Each
// round starts every server anew, one after the other, so that what disturbs
// the machine disturbs all; a table shows the medians of the rounds, and in
// brackets the ratio to the raw writer's median of the same run, over TLS and
// HTTP/2 to that of caddy-plain.
//
// All take their events on a TCP connection, as lines (package feed), but nchan
// and caddyjobs-sqlite, which get POST requests that do not wait for each
// other's answers. All send the same bytes for an event, about 150 and what
// HTTP puts around them, but nchan, whose ids are longer, and centrifuge, whose
// JSON has the channel besides. All send every viewer a comment every 15 s.
//
// Latency is from the moment before an event is written to the feed to the
// moment after the read in which it came to a viewer, by one clock. Every
// viewer checks that it gets every event, once and in order.
//
// CPU is user and system time of the server's processes, from before the first event
// until every viewer has the last one. Memory is VmRSS of the same processes
// as it is, once it has stopped to change; no collection is forced. What others
// have computed meanwhile, in percent of a core, is shown so that a disturbed
// run can be told: it should be next to nothing.
//
//   - idle: viewers of one job that gets no events. Memory a viewer is what the
//     processes grew by since there was none: at once, with what opening so many
//     connections left behind, and after -idle-time, 4 minutes. CPU is that of
//     this time, in percent of a core, heartbeats included.
//   - fanout: viewers of one job, at fixed rates and at the highest rate at which
//     nothing is lost and p99 stays within a bound. It is found by raising the
//     rate by half until it fails, and then by halving the interval, to within
//     a tenth. Events that fall due within -burst come in one write.
//   - jobs: as many jobs as viewers, one each, which get their events in turns.
//   - stall: as fanout at one rate, and again beside viewers that read nothing,
//     whose buffers were filled before, for as long as -filling says: while they
//     have just become full the kernel probes all of them at the same moments,
//     ever more seldom, which delays whatever server it is. At the end these read,
//     and must find everything.
//   - replay: one job that has completed: the first viewer, another one, and
//     many at once. Lines a second count from the request to the end.
package main
