//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"example.com/iomux/adapters/websocket"
	"example.com/iomux/servers/chat"
)

// chatServer is what the flags of iomux chat say.
type chatServer struct {
	server
	talk   talkFlags
	doors  doorFlags
	people peopleFlags
	guard  guardFlags
	delay  span // before the drain
	config fileName
	groups []*pflag.FlagSet
}

func (s *chatServer) addFlags(cmd *cobra.Command) {
	listen, limits, times := s.listen.group(), s.limits.group(), s.times.group()
	redefine(listen, "listen", "`URL` for clients of lines, any number")
	s.guard.add(limits)
	// What is for connections of bytes only is not what a chat wants.
	s.limits.maxConns.value = defaultMaxConns
	redefine(limits, "max-conns", "connections at a time")
	redefine(limits, "max-conns-per-addr", "those from one address, as the kernel sees it (default no limit)")
	s.times.handshake.value = 30 * time.Second
	redefine(times, "handshake-timeout", "close a web or JSON client that says nothing, or off")
	s.times.idle.value = time.Hour
	redefine(times, "idle-timeout", "close a client of lines that says nothing, or off")
	s.delay = span{off: true, min: time.Millisecond}
	times.Var(&s.delay, "drain-delay", "serve so long after the signal, not ready, or off")
	config := flagGroup("Configuration")
	config.Var(&s.config, "config", "read settings from this file of TOML, see \"iomux chat config\"")
	s.groups = []*pflag.FlagSet{s.talk.group(), listen, s.doors.group(), s.people.group(), limits, times, s.tls.group(), s.loops.group(), s.log.group(), config}
	addGroups(cmd, s.groups...)
	s.listen.complete(cmd)
	s.loops.complete(cmd)
	s.log.complete(cmd)
}

// defaultMaxConns is what a chat on one machine hardly reaches, and its memory bears.
const defaultMaxConns = 10_000

// redefine has the help tell another default, and another meaning, of a shared flag.
func redefine(set *pflag.FlagSet, name, usage string) {
	f := set.Lookup(name)
	f.DefValue, f.Usage = f.Value.String(), usage
}

// talkFlags say what the chat is like.
type talkFlags struct {
	name, motd, lobby        string
	ownLines, compat         bool
	history, replay, quiet   quota
	maxText                  count
	store                    fileName
	joinRate, nickRate       quota
	maxRooms, roomsPerMember quota
}

func (f *talkFlags) group() *pflag.FlagSet {
	*f = talkFlags{
		history: quota{value: 1000, whole: true}, replay: quota{value: 50, whole: true}, quiet: quota{value: 200, whole: true},
		maxText:  count{value: 2000, max: 4000},
		joinRate: quota{value: 30}, nickRate: quota{value: 3},
		maxRooms: quota{value: 10_000, whole: true}, roomsPerMember: quota{value: 20, whole: true},
	}
	g := flagGroup("Chat")
	g.StringVar(&f.name, "name", "iomux", "what the server is called, a `NAME`")
	g.StringVar(&f.motd, "motd", "", "`TEXT` that everybody is greeted with, or @FILE that has it")
	g.StringVar(&f.lobby, "lobby", "lobby", "`ROOM` that everybody begins in")
	g.BoolVar(&f.ownLines, "own-lines", false, "clients of lines get what they have said themselves, too")
	g.BoolVar(&f.compat, "compat", false, "speak as the tutorials' chat at every --listen")
	g.Var(&f.history, "history", "messages of a room that are kept, or off")
	g.Var(&f.replay, "replay", "how many of them one who joins is shown, or off")
	g.Var(&f.store, "store", "keep them, topics and bans in this file, across restarts")
	g.Var(&f.quiet, "quiet", "tell who comes and goes up to so many in a room, or off")
	g.Var(&f.maxText, "max-text", "bytes of a message")
	g.Var(&f.maxRooms, "max-rooms", "rooms at a time, or off")
	g.Var(&f.roomsPerMember, "rooms-per-member", "rooms one may be in, or off")
	g.Var(&f.joinRate, "join-rate", "rooms one may join in a minute, or off")
	g.Var(&f.nickRate, "nick-rate", "times one may change the nickname in a minute, or off")
	return g
}

// doorFlags say where else than at --listen there is a door, and who may come in.
type doorFlags struct {
	json          []string
	web, admin    door
	hosts         []string
	origins       []string
	adminAnywhere bool
	pprof         bool
	webGiven      func() bool // web is not the default
}

const defaultWeb = "tcp://127.0.0.1:8080"

func (f *doorFlags) group() *pflag.FlagSet {
	g := flagGroup("Pages and programs")
	*f = doorFlags{web: defaultWeb, webGiven: func() bool { return g.Changed("web") }}
	g.StringArrayVar(&f.json, "listen-json", nil, "`URL` for clients of JSON, an object a line, any number")
	g.Var(&f.web, "web", "where the page is, and WebSocket at /chat, or off")
	g.StringSliceVar(&f.hosts, "hosts", nil, "further `NAMES` by which browsers may call --web")
	g.StringSliceVar(&f.origins, "origins", nil, "further `SITES` whose pages may connect, such as https://example.org, or *")
	g.Var(&f.admin, "admin", "where /metrics and /connections.json are, or off")
	g.BoolVar(&f.adminAnywhere, "admin-anywhere", false, "let --admin be where other machines can connect")
	g.BoolVar(&f.pprof, "pprof", false, "serve profiles at --admin, under /debug/pprof/")
	return g
}

