package testdb

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a running postmaster. Its children are sessions of their own,
// so that a signal to its process group would not reach them.
type process struct {
	pid    int
	exited chan struct{} // closed when it has
}

// startProcess starts the command on a thread that lives as long as the
// process does: Linux sends Pdeathsig when the thread ends, not the program.
func startProcess(cmd *exec.Cmd) (*process, error) {
	p := &process{exited: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // its log says how it ended
			close(p.exited)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	p.pid = cmd.Process.Pid
	return p, nil
}

// running tells whether it has not ended, by itself or by us.
func (p *process) running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// stop ends it with a signal, and waits for that.
func (p *process) stop(signal syscall.Signal) error {
	if !p.running() {
		return nil
	}
	if err := syscall.Kill(p.pid, signal); err != nil {
		return fmt.Errorf("signal %v to postmaster %d: %w", signal, p.pid, err)
	}
	select {
	case <-p.exited:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("postmaster %d did not end within %v of signal %v", p.pid, patience, signal)
	}
}

// kill ends it and all its children with SIGKILL. The postmaster is held
// first, so that it starts no more of them, tells none to clean up, and
// leaves their ids to them until all are dead.
func (p *process) kill() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := syscall.Kill(p.pid, syscall.SIGSTOP); err != nil {
		return fmt.Errorf("hold postmaster %d: %w", p.pid, err)
	}
	err := until(ctx, func() bool { return stateOf(p.pid) == 'T' })
	children := childrenOf(p.pid)
	for _, child := range children {
		_ = syscall.Kill(child, syscall.SIGKILL)
	}
	for _, child := range children {
		if err == nil {
			err = until(ctx, func() bool { return stateOf(child) == 'Z' })
		}
	}
	if serr := p.stop(syscall.SIGKILL); err == nil {
		err = serr
	}
	return err
}

// until waits for what Linux has no event for.
func until(ctx context.Context, holds func() bool) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func childrenOf(parent int) []int {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	var children []int
	for _, file := range files {
		pid, _ := strconv.Atoi(strings.Split(file, "/")[2])
		if fields := stat(pid); len(fields) > 1 && string(fields[1]) == strconv.Itoa(parent) {
			children = append(children, pid)
		}
	}
	return children
}

// stateOf is a process's state as ps shows it: T stopped, Z dead but not yet
// waited for, 0 gone.
func stateOf(pid int) byte {
	if fields := stat(pid); len(fields) > 0 {
		return fields[0][0]
	}
	return 0
}

// stat is what Linux tells of a process, behind its name: state, parent and
// so on; nothing if there is no such process.
func stat(pid int) [][]byte {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
}
