package e2e

import (
	"fmt"
	"regexp"
	"testing"
)

const needsToken = "a token is needed: as Authorization: Bearer, or in its cookie; it is missing, not valid, or has expired"

// blocked is what browsers say of answers that a page may not read.
var blocked = regexp.MustCompile(`blocked by CORS policy|Cross-Origin Request Blocked`)

// refusedWith is what Chromium says of answers with a status.
func refusedWith(status int) *regexp.Regexp {
	return regexp.MustCompile(fmt.Sprintf(`^Failed to load resource: the server responded with a status of %d `, status))
}

// awaitRefused waits until the page says why it shows nothing, and that the
// reader may try again.
func (v *viewer) awaitRefused(t *testing.T, reason string) {
	t.Helper()
	v.awaitText(t, ".empty", reason)
	v.awaitText(t, ".badge", "unavailable")
	v.await(t, `!$('.again').hidden`)
}