// checkAdmin refuses to show to whoever can connect what is for who runs the server.
func (f *doorFlags) checkAdmin(url string) error {
	if f.adminAnywhere || private(url) {
		return nil
	}
	return usagef("%s at --admin would show addresses to other machines, want a loopback address, or --admin-anywhere, too", url)
}

// peopleFlags say who may log in.
type peopleFlags struct {
	users, token fileName
	requireLogin bool
}

func (f *peopleFlags) group() *pflag.FlagSet {
	g := flagGroup("Users")
	g.Var(&f.users, "users", "names and passwords, as \"iomux chat passwd\" writes them")
	g.Var(&f.token, "token-file", "a secret that all share, the first line of this file")
	g.BoolVar(&f.requireLogin, "require-login", false, "nobody takes part without logging in")
	return g
}

// guardFlags bound what a member may do.
type guardFlags struct {
	rate, burst, addrRate, addrBurst quota
	connsPerAddr, connRate           quota
	proxies, webProxies, exempt      networks
}

func (f *guardFlags) add(g *pflag.FlagSet) {
	*f = guardFlags{
		rate: quota{value: 10}, burst: quota{value: 20, on: true}, addrRate: quota{value: 40}, addrBurst: quota{value: 200, on: true},
		connsPerAddr: quota{value: 64, whole: true}, connRate: quota{value: 20},
	}
	g.Var(&f.rate, "rate", "commands of a member in a second, or off")
	g.Var(&f.burst, "burst", "and at once")
	g.Var(&f.addrRate, "addr-rate", "those of one address, of IPv6 one /64, or off")
	g.Var(&f.addrBurst, "addr-burst", "and at once")
	g.Var(&f.connsPerAddr, "conns-per-addr", "members of one address, also behind proxies, or off")
	g.Var(&f.connRate, "conn-rate", "how many of them may come in a second, or off")
	g.Var(&f.proxies, "proxies", "who says by a PROXY header, or X-Forwarded-For, for whom it speaks")
	g.Var(&f.webProxies, "web-proxies", "who says so at --web alone")
	g.Var(&f.exempt, "exempt", "addresses that these limits are not for")
}

// forwarders are who may say at --web for whom they speak.
func (f *guardFlags) forwarders() *networks {
	n := slices.Concat(f.proxies, f.webProxies)
	return &n
}

// check refuses what the flags cannot be together.
func (s *chatServer) check() error {
	faults := []error{s.limits.check(), s.tls.check()}
	for _, url := range slices.Concat(s.listen.urls, s.doors.json) {
		if err := checkStream(url); err != nil {
			faults = append(faults, usageError{err})
		}
	}
	// Sites are looked at by who compares them.
	if _, err := websocket.New(websocket.NopHandler{}, websocket.Options{Origins: s.doors.origins}); err != nil {
		faults = append(faults, usagef("--origins: %w", err))
	}
	for _, name := range s.doors.hosts {
		if _, err := netip.ParseAddr(name); err != nil && (name == "" || strings.ContainsAny(name, "/:@?#[]*, \t")) {
			faults = append(faults, usagef("--hosts %q: want a name such as chat.example, without a scheme and a port", name))
		}
	}
	if s.people.requireLogin && s.people.users == "" && s.people.token == "" && !tokenGiven() {
		faults = append(faults, usagef("--require-login, and nobody can log in: want --users FILE or --token-file FILE, too"))
	}
	if s.people.token != "" && tokenGiven() {
		faults = append(faults, usagef("--token-file and %s: want one of them", tokenVariable))
	}
	if s.talk.store != "" && s.listen.takeover != "" {
		faults = append(faults, usagef("--store and --takeover: a store is one server's at a time, want one of them; sockets from systemd wait for the next server, too"))
	}
	if s.doors.pprof && s.doors.admin == "" {
		faults = append(faults, usagef("--pprof is served at --admin, want --admin HOST:PORT, too"))
	}
	if s.doors.admin != "" {
		faults = append(faults, s.doors.checkAdmin(string(s.doors.admin)))
	}
	if s.talk.lobby == "" || strings.ContainsAny(s.talk.lobby, " \t\r\n") {
		faults = append(faults, usagef("--lobby %q: want the name of a room", s.talk.lobby))
	}
	return errors.Join(faults...)
}

// options are those of the chat, but for who may log in and what is kept.
func (s *chatServer) options() (chat.Options, error) {
	motd, err := text(s.talk.motd)
	if err != nil {
		return chat.Options{}, fmt.Errorf("--motd: %w", err)
	}
	o := chat.Options{
		Name: s.talk.name, MOTD: motd, Lobby: s.talk.lobby, RequireLogin: s.people.requireLogin,
		Rate: s.guard.rate.value, Burst: s.guard.burst.value, AddrRate: s.guard.addrRate.value, AddrBurst: s.guard.addrBurst.value,
		ConnsPerAddr: int(s.guard.connsPerAddr.value), ConnRate: s.guard.connRate.value,
		Exempt: s.guard.exempt, Proxies: s.guard.proxies,
		JoinRate: s.talk.joinRate.value, NickRate: s.talk.nickRate.value,
		MaxText: s.talk.maxText.value, MaxTopic: min(300, s.talk.maxText.value),
		MaxRooms: int(s.talk.maxRooms.value), RoomsPerMember: int(s.talk.roomsPerMember.value),
		History: int(s.talk.history.value), Replay: int(s.talk.replay.value),
		Quiet: int(s.talk.quiet.value), IdleTimeout: s.times.idle.value,
	}
	if o.IdleTimeout == 0 {
		o.IdleTimeout = -1
	}
	return o, nil
}
