//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// commandPrograms are what this test binary is when it is called by their name, as a
// program that a server runs.
var commandPrograms = map[string]func(args []string){
	"argv": func(args []string) { _ = json.NewEncoder(os.Stdout).Encode(args) },
	"spew": func(args []string) { // yes
		commandTell(args[0])
		line := bytes.Repeat([]byte("y\n"), 4096)
		for {
			if _, err := os.Stdout.Write(line); err != nil {
				return
			}
		}
	},
	"fill": func(args []string) {
		n, _ := strconv.Atoi(args[0])
		os.Stdout.Write(commandFilling(n))
	},
	"hang": func(args []string) {
		fmt.Println("begun")
		commandTell(args[0])
		time.Sleep(time.Hour)
	},
	"until": func(args []string) {
		commandTell(args[0])
		for {
			if _, err := os.Stat(args[1]); err == nil {
				fmt.Println("done")
				return
			}
			time.Sleep(time.Millisecond)
		}
	},
	"fork": func(args []string) { commandFork(args[0], 2); time.Sleep(time.Hour) },
	"branch": func(args []string) {
		commandFork(args[0], 1)
		time.Sleep(time.Hour)
	},
	"leaf":  func(args []string) { commandTell(args[0]); time.Sleep(time.Hour) },
	"quiet": func([]string) {},
	"fail":  func([]string) { fmt.Println("so far"); fmt.Fprintln(os.Stderr, "to standard error"); syscall.Exit(3) },
	"escape": func(args []string) { // leaves somebody behind who holds the output open
		child := commandChild("leaf", args[0])
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		_ = child.Start()
		fmt.Println("left")
	},
	// A program whose main does not begin with LaunchCommand. It is not for a server.
	"unready": func([]string) {
		path, _ := os.Executable()
		flags := flag.NewFlagSet("", flag.ContinueOnError)
		start := command.Setup(flags)
		_ = flags.Parse([]string{"-as-root", "-allow", "argv=" + path})
		_, err := start(Options{Listen: []string{"tcp://127.0.0.1:0"}})
		fmt.Println(err)
	},
}

func init() {
	if f := commandPrograms[os.Args[0]]; os.Args[0] == "unready" {
		f(nil)
		os.Exit(0)
	}
	if status, launched := LaunchCommand(); launched {
		os.Exit(status)
	}
	if f := commandPrograms[os.Args[0]]; f != nil {
		f(os.Args[1:])
		syscall.Exit(0) // os.Exit takes a second with the race detector
	}
}

// commandTell appends the number of this process to a file.
func commandTell(path string) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Fprintln(f, os.Getpid())
	f.Close()
}

// commandChild is this binary again.
func commandChild(args ...string) *exec.Cmd {
	path, _ := os.Executable()
	return &exec.Cmd{Path: path, Args: args, Stdout: os.Stdout}
}

// commandFork has three children, and they have three each.
func commandFork(path string, generations int) {
	name := "leaf"
	if generations > 1 {
		name = "branch"
	}
	for range 3 {
		if err := commandChild(name, path).Start(); err != nil {
			fmt.Println(err)
		}
	}
	commandTell(path)
}

// commandFamily is how many processes fork is.
const commandFamily = 1 + 3 + 3*3

// commandFilling are n bytes of which no part is like another.
func commandFilling(n int) []byte {
	var b []byte
	for i := 0; len(b) < n; i++ {
		b = strconv.AppendInt(append(b, ' '), int64(i), 36)
	}
	return b[:n]
}
