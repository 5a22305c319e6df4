//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"errors"
	"fmt"
	"os"

	"example.com/iomux/cmd/internal/study/trace"
	"example.com/iomux/cmd/internal/study/tracetext"
)

// traceTo writes every system call that the process makes through its one door to a
// file, explained, until stop; "" is no file. What the file does not take is stop's error:
// a server goes on serving.
func traceTo(name string) (stop func() error, err error) {
	if name == "" {
		return func() error { return nil }, nil
	}
	file, err := os.Create(name)
	if err != nil {
		return nil, usagef("cannot write --trace: %w", err)
	}
	p := tracetext.New(file)
	p.Loops = true
	p.Head()
	// Before a loop waits the file is brought up to date, for who follows it.
	restore := trace.New(p.Record, func() { _ = p.Flush() }).Install()
	return func() error {
		restore()
		if err := errors.Join(p.Flush(), file.Close()); err != nil {
			return fmt.Errorf("the trace is not whole: %w", err)
		}
		return nil
	}, nil
}
