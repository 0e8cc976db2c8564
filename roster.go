package caddyjobs

import (
	"cmp"
	"math"
	"net"
	"net/netip"
	"slices"
	"sync"
)

// everyone is all streams of the process, of whatever config, that are open or
// about to begin.
var everyone = newRoster()

// roster knows all streams, and counts them by what they may be too many of.
type roster struct {
	most    func() int // there may be, known once: above it, what would fail next is connections to the databases
	awaited awaited

	mu      sync.Mutex
	last    uint64             // the number of the newest
	viewers map[uint64]*viewer // by number
	from    map[netip.Prefix]int
	users   map[string]int
	jobs    map[jobOf]int
	visits  map[*visit]struct{} // requests in handlers, those of viewers included
	closed  bool                // all that was there was cut, as the process exits
}

// jobOf is a job of a store.
type jobOf struct {
	hub *hub
	id  string
}

func newRoster() *roster {
	return &roster{
		most:    sync.OnceValue(mostViewers),
		viewers: map[uint64]*viewer{}, from: map[netip.Prefix]int{}, users: map[string]int{}, jobs: map[jobOf]int{},
		visits: map[*visit]struct{}{}, awaited: awaited{conns: map[net.Conn]struct{}{}},
	}
}

func mostViewers() int {
	if limit, known := openFiles(); known {
		return int(mostStreams(limit))
	}
	return math.MaxInt
}

// enter counts a viewer in, unless there are too many, of which the refusal
// tells. It is to be counted out by leave.
func (r *roster) enter(v *viewer, l *Limits) *refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	network := networkOf(v.address)
	switch {
	case len(r.viewers) >= r.most() || l.Viewers > 0 && len(r.viewers) >= l.Viewers:
		return tooMany("viewers", "there are as many viewers as this server can have")
	case l.PerAddress > 0 && r.from[network] >= l.PerAddress:
		return tooMany("viewers per address", "there are as many viewers from this address as may be")
	}
	r.last++
	v.number = r.last
	r.viewers[v.number] = v
	count(r.from, network, 1)
	return nil
}

// settle counts a viewer among those of its user and its job, once they are
// known, unless there are too many.
func (r *roster) settle(v *viewer, l *Limits) *refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	job := jobOf{v.hub, v.job.ID}
	switch {
	case l.PerUser > 0 && v.user != "" && r.users[v.user] >= l.PerUser:
		return tooMany("viewers per user", "this user has as many viewers as may be")
	case l.PerJob > 0 && r.jobs[job] >= l.PerJob:
		return tooMany("viewers per job", "this job has as many viewers as may be")
	}
	v.settled = true
	if v.user != "" {
		count(r.users, v.user, 1)
	}
	count(r.jobs, job, 1)
	return nil
}

// leave counts a viewer out.
func (r *roster) leave(v *viewer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.viewers, v.number)
	count(r.from, networkOf(v.address), -1)
	if v.settled {
		if v.user != "" {
			count(r.users, v.user, -1)
		}
		count(r.jobs, jobOf{v.hub, v.job.ID}, -1)
	}
}

// count adds to a key's count.
func count[K comparable](counts map[K]int, key K, n int) {
	if counts[key] += n; counts[key] == 0 {
		delete(counts, key)
	}
}

// count is how many there are.
func (r *roster) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.viewers)
}

// all returns the viewers that are wanted, in the order in which they came.
func (r *roster) all(wanted func(*viewer) bool) (some []*viewer) {
	r.mu.Lock()
	for _, v := range r.viewers {
		if v.settled && wanted(v) {
			some = append(some, v)
		}
	}
	r.mu.Unlock()
	slices.SortFunc(some, func(a, b *viewer) int { return cmp.Compare(a.number, b.number) })
	return some
}

// viewer is the one with a number; nil if there is none.
func (r *roster) viewer(number uint64) *viewer {
	r.mu.Lock()
	defer r.mu.Unlock()
	if v := r.viewers[number]; v != nil && v.settled {
		return v
	}
	return nil
}

// arrive counts a request in; depart is to follow.
func (r *roster) arrive(v *visit) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.visits[v] = struct{}{}
	if r.closed {
		v.cut(briefly)
	}
}

func (r *roster) depart(v *visit) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.visits, v)
}

// cut ends the streams, requests and connections that do not end by themselves:
// something blocks them. All that come later are cut, too.
func (r *roster) cut() {
	r.awaited.cut()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, v := range r.viewers {
		v.stop()
	}
	for v := range r.visits {
		v.cut(briefly)
	}
}

// networkOf is what counts as one client's: an address, or a /64 of IPv6, of
// which everybody has one at least. All who have no address, as their proxy's unix
// socket is not trusted to tell it, are one client, as are all who come through any
// other proxy that is not trusted.
func networkOf(a netip.Addr) netip.Prefix {
	bits := 64
	if a = a.Unmap().WithZone(""); a.Is4() {
		bits = 32
	}
	network, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return network
}
