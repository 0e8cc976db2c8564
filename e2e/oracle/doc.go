// Package oracle holds one test: random writers write to a real Postgres,
// random viewers watch through two real Caddys, and random faults hit all of
// them. In the end each viewer must have exactly the rows of its job's log,
// each once.
//
// All that is random follows from a seed. A seed that fails is printed with
// the command that runs it again:
//
//	go test ./e2e/oracle -seed 42
//	go test ./e2e/oracle -seeds 1000 -timeout 1h
package oracle
