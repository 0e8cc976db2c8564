package sqlite

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/caddyjobs/caddyjobs/tables"
)

// Bounds of what tells a job's row from another one.
const (
	versionColumns = 100
	versionText    = 256 // bytes of a value; of a longer one only the length counts
)

// version is all that a job's row has, as SQL: SQLite keeps no account of changes.
// A job that was deleted and made again with the very same row has the same one.
func (in *inspector) version(table string, columns []column) string {
	parts := []string{"''"}
	if in.number(`SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND name = ? COLLATE NOCASE AND type = 'table' AND wr = 0`, table) == 1 &&
		find(columns, "_rowid_").name == "" {
		parts = append(parts, "j._rowid_")
	}
	for _, c := range columns[:min(len(columns), versionColumns)] {
		name := "j." + tables.Quote(c.name)
		parts = append(parts, fmt.Sprintf("CASE WHEN octet_length(%s) > %d THEN octet_length(%[1]s) ELSE quote(%[1]s) END", name, versionText))
	}
	return strings.Join(parts, " || ',' || ")
}

// digest is a short text that stands for a long one.
func digest(text string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text)) // it cannot fail
	return strconv.FormatUint(h.Sum64(), 36)
}
