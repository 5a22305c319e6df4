//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"example.com/iomux/adapters/websocket"
	"example.com/iomux/handover"
	"example.com/iomux/reactor"
	"example.com/iomux/servers/chat"
)

// chatService is a chat that runs.
type chatService struct {
	service
	flags   *chatServer
	chat    *chat.Server
	kinds   []doorKind // of the listeners
	webs    []*websocket.Server
	ready   readiness
	leaving atomic.Bool // members have been told
	proxies atomic.Pointer[networks]
	store   io.Closer // nil: none
	lines   *chat.Handler
	objects *chat.Handler
	frames  *chat.Handler
}

// start listens at places of several kinds, see service.begin.
func (sv *chatService) start(ctx context.Context, inherited []handover.Socket, stdout io.Writer) error {
	s := sv.flags
	return sv.begin(ctx, string(s.listen.takeover), func(theirs []handover.Socket) ([]string, error) {
		places, left, err := s.where(inherited, theirs)
		if err != nil {
			return nil, err
		}
		if sv.tls != nil && !slices.ContainsFunc(places, sv.secure) {
			return nil, usagef("TLS is for tcp, and there is no such --listen or --web, want one such as %s", defaultURL)
		}
		for _, p := range places {
			if err := sv.enter(p); err != nil {
				return nil, err
			}
		}
		return left, nil
	}, func() error {
		sv.ready.set(true) // who reads where it is may ask at once
		return sv.announce(stdout)
	})
}

// secure reports whether a place speaks TLS. What is for this machine alone does not.
func (sv *chatService) secure(p chatPlace) bool { return p.kind != adminDoor && sv.tls.covers(p.url) }

// enter serves at a place.
func (sv *chatService) enter(p chatPlace) error {
	o := sv.flags.listen.options(p.url)
	o.Timeouts = sv.timeouts(p.kind)
	if runtime.GOOS == "linux" && isTCP(p.url) {
		o.Socket.UserTimeout = sv.flags.times.write.value
	}
	if p.kind == adminDoor {
		o.Mode = 0 // its own user's alone
	}
	h, err := sv.handler(p)
	if err != nil {
		return err
	}
	if !sv.secure(p) {
		secure := sv.tls
		sv.tls = nil
		defer func() { sv.tls = secure }()
	}
	if err := sv.open(p.place, handlers{conns: h}, o); err != nil {
		if p.kind == webDoor && errors.Is(err, syscall.EADDRINUSE) {
			return fmt.Errorf("--web: %w; want another HOST:PORT, or --web off", err)
		}
		return err
	}
	sv.kinds = append(sv.kinds, p.kind)
	// Who takes over has the listener leave, and members should know.
	l := &sv.listeners[len(sv.listeners)-1]
	l.listener = lastWord{l.listener, sv}
	return nil
}

// timeouts are how long clients of a kind may keep the server waiting. Members of a
// chat may be silent; the chat itself looks after that.
func (sv *chatService) timeouts(kind doorKind) reactor.Timeouts {
	t := reactor.Timeouts{Write: sv.flags.times.write.value}
	switch kind {
	case linesDoor:
	case jsonDoor:
		t.Handshake, t.Read = sv.flags.times.handshake.value, sv.flags.times.handshake.value
	default:
		t.Handshake, t.Read = sv.flags.times.handshake.value, sv.flags.times.handshake.value
		t.Idle = keptAlive
	}
	return t
}

// keptAlive is how long a browser's connection is kept for the next request. Pings keep
// one that is WebSocket busy for ever.
const keptAlive = 2 * time.Minute

// handler is who serves at a place.
func (sv *chatService) handler(p chatPlace) (reactor.Handler, error) {
	switch p.kind {
	case jsonDoor:
		return sv.objects, nil
	case webDoor:
		return sv.web(p.url)
	case adminDoor:
		return sv.admin(p.url)
	}
	return sv.lines, nil
}

// web is who serves the page, and WebSocket.
func (sv *chatService) web(url string) (reactor.Handler, error) {
	names := newCallNames(url, sv.flags.doors.hosts)
	h, err := websocket.New(&webSide{sv.frames, &sv.proxies}, websocket.Options{
		Path:         chatPath,
		Origins:      sv.flags.doors.origins,
		Authorize:    names.authorize,
		FrameLimit:   messageLimit,
		MessageLimit: messageLimit,
		HTTP:         names.guard(publicPages(sv.flags.talk.name, &sv.ready)),
		Logger:       sv.log,
	})
	if err != nil {
		return nil, err
	}
	sv.webs = append(sv.webs, h)
	return h, nil
}

// lastWord is a listener whose end is told to those who came by it.
type lastWord struct {
	listener
	sv *chatService
}

// Leave implements listener.
func (l lastWord) Leave() {
	l.listener.Leave()
	go l.sv.sayGoodbye(context.Background())
}

// announce says where clients can connect, and how.
func (sv *chatService) announce(stdout io.Writer) error {
	var lines []string
	fingerprint := ""
	if sv.tls != nil && sv.tls.fingerprint != "" {
		fingerprint = sv.tls.fingerprint
		lines = append(lines, "fingerprint "+fingerprint)
	}
	join := ""
	open := !sv.flags.people.requireLogin
	for i, l := range sv.listeners {
		kind := sv.kinds[i]
		lines = append(lines, kind.shown(l))
		if kind == linesDoor && join == "" {
			join = hint(l, fingerprint)
		}
		if (sv.flags.people.users != "" || sv.flags.people.token != "" || tokenGiven()) && kind != adminDoor && !l.tls && !private(l.URL()) {
			sv.log.Warn("secrets come in the clear, unless there is a proxy that speaks TLS", "listener", l.URL(), "want", "--tls-cert and --tls-key")
		}
		switch {
		case private(l.URL()):
		case kind == adminDoor:
			sv.log.Warn("other machines can see addresses and counts", "listener", l.URL())
		case open:
			sv.log.Warn("other machines can connect, and nobody need log in", "listener", l.URL(), "want", "--require-login with --users or --token-file")
		default:
			sv.log.Info("other machines can connect", "listener", l.URL())
		}
	}
	if join != "" {
		lines = append(lines, join)
	}
	// At once: who reads the first line may not be there for the second.
	if _, err := io.WriteString(stdout, strings.Join(lines, "\n")+"\n"); err != nil {
		return fmt.Errorf("cannot say where it listens: %w", err)
	}
	return nil
}

// openGroup opens the loops that a chat runs on.
func (s *chatServer) openGroup(log *slog.Logger) (*reactor.Group, error) {
	o := s.server.options(log)
	o.Timeouts = reactor.Timeouts{} // each listener has its own
	group, err := reactor.Open(o)
	if err != nil {
		return nil, s.loops.explain(err)
	}
	return group, nil
}

// awaitSignals has signals that end the server sent to one channel, and that which has
// it look at its files to the other.
func awaitSignals() (ends, hangUps chan os.Signal, stop func()) {
	ends, hangUps = make(chan os.Signal, 2), make(chan os.Signal, 1)
	// Without a reader of the log the server goes on: a write to it fails
	// instead of killing the process.
	signal.Ignore(syscall.SIGPIPE)
	signal.Notify(ends, os.Interrupt, syscall.SIGTERM)
	signal.Notify(hangUps, syscall.SIGHUP)
	return ends, hangUps, func() {
		signal.Stop(ends)
		signal.Stop(hangUps)
	}
}
