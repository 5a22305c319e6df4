//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"flag"
	"slices"
	"time"

	"example.com/iomux/servers/socketserver"
)

// Entry is what there is to know of a server before it runs.
type Entry struct {
	// Name is what it is called: echo.
	Name string
	// About says what it does, on one line.
	About string
	// More is what else its users have to know, in lines of less than 80 characters.
	More string
	// Listen are the URLs where it listens unless it is told otherwise: those of its
	// tutorial, but of this machine alone. None: it does not listen.
	Listen []string
	// Kinds are the schemes that Options.Listen may have.
	Kinds []string
	// Modes are the modes in which it can serve requests, the default first. None: it
	// has no requests, but callbacks on loops.
	Modes []socketserver.Mode
	// IOTimeout is the default of Options.IOTimeout.
	IOTimeout time.Duration
	// OneLoop: it has one loop, whatever Options.Reactor.Loops says.
	OneLoop bool

	dialogue bool // see Dialogue
	// setup adds the server's own flags to a set, and returns what starts it when they
	// are parsed. What that gets is complete and checked.
	setup func(*flag.FlagSet) func(Options) (*Server, error)
}

// Dialogue reports whether a client may go on for as long as it likes, so that
// IOTimeout is how long it may be silent; else it is how long a request may take.
func (e Entry) Dialogue() bool { return e.dialogue }

// Start starts a server. Errors: reactor.ErrAddress and reactor.ErrOption, where what is
// asked for cannot be; and the kernel's.
type Start func(Options) (*Server, error)

// Setup adds to a set the flags that only this server has. It returns what starts the
// server, which is to be called when they are parsed.
func (e Entry) Setup(flags *flag.FlagSet) Start {
	start := e.setup(flags)
	return func(o Options) (*Server, error) {
		o, err := o.complete(e)
		if err == nil && o.Mode == socketserver.Forking {
			o.childName, err = childName(childSettings{e.Name, setFlags(flags), o.say != nil, o.limits.request})
		}
		if err != nil {
			return nil, err
		}
		return start(o)
	}
}

// table is all servers, a line each, by their names. It is filled in by init, for they
// refer to it: a process of mode fork looks its server up there.
var table []Entry

func init() {
	table = []Entry{
		bare,
		binary,
		chat,
		command,
		echo,
		fork,
		greeting,
		logged,
		menu,
		multi,
		multicast,
		pair,
		quit,
		thread,
		timestamp,
		upper,
	}
}

// Servers are all there are, in the order of their names.
func Servers() []Entry { return slices.Clone(table) }

// Find finds a server by its name.
func Find(name string) (Entry, bool) {
	i := slices.IndexFunc(table, func(e Entry) bool { return e.Name == name })
	if i < 0 {
		return Entry{}, false
	}
	return table[i], true
}
