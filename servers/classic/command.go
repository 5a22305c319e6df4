//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime"
	"strings"
	"time"

	"example.com/iomux/internal/sys/launch"
	"example.com/iomux/reactor"
	"example.com/iomux/servers/socketserver"
)

// command is the tutorials' ssh: a client sends a command and gets its output. There it
// is a shell for everybody who can connect. Here there is no shell. A command is one of
// a few that are part of the server, or a program that was allowed by name, and that
// runs with as little as it can: see internal/sys/launch for its limits, and
// commandServer for those of the exchange.
//
// It listens where this user alone, or this machine alone, can connect; elsewhere only
// with a token that clients have to know. Nothing is encrypted.
var command = Entry{
	Name:  "command",
	About: "runs commands, of its own or allowed by name, for this machine or for who has a token",
	More: `A command is a message by itself, such as help, which lists those of its own.
The answer is the length of the output in digits; then the client sends start,
and gets the output. exit ends. With --v2 each command has its length before it,
four bytes, the most significant first, and each answer such a length and a byte
that is 0 if all went well. A token is a message before the first command, and
answered with ok or no. A client that ends its side gets nothing more.`,
	Listen:    []string{"tcp://127.0.0.1:8888"},
	Kinds:     []string{"tcp", "unix"},
	Modes:     []socketserver.Mode{socketserver.Loop, socketserver.Sync, socketserver.Threading}, // the bounds are a process's
	IOTimeout: idleTimeout,
	dialogue:  true,
	setup: func(flags *flag.FlagSet) func(Options) (*Server, error) {
		f := &commandFlags{}
		f.add(flags)
		return f.start
	},
}

// LaunchCommand is to be called first in main by programs that start the server
// "command" with programs allowed: such a program is started by way of its server's
// own, which LaunchCommand turns into it. If launched is true that has failed, and the
// process has to exit with status.
func LaunchCommand() (status int, launched bool) { return launch.Main() }

// commandFlags are the flags of its own.
type commandFlags struct {
	framed            bool
	allow             []string
	user              string
	asRoot            bool
	dir, tokenFile    string
	timeLimit         time.Duration
	outputLimit       int
	running           int
	memory, processes int64
}

func (f *commandFlags) add(flags *flag.FlagSet) {
	flags.BoolVar(&f.framed, "v2", false, "put lengths before commands and output, unlike the tutorial")
	flags.Func("allow", "`NAME=/PATH[:N]` of a program to allow, with up to N arguments", func(s string) error {
		f.allow = append(f.allow, s)
		return nil
	})
	flags.StringVar(&f.user, "user", "", "run programs as `NAME`, for a server that is root's")
	flags.BoolVar(&f.asRoot, "as-root", false, "run programs as root, if the server is root's")
	flags.StringVar(&f.dir, "dir", "/", "the `DIRECTORY` that programs run in")
	flags.StringVar(&f.tokenFile, "token-file", "", "`FILE` with the token that clients must begin with")
	flags.DurationVar(&f.timeLimit, "time-limit", 5*time.Second, "kill a program after this `TIME`")
	flags.IntVar(&f.outputLimit, "output-limit", 1<<20, "kill a program that has written more than `N` bytes")
	flags.IntVar(&f.running, "max-running", 4, "at most `N` programs at a time; more wait")
	flags.Int64Var(&f.memory, "memory", 1<<30, "`N` bytes of memory for a program, 0 for no limit")
	// The kernel counts all of the user's.
	flags.Int64Var(&f.processes, "processes", 256, "no forks while the user has `N` processes, 0 for no limit")
}

const (
	// commandMax is the longest command, the originals' one read.
	commandMax = chunk
	// commandHandshake is how long a client may take for the word start, for the rest
	// of a frame it has begun, and for a token.
	commandHandshake = 10 * time.Second
	// commandDelivery is how long an answer may take.
	commandDelivery = 30 * time.Second
	// commandHeld is how many programs, beyond those that run, may wait for their turn
	// or have their output wait for its client.
	commandHeld = 32
	// maxRunning and commandHeld are together no more than the coroutines that a loop
	// has workers for, reactor.Options.Workers.
	maxRunning = 32
)

// start is Entry.Setup's.
func (f *commandFlags) start(o Options) (*Server, error) {
	c, err := f.server(o)
	if err != nil {
		return nil, err
	}
	for _, url := range o.Listen {
		if err := c.mayListen(url, &o.Socket); err != nil {
			return nil, err
		}
	}
	s, err := onRequests(o, c)
	if err != nil {
		return nil, err
	}
	// A name may stand for anything. Until here each connection is looked at.
	for _, url := range s.URLs() {
		if c.token == nil && !private(url) {
			return nil, errors.Join(refuseCommand("%s is where others can connect, which needs token-file", url), s.Shutdown(context.Background()))
		}
	}
	return s, nil
}

