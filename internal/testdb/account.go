package testdb

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// capDACOverride is Linux's CAP_DAC_OVERRIDE.
const capDACOverride = 1

// account is who runs a server: the tests' user, unless that is root, as whom
// PostgreSQL refuses to run.
type account struct{ uid, gid int }

func serverAccount() (account, error) {
	if os.Geteuid() != 0 {
		return account{os.Geteuid(), os.Getegid()}, nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return account{}, fmt.Errorf("root needs an account without privileges to run it: %w", err)
	}
	uid, err := strconv.Atoi(nobody.Uid)
	if err != nil {
		return account{}, err
	}
	gid, err := strconv.Atoi(nobody.Gid)
	return account{uid, gid}, err
}

// own gives a file to the account.
func (a account) own(path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	return os.Chown(path, a.uid, a.gid)
}

// attributes are those of a process of the account, which gets the signal
// when the thread that starts it ends, and none from the terminal.
func (a account) attributes(atEnd syscall.Signal) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: atEnd}
	if os.Geteuid() == 0 {
		attr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
		// The programs and the data may be below a folder that only root may
		// pass, such as its home.
		attr.AmbientCaps = []uintptr{capDACOverride}
	}
	return attr
}
