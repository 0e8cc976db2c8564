// Package bench measures what users feel, with the real binary and a real
// Postgres that waits for its disk. `make bench` runs it; RESULTS.md keeps what
// it said, with the machine and the command.
package bench
