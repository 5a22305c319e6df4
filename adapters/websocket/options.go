//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package websocket

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"example.com/iomux/reactor"
)

// Options tune a Server. A field left zero means its default.
type Options struct {
	// Path is that of the endpoint. Default: /.
	Path string
	// Origins are the sites, beside the server's own, whose pages may connect, such as
	// https://example.org, or * for all. A request without Origin, which no browser
	// makes, is let in. Default: none but the own.
	Origins []string
	// Subprotocols are those that the handler speaks. The first one that the client
	// offers of them is agreed on; with none in common the connection is upgraded
	// without. Default: none.
	Subprotocols []string
	// Authorize, if there is one, is asked before a connection is upgraded, on its
	// loop, which it must not block. Its error goes to the client, as the text of a
	// 403.
	Authorize func(r *http.Request, remote net.Addr) error

	// FrameLimit and MessageLimit are how many bytes of payload a frame and a message
	// may have. Defaults: 64 KiB, or MessageLimit if that is less; 1 MiB, or FrameLimit
	// if that is more.
	FrameLimit, MessageLimit int
	// AssemblyLimit is how many bytes of fragments may wait in all connections of the
	// server together. The one that adds to more is closed. Default: 64 MiB, or
	// twice MessageLimit if that is more.
	AssemblyLimit int
	// PingEvery is how long a peer may be silent before it is sent a ping; it may be
	// twice as long. PongWait is how long after that something must come from it, while
	// it is read from at all (see Conn.PauseReading) and none of what was written waits
	// for it (see reactor.Timeouts.Write). Defaults: 30 s and 10 s; negative PingEvery:
	// never.
	PingEvery, PongWait time.Duration
	// MessageTime is how long a message may be under way, from its first fragment to its
	// last. It is looked at whenever a frame comes, be it the answer to a ping; for a
	// single frame see reactor.Timeouts.Read. Default: 1 min; negative: for ever.
	MessageTime time.Duration

	// HTTP serves all other requests of methods GET and HEAD, each on a goroutine of
	// its own. A response is sent when it is complete, and has at most 4 MiB. The
	// request's context ends with the connection. Default: they are answered with 404.
	HTTP http.Handler
	// HTTPWorkers is how many of these goroutines there may be at a time; beyond it
	// requests are answered with 503. Default: 64.
	HTTPWorkers int
	// Logger gets panics of HTTP. Default: slog.Default().
	Logger *slog.Logger
}

// withDefaults fills in what was left zero and refuses what cannot be.
func (o Options) withDefaults() (Options, error) {
	refuse := func(format string, args ...any) (Options, error) {
		return o, fmt.Errorf("websocket: %w: %s", reactor.ErrOption, fmt.Sprintf(format, args...))
	}
	for _, f := range []struct {
		name  string
		value int
	}{
		{"FrameLimit", o.FrameLimit},
		{"MessageLimit", o.MessageLimit},
		{"AssemblyLimit", o.AssemblyLimit},
		{"HTTPWorkers", o.HTTPWorkers},
	} {
		if f.value < 0 {
			return refuse("%s is %d, want a positive number or 0 for the default", f.name, f.value)
		}
	}
	if o.MessageLimit == 0 {
		o.MessageLimit = max(1<<20, o.FrameLimit)
	}
	if o.FrameLimit == 0 {
		o.FrameLimit = min(64<<10, o.MessageLimit)
	}
	if o.FrameLimit > o.MessageLimit {
		return refuse("want FrameLimit %d ≤ MessageLimit %d", o.FrameLimit, o.MessageLimit)
	}
	if o.AssemblyLimit == 0 {
		o.AssemblyLimit = max(64<<20, 2*o.MessageLimit)
	}
	if o.HTTPWorkers == 0 {
		o.HTTPWorkers = 64
	}
	if o.PongWait < 0 {
		return refuse("PongWait is %v, want a positive duration or 0 for the default", o.PongWait)
	}
	if o.PingEvery == 0 {
		o.PingEvery = 30 * time.Second
	}
	if o.MessageTime == 0 {
		o.MessageTime = time.Minute
	}
	if o.PongWait == 0 {
		o.PongWait = 10 * time.Second
	}
	if o.Path == "" {
		o.Path = "/"
	}
	if !strings.HasPrefix(o.Path, "/") || strings.ContainsAny(o.Path, "?#") {
		return refuse("Path is %q, want one that begins with / and has no query", o.Path)
	}
	for _, origin := range o.Origins {
		if u, err := url.Parse(origin); origin != "*" && (err != nil || u.Scheme == "" || u.Host == "" || u.Scheme+"://"+u.Host != origin) {
			return refuse("an origin is %q, want SCHEME://HOST, SCHEME://HOST:PORT or *", origin)
		}
	}
	for _, name := range o.Subprotocols {
		if !isToken(name) {
			return refuse("a subprotocol is %q, want a name without spaces or separators (RFC 9110, 5.6.2)", name)
		}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	o.Origins, o.Subprotocols = slices.Clone(o.Origins), slices.Clone(o.Subprotocols)
	return o, nil
}

// isToken reports whether s is a token of RFC 9110, 5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		b := s[i]
		if b <= ' ' || b >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, b) >= 0 {
			return false
		}
	}
	return s != ""
}
