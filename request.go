package caddyjobs

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// request is what a viewer asks for.
type request struct {
	opts    joblog.Options
	resumed bool   // it has a cursor
	gap     string // why its cursor cannot be honoured; empty if it can
	link    string // that is to let it in; empty if there is none
	state   bool   // the job's state is to be told at the beginning
}

// parameters are all that a URL may have, and what reads them.
var parameters = map[string]func(q *request, value string) error{
	"follow":      (*request).setFollow,
	"tail":        (*request).setTail,
	"since":       (*request).setSince,
	"severity":    (*request).setSeverity,
	"format":      (*request).setFormat,
	"lastEventId": (*request).setCursor,
	"link":        (*request).setLink,
	"state":       (*request).setState,
}

// parseRequest reads the query and the headers.
func parseRequest(r *http.Request) (*request, *refusal) {
	q := &request{opts: joblog.Options{Tail: -1}}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return q, badRequest("the query is malformed: " + err.Error())
	}
	for name, values := range query {
		set, known := parameters[name]
		if !known {
			return q, badRequest(fmt.Sprintf("unknown parameter %.40q; known are follow, tail, since, severity, format, lastEventId, link and state", name))
		}
		if len(values) > 1 {
			return q, badRequest("the parameter " + name + " is given twice")
		}
		if err := set(q, values[0]); err != nil {
			return q, badRequest(name + ": " + err.Error())
		}
	}
	if refused := q.negotiate(r, query.Has("format")); refused != nil {
		return q, refused
	}
	q.setHeader(r.Header.Get("Last-Event-ID"))
	if q.resumed {
		q.opts.Tail = -1 // it was for the first connection
	}
	return q, nil
}

func badRequest(reason string) *refusal {
	return &refusal{http.StatusBadRequest, reason, "bad request"}
}

func (q *request) setFollow(value string) error {
	follow, err := truth(value)
	q.opts.Once = !follow
	return err
}

func (q *request) setState(value string) (err error) {
	q.state, err = truth(value)
	return err
}

func truth(value string) (bool, error) {
	if value != "true" && value != "false" {
		return false, fmt.Errorf("%.40q is neither true nor false", value)
	}
	return value == "true", nil
}

func (q *request) setTail(value string) error {
	n, err := strconv.ParseUint(value, 10, 31)
	if err != nil {
		return fmt.Errorf("%.40q is not a number of lines", value)
	}
	q.opts.Tail = int(n)
	return nil
}

// setSince reads a moment: RFC 3339, seconds or milliseconds since 1970, or
// how long ago.
func (q *request) setSince(value string) error {
	if at, err := time.Parse(time.RFC3339, value); err == nil {
		q.opts.Since = at.UnixMilli()
		return nil
	}
	if n, err := strconv.ParseUint(value, 10, 62); err == nil {
		q.opts.Since = joblog.Millis(int64(n))
		return nil
	}
	if ago, err := time.ParseDuration(value); err == nil && ago >= 0 {
		q.opts.Since = time.Now().Add(-ago).UnixMilli()
		return nil
	}
	return fmt.Errorf("%.40q is not a time; write 2006-01-02T15:04:05Z, seconds or milliseconds since 1970, or a duration such as 15m", value)
}

func (q *request) setSeverity(value string) error {
	rank, ok := joblog.ParseRank(value)
	if !ok {
		return fmt.Errorf("%.40q is not a severity; write trace, debug, info, notice, warn, error or critical", value)
	}
	q.opts.Rank = rank
	return nil
}

var formats = map[string]joblog.Format{"sse": joblog.SSE, "ndjson": joblog.NDJSON, "text": joblog.Text}

func (q *request) setFormat(value string) error {
	format, ok := formats[value]
	if !ok {
		return fmt.Errorf("%.40q is not a format; write sse, ndjson or text", value)
	}
	q.opts.Format = format
	return nil
}

func (q *request) setCursor(value string) (err error) {
	if value == "" {
		return nil // what a page sends that has no id yet
	}
	q.opts.After, q.opts.Told, err = joblog.ParseID(value)
	q.resumed = true
	return err
}

func (q *request) setLink(value string) error {
	if q.link = value; value == "" {
		return errors.New("it is empty")
	}
	return nil
}

// setHeader takes the cursor from a header, which wins over the query: a
// browser that reconnects sends the URL as it was in the beginning. It was told
// the id by a server, so a strange one is that of another server, not a
// mistake to be refused.
func (q *request) setHeader(value string) {
	if value == "" {
		return
	}
	after, told, err := joblog.ParseID(value)
	if err != nil {
		q.gap = "the Last-Event-ID is not of this server"
	}
	q.opts.After, q.opts.Told, q.resumed = after, told, err == nil
}

// accepted maps media ranges to formats.
var accepted = map[string]joblog.Format{
	"*/*": joblog.SSE, "text/*": joblog.SSE, "text/event-stream": joblog.SSE,
	"application/x-ndjson": joblog.NDJSON, "application/jsonl": joblog.NDJSON, "application/*": joblog.NDJSON,
	"text/plain": joblog.Text,
}

// negotiate finds the format by the Accept header, unless the query has it.
func (q *request) negotiate(r *http.Request, given bool) *refusal {
	accept := r.Header.Values("Accept")
	if given || len(accept) == 0 {
		return nil
	}
	best := 0.0
	for _, part := range strings.Split(strings.Join(accept, ","), ",") {
		name, params, _ := strings.Cut(part, ";")
		format, known := accepted[strings.ToLower(strings.TrimSpace(name))]
		if weight := quality(params); known && weight > best {
			best, q.opts.Format = weight, format
		}
	}
	if best == 0 {
		return &refusal{http.StatusNotAcceptable, "a log comes as text/event-stream, application/x-ndjson or text/plain", "not acceptable"}
	}
	return nil
}

// quality is the weight among a media range's parameters.
func quality(params string) float64 {
	list := strings.Split(params, ";")
	i := slices.IndexFunc(list, func(p string) bool { return strings.HasPrefix(strings.ToLower(strings.TrimSpace(p)), "q=") })
	if i < 0 {
		return 1
	}
	weight, err := strconv.ParseFloat(strings.TrimSpace(list[i])[len("q="):], 64)
	if err != nil {
		return 0
	}
	return weight
}
