// Command endure measures what viewers notice of what a server goes through:
// reloads, its end, its death, and abuse. They should notice nothing.
//
//	go run ./bench/endure                        everything: a quarter of an hour
//	go run ./bench/endure -scenarios reload,exit of reload, exit, crash, abuse, mix
//	go run ./bench/endure -scenarios mix -check  what hostile clients do, on both stores
//	go run ./bench/endure -check                 and fail if a bar is missed
//	go run ./bench/endure -option 'heartbeat 5s' with a further line in jobs { }
//
// # Method
//
// The server is what users run: cmd/caddy, with an SQLite database that an
// application writes to with SQL, and in this case another node that reads the
// same one. It runs on one core, with GOMAXPROCS=1, and the generator of
// bench/load on another, together with the writer and the attackers. A third
// of the viewers speaks HTTP/1.1, one HTTP/1.1 over TLS and one HTTP/2. Each
// checks that it gets every event, once and in order. A viewer whose stream
// breaks waits for as long as the server told it, and comes again with the id
// that it has, as browsers do.
//
//   - reload: viewers of one job, and of many, while the config is changed again
//     and again through the admin API; a few come after each change. Heap and
//     goroutines are those that /debug/pprof tells of after a collection, files
//     what /proc has, but for those of the database: fresh, before anybody came;
//     warm, after all of it was done once; at the height; and after the last
//     viewer has left.
//   - exit: SIGTERM, without a grace period, under viewers of one job that is
//     written to. They resume on the other node.
//   - crash: kill -9 at random moments. The server is started again at once; the
//     viewers resume there and on the other node in turns. What the servers
//     compute counts as others' here, as they do not last.
//   - abuse: viewers alone, and again beside attackers of one kind after the
//     other, each of them with an address of its own (bench/attack).
//   - mix: viewers alone, and again beside attackers of many kinds at the same
//     time (bench/attack -mix), with no limits set, on SQLite and on Postgres,
//     which has both cores. The attackers ask for a log of 2 million rows and
//     for rows with severities of 5 and 17 MB, of which more are written
//     meanwhile. Latencies, memory, what /readyz says, and how long the server
//     takes to end while the attackers hold on.
package main
