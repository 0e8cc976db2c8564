package postgres

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// errKeywords is why a DSN of keywords and values is none. It quotes nothing: what
// is taken for a keyword may be the rest of a password.
var errKeywords = errors.New(`it is neither a URL nor keywords and values; write postgres://user:password@host:5432/database, ` +
	`or host=… user=… dbname=… password='…', with \' for a quote and \\ for a backslash in a value`)

// setting is one of a DSN.
type setting struct{ name, value string } // as it is written there

// knownSettings are those that the driver, or a session, understands.
var knownSettings = strings.Fields(`host port dbname database user password passfile connect_timeout ssl sslmode sslkey sslcert sslcertmode
	sslrootcert sslnegotiation sslpassword sslsni krbspn krbsrvname target_session_attrs service servicefile min_protocol_version
	max_protocol_version channel_binding require_auth pool_max_conns pool_min_conns pool_min_idle_conns pool_max_conn_lifetime
	pool_max_conn_idle_time pool_health_check_period pool_max_conn_lifetime_jitter pool_ping_timeout statement_cache_capacity
	description_cache_capacity default_query_exec_mode application_name client_encoding options search_path timezone datestyle role
	statement_timeout lock_timeout idle_in_transaction_session_timeout idle_session_timeout transaction_timeout jit work_mem
	plan_cache_mode random_page_cost synchronous_commit row_security extra_float_digits tcp_keepalives_idle
	tcp_keepalives_interval tcp_keepalives_count tcp_user_timeout default_transaction_read_only default_transaction_isolation
	default_transaction_deferrable`)

// foreignSettings are of other drivers. They are refused by name.
var foreignSettings = strings.Fields(`pool_timeout socket_timeout statement_cache_size sslaccept sslidentity usessl charset encoding
	hostaddr gssencmode gssdelegation gsslib sslcompression sslcrl sslcrldir requiressl requirepeer keepalives keepalives_idle keepalives_interval
	keepalives_count fallback_application_name replication load_balance_hosts ssl_min_protocol_version ssl_max_protocol_version
	preparethreshold rewritebatchedinserts applicationname logintimeout sockettimeout connecttimeout pool_size max_connections
	pool_mode prepared_statements prepared_statement_cache_size sslfactory sslcertificateauthority tcpkeepalive reconnect timeout`)

// unmeant are settings that services add to what they hand out, and that mean
// nothing here.
var unmeant = []string{"supa", "workaround", "uselibpqcompat"}

// translate is a setting as the driver knows it; kept is false if it means
// nothing, or what it means is in pooled: that a pooler shares sessions.
func (s setting) translate(pooled *bool) (as setting, kept bool, err error) {
	switch name := strings.ToLower(s.name); {
	case name == "schema" || name == "currentschema":
		return setting{"search_path", s.value}, true, nil
	case name == "connection_limit":
		return setting{"pool_max_conns", s.value}, true, nil
	case name == "pgbouncer":
		*pooled = s.value == "true"
		return s, false, nil
	case slices.Contains(unmeant, name):
		return s, false, nil
	case name == "sslmode" && !slices.Contains([]string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}, s.value):
		return s, false, errors.New("sslmode must be one of disable, allow, prefer, require, verify-ca and verify-full")
	case name == "host" && !isHostList(s.value):
		return s, false, errHost
	case slices.Contains(knownSettings, name):
		return s, true, nil
	case slices.Contains(foreignSettings, name):
		return s, false, fmt.Errorf("%s is a setting of another driver, which means nothing here; leave it out", name)
	}
	return s, false, errUnknownSetting
}

// errUnknownSetting does not name it: it may be the rest of a password.
var errUnknownSetting = errors.New("is not known; a password is to be encoded (& is %26 in a URL) or quoted, and settings of sessions go into options: options='-c name=value'")

// isHostList reports whether a setting's value can be hosts.
func isHostList(value string) bool {
	plain, err := url.PathUnescape(strings.Trim(value, "'"))
	return err == nil && !slices.ContainsFunc(strings.Split(plain, ","), func(host string) bool { return !isHost(strings.TrimSpace(host)) })
}

// translateAll has all settings as the driver knows them.
func translateAll(settings []setting, pooled *bool) (all []setting, err error) {
	written := map[string]string{} // by what they mean
	for i, s := range settings {
		as, kept, err := s.translate(pooled)
		if errors.Is(err, errUnknownSetting) {
			return nil, fmt.Errorf("setting %d %w", i+1, err)
		}
		if err != nil {
			return nil, err
		}
		if other, ok := written[as.name]; ok && other != s.name {
			return nil, fmt.Errorf("%s and %s say the same; leave one of them out", other, s.name)
		}
		if written[as.name] = s.name; kept {
			all = append(all, as)
		}
	}
	return all, nil
}

// keywords parses a DSN of keywords and values. Values stay quoted as they are.
func keywords(text string) (settings []setting, err error) {
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		name, rest, ok := strings.Cut(text, "=")
		name, rest = strings.TrimSpace(name), strings.TrimLeft(rest, " \t\r\n")
		if !ok || !isWord(name) {
			return nil, errKeywords
		}
		end := valueEnd(rest)
		if end < 0 || end < len(rest) && !strings.ContainsRune(" \t\r\n", rune(rest[end])) {
			return nil, errKeywords
		}
		settings, text = append(settings, setting{name, rest[:end]}), rest[end:]
	}
	return settings, nil
}

// valueEnd is where the value ends that a text begins with; -1 if it has no end.
func valueEnd(text string) int {
	quoted := strings.HasPrefix(text, "'")
	for i := len("'"); i < len(text) && quoted; i++ {
		switch text[i] {
		case '\\':
			i++
		case '\'':
			return i + 1
		}
	}
	if quoted {
		return -1
	}
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\':
			i++
		case strings.IndexByte(" \t\r\n", text[i]) >= 0:
			return i
		}
	}
	return len(text)
}

// isWord reports whether a text can be a setting's name.
func isWord(text string) bool {
	return text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789.") == ""
}
