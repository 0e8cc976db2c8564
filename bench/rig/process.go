package rig

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Interval is at which what cannot be waited for is looked at.
const Interval = 50 * time.Millisecond

const (
	startTimeout = 60 * time.Second
	stopTimeout  = 5 * time.Second
)

// Process is a server that runs.
type Process struct {
	cmd   *exec.Cmd
	log   string // the file that it writes to
	ended chan struct{}
}

// Launch starts a server on a core, if that is not negative. Should this
// process die, so does the server. What it says goes to the file log in dir.
func Launch(argv []string, dir string, core int, environment ...string) (*Process, error) {
	if core >= 0 {
		argv = append([]string{"taskset", "-c", strconv.Itoa(core)}, argv...)
		environment = append(environment, "GOMAXPROCS=1")
	}
	p := &Process{cmd: exec.Command(argv[0], argv[1:]...), log: filepath.Join(dir, "log"), ended: make(chan struct{})} //nolint:noctx // Stop ends it, with patience
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, log, log
	p.cmd.Env = append(os.Environ(), append(environment, "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", argv[0], err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is of no interest
		close(p.ended)
	}()
	return p, nil
}

// Stop ends the process and those it started.
func (p *Process) Stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.ended:
	case <-time.After(stopTimeout):
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.ended
	}
}

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// ID is the process's.
func (p *Process) ID() int { return p.cmd.Process.Pid }

// Terminate asks the process to end, and does not wait for it.
func (p *Process) Terminate() error { return p.cmd.Process.Signal(syscall.SIGTERM) }

// Kill ends the process at once.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.ended
}

// Listens waits until the server does at an address.
func (p *Process) Listens(ctx context.Context, address netip.AddrPort) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address.String())
		if err == nil {
			return conn.Close()
		}
		select {
		case <-time.After(Interval):
		case <-p.ended:
			return fmt.Errorf("the server has ended: %s", p.Tail())
		case <-ctx.Done():
			return fmt.Errorf("the server does not listen: %w\n%s", err, p.Tail())
		}
	}
}

// Tail is the end of what the server has said.
func (p *Process) Tail() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-2000):])
}

// family are the process and those it started. They are the servers' own, and
// few.
func (p *Process) family() []int {
	all := []int{p.cmd.Process.Pid}
	for i := 0; i < len(all); i++ {
		list, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", all[i])) // one that has ended has none
		for _, id := range strings.Fields(string(list)) {
			child, _ := strconv.Atoi(id)
			all = append(all, child)
		}
	}
	return all
}

// CPU is the time that the server has computed: what /proc/<pid>/stat has as
// utime and stime, but to the nanosecond.
func (p *Process) CPU() (total time.Duration, err error) {
	const sched = 2 // which of a process's clocks: see CPUCLOCK_SCHED in the kernel
	for _, id := range p.family() {
		var t unix.Timespec
		if err := unix.ClockGettime(int32(^id<<3|sched), &t); err != nil {
			return 0, fmt.Errorf("the clock of process %d: %w", id, err)
		}
		total += time.Duration(t.Nano())
	}
	return total, nil
}

// Peak is the most resident memory that the process itself has had, in bytes.
func (p *Process) Peak() (int64, error) { return status(p.ID(), "VmHWM") }

// Memory is the resident memory of the server, in bytes.
func (p *Process) Memory() (total int64, err error) {
	for _, id := range p.family() {
		n, err := status(id, "VmRSS")
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// status is a size in /proc/<id>/status, in bytes.
func status(id int, field string) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", id))
	if err != nil {
		return 0, err
	}
	_, rest, _ := bytes.Cut(status, []byte("\n"+field+":"))
	line, _, _ := bytes.Cut(rest, []byte(" kB\n"))
	n, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("/proc/%d/status: %w", id, err)
	}
	return n << 10, nil
}

// Files is how many files the process itself has open, but for those whose
// names begin with other.
func (p *Process) Files(other string) (n int, err error) {
	dir := fmt.Sprintf("/proc/%d/fd", p.ID())
	list, err := os.ReadDir(dir)
	for _, f := range list {
		name, _ := os.Readlink(filepath.Join(dir, f.Name())) // it may be closed meanwhile
		if !strings.HasPrefix(name, other) {
			n++
		}
	}
	return n, err
}
