package caddyjobs

import (
	"context"
	"log/slog"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap/exp/zapslog"
)

// logHandler writes to the log of the config that runs at the time: hubs
// outlive the config that made them, and a logger does not.
type logHandler struct {
	with []func(slog.Handler) slog.Handler // attributes and groups, in order
}

func (l logHandler) handler() slog.Handler {
	var h slog.Handler = zapslog.NewHandler(caddy.Log().Core(),
		zapslog.WithName("jobs"), zapslog.AddStacktraceAt(slog.LevelError+1))
	for _, with := range l.with {
		h = with(h)
	}
	return h
}

// Enabled reports whether a level is logged.
func (l logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return l.handler().Enabled(ctx, level)
}

// Handle logs a record.
func (l logHandler) Handle(ctx context.Context, r slog.Record) error {
	return l.handler().Handle(ctx, r)
}

// WithAttrs is the handler that adds attributes.
func (l logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return l.and(func(h slog.Handler) slog.Handler { return h.WithAttrs(attrs) })
}

// WithGroup is the handler that puts attributes into a group.
func (l logHandler) WithGroup(name string) slog.Handler {
	return l.and(func(h slog.Handler) slog.Handler { return h.WithGroup(name) })
}

func (l logHandler) and(with func(slog.Handler) slog.Handler) slog.Handler {
	return logHandler{with: append(l.with[:len(l.with):len(l.with)], with)}
}
