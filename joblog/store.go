package joblog

import (
	"context"
	"errors"
	"log/slog"
)

// Bounds of one Read and one Tail.Next, which keep memory flat whatever the
// table holds. A page that would pass either bound ends early, but never
// before its first row.
const (
	PageRows  = 4000
	PageBytes = 1 << 20
	// PassedRows is how many rows one Read passes over at most, since they are not
	// wanted.
	PassedRows = 50_000
)

// WordBytes is the length, in bytes, to which a store cuts severities and states,
// between two characters.
const WordBytes = 256

var (
	// ErrRewound is wrapped by Tail.Next when the store went back in time (a
	// restore, a failover that lost commits, a truncated table): ids may be
	// given out again. The caller drops the tail, tells viewers of the gap and
	// shows them the log as it now is.
	ErrRewound = errors.New("the store went back in time")
	// ErrUnknownJob is wrapped by Append and SetState if there is no such job
	// and the store does not make jobs.
	ErrUnknownJob = errors.New("unknown job")
	// ErrKeyReused is wrapped by Append if its key came before with another
	// content.
	ErrKeyReused = errors.New("idempotency key was used for another request")
	// ErrUnsupported is wrapped where a store lacks what a call needs; the
	// error says what to do about it.
	ErrUnsupported = errors.New("not supported by this store")
	// ErrUnserved is wrapped by any call if the store answers, but not this
	// call: it took too long, say, or too many were made at once.
	// Others need not suffer for it.
	ErrUnserved = errors.New("the store cannot serve this")
	// ErrMisconfigured is wrapped by any call if what the store finds is not what
	// it is configured for: another table, say, or ids that cannot be followed. The
	// error says what is to be done; when that is done, calls are served.
	ErrMisconfigured = errors.New("the store is not as configured")
	// ErrInvalid is wrapped where the store can never take what it was given,
	// however often it is tried; the error says why.
	ErrInvalid = errors.New("invalid")
)

// Job is a task with a log. The application owns it.
type Job struct {
	// ID is the id as the store writes it, which may differ from the one that
	// was asked for (the case of a UUID, leading zeros of a number).
	ID string
	// State is the application's word for where the job is.
	State string
	// Terminal is true if nothing more will come.
	Terminal bool
	// Owner is whom the job belongs to; empty unless an owner column is
	// configured.
	Owner string
	// Version differs whenever the job's row is not the row that it was: it was
	// changed, or deleted and made again. Empty where a store cannot tell.
	Version string
}

// Store holds events and the states of jobs. Its methods are safe for
// concurrent use. It opens what it needs when first used: making one costs
// nothing and cannot fail.
//
// A store may have further powers, each an interface of one method: Listener,
// Appender, StateSetter, Remover, Newester, Paced, Recenter, Finder.
type Store interface {
	// Jobs looks up jobs. Unknown ones, those that belong to somebody else than
	// was asked for, and ids and owners that no job can have are missing from
	// the map, and nothing but the asker's words tells these cases apart.
	Jobs(ctx context.Context, asks []Ask) (map[Ask]Job, error)
	// Read returns one page of one job's log.
	Read(ctx context.Context, q Query) (Page, error)
	// Tail starts to follow the store from where it is now.
	Tail(ctx context.Context) (Tail, error)
	// Close ends everything the store started and waits for it.
	Close() error
}

// Ask asks for one job. Who sets nothing but the id finds nothing: to forget the
// owner must not open a log to the world.
type Ask struct {
	ID string
	// Owner is whom the job must belong to, as the text of the owner column is,
	// to the byte. Nobody is called "": a job without an owner is not found.
	Owner string
	// AnyOwner finds the job whoever it belongs to.
	AnyOwner bool
}

// Allows reports whether a job belongs to whom it must.
func (a Ask) Allows(j Job) bool {
	return a.AnyOwner || a.Owner != "" && a.Owner == j.Owner
}

// Query asks for rows of one job, ascending by id: those that UpTo covers
// and After does not.
type Query struct {
	Job         string // as Job.ID has it
	After, UpTo Cursor
	// Last asks for the newest rows that fit a page rather than the oldest.
	// They come ascending, too.
	Last bool
	// Limit is the largest number of rows, at most and by default PageRows.
	Limit int
	// Rank is the lowest rank of the rows wanted, and Since their earliest time in
	// milliseconds since 1970, 0 for all. They save reading: a store may leave out
	// rows that do not pass, or return them all the same.
	Rank  Rank
	Since int64
}

// Page is an answer to a Query.
type Page struct {
	Events []Event
	// More is true if the bounds of a page, and not the end of the rows, ended it.
	More bool
	// Passed is the id of the last row that was looked at, if that is beyond the
	// last event (below the first one, if the query asks for the newest rows); else
	// 0. A page whose store passed over rows may have no events though More is true.
	Passed int64
}

// through is the id up to which a page of the oldest rows goes; 0 if it has looked
// at none.
func (p *Page) through() int64 {
	if n := len(p.Events); n > 0 {
		return max(p.Events[n-1].ID, p.Passed)
	}
	return p.Passed
}

// ids are where a page's rows are, ascending, and where it ends.
func (p *Page) ids() []int64 {
	ids := make([]int64, 0, len(p.Events)+1)
	for i := range p.Events {
		ids = append(ids, p.Events[i].ID)
	}
	if p.Passed > 0 {
		// The reader stands there next. As with a row, holes below and above it are
		// not joined: a cursor could not say so.
		ids = append(ids, p.Passed)
	}
	return ids
}

