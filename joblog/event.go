package joblog

import "strings"

// Event is one immutable row of a job's log.
type Event struct {
	// ID is the store's number for the row. It is positive and unique in the
	// store; ids need be neither dense nor in commit order.
	ID int64
	// Job is the id of the job the row belongs to.
	Job string
	// Message is the logged text. It may hold anything, invalid UTF-8 included.
	Message string
	// Severity is the application's word for it; empty where the row has none.
	Severity string
	// Time is when the event happened, in the unit the table has (seconds or
	// milliseconds since 1970); 0 where the row has none.
	Time int64
	// Truncated is true if the store cut the message to its limit.
	Truncated bool
	// Unreadable is true if the store could not read the row: Message then says
	// why, and stands in its place.
	Unreadable bool
}

// Size is roughly what the event occupies in memory, in bytes.
func (e *Event) Size() int {
	const overhead = 96 // the struct and its headers
	return overhead + len(e.Job) + len(e.Message) + len(e.Severity)
}

// Millis is the event's time in milliseconds since 1970. Tables hold seconds
// or milliseconds; a number too small to be a recent time in milliseconds is
// taken for seconds.
func (e *Event) Millis() int64 { return Millis(e.Time) }

// Millis converts a time in seconds or milliseconds to milliseconds. Numbers
// below 100,000,000,000 (the year 5138 in seconds, March 1973 in
// milliseconds) are taken for seconds.
func Millis(t int64) int64 {
	const lastSeconds = 100_000_000_000
	if t < lastSeconds {
		return t * 1000
	}
	return t
}

// Rank orders severities; higher is worse.
type Rank int8

// Ranks of the severities in common use.
const (
	RankTrace Rank = iota
	RankDebug
	RankInfo
	RankNotice
	RankWarning
	RankError
	RankCritical
)

var ranks = map[string]Rank{
	"trace": RankTrace, "verbose": RankTrace, "debug": RankDebug, "info": RankInfo,
	"information": RankInfo, "log": RankInfo, "notice": RankNotice, "success": RankNotice,
	"warn": RankWarning, "warning": RankWarning, "err": RankError, "error": RankError,
	"crit": RankCritical, "critical": RankCritical, "fatal": RankCritical, "alert": RankCritical,
	"emerg": RankCritical, "emergency": RankCritical, "panic": RankCritical,
}

// ParseRank finds the rank of a severity's name, whatever its case.
// ok is false if the name is not in common use.
func ParseRank(severity string) (rank Rank, ok bool) {
	rank, ok = ranks[strings.ToLower(severity)]
	return rank, ok
}

// rankOf is the rank an event is filtered by. A word we do not know counts
// as info: hiding lines by a guess would lose them.
func rankOf(severity string) Rank {
	if rank, ok := ranks[severity]; ok {
		return rank
	}
	if rank, ok := ParseRank(severity); ok {
		return rank
	}
	return RankInfo
}
