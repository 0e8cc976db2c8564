// Package oracle holds two tests. In one, random writers write to real
// Postgres servers, random viewers watch through two real Caddys, and random
// faults hit all of them. In the end each viewer must have exactly the rows of
// its job's log, each once, and every row must have come with an id. The other
// measures how long the ids are under ordinary load.
//
// A seed plays on one of the grounds: a table whose server is killed now and
// then, one of Postgres 14 whose writers do not wait for their commits to be
// durable, a partitioned one, one whose sessions keep ids, a view, a calm one
// where only idle sessions are ended, and a file of SQLite. Some
// jobs end while other jobs are written to: their state comes in the
// transaction of their last rows, or after it, or before it where the store is
// told to wait; after all other transactions that wrote to
// them or, in early seeds, beside some that have rows under way. The rings of
// the nodes are tiny, so that viewers fall behind them all the time; and at
// times all viewers leave, so that the nodes start to follow the table anew
// beside transactions under way. In woven seeds a long transaction takes every
// other id, and viewers resume with hundreds of holes.
//
// Rows are edited and deleted, and jobs are deleted, for good or to be made
// again, but where the server is killed: what was deleted looks like what was lost. A viewer may have what was in the table when it came, or less than the
// cache's age before; of a job that was made again, only the new life. It need not
// have what is deleted.
//
// Some viewers leave right at the last rows, or when they have got the end, as
// if they had not. Each must be told the end until its id shows that it was; then
// comes 204, and never before. On the calm ground no call may fail.
//
// A seed that fails is printed with the command that runs it again:
//
//	go test ./e2e/oracle -seed 42
//	go test ./e2e/oracle -seeds 1000 -timeout 1h
//
// A seed replays what is decided: the ground, the jobs, who writes what, who
// comes and leaves when, and its own faults. It does not replay the timing:
// which statement a fault hits, in what order the server runs sessions, what a
// tick finds. And several seeds run abreast: when it failed, faults, load and
// transactions of others hit the same servers and nodes. So a failure may take
// some runs to come again: -count 50, and -abreast with -seeds for company.
package oracle
