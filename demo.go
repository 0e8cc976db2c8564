package caddyjobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// The demo's pace.
const (
	demoJob   = "demo"
	demoLines = 60
	demoPause = 500 * time.Millisecond // between lines
	demoRest  = 5 * time.Second        // between jobs
)

// runDemo runs the demo's job again and again until ctx ends.
func (a *App) runDemo(ctx context.Context) {
	h, err := a.lease(defaultStore)
	if err != nil {
		return // Validate saw to it that there is one
	}
	defer h.release()
	for run := 1; ctx.Err() == nil; run++ {
		err := a.demoRun(ctx, h, run)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, joblog.ErrUnsupported):
			h.log.Error("the demo needs a store that makes its own tables, as sqlite does by default", "error", err)
			return
		case err != nil:
			h.log.Warn("the demo begins anew", "error", err)
		}
		pause(ctx, demoRest)
	}
}

// demoRun makes the job anew, lets it write its lines and complete.
func (a *App) demoRun(ctx context.Context, h *hub, run int) error {
	remover, ok := h.store.(joblog.Remover)
	if !ok {
		return fmt.Errorf("%w: it removes no jobs", joblog.ErrUnsupported)
	}
	if err := remover.Remove(ctx, demoJob); err != nil {
		return err
	}
	h.clear(func(job string) bool { return job == demoJob })
	if err := a.SetState(ctx, "", demoJob, "running"); err != nil {
		return err
	}
	for i := range demoLines {
		if _, err := a.EmitLog(ctx, "", demoJob, demoLine(run, i)); err != nil {
			return err
		}
		if i >= 3 { // the first lines come at once
			pause(ctx, demoPause)
		}
	}
	return a.SetState(ctx, "", demoJob, "completed")
}

// demoLine is the ith line of a build that is no build.
func demoLine(run, i int) joblog.Event {
	switch {
	case i == 0:
		return joblog.Event{Message: fmt.Sprintf("Demo job, run %d: %d lines, one every %s", run, demoLines, demoPause)}
	case i == 2 || i == 30:
		return joblog.Event{Message: fmt.Sprintf("::group::Part %d", 1+i/30)}
	case i == 29 || i == demoLines-2:
		return joblog.Event{Message: "::endgroup::"}
	case i == demoLines-1:
		return joblog.Event{Message: "\x1b[32mdone\x1b[0m; the job completes and begins anew", Severity: "info"}
	case i%20 == 13:
		return joblog.Event{Message: fmt.Sprintf("step %d took longer than usual", i), Severity: "warn"}
	default:
		return joblog.Event{Message: fmt.Sprintf("\x1b[36mstep %d\x1b[0m of %d", i, demoLines-3), Severity: "info"}
	}
}

// pause waits for a while, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
