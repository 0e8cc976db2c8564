package joblog

import (
	"slices"
	"strings"
)

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
	// Time is when the event happened, in seconds or milliseconds since 1970, as
	// the table has it (AsTime, for numbers); 0 where the row has none.
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

// Millis is the event's time in milliseconds since 1970.
func (e *Event) Millis() int64 { return Millis(e.Time) }

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

// Words are the words, in lower case, by which to find the rows of rank r and
// above: their severity is one of the words if listed is true, and is none of
// them otherwise. Rows without a severity count as those with a word that nobody
// knows, which is none of them.
func (r Rank) Words() (words []string, listed bool) {
	listed = r > RankInfo
	for word, rank := range ranks {
		if (rank >= r) == listed {
			words = append(words, word)
		}
	}
	slices.Sort(words)
	return words, listed
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
