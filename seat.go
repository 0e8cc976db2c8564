package caddyjobs

import (
	"context"
	"errors"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// begin takes a seat at the job's emitter and checks the viewer's cursor
// against the store.
func (v *viewer) begin(ctx context.Context) (err error) {
	seat, err := v.sit(ctx)
	if err != nil {
		return err
	}
	v.seat.Store(seat)
	told := v.opts.After.N // in an id of this life it is above the one before
	v.opts.After, v.opts.Former = v.opts.After.Trim(), seat.former
	if after := v.opts.After.N; after > v.hub.Position().N {
		newest, ok, err := v.hub.newest(ctx)
		if err != nil {
			v.leave()
			return err
		}
		if ok && after > newest {
			v.gap = "the store does not have what the Last-Event-ID says; it went back in time, or is another one"
		}
	}
	if told > 0 && told <= seat.former {
		v.gap = "the job was deleted and made again; its log follows as it now is"
	}
	if v.gap != "" {
		v.opts.After, v.opts.Told, v.resumed = joblog.Cursor{}, 0, false
	}
	v.stream = joblog.NewStream(asker{seat, networkOf(v.address)}, seat.em, v.opts)
	v.opts.After = joblog.Cursor{} // the stream goes on from there
	v.shown.Store(v.stream)
	return nil
}

// sit takes a seat at the job as it is now. It may return errNotFound, errStoreDown
// and ctx's error.
func (v *viewer) sit(ctx context.Context) (*watched, error) {
	for {
		if v.found.number > 0 {
			seat, err := v.hub.attach(ctx, v.found)
			if !errors.Is(err, errOutdated) {
				return seat, err
			}
		}
		p := v.permit.Load()
		found, ok, err := v.hub.lookup.job(ctx, p.ask(v.job.ID))
		switch {
		case err != nil:
			return nil, err
		case !ok || found.ID != v.job.ID || !p.allows(found.Job):
			return nil, errNotFound
		}
		v.found = found
	}
}

func (v *viewer) leave() {
	if v.stream != nil {
		v.stream.Close()
	}
	if seat := v.seat.Swap(nil); seat != nil {
		v.hub.detach(seat)
	}
}
