package oracle

import (
	"fmt"
	"slices"
	"testing"
)

// wants reports whether the viewer is to be shown a row.
func (v *viewer) wants(id int64, e entry) bool {
	_, optional := v.job.optional[id]
	return !optional && (v.least == "" || e.severity != "debug")
}

// check compares what the viewer has with the table, and reports whether that
// is as it should be. Who was told the end of an earlier life has nothing of the
// last one.
func (v *viewer) check(t *testing.T, want table) bool {
	t.Helper()
	var lost []int64
	current := !v.end.told || v.end.life == v.job.lives.life()
	for id, e := range want {
		if _, ok := v.got[id]; !ok && current && v.wants(id, e) {
			lost = append(lost, id)
		}
	}
	slices.Sort(lost)
	all := slices.Clone(v.before)
	for id, r := range v.got {
		all = append(all, shown{row{id, r.message}, r.at})
	}
	for _, s := range all {
		if reason := v.wrong(s, want); reason != "" {
			v.complain("row %d: %q %s", s.id, s.text, reason)
		}
	}
	same := len(lost)+len(v.tally.twice)+len(v.problems) == 0
	if !same {
		t.Errorf("seed %d, viewer %d of %s (course %d, %q): of %d rows lost %s, twice %s, %q; its last id is %s",
			v.seed, v.name, v.job.name, v.job.course, v.least, len(want), some(lost), some(v.tally.twice), v.problems[:min(len(v.problems), 20)], v.last)
	}
	return same
}

// some are the first of a list, and how many there are.
func some(ids []int64) string {
	const few = 10
	if len(ids) <= few {
		return fmt.Sprint(ids)
	}
	return fmt.Sprintf("%v… (%d)", ids[:few], len(ids))
}

// wrong says why a row should not have been shown; empty if it could be.
func (v *viewer) wrong(s shown, want table) string {
	if e, ok := want[s.id]; ok && e.message == s.text {
		if v.least != "" && e.severity == "debug" {
			return "is not severe enough"
		}
		return ""
	}
	may, was, late := v.fates.shown(s.row, s.at)
	switch {
	case may:
		return ""
	case was:
		return fmt.Sprintf("was shown to who came %v too late", late)
	default:
		return "never was in the table"
	}
}
