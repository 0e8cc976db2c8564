package caddyjobs

import (
	"encoding/json"
	"errors"
	"fmt"
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

// unread is why something cannot be read for now. The log of the hub says more.
func unread(what string, err error) *refusal {
	if errors.Is(err, joblog.ErrMisconfigured) {
		return &refusal{reason: joblog.ErrMisconfigured.Error(), kind: "store"}
	}
	return &refusal{reason: "the " + what + " cannot be read at the moment", kind: "store"}
}

// write answers with the refusal. Who is refused for now is to come again later, on
// another connection: this one would use up a descriptor until then.
func (e *refusal) write(w http.ResponseWriter, r *http.Request, format joblog.Format) {
	w.Header().Set("Cache-Control", "no-store")
	if e.status == 0 && r.ProtoMajor == 1 { // the others would close all streams of the connection
		w.Header().Set("Connection", "close")
	}
	retry := shortestRetry + rand.N(longestRetry-shortestRetry)
	switch {
	case e.status != 0:
		if e.status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", "Bearer")
		}
		sentence(w, e.status, e.reason)
	case format == joblog.SSE:
		// Any status but 200 would make a browser's EventSource give up for ever.
		setStreamHeaders(w, format)
		b := format.AppendNotice(format.AppendRetry(nil, retry), joblog.Failed, e.reason, nil)
		w.Header().Set("Content-Length", strconv.Itoa(len(b)))
		_, _ = w.Write(b)
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
	w.Header().Set("Content-Length", strconv.Itoa(len(text)+len("\n"))) // so that nothing is left to be written
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n"))
}

// answerJSON answers with a value.
func answerJSON(w http.ResponseWriter, status int, value any) error {
	b, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encoding an answer: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(b)+len("\n")))
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // that the client is gone is no concern of ours
	return nil
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
