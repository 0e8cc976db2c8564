package caddyjobs

import "fmt"

// spareFiles is how many descriptors are left to databases, certificates and
// other sites.
const spareFiles = 256

// fewFiles is the limit below which a server of streams is told to raise it.
const fewFiles = 10_000

// adviseFiles is what is wrong with a limit of open files; empty if nothing is.
func adviseFiles(limit uint64) string {
	if limit >= fewFiles {
		return ""
	}
	return fmt.Sprintf("this process may have %d open files, and each viewer is one; raise the limit: LimitNOFILE=1048576 in the systemd unit, "+
		"--ulimit nofile=1048576 for a container, or ulimit -n in a shell", limit)
}

// mostStreams is how many streams there may be with a limit of open files.
func mostStreams(limit uint64) int64 {
	if limit <= 2*spareFiles {
		return int64(limit / 2)
	}
	return int64(min(limit-spareFiles, 1<<40))
}
