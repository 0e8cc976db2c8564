package postgres

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
)

// What is wrong with a URL. None of it quotes the URL: where it is not clear what
// is what, any part may be one of a password.
var (
	errScheme  = errors.New("it is no URL of Postgres; one begins with postgres:// or postgresql:// (JDBC's with jdbc: before that, which is to be left out, and has user and password as settings)")
	errAt      = errors.New("there is more than one @ before the settings; write @ in the password as %40")
	errSlash   = errors.New("there is an @ after the first slash; write / in the password as %2F, and @ elsewhere as %40")
	errPercent = errors.New("there is a % that is not followed by two digits of 0 to 9 and A to F; write % in the password as %25")
	errHost    = errors.New("there are characters where the host is that no host has; encode those of the password: : as %3A, / as %2F, ? as %3F, # as %23, @ as %40")
	errPort    = errors.New("what follows the host's colon is not a port, a number from 1 to 65535; encode the password's characters: : as %3A, / as %2F, ? as %3F, # as %23, @ as %40")
	errQuery   = errors.New("what follows the question mark are not settings as name=value, with & between them; write ? in the password as %3F, & in a value as %26, and = as %3D")
)

// isURL reports whether a text is meant to be one.
func isURL(text string) bool {
	before, _, ok := strings.Cut(text, "://")
	return ok && !strings.ContainsAny(before, "= \t\r\n'")
}

// address parses a URL into what is before its settings, and those. It refuses
// what may be read in two ways.
func address(text string) (before string, settings []setting, err error) {
	scheme, rest, _ := strings.Cut(text, "://")
	if scheme != "postgres" && scheme != "postgresql" {
		return "", nil, errScheme
	}
	user := ""
	if at := strings.IndexAny(rest, "@/"); at >= 0 && rest[at] == '@' {
		user, rest = rest[:at+1], rest[at+1:]
	}
	place, query, _ := strings.Cut(rest, "?")
	hosts, path, _ := strings.Cut(place, "/")
	switch {
	case strings.Contains(hosts, "@"), user != "" && strings.Contains(path, "@"):
		return "", nil, errAt
	case strings.Contains(path, "@"):
		return "", nil, errSlash
	}
	for _, part := range []string{user, place, query} {
		if _, err := url.PathUnescape(part); err != nil {
			return "", nil, errPercent
		}
	}
	for host := range strings.SplitSeq(hosts, ",") {
		if err := checkHost(host); err != nil {
			return "", nil, err
		}
	}
	settings, err = queryOf(query)
	return scheme + "://" + user + place, settings, err
}

// checkHost looks at a host and its port.
func checkHost(text string) error {
	host, port, given := strings.Cut(text, ":")
	if strings.HasPrefix(text, "[") {
		bracketed, after, ok := strings.Cut(text, "]")
		if host, port, given = bracketed[1:], strings.TrimPrefix(after, ":"), after != ""; !ok || given && after[0] != ':' {
			return errHost
		}
		if strings.Trim(host, "0123456789abcdefABCDEF:.%") != "" {
			return errHost
		}
	} else if plain, err := url.PathUnescape(host); err != nil || !isHost(plain) {
		return errHost
	}
	if n, err := strconv.Atoi(port); given && port != "" && (err != nil || n < 1 || n > 65535) {
		return errPort
	}
	return nil
}

// isHost reports whether a text can be a host's name, an address, or the folder
// of a socket.
func isHost(text string) bool {
	return strings.HasPrefix(text, "/") || strings.HasPrefix(text, "@") ||
		strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") == ""
}

func queryOf(query string) (settings []setting, err error) {
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		name, value, ok := strings.Cut(pair, "=")
		if !ok || !isWord(name) || strings.Contains(value, "=") {
			return nil, errQuery
		}
		settings = append(settings, setting{name, value})
	}
	return settings, nil
}
