package caddyjobs

import (
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// liftTimeouts removes the limits that the server sets to how long a whole
// request or response may take: a stream takes as long as its job. What stays
// is the limit to how long one write may stall.
func liftTimeouts(w http.ResponseWriter, r *http.Request) {
	reader, writer := caddyhttp.IdleTimeoutsFromContext(r.Context())
	if reader != nil {
		reader.Deadline.HardDeadline = time.Time{}
	}
	if writer != nil {
		writer.Deadline.HardDeadline = time.Time{}
	}
	// Not every ResponseWriter has deadlines; one that has none needs no lifting.
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Time{})
	_ = rc.SetWriteDeadline(time.Time{})
}
