package access

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const (
	linkKey  = "a key of links, which has 32 bytes"
	olderKey = "an older key of links, of 36 bytes.."
)

func links(t testing.TB, keys ...string) *Links {
	t.Helper()
	l := &Links{Keys: keys}
	if err := l.Provision(); err != nil {
		t.Fatal(err)
	}
	return l
}

// TestLinks checks what was signed, and all that it is not good for.
func TestLinks(t *testing.T) {
	l := links(t, linkKey)
	expires := time.Now().Add(time.Hour).Truncate(time.Second)
	link := l.Sign("read:a", "job", expires)
	if !regexp.MustCompile(`^1\.[0-9]+\.[0-9A-Za-z_-]{43}$`).MatchString(link) {
		t.Errorf("the link is %s", link)
	}
	for range 3 {
		if got, err := l.Check(link, "read:a", "job"); err != nil || !got.Equal(expires) {
			t.Errorf("%s, %v", got, err)
		}
	}
	parts := strings.Split(link, ".")
	mac := parts[2]
	for name, c := range map[string]struct{ link, scope, job string }{
		"another job":       {link, "read:a", "job2"},
		"a job's beginning": {link, "read:a", "jo"},
		"no job":            {link, "read:a", ""},
		"another scope":     {link, "write:a", "job"},
		"another store":     {link, "read:b", "job"},
		"moved frame":       {link, "read:aj", "ob"},
		"moved back":        {link, "read:", "ajob"},
		"later expiry":      {"1." + "9" + parts[1] + "." + mac, "read:a", "job"},
		"zero before":       {"1.0" + parts[1] + "." + mac, "read:a", "job"},
		"plus before":       {"1.+" + parts[1] + "." + mac, "read:a", "job"},
		"expiry in hex":     {"1.0x10." + mac, "read:a", "job"},
		"no expiry":         {"1.." + mac, "read:a", "job"},
		"expiry too large":  {"1.99999999999999999999." + mac, "read:a", "job"},
		"another version":   {"2." + parts[1] + "." + mac, "read:a", "job"},
		"no version":        {"." + parts[1] + "." + mac, "read:a", "job"},
		"cut":               {link[:len(link)-1], "read:a", "job"},
		"no signature":      {"1." + parts[1] + ".", "read:a", "job"},
		"two parts":         {"1." + parts[1], "read:a", "job"},
		"more":              {link + "A", "read:a", "job"},
		"a dot more":        {link + ".", "read:a", "job"},
		"padding":           {link + "=", "read:a", "job"},
		"line break":        {link + "\n", "read:a", "job"},
		"space":             {" " + link, "read:a", "job"},
		"bits to spare":     {link[:len(link)-1] + string(link[len(link)-1]+1), "read:a", "job"},
		"long":              {link + strings.Repeat("A", 1<<20), "read:a", "job"},
		"nothing":           {"", "read:a", "job"},
		"dots":              {"..", "read:a", "job"},
		"another key":       {links(t, olderKey).Sign("read:a", "job", expires), "read:a", "job"},
	} {
		got, err := l.Check(c.link, c.scope, c.job)
		if !errors.Is(err, ErrLink) || errors.Is(err, ErrExpired) || !got.IsZero() {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
	if _, err := new(Links).Check(link, "read:a", "job"); !errors.Is(err, ErrLink) {
		t.Errorf("without keys: %v", err)
	}
}

// TestLinkRotation accepts links of the older keys, and signs with the first.
func TestLinkRotation(t *testing.T) {
	expires := time.Now().Add(time.Hour)
	old, both, young := links(t, olderKey), links(t, linkKey, olderKey), links(t, linkKey)
	for _, c := range []struct {
		by, with *Links
		ok       bool
	}{{old, both, true}, {both, young, true}, {both, old, false}, {old, young, false}} {
		if _, err := c.with.Check(c.by.Sign("s", "j", expires), "s", "j"); (err == nil) != c.ok {
			t.Errorf("%v, want it accepted: %t", err, c.ok)
		}
	}
}

// TestLinkExpires uses a link for as long as it is good.
func TestLinkExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := links(t, linkKey)
		link := l.Sign("s", "j", time.Now().Add(10*time.Second))
		for range 10 {
			if _, err := l.Check(link, "s", "j"); err != nil {
				t.Error(err)
			}
			elapse(time.Second)
		}
		if _, err := l.Check(link, "s", "j"); !errors.Is(err, ErrLink) || !errors.Is(err, ErrExpired) {
			t.Errorf("expired, it gives %v", err)
		}
		if _, err := l.Check(link, "s", "k"); errors.Is(err, ErrExpired) {
			t.Errorf("for another job it says %v", err)
		}
		if _, err := l.Check(l.Sign("s", "j", time.Unix(-5, 0)), "s", "j"); !errors.Is(err, ErrExpired) {
			t.Errorf("of long ago, it gives %v", err)
		}
	})
}

// TestBadLinks reports keys that cannot work, without telling them.
func TestBadLinks(t *testing.T) {
	for _, c := range []struct {
		keys []string
		says string
	}{
		{nil, "there is no key; write the secret that signs: links <key>"},
		{[]string{linkKey, "short key"}, "key 2: the secret has 9 bytes; it must have at least 32"},
		{[]string{"{env.NOT_SET_ANYWHERE}"}, "key 1: a placeholder of it is unknown or empty"},
	} {
		err := (&Links{Keys: c.keys}).Provision()
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "short key") {
			t.Errorf("%v, want an error with %s", err, c.says)
		}
	}
	t.Setenv("ACCESS_TEST_LINK", linkKey)
	l := links(t, "{env.ACCESS_TEST_LINK}")
	if _, err := l.Check(links(t, linkKey).Sign("s", "j", time.Now().Add(time.Hour)), "s", "j"); err != nil || l.Keys[0] == linkKey {
		t.Errorf("%v, keys %v", err, l.Keys)
	}
}

// FuzzLink shows any text for any job. Only what was signed is accepted, and
// all that was signed has the one text.
func FuzzLink(f *testing.F) {
	l := links(f, linkKey)
	const lasting = 4102444800 // the year 2100
	link := l.Sign("s", "j", time.Unix(lasting, 0))
	f.Add(link, "s", "j")
	f.Add(link, "sj", "")
	f.Add(l.Sign("", "", time.Unix(0, 0)), "", "")
	f.Add("1.-1.", "s", "j")
	f.Fuzz(func(t *testing.T, text, scope, job string) {
		expires, err := l.Check(text, scope, job)
		if ok := text == link && scope == "s" && job == "j"; (err == nil) != ok {
			t.Errorf("%q for %q, %q: %v", text, scope, job, err)
		}
		if err != nil && !errors.Is(err, ErrLink) {
			t.Errorf("%q: %v", text, err)
		}
		if err == nil && expires.Unix() != lasting {
			t.Errorf("%q expires %s", text, expires)
		}
		again := l.Sign(scope, job, time.Unix(lasting, 0))
		if _, err := l.Check(again, scope, job); err != nil {
			t.Errorf("signed for %q, %q: %v", scope, job, err)
		}
		if strings.Trim(again, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._~-") != "" {
			t.Errorf("%q is not fit for a URL", again)
		}
	})
}
