//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"

	"example.com/iomux/reactor"
	"example.com/iomux/servers/socketserver"
)

// Options are what all servers have in common. The zero value is what most want; a
// field left zero means its default.
type Options struct {
	// Listen are the URLs to listen at. Default: Entry.Listen.
	Listen []string
	// Mode is how requests are served. Default: the first of Entry.Modes.
	Mode socketserver.Mode
	// MaxThreads and MaxChildren are as in socketserver.Options.
	MaxThreads, MaxChildren int
	// IOTimeout is how long a request may take; of servers whose clients say one thing
	// after the other (greeting, quit) how long a client may be silent. Default:
	// Entry.IOTimeout. Negative: as long as they like.
	IOTimeout time.Duration
	// Socket are options of the listening sockets. KeepAlive is for those of TCP alone.
	Socket reactor.ListenOptions
	// Reactor are options of the loops. MaxConns is 10,000 by default here, and
	// Timeouts are 5 minutes of silence and 30 seconds without taking any output.
	Reactor reactor.Options
	// NoTimeouts keeps Reactor.Timeouts as they are, be it none.
	NoTimeouts bool
	// Transcript gets the lines that the server's original prints. What clients send
	// is written so that no terminal obeys it. A slow writer slows the server down, as
	// it does the original. In mode fork what the processes have to say goes to
	// standard output. Default: none.
	Transcript io.Writer
	// Out gets the lines of those that are no servers but play a scene and end:
	// pair, and multicast with its flag send. Default: Transcript.
	Out io.Writer

	say       *transcript // nil: there is none
	limits    limits
	childName string                                         // in mode fork
	child     func(socketserver.Handler, socketserver.Hooks) // who wants these instead of a server; nil: nobody
}

// limits are how long requests may take, from IOTimeout.
type limits struct {
	request, read time.Duration // 0: none
}

// MaxConns is the default of Options.Reactor.MaxConns: far beyond what a tutorial
// needs. So many, with a coroutine each, take some 60 MB.
const MaxConns = 10_000

const (
	idleTimeout  = 5 * time.Minute
	writeTimeout = 30 * time.Second
	// requestTimeout bounds a request of a client that has but one thing to say.
	requestTimeout = 30 * time.Second
	// lineLimit is the longest line that is read.
	lineLimit = 64 << 10
	// chunk is how much the originals receive at a time.
	chunk = 1024
)

// complete fills in what was left zero and refuses what e cannot do.
func (o Options) complete(e Entry) (Options, error) {
	if len(o.Listen) == 0 {
		o.Listen = e.Listen
	}
	for _, url := range o.Listen {
		if _, _, err := reactor.SplitURL(url); err != nil {
			return o, err
		}
		if !slices.Contains(e.Kinds, kind(url)) {
			return o, fmt.Errorf("classic: %s: %w: listen at %s, want an address of %q", e.Name, reactor.ErrOption, url, e.Kinds)
		}
	}
	if o.Mode == "" && len(e.Modes) > 0 {
		o.Mode = e.Modes[0]
	}
	if o.Mode != "" && !slices.Contains(e.Modes, o.Mode) {
		return o, fmt.Errorf("classic: %s: %w: mode %q, want one of %q", e.Name, reactor.ErrOption, o.Mode, e.Modes)
	}
	switch limit := o.IOTimeout; {
	case limit == 0 && e.dialogue:
		o.limits.read = e.IOTimeout
	case limit == 0:
		o.limits.request = e.IOTimeout
	case limit > 0 && e.dialogue:
		o.limits.read = limit
	case limit > 0:
		o.limits.request = limit
	}
	if o.Reactor.MaxConns == 0 {
		o.Reactor.MaxConns = MaxConns
	}
	if o.Reactor.Timeouts == (reactor.Timeouts{}) && !o.NoTimeouts {
		o.Reactor.Timeouts = reactor.Timeouts{Idle: idleTimeout, Write: writeTimeout}
	}
	if o.Reactor.Logger == nil {
		o.Reactor.Logger = slog.Default()
	}
	if o.Transcript != nil {
		o.say = &transcript{w: o.Transcript}
	}
	if o.Out == nil {
		o.Out = o.Transcript
	}
	return o, nil
}

// scene is the transcript of what is one and nothing else.
func (o Options) scene() *transcript {
	if o.Out == nil {
		return nil
	}
	return &transcript{w: o.Out}
}

// wantsTranscript refuses a flag that is about the transcript if there is none.
func (o Options) wantsTranscript(flag string, set bool) error {
	if set && o.say == nil {
		return fmt.Errorf("classic: %w: flag %s is about the transcript, want one", reactor.ErrOption, flag)
	}
	return nil
}

// kind is the scheme of a URL, without the version of IP.
func kind(url string) string {
	scheme, _, _ := strings.Cut(strings.ToLower(url), ":")
	return strings.TrimRight(scheme, "46")
}

// socket are the options of the socket for a URL.
func (o Options) socket(url string) reactor.ListenOptions {
	if kind(url) != "tcp" {
		o.Socket.Socket.KeepAlive = reactor.KeepAlive{}
	}
	return o.Socket
}

// isPacket reports whether a URL is for datagrams.
func isPacket(url string) bool { return kind(url) == "udp" || kind(url) == "unixgram" }

// private reports whether only this machine can reach a listener.
func private(url string) bool {
	_, address, err := reactor.SplitURL(url)
	if err != nil || strings.HasPrefix(kind(url), "unix") {
		return err == nil
	}
	at, err := netip.ParseAddrPort(address)
	return err == nil && at.Addr().Unmap().IsLoopback()
}
