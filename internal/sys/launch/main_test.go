//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package launch

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/iomux/internal/leaktest"
)

// patience bounds what must happen in the end.
const patience = 30 * time.Second

// programs are what this test binary is when it is called by their name.
var programs = map[string]func(){
	"tell":   tell,
	"hang":   func() { fmt.Println(os.Getpid()); time.Sleep(time.Hour) },
	"fail":   func() { syscall.Exit(3) },
	"family": func() { family(2); time.Sleep(time.Hour) },
	"orphan": func() { family(1) },
	"parent": parent,
}

func TestMain(m *testing.M) {
	if status, launched := Main(); launched {
		os.Exit(status)
	}
	if f := programs[os.Args[0]]; f != nil {
		f()
		syscall.Exit(0) // os.Exit takes a second with the race detector
	}
	os.Exit(leaktest.Main(m))
}

// told is what a program sees of itself.
type told struct {
	Args, Env []string
	Dir       string
	PID, SID  int
	Group     int
	Input     string
	InputErr  string
	Open      []string // descriptors, on Linux
}

func tell() {
	t := told{Args: os.Args, Env: os.Environ(), PID: os.Getpid()}
	t.Dir, _ = os.Getwd()
	t.Group = syscall.Getpgrp()
	t.SID = session()
	p, err := io.ReadAll(os.Stdin)
	t.Input = string(p)
	if err != nil {
		t.InputErr = err.Error()
	}
	// The runtime has some of its own: of epoll, and of the limits of its cgroup.
	list, _ := os.ReadDir("/proc/self/fd")
	for _, e := range list {
		if what, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && !strings.HasPrefix(what, "anon_inode:") && !strings.HasPrefix(what, "/sys/fs/cgroup/") {
			t.Open = append(t.Open, e.Name()+" "+what)
		}
	}
	_ = json.NewEncoder(os.Stdout).Encode(t)
}

// family starts children, who do the same, and says who they are.
func family(generations int) {
	fmt.Println(os.Getpid())
	for range 3 {
		child := exec.Command(executable())
		child.Args = []string{"hang"}
		if generations > 1 {
			child.Args[0] = "orphan" // has children and goes
		}
		child.Stdout = os.Stdout
		if err := child.Start(); err != nil {
			fmt.Println(err)
		}
	}
}

// parent launches a program and waits to be killed.
func parent() {
	if _, launched := Main(); launched {
		panic("it was not launched")
	}
	_, err := Start(Program{Path: executable(), Args: []string{"hang"}, Dir: "/"}, os.Stdout)
	if err != nil {
		fmt.Println(err)
	}
	time.Sleep(time.Hour)
}

func executable() string {
	path, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return path
}

// run starts a program of this binary's.
func run(t *testing.T, p Program) (*Process, *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	defer w.Close()
	if p.Path == "" {
		p.Path = executable()
	}
	if p.Dir == "" {
		p.Dir = "/"
	}
	child, err := Start(p, w)
	if err != nil {
		t.Fatal(err)
	}
	return child, r
}
