package load

// Tally is what happened to the events that were published since it was made.
type Tally struct {
	// Delivered is how many came, each once for each viewer.
	Delivered int64
	// Lost had not come when their viewers were told that their job has completed.
	// What others lack is in Loop.Lacking.
	Lost int64
	// Doubled came again.
	Doubled int64
	// Reordered came after later ones.
	Reordered int64
	// Beats are the heartbeats: comments, and data that says nothing.
	Beats int64
	// Ends is how many viewers were told that their job has completed.
	Ends int64
	// Latency is from the moment an event was published to the moment its bytes
	// were parsed.
	Latency Histogram
}

// order checks that the numbers 1, 2, 3 and so on come, each once.
type order struct {
	next    int64              // after the highest that has come
	missing map[int64]struct{} // below next
}

// see takes the next number that came.
func (o *order) see(n int64, t *Tally) {
	switch _, late := o.missing[n]; {
	case n == o.next:
		o.next++
		t.Delivered++
	case n > o.next:
		o.skip(n)
		t.Delivered++
	case late:
		delete(o.missing, n)
		t.Reordered++
		t.Delivered++
	default:
		t.Doubled++
	}
}

func (o *order) skip(n int64) {
	if o.missing == nil {
		o.missing = map[int64]struct{}{}
	}
	for ; o.next < n; o.next++ {
		o.missing[o.next] = struct{}{}
	}
	o.next++
}

// lacks is how many of the numbers up to last have not come.
func (o *order) lacks(last int64) int64 {
	return int64(len(o.missing)) + max(last+1-o.next, 0)
}
