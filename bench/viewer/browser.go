package main

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

//go:embed page.js
var page string

// browser is Chromium with one page, through e2e/clients/viewer.mjs.
type browser struct {
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	answers *bufio.Scanner
}

// newBrowser starts it. It ends with ctx at the latest.
func newBrowser(ctx context.Context, root, home string) (b *browser, err error) {
	b = &browser{cmd: exec.CommandContext(ctx, "node", filepath.Join(root, "e2e/clients/viewer.mjs"), "chromium", home)}
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		return nil, fmt.Errorf("make setup installs it: %w", err)
	}
	b.cmd.Env, b.cmd.Stderr = append(os.Environ(), "HOME="+home, "CHROMIUM="+chromium), os.Stderr
	b.cmd.Cancel = func() error { return b.cmd.Process.Signal(os.Interrupt) } // Chromium ends with its input
	b.cmd.WaitDelay = 10 * time.Second
	stdout, err := b.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if b.stdin, err = b.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	b.answers = bufio.NewScanner(stdout)
	b.answers.Buffer(nil, 64<<20)
	return b, b.cmd.Start()
}

// close ends it.
func (b *browser) close() error { return errors.Join(b.stdin.Close(), b.cmd.Wait()) }

// call has something done, and decodes what comes of it, if to is not nil.
func (b *browser) call(to any, name string, args ...any) error {
	line, err := json.Marshal(append([]any{name}, args...))
	if err != nil {
		return err
	}
	if _, err := b.stdin.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("the browser: %w", err)
	}
	if !b.answers.Scan() {
		return fmt.Errorf("the browser has ended: %w", errors.Join(b.answers.Err(), io.EOF))
	}
	var answer struct {
		Value json.RawMessage
		Error string
	}
	if err := json.Unmarshal(b.answers.Bytes(), &answer); err != nil {
		return fmt.Errorf("the browser says %.200q: %w", b.answers.Bytes(), err)
	}
	if answer.Error != "" {
		return fmt.Errorf("the browser: %s", answer.Error)
	}
	if to == nil {
		return nil
	}
	return json.Unmarshal(answer.Value, to)
}

// open shows a page, with nothing in the cache.
func (b *browser) open(address string) error {
	return b.call(nil, "open", address, map[string]any{"script": page})
}

func (b *browser) eval(to any, expression string, args ...any) error {
	return b.call(to, "eval", fmt.Sprintf(expression, args...))
}

// await waits until an expression is true.
func (b *browser) await(expression string, args ...any) error {
	return b.call(nil, "await", fmt.Sprintf(expression, args...), patience.Milliseconds())
}

// patience is how long something may take that takes seconds.
const patience = 2 * time.Minute