// Tail follows a whole store. It is used by one goroutine at a time.
type Tail interface {
	// Position is where the tail stands: a cursor for all jobs at once.
	// Nothing that it covers will be in a later Tick.
	Position() Cursor
	// Next reads once what became visible since the last call. It does not
	// wait for anything to appear. If it fails, nothing has changed and it may
	// be called again; an error that wraps ErrRewound is final.
	Next(ctx context.Context, w Watch) (Tick, error)
}

// Watch is what a Tick is to be about.
type Watch struct {
	// Jobs are the watched ones, as Job.ID has them. Rows of others are passed over.
	Jobs map[string]struct{}
	// Ask are those of them whose states are asked for this time.
	Ask []string
}

// Tick is what one Tail.Next found.
type Tick struct {
	// Events are the new rows of the watched jobs, ascending by id. An id comes
	// once in a tail's life, whatever the order in which writers commit. The slice is the caller's.
	Events []Event
	// Ended maps those of the jobs asked for that have ended to their terminal
	// states. No row that was visible with the state comes after it.
	Ended map[string]string
	// Ending maps those that have a terminal state, too, but may have rows yet that
	// were written before it: they will be in the Ended of a later Tick, whether
	// asked for or not. A store that knows of no such rows has none. Jobs asked for
	// that are in neither map have no terminal state, unless there is More.
	Ending map[string]string
	// Position is where the tail now stands.
	Position Cursor
	// More is true if the tick did not find out all that it should, since a bound
	// ended it, say: Next should be called at once.
	More bool
}

// Listener is a Store that hears of changes sooner than a poll would.
type Listener interface {
	// Listen calls hint whenever there may be something new: in the state of a
	// job, or in any row if the id is empty. It does so until ctx ends or it
	// cannot go on, and returns why. Hints about jobs that are not in watching
	// are of no use to the caller. Neither function blocks.
	Listen(ctx context.Context, watching Watching, hint func(job string)) error
}

// Watching returns the jobs that are watched, as Job.ID has them, and a channel
// that is closed once they are others.
type Watching func() (jobs []string, changed <-chan struct{})

// Appender is a Store that takes events.
type Appender interface {
	// Append stores all events of a batch or none, durably, and returns their
	// ids in order. A batch whose key came before is not stored again: the ids
	// given then are returned. It may return ErrUnknownJob, ErrKeyReused,
	// ErrUnsupported and ErrInvalid.
	Append(ctx context.Context, b Batch) ([]int64, error)
}

// Batch is what an Appender stores in one go.
type Batch struct {
	Job string
	// Events have a message, and may have a severity (default "info") and a
	// time in milliseconds (default now). The store converts the time to its
	// table's unit and chooses the ids.
	Events []Event
	// Key makes the batch idempotent, for a day at least; empty if it is not.
	Key string
	// Digest identifies the content; the same Key with another Digest is ErrKeyReused.
	Digest string
}

// StateSetter is a Store that takes states of jobs.
type StateSetter interface {
	// SetState stores a job's state, durably. It may return ErrUnknownJob,
	// ErrUnsupported and ErrInvalid.
	SetState(ctx context.Context, job, state string) error
}

// Remover is a Store that can forget a job and its log.
type Remover interface {
	// Remove deletes the job and all its rows; their ids are never given out
	// again. A job that is not there is no error. It may return ErrUnsupported,
	// as it must where the tables are the application's.
	Remove(ctx context.Context, job string) error
}

// Newester is a Store that knows the highest id it ever gave out.
type Newester interface {
	// Newest is the highest id ever given out, even if the row is gone.
	// A cursor beyond it is not of this store, or of a later one.
	Newest(ctx context.Context) (int64, error)
}

// Paced is a Store whose Read is not to be called too often at the same time.
type Paced interface {
	// Pages is how many pages it is good to read at a time; 1 at least.
	Pages() int
}

// RecentRows is how many rows, the newest ones, a Recenter looks at, so that
// it takes no longer the more there are.
const RecentRows = 20_000

// Recenter is a Store that knows which jobs had something to say lately.
type Recenter interface {
	// Recent returns the newest event of each of the jobs that have the newest
	// ones, at most limit of them, newest first, and of an event no more than the
	// id, the job and the time. Jobs are as the events have them: they may be
	// unknown to Jobs, which also knows whose they are. It may return ErrUnserved.
	Recent(ctx context.Context, limit int) ([]Event, error)
}

// Row names a row of a log.
type Row struct {
	Job string // as Job.ID has it
	ID  int64
}

// Finder is a Store that finds rows again.
type Finder interface {
	// Find returns those of some rows that are there, by what they were asked for:
	// the id, the job and the time of each, and its message as Read has it, or none
	// and Truncated where that is not cheap. It may return ErrUnserved.
	Find(ctx context.Context, rows []Row) (map[Row]Event, error)
}

// Driver makes a Store from its configuration. Guest modules in the namespace
// jobs.stores are Drivers.
type Driver interface {
	// Key identifies what the store reads: its place, credentials and tables,
	// and no tunables. Configurations with the same key share one store, which
	// lives on across config reloads.
	Key() string
	// Open makes the store. It opens no file and no connection yet.
	Open(log *slog.Logger) Store
}
