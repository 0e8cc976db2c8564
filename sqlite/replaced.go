package sqlite

import (
	"errors"
	"log/slog"
	"os"
)

// journals are the files beside a database in WAL mode.
func journals(path string) map[string]os.FileInfo {
	found := map[string]os.FileInfo{}
	for _, name := range []string{path + "-wal", path + "-shm"} {
		if info, err := os.Stat(name); err == nil {
			found[name] = info
		}
	}
	return found
}

// leave closes f, where path now names the file info, or none if it is nil.
//
// If that is another file, SQLite leaves the old one's journals as they are,
// and would take them for the new one's: what they hold would overwrite it.
// Beside our own database they are removed. Beside an application's that is
// not for us to do.
func (f *file) leave(path string, info os.FileInfo, log *slog.Logger) error {
	var stale []string
	if info != nil && !os.SameFile(info, f.info) {
		// Look before closing: until then no new file can have the same number.
		for name, now := range journals(path) {
			if was := f.journals[name]; was != nil && os.SameFile(was, now) {
				stale = append(stale, name)
			}
		}
	}
	err := f.close()
	for _, name := range stale {
		if !f.owned {
			log.Warn("another file is in the place of the database, and the journal of the old one beside it: "+
				"stop the application and Caddy, put the file there again and remove the journal", "journal", name)
			continue
		}
		if gone := os.Remove(name); gone != nil && !errors.Is(gone, os.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	return err
}