// refuseCommand is an error about what is asked for.
func refuseCommand(format string, args ...any) error {
	return fmt.Errorf("classic: command: %w: %w", reactor.ErrOption, fmt.Errorf(format, args...))
}

// mayListen refuses addresses where strangers can connect, and has a Unix socket ask who
// connects.
func (c *commandServer) mayListen(url string, o *reactor.ListenOptions) error {
	_, address, err := reactor.SplitURL(url)
	if err != nil {
		return err
	}
	if kind(url) != "unix" {
		host, _, _ := net.SplitHostPort(address)
		if c.token == nil && !private(url) && !strings.EqualFold(host, "localhost") {
			return refuseCommand("%s is where others can connect, which needs token-file; best is a unix socket", url)
		}
		return nil
	}
	if o.AllowPeer != nil || c.token != nil {
		return nil
	}
	switch runtime.GOOS {
	case "linux", "android", "darwin", "ios", "freebsd":
		own := uint32(os.Geteuid())
		o.AllowPeer = func(peer reactor.Credentials) bool { return peer.UID == own }
	default: // the system does not say who connects
		if o.Mode&0o077 != 0 {
			return refuseCommand("%s has mode %04o, and this system does not say who connects: want 0600, or token-file", url, o.Mode)
		}
	}
	return nil
}

// commandServer serves commands. What a client can have it do is bounded: a command is
// read whole and has at most commandMax bytes; it is one of table or nothing. Of programs
// so many run at a time; others wait for their turn, as long as one may run, or are
// refused as CommandBusy, at once if too many wait already. Each is killed when its time
// is over, when it writes too much, and when its client goes, for which it is enough that
// the client ends its direction. Each command is a line in the log.
type commandServer struct {
	framed      bool
	table       map[string]commandFunc
	programs    map[string]commandProgram
	launch      launch.Program // what all programs have in common
	timeLimit   time.Duration
	outputLimit int
	handshake   time.Duration
	token       *commandToken // nil: none is asked for
	turns       chan struct{} // holds one for each program that runs
	held        chan struct{} // and one for each that has not been answered
	say         *transcript
	log         *slog.Logger
	began       time.Time
}

// server checks what the flags say. It is only here that anything is found wrong.
func (f *commandFlags) server(o Options) (*commandServer, error) {
	c := &commandServer{
		framed:      f.framed,
		timeLimit:   f.timeLimit,
		outputLimit: f.outputLimit,
		handshake:   commandHandshake,
		say:         o.say,
		log:         o.Reactor.Logger,
		began:       time.Now(),
	}
	c.table = c.builtIn()
	for _, check := range []struct {
		name     string
		ok       bool
		value    any
		expected string
	}{
		{"time-limit", f.timeLimit > 0, f.timeLimit, "a positive time"},
		{"output-limit", f.outputLimit > 0 && f.outputLimit <= maxCommandOutput, f.outputLimit, fmt.Sprintf("1 to %d bytes", maxCommandOutput)},
		{"max-running", f.running > 0 && f.running <= maxRunning, f.running, fmt.Sprintf("1 to %d", maxRunning)},
		{"memory", f.memory >= 0, f.memory, "a number of bytes, or 0 for no limit"},
		{"processes", f.processes >= 0, f.processes, "a number, or 0 for no limit"},
	} {
		if !check.ok {
			return nil, refuseCommand("%s is %v, want %s", check.name, check.value, check.expected)
		}
	}
	c.turns = make(chan struct{}, f.running)
	c.held = make(chan struct{}, f.running+commandHeld)
	if err := c.allow(f); err != nil {
		return nil, err
	}
	if f.tokenFile != "" {
		token, err := readCommandToken(f.tokenFile)
		if err != nil {
			return nil, err
		}
		c.token = token
	}
	return c, nil
}

// quotedLimit is how much of a command the log shows.
const quotedLimit = 200

// audit writes a line about something that a client has done. Whatever a handler of the
// log does with it, there is nothing in it that a terminal obeys.
func (c *commandSession) audit(what, text string, a commandAnswer, took time.Duration) {
	shown := fmt.Sprintf("%+q", text[:min(len(text), quotedLimit)])
	shown = shown[1 : len(shown)-1] // the log has quotes of its own
	if more := len(text) - quotedLimit; more > 0 {
		shown += fmt.Sprintf("... and %d bytes", more)
	}
	c.log.Info(what, "client", c.client, "command", shown, "result", a.said(), "duration", took, "bytes", len(a.output))
}
