//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"example.com/iomux/servers/socketserver"
)

// Main is where the processes begin in which a server serves its requests in mode fork.
// A program that runs servers in this mode calls it first of all in main, and its tests
// do in TestMain; see socketserver.Main, which it calls.
func Main() {
	for _, name := range childNames() {
		socketserver.Register(name, func() (socketserver.Handler, socketserver.Options) { return childServer(name) })
	}
	socketserver.Main()
}

// childSettings are what a process has to know to serve as its parent would. As JSON
// they are the name by which package socketserver knows the server.
type childSettings struct {
	Server     string
	Flags      []string // of its own, those that are set
	Transcript bool     // to standard output, for the parent's writer is the parent's
	Request    time.Duration
}

// childVariable in the environment has the names of all servers in mode fork that there
// are in this program, for processes in which they have not been started.
const childVariable = "IOMUX_CLASSIC_SERVERS"

// childNames are those in the environment.
func childNames() (names []string) {
	if json.Unmarshal([]byte(os.Getenv(childVariable)), &names) != nil {
		return nil // it is empty, or not ours
	}
	return names
}

// childMutex is for the list in the environment.
var childMutex sync.Mutex

// childName gives a server in mode fork the name that its processes know it by.
func childName(c childSettings) (string, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("classic: %s: name its processes: %w", c.Server, err)
	}
	name := string(text)
	childMutex.Lock()
	defer childMutex.Unlock()
	names := childNames()
	if slices.Contains(names, name) {
		return name, nil
	}
	list, err := json.Marshal(append(names, name))
	if err == nil {
		err = os.Setenv(childVariable, string(list))
	}
	if err != nil {
		return "", fmt.Errorf("classic: %s: name its processes: %w", c.Server, err)
	}
	socketserver.Register(name, func() (socketserver.Handler, socketserver.Options) { return childServer(name) })
	return name, nil
}

// errChild: a server is not started, for this is a process that serves one of its
// requests.
var errChild = errors.New("this process serves a request")

// childServer is the handler and the hooks of a name, nil if there is no such server.
func childServer(name string) (h socketserver.Handler, o socketserver.Options) {
	var c childSettings
	if json.Unmarshal([]byte(name), &c) != nil {
		return nil, o // it has been made by childName, or is nobody's
	}
	e, ok := Find(c.Server)
	if !ok || !slices.Contains(e.Modes, socketserver.Forking) {
		return nil, o
	}
	flags := flag.NewFlagSet(c.Server, flag.ContinueOnError)
	start := e.setup(flags)
	if flags.Parse(c.Flags) != nil {
		return nil, o
	}
	settings := Options{child: func(its socketserver.Handler, hooks socketserver.Hooks) { h, o.Hooks = its, hooks }}
	settings.limits.request = c.Request
	if c.Transcript {
		settings.say = &transcript{w: os.Stdout}
	}
	_, _ = start(settings) // errChild
	return h, o
}

// setFlags are the flags of a set that do not have their defaults, as arguments.
func setFlags(flags *flag.FlagSet) (args []string) {
	flags.VisitAll(func(f *flag.Flag) {
		if value := f.Value.String(); value != f.DefValue {
			args = append(args, "-"+f.Name+"="+value)
		}
	})
	return args
}
