package sqlite

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// Environment of a child process: what it is to be, and its database.
const (
	childRole = "CADDYJOBS_TEST_ROLE"
	childPath = "CADDYJOBS_TEST_PATH"
)

// childWriters is how many goroutines of a child append at once.
const childWriters = 4

// child runs as the process that a test started, if this is one. It ends when
// its standard input does, so that no child outlives its test.
func child() {
	role, path := os.Getenv(childRole), os.Getenv(childPath)
	if role == "" {
		return
	}
	go func() {
		_, _ = bufio.NewReader(os.Stdin).ReadByte()
		os.Exit(0)
	}()
	var err error
	name, first, _ := strings.Cut(role, " ")
	switch name {
	case "append":
		err = childAppend(path, first)
	case "spill":
		err = childSpill(path)
	case "lock":
		err = childHold(path, "BEGIN "+first)
	default:
		err = fmt.Errorf("unknown role %q", role)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// childAppend appends batches with keys for ever and prints the number of each
// that was answered. Batch n is the same in every life of the child.
func childAppend(path, first string) error {
	n, err := strconv.Atoi(first)
	if err != nil {
		return err
	}
	d := Driver{Path: path, MaxMessage: defaultMaxMessage}
	d.SetDefaults()
	s := d.Open(slog.New(slog.DiscardHandler)).(*Store)
	failed := make(chan error)
	var mu sync.Mutex
	for i := range childWriters {
		go func() {
			for n := n + i; ; n += childWriters {
				if _, err := s.Append(context.Background(), numbered(n)); err != nil {
					failed <- err
					return
				}
				mu.Lock()
				fmt.Println(n)
				mu.Unlock()
			}
		}()
	}
	return <-failed
}

// numbered is batch n: some rows, one of them large enough for a write to take
// a while.
func numbered(n int) joblog.Batch {
	b := joblog.Batch{Job: "job", Key: fmt.Sprint("key ", n), Digest: fmt.Sprint("digest ", n)}
	for i := range 1 + n%4 {
		b.Events = append(b.Events, joblog.Event{Message: fmt.Sprintf("%d/%d", n, i)})
	}
	b.Events[0].Message += " " + strings.Repeat("x", n%7*20_000)
	return b
}

// childSpill is an application in the midst of a transaction so large that
// SQLite has begun to write it to the database, with the way back in a journal.
func childSpill(path string) error {
	return childHold(path, "PRAGMA cache_size = 5; BEGIN IMMEDIATE; UPDATE vibe_events SET event_message = 'never'")
}

// childHold begins a transaction and holds it until it is killed.
func childHold(path, begin string) error {
	db, err := sql.Open("sqlite", dsn(path, 20*time.Second, url.Values{}))
	if err != nil {
		return err
	}
	if _, err := db.Exec(begin); err != nil {
		return err
	}
	fmt.Println("ready")
	select {}
}

// process is a child that runs.
type process struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
	once  sync.Once
}

// start runs the test binary again, in a role.
func start(t testing.TB, role, path string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childRole+"="+role, childPath+"="+path)
	cmd.Stderr = t.Output()
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd, lines: bufio.NewScanner(out)}
	t.Cleanup(func() { p.kill(t) })
	return p
}

// line is the next line that the child prints.
func (p *process) line(t testing.TB) string {
	t.Helper()
	if !p.lines.Scan() {
		t.Fatalf("the child has ended: %v", p.lines.Err())
	}
	return p.lines.Text()
}

// kill ends the child as a power switch would, and returns what it had still
// printed.
func (p *process) kill(t testing.TB) (rest []string) {
	t.Helper()
	p.once.Do(func() {
		if err := p.cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		for p.lines.Scan() {
			rest = append(rest, p.lines.Text())
		}
		_ = p.cmd.Wait() // it was killed
	})
	return rest
}
