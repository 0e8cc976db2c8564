// Package testdb runs real PostgreSQL servers for tests, on Linux. `make
// setup` puts their programs where it finds them.
//
// A server listens on a loopback port, keeps its data in a temporary folder,
// and does not outlive the test binary, however that ends. It is durable
// against the end of its own processes, which is what [Server.Kill9] does to
// them, and not against that of the machine: it never waits for a disk.
//
// The packages that use it call [Main] from their TestMain.
package testdb
