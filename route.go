package caddyjobs

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/caddyserver/caddy/v2"
)

// maxJobID is the length of the longest job id, in bytes.
const maxJobID = 512

// pattern is a path one of whose segments, {id}, stands for a job.
type pattern string

const segmentID = "{id}"

// validate reports a pattern that could match nothing.
func (p pattern) validate() error {
	segments := strings.Split(string(p), "/")
	ids := 0
	for _, s := range segments {
		if s == segmentID {
			ids++
		} else if strings.Contains(s, segmentID) {
			ids = 2
		}
	}
	if segments[0] != "" || ids != 1 {
		return fmt.Errorf("path: %q must begin with a slash and have one whole segment %s, as /jobs/{id}/logs has", string(p), segmentID)
	}
	return nil
}

// match returns the job of a request's path. It looks at the path as it was
// sent, so that an id may have an escaped slash.
func (p pattern) match(r *http.Request) (job string, ok bool) {
	want, have := strings.Split(string(p), "/"), strings.Split(r.URL.EscapedPath(), "/")
	if len(want) != len(have) {
		return "", false
	}
	for i := range want {
		segment, err := url.PathUnescape(have[i])
		switch {
		case err != nil:
			return "", false
		case want[i] == segmentID:
			job = segment
		case want[i] != segment:
			return "", false
		}
	}
	return job, true
}

// after is how many segments follow the job's id, but for an empty one.
func (p pattern) after() int {
	_, rest, _ := strings.Cut(string(p), "/"+segmentID)
	return strings.Count(strings.TrimSuffix(rest, "/"), "/")
}

// possible reports whether a job can have this id.
func possible(id string) bool {
	return id != "" && len(id) <= maxJobID && utf8.ValidString(id) && strings.IndexFunc(id, unicode.IsControl) < 0
}

// replace is a value with its placeholders replaced, empty if one has none.
func replace(r *http.Request, value string) string {
	repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return value
	}
	return repl.ReplaceAll(value, "")
}
