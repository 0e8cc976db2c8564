package feed

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestServe sends lines in pieces, and one that is too long.
func TestServe(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	var got []Line
	go func() {
		ended <- Serve(ctx, l, func(lines []Line) { got = append(got, lines...) }, func() int64 { return int64(len(got)) })
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	for _, piece := range []string{"a one\nb tw", "o words\nsenseless\na !completed\n?\n", "?\n"} {
		if _, err := fmt.Fprint(conn, piece); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if answer, err := answers.ReadString('\n'); err != nil || answer != "3\n" {
			t.Errorf("got %q, %v", answer, err)
		}
	}
	if want := []Line{{"a", "one", ""}, {"b", "two words", ""}, {"a", "", "completed"}}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	_, _ = fmt.Fprint(conn, strings.Repeat("x", 1<<20)) // it may be hung up meanwhile
	if _, err := answers.ReadString('\n'); err == nil {
		t.Error("a line without end is answered")
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
