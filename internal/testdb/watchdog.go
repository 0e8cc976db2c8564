package testdb

import (
	"io"
	"os/exec"
	"syscall"
)

// watchdog removes a server's folder when it is told to, or when the tests
// have died: then its standard input ends.
type watchdog struct {
	cmd   *exec.Cmd
	leash io.WriteCloser
}

func guard(dir string) (*watchdog, error) {
	cmd := exec.Command("sh", "-c", `cat >/dev/null; rm -rf "$0"`, dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C is for the tests
	leash, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	return &watchdog{cmd, leash}, cmd.Start()
}

// bark removes the folder and waits until it is gone.
func (w *watchdog) bark() {
	_ = w.leash.Close()
	_ = w.cmd.Wait()
}
