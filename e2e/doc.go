// Package e2e holds the tests that run the real binary as a child process,
// with real databases, sockets and clients: curl, the npm package
// eventsource, Chromium, Firefox and a Go client. `make test` installs what they need.
//
// The tests wait for events, each with a deadline; they sleep only where
// the passing of time is what is tested.
package e2e
