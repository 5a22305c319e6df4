//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"example.com/iomux/cmd/internal/study/trace"
	"example.com/iomux/cmd/internal/study/tracetext"
)

// attached writes every system call that the process makes through its one door to a
// file, explained. What the file does not take is the error of stop: a server goes on
// serving.
type attached struct {
	file    traceFile
	printer *tracetext.Printer
	restore func()
}

// traceTo begins it; "" is no file.
func traceTo(name string) (*attached, error) {
	a := &attached{}
	if name == "" {
		return a, nil
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return nil, usagef("cannot write --trace: %w", err)
	}
	a.file.file = file
	p := tracetext.New(&a.file)
	p.Loops = true
	p.Head()
	a.printer = p
	// Before a loop waits the file is brought up to date, for who follows it.
	a.restore = trace.New(p.Record, func() { _ = p.Flush() }).Install()
	return a, nil
}

// stop ends it.
func (a *attached) stop() error {
	if a.printer == nil {
		return nil
	}
	a.restore() // calls may be under way; from here on they leave the printer alone
	if err := errors.Join(a.printer.Flush(), a.file.file.Close()); err != nil {
		return fmt.Errorf("the trace is not whole: %w", err)
	}
	return nil
}

// traceFile holds back what is written to it until begin, and leaves until then what the
// file has.
type traceFile struct {
	mu    sync.Mutex
	file  *os.File
	held  []byte
	begun bool
	err   error // of what was held back
}

// Write implements io.Writer.
func (f *traceFile) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.err != nil:
		return 0, f.err
	case !f.begun && len(f.held)+len(p) <= heldMost:
		f.held = append(f.held, p...)
		return len(p), nil
	case !f.begun:
		if f.start(); f.err != nil {
			return 0, f.err
		}
	}
	return f.file.Write(p)
}

// heldMost is how much waits for begin: far more than there is before a server serves;
// but it may serve for long beside one that it takes over from.
const heldMost = 1 << 20

// begin has the file be this trace's.
func (f *traceFile) begin() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file != nil && !f.begun {
		f.start()
	}
}

// start does it. The lock is held.
func (f *traceFile) start() {
	f.begun = true
	if about, err := f.file.Stat(); err == nil && about.Mode().IsRegular() {
		f.err = f.file.Truncate(0)
	}
	if f.err == nil {
		_, f.err = f.file.Write(f.held)
	}
	f.held = nil
}
