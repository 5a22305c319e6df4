//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A new file takes the place of an old one, or of none, also where a killed process has
// left its own, and where a link leads to nothing yet. A directory that cannot be written
// is told before there is something to write.
func TestWholeFile(t *testing.T) {
	dir := t.TempDir()
	name, link := filepath.Join(dir, "result"), filepath.Join(dir, "link")
	left := fmt.Sprintf("%s.%d.0", name, os.Getpid())
	if err := os.WriteFile(left, []byte("left"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("result", link); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{link, name, link} {
		f, err := openWhole(at)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.keep(func(w io.Writer) error { _, err := io.WriteString(w, "from "+at); return err }); err != nil {
			t.Fatal(err)
		}
		f.discard()
		if text, err := os.ReadFile(name); err != nil || string(text) != "from "+at {
			t.Errorf("%q, %v", text, err)
		}
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 3 {
		t.Errorf("%v, %v", list, err)
	}
	if _, err := openWhole(filepath.Join(dir, "no", "such")); err == nil {
		t.Error("there is no such directory")
	}
	for name, want := range map[string]bool{
		"/dev/stdout": true, "/dev/fd/1": true, "/dev/./stderr": true, "/proc/self/fd/1": true,
		"/dev/shm/result": false, "/tmp/dev/stdout": false, "stdout": false,
	} {
		if isDescriptor(name) != want {
			t.Errorf("%s is said to be open already: %v", name, !want)
		}
	}
}

// What is held back of a trace has a bound; what is written then is not thrown away when
// the server serves at last.
func TestTraceHeldBack(t *testing.T) {
	name, kept := oldFile(t)
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	f := &traceFile{file: file}
	line := []byte(strings.Repeat("x", 1023) + "\n")
	for range heldMost / len(line) {
		if n, err := f.Write(line); n != len(line) || err != nil {
			t.Fatal(n, err)
		}
	}
	if !kept() {
		t.Error("the old trace is gone before the server serves")
	}
	if n, err := f.Write(line); n != len(line) || err != nil {
		t.Fatal(n, err)
	}
	f.begin()
	if n, err := f.Write(line); n != len(line) || err != nil {
		t.Fatal(n, err)
	}
	text, err := os.ReadFile(name)
	if want := bytes.Repeat(line, heldMost/len(line)+2); err != nil || !bytes.Equal(text, want) {
		t.Errorf("%d bytes, want %d; %v", len(text), len(want), err)
	}
}
