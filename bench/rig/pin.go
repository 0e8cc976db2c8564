package rig

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Pin ties all threads of this process to a core; those to come inherit it.
func Pin(core int) error {
	var set unix.CPUSet
	set.Set(core)
	for range 2 { // a thread that began meanwhile is in the second list
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("listing the threads: %w", err)
		}
		for _, t := range threads {
			id, _ := strconv.Atoi(t.Name())
			if err := unix.SchedSetaffinity(id, &set); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("pinning to core %d: %w", core, err)
			}
		}
	}
	return nil
}

// RaiseFiles raises the limit of open files, which the servers inherit, to what
// this many viewers need.
func RaiseFiles(viewers int) error {
	need := uint64(viewers + 1000)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("getrlimit: %w", err)
	}
	limit.Max = max(limit.Max, need) // root may
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("%d open files are needed; raise the limit with ulimit -Hn: %w", need, err)
	}
	return nil
}
