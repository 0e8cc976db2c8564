package postgres

import (
	"maps"

	"github.com/jackc/pgx/v5/pgtype"
)

// To look up the state of a job by its id costs some microseconds, whether it
// has changed or not, and most have not. But a row that is changed, in whatever
// way, is another version at another place in its table. So a tick looks whether
// the rows of jobs that went on are where they were, which costs a tenth, part by
// part; and only the jobs of a part that is not as it was are asked for by id.

// placesPart is how many rows a part has.
const placesPart = 128

// placesPages is the size of a table, in pages, from which its rows are looked
// for by their places. Postgres would rather read a smaller one from end to end,
// for each part, and that costs more than ids do.
const placesPages = 64

// placed reports whether the rows of a table are looked for by their places.
func (r *relation) placed() bool {
	return r.whole && r.kind == "r" && !r.heirs && r.pages >= placesPages
}

// version is what differs whenever a row is not the one that it was, as SQL: only a
// table's own rows have it.
func (r *relation) version() string {
	if !r.whole || r.kind != "r" || r.heirs {
		return "''"
	}
	return "j.ctid::text || ' ' || j.xmin::text"
}

// place is where the row of a job is that goes on.
type place struct {
	at     pgtype.TID
	digest int64 // of its id and state: another row may come to where it was
	stays  bool  // it was there twice: an application may change some rows all the time
}

// places are of jobs by id.
type places map[string]place

// part is what a tick found of the rows of a part: those that are there.
type part struct{ rows, digest int64 }

// split are the jobs whose states a tick asks for by id, and those whose rows
// it looks for where they were.
func (p places) split(ask []string) (ids, staying []string) {
	for _, job := range ask {
		if p[job].stays {
			staying = append(staying, job)
		} else {
			ids = append(ids, job)
		}
	}
	return ids, staying
}

// at are the places of jobs.
func (p places) at(jobs []string) []pgtype.TID {
	list := make([]pgtype.TID, len(jobs))
	for i, job := range jobs {
		list[i] = p[job].at
	}
	return list
}

// learn takes over where the rows of the jobs are that were asked for by id. It
// forgets those that nobody watches, when they are many.
func (p places) learn(ids []string, found places, watched map[string]struct{}) {
	for _, job := range ids {
		is, ok := found[job]
		if !ok {
			delete(p, job)
			continue
		}
		was := p[job]
		is.stays = was.at == is.at && was.digest == is.digest
		p[job] = is
	}
	if len(p) > 2*len(watched)+placesPart {
		maps.DeleteFunc(p, func(job string, _ place) bool { _, ok := watched[job]; return !ok })
	}
}

// verify forgets the places of the parts that are not as they were, and reports
// whether all are.
func (p places) verify(staying []string, parts []part) bool {
	same := true
	for i := 0; i*placesPart < len(staying); i++ {
		jobs := staying[i*placesPart : min((i+1)*placesPart, len(staying))]
		var want part
		for _, job := range jobs {
			want.rows++
			want.digest ^= p[job].digest
		}
		if i < len(parts) && parts[i] == want {
			continue
		}
		same = false
		for _, job := range jobs {
			delete(p, job)
		}
	}
	return same
}
