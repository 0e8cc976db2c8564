package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// object is one of JSON.
type object = map[string]any

// caddy runs bench/caddy with a config.
func caddy(config func(*site) object) func(*site) ([]string, error) {
	return func(s *site) ([]string, error) {
		apps := config(s)
		if s.cert != "" {
			apps["tls"] = object{"certificates": object{"load_files": []object{{"certificate": s.cert, "key": s.key}}}}
		}
		text, err := json.Marshal(object{
			"admin":   object{"disabled": true, "config": object{"persist": false}},
			"logging": object{"logs": object{"default": object{"level": "WARN"}}},
			"apps":    apps,
		})
		if err != nil {
			return nil, fmt.Errorf("the config of Caddy: %w", err)
		}
		file := filepath.Join(s.dir, "caddy.json")
		return []string{s.program, "run", "--config", file}, os.WriteFile(file, text, 0o600)
	}
}

// httpServer is one with one handler.
func httpServer(address string, s *site, handler object) object {
	server := object{
		"listen": []string{address}, "protocols": []string{"h1", "h2"}, "automatic_https": object{"disable": true},
		"routes": []object{{"handle": []object{handler}}},
	}
	if s.cert != "" {
		server["tls_connection_policies"] = []object{{}}
	}
	return server
}

func plainConfig(s *site) object {
	handler := object{"handler": "bench_plain", "heartbeat": s.heartbeat.String()}
	return object{"http": object{"servers": object{"bench": httpServer(s.http.String(), s, handler)}}}
}

func storeConfig(s *site) object {
	return object{
		"http": object{"servers": object{"bench": httpServer(s.http.String(), s, object{"handler": "jobs_logs"})}},
		"jobs": object{"stores": object{"default": object{"driver": "bench"}}, "heartbeat": s.heartbeat.String()},
	}
}

func sqliteConfig(s *site) object {
	return object{
		"http": object{"servers": object{
			"bench": httpServer(s.http.String(), s, object{"handler": "jobs_logs"}),
			"feed":  httpServer(s.feed.String(), s, object{"handler": "jobs_ingest"}),
		}},
		"jobs": object{
			"stores":    object{"default": object{"driver": "sqlite", "path": filepath.Join(s.dir, "jobs.db")}},
			"heartbeat": s.heartbeat.String(),
		},
	}
}
