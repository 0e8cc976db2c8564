package load

import (
	"bytes"
	"fmt"
	"strconv"
	"time"
)

// Form is how a server takes events on the connection that they are published
// on.
type Form interface {
	// Begin appends to b what makes a job.
	Begin(b []byte, job string) []byte
	// Append appends to b what publishes these messages of one job.
	Append(b []byte, job string, messages [][]byte) []byte
	// End appends what completes a job.
	End(b []byte, job string) []byte
	// Question appends what the server answers when it has taken all before it.
	Question(b []byte) []byte
	// Answer takes what the server sends in return. It fails if the server
	// refuses something.
	Answer(b []byte) error
	// Settled reports whether all that is to be answered was.
	Settled() bool
}

// Lines are the Form of package feed.
type Lines struct {
	// Reads is how often the server had read its store by the last answer.
	Reads int64

	asked int
	part  []byte
}

// Begin appends nothing: jobs are made when they are asked for.
func (*Lines) Begin(b []byte, _ string) []byte { return b }

// Append appends a line for each message.
func (*Lines) Append(b []byte, job string, messages [][]byte) []byte {
	for _, m := range messages {
		b = append(append(append(append(b, job...), ' '), m...), '\n')
	}
	return b
}

// End appends a line.
func (*Lines) End(b []byte, job string) []byte { return append(append(b, job...), " !completed\n"...) }

// Question appends a line.
func (f *Lines) Question(b []byte) []byte {
	f.asked++
	return append(b, "?\n"...)
}

// Answer takes numbers.
func (f *Lines) Answer(b []byte) error {
	f.part = append(f.part, b...)
	for {
		line, rest, ok := bytes.Cut(f.part, []byte("\n"))
		if !ok {
			return nil
		}
		n, err := strconv.ParseInt(string(line), 10, 64)
		if err != nil {
			return fmt.Errorf("the server answers: %w", err)
		}
		f.Reads, f.part = n, rest
		f.asked--
	}
}

// Settled reports whether all questions were answered.
func (f *Lines) Settled() bool { return f.asked == 0 }

// posts count the answers to requests that are sent without waiting for them.
type posts struct {
	open int
	tail []byte // the end of what came last, in which an answer may begin
}

// appendPost appends a request.
func (p *posts) appendPost(b []byte, method, path, kind string, body []byte) []byte {
	p.open++
	b = fmt.Appendf(b, "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", method, path, kind, len(body))
	return append(b, body...)
}

// Question appends nothing: everything is answered.
func (*posts) Question(b []byte) []byte { return b }

// Settled reports whether everything was answered.
func (p *posts) Settled() bool { return p.open == 0 }

// Answer takes responses, whose bodies say nothing of HTTP.
func (p *posts) Answer(b []byte) error {
	const status = "HTTP/1.1 "
	p.tail = append(p.tail, b...)
	for {
		at := bytes.Index(p.tail, []byte(status))
		if at < 0 || len(p.tail) <= at+len(status) {
			p.tail = p.tail[max(0, len(p.tail)-len(status)):]
			return nil
		}
		if p.tail[at+len(status)] != '2' {
			return fmt.Errorf("the server answers %.200q", p.tail[at:])
		}
		p.tail = p.tail[at+len(status):]
		p.open--
	}
}

// Nchan is the Form of nginx with nchan: a POST for each event.
type Nchan struct{ posts }

// Begin appends nothing: channels are made when they are asked for.
func (*Nchan) Begin(b []byte, _ string) []byte { return b }

// Append appends requests.
func (f *Nchan) Append(b []byte, job string, messages [][]byte) []byte {
	now := time.Now().UnixMilli()
	var body []byte
	for _, m := range messages {
		body = fmt.Appendf(body[:0], `{"log":{"event_id":%d,"task_id":"%s","event_message":"%s","severity":"info","event_time":%d}}`,
			now, job, m, now)
		b = f.appendPost(b, "POST", "/publish/"+job, "application/json", body)
	}
	return b
}

// End appends nothing: nchan knows of no end.
func (*Nchan) End(b []byte, _ string) []byte { return b }

// Ingest is the Form of the handler jobs_ingest: a POST for the events that are
// published together.
type Ingest struct{ posts }

// Begin appends what makes a job.
func (f *Ingest) Begin(b []byte, job string) []byte {
	return f.appendPost(b, "PUT", "/jobs/"+job+"/state", "application/json", []byte(`{"state":"running"}`))
}

// Append appends a request.
func (f *Ingest) Append(b []byte, job string, messages [][]byte) []byte {
	return f.appendPost(b, "POST", "/jobs/"+job+"/logs", "text/plain", bytes.Join(messages, []byte("\n")))
}

// End appends a request.
func (f *Ingest) End(b []byte, job string) []byte {
	return f.appendPost(b, "PUT", "/jobs/"+job+"/state", "application/json", []byte(`{"state":"completed"}`))
}
