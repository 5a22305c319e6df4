//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"io"
	"os"
	"path/filepath"

	"example.com/iomux/cmd/internal/studycost"
)

// costFile is a file that study cost has been asked for.
type costFile struct {
	*wholeFile
	content func(io.Writer, []studycost.Sample) error
}

// costFiles are they, in the order in which they are written.
type costFiles []costFile

// files opens the files. What they are called is as it was until they are written.
func (s *studyCost) files() (list costFiles, err error) {
	if s.csv != "" && s.svg != "" && sameFile(string(s.csv), string(s.svg)) {
		return nil, usagef("--csv and --svg are both %s: want a file for each", s.csv)
	}
	for _, f := range []struct {
		flag    string
		name    fileName
		content func(io.Writer, []studycost.Sample) error
	}{{"--csv", s.csv, studycost.CSV}, {"--svg", s.svg, studycost.SVG}} {
		if f.name == "" {
			continue
		}
		file, err := openWhole(string(f.name))
		if err != nil {
			list.discard()
			return nil, usagef("cannot write %s: %w", f.flag, err)
		}
		list = append(list, costFile{file, f.content})
	}
	return list, nil
}

// sameFile reports whether two names are of one file, or would be.
func sameFile(a, b string) bool {
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && x.Mode().IsRegular() && os.SameFile(x, y)
}

// write writes the samples into each.
func (list costFiles) write(samples []studycost.Sample) error {
	for _, f := range list {
		if err := f.keep(func(w io.Writer) error { return f.content(w, samples) }); err != nil {
			return err
		}
	}
	return nil
}

// discard takes back what was not written.
func (list costFiles) discard() {
	for _, f := range list {
		f.discard()
	}
}
