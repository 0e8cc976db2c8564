package caddyjobs

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// refusal is why a request gets no stream.
type refusal struct {
	status int    // 0: for now; the client may come again
	reason string // a sentence for whoever reads it
	kind   string // a word for the metrics
}

// Waits for clients that are refused for now. They are long, and spread, so
// that they do not come back all at once.
const (
	shortestRetry = 5 * time.Second
	longestRetry  = 15 * time.Second
)

func (e *refusal) write(w http.ResponseWriter, format joblog.Format) {
	w.Header().Set("Cache-Control", "no-store")
	retry := shortestRetry + rand.N(longestRetry-shortestRetry)
	switch {
	case e.status != 0:
		sentence(w, e.status, e.reason)
	case format == joblog.SSE:
		// Any status but 200 would make a browser's EventSource give up for ever.
		setStreamHeaders(w, format)
		b := format.AppendRetry(nil, retry)
		_, _ = w.Write(format.AppendNotice(b, joblog.Failed, e.reason, nil))
	default:
		w.Header().Set("Retry-After", strconv.Itoa(int(retry/time.Second)))
		sentence(w, http.StatusServiceUnavailable, e.reason)
	}
}

// sentence answers with a status and what it means. That the client is gone is
// no concern of ours.
func sentence(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n"))
}

// setStreamHeaders says that a stream follows, to be kept by nobody and
// changed by nobody on its way.
func setStreamHeaders(w http.ResponseWriter, format joblog.Format) {
	h := w.Header()
	h.Set("Content-Type", format.ContentType())
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no")
	if format != joblog.SSE {
		h.Set("Incremental", "?1")
	}
}
