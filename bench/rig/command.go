package rig

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// ErrMissed is what a command ends with that is to hold bars, and missed some.
var ErrMissed = errors.New("some bars are missed, see the tables")

// Command does what its options, parsed from the arguments, ask a command for,
// until it is done or interrupted, and ends the process if it fails.
func Command[O any](name string, parse func(args []string) (O, error), run func(o O, ctx context.Context) error) {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	o, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		err = run(o, ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, name+":", err)
		os.Exit(1) //nolint:gocritic // cancel has nothing left to do
	}
}

// Choose finds those of all that are named, separated by commas, in the order of
// all. It fails if there is none of a name.
func Choose[T any](text string, all []T, name func(T) string) (chosen []T, err error) {
	names := strings.Split(text, ",")
	for _, n := range names {
		if known := Names(all, name); !slices.Contains(known, n) {
			return nil, fmt.Errorf("%q is none of %s", n, strings.Join(known, ", "))
		}
	}
	for _, v := range all {
		if slices.Contains(names, name(v)) {
			chosen = append(chosen, v)
		}
	}
	return chosen, nil
}

// Names are those of all.
func Names[T any](all []T, name func(T) string) (names []string) {
	for _, v := range all {
		names = append(names, name(v))
	}
	return names
}
