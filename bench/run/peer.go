//go:build linux

package run

import (
	"fmt"
	"slices"
	"strings"

	"example.com/iomux/bench/scenario"
)

// Peer is a server to measure, made from a directory under bench/peers.
type Peer struct {
	Name  string
	About string
	// Kinds are what it can do; Idle and Churn go with Echo.
	Kinds []scenario.Kind

	recipe recipe
}

// recipe is how a peer's program comes to be. With a source that ends in .c it
// is compiled, with one in .py it is run as it is, and without it is a Go module.
type recipe struct {
	peers  string // the directory that dir is in; "" is this project's own
	dir    string
	source string
	tags   string   // of a Go build
	libs   []string // of a C compiler
	flags  []string // of the program, before those of its user
	module string   // whose version is the peer's; a Python module, which must be there
}

var (
	echo = []scenario.Kind{scenario.Echo, scenario.Churn, scenario.Idle}
	udp  = []scenario.Kind{scenario.UDP}
	chat = []scenario.Kind{scenario.Chat}
	room = []scenario.Kind{scenario.Room}
)

// Peers are all there are. The first of them that can do a scenario is what the
// others are compared with.
var Peers = []Peer{
	{"c_epoll", "the practical limit: C on epoll, a thread per loop, nothing else", echo,
		recipe{dir: "c_epoll", source: "echo.c"}},
	{"c_udp", "the practical limit of datagrams: C, recvmmsg and sendmmsg (-batch 1: one by one; -gso 1: neighbours as one message)", udp,
		recipe{dir: "c_udp", source: "echo.c"}},
	{"c_chat", "the practical limit of a chat: C on epoll, lines gathered by hand", chat,
		recipe{dir: "c_chat", source: "chat.c"}},
	{"iomux", "this project's reactor, and its chat (-backend epoll|poll|select|kqueue, -wait fair|polite, -timer)", slices.Concat(echo, udp, chat, room),
		recipe{dir: "iomux"}},
	{"gnet", "gnet, event loops as it recommends (-reuseport, -edge, -gather)", slices.Concat(echo, udp, chat, room),
		recipe{dir: "gnet", module: "github.com/panjf2000/gnet/v2"}},
	{"gonet", "the standard library, a goroutine per connection", slices.Concat(echo, udp, chat),
		recipe{dir: "gonet", module: "std"}},
	{"naive", "a chat as tutorials have it: the standard library, a goroutine per connection, a lock, a write a member and line", room,
		recipe{dir: "naive", module: "std"}},
	{"gnet_poll_opt", "gnet built with -tags poll_opt", slices.Concat(echo, udp, chat, room),
		recipe{dir: "gnet", tags: "poll_opt", module: "github.com/panjf2000/gnet/v2"}},
	{"netpoll", "CloudWeGo's netpoll", echo,
		recipe{dir: "netpoll", module: "github.com/cloudwego/netpoll"}},
	{"evio", "evio", slices.Concat(echo, udp),
		recipe{dir: "evio", module: "github.com/tidwall/evio"}},
	{"nbio", "nbio", slices.Concat(echo, udp),
		recipe{dir: "nbio", module: "github.com/lesismal/nbio"}},
	{"gaio", "gaio, a proactor", echo,
		recipe{dir: "gaio", module: "github.com/xtaci/gaio"}},
	{"c_uring", "C on io_uring", echo,
		recipe{dir: "c_uring", source: "echo.c"}},
	{"libuv", "libuv, one loop", echo,
		recipe{dir: "libuv", source: "echo.c", libs: []string{"-luv"}}},
	{"uvloop", "Python's asyncio on uvloop, one loop", slices.Concat(echo, udp),
		recipe{dir: "python", source: "aio.py", flags: []string{"-loop", "uvloop"}, module: "uvloop"}},
	{"asyncio", "Python's asyncio, a Protocol, one loop", slices.Concat(echo, udp),
		recipe{dir: "python", source: "aio.py", module: "asyncio"}},
	{"threading", "Python's socketserver.ThreadingTCPServer", []scenario.Kind{scenario.Echo, scenario.Churn}, // 10,000 idle threads take a minute to end
		recipe{dir: "python", source: "threading_tcp.py", module: "socketserver"}},
}

// Lists of peers.
const (
	// QuickPeers run when nothing is asked for.
	QuickPeers = "c_epoll,c_udp,c_chat,iomux,gnet,gonet"
	everyPeer  = "all"
	quickPeers = "quick"
)

// Spec is a peer as it is to run: with flags of its program's own, such as
// "iomux -backend poll", and perhaps a name of its own: "slow=iomux -slow 5". The
// same peer may run in several ways, or twice in the same to see how far chance
// goes.
type Spec struct {
	Peer  Peer
	Name  string // "" means the command
	Flags []string

	from string // which state of the sources it is built from; "" where there is but one
}

// Command is the peer and its flags.
func (s Spec) Command() string {
	return strings.Join(append([]string{s.Peer.Name}, s.Flags...), " ")
}

// Label is the name under which it stands in tables.
func (s Spec) Label() string {
	if s.Name != "" {
		return s.Name
	}
	return s.Command()
}

// about says what it is.
func (s Spec) about() string {
	if s.from == "" {
		return s.Peer.About
	}
	return s.Peer.About + "; built from " + s.from
}

// can reports whether the peer serves that kind of scenario.
func (s Spec) can(k scenario.Kind) bool { return slices.Contains(s.Peer.Kinds, k) }

// ParseSpecs reads peers with commas between; "quick" and "all" stand for lists.
// A label that comes again gets a number, so that no two are alike.
func ParseSpecs(list string) ([]Spec, error) {
	switch strings.TrimSpace(list) {
	case quickPeers:
		list = QuickPeers
	case everyPeer:
		list = AllPeers(",")
	}
	var all []Spec
	times := map[string]int{}
	for item := range strings.SplitSeq(list, ",") {
		s, err := parseSpec(item)
		if err != nil {
			return nil, fmt.Errorf("peers %q: %w", list, err)
		}
		label := s.Label()
		times[label]++
		if times[label] > 1 && s.Name != "" {
			return nil, fmt.Errorf("peers %q: two are named %s", list, label)
		}
		if times[label] > 1 {
			s.Name = fmt.Sprintf("%s #%d", label, times[label])
		}
		all = append(all, s)
	}
	return all, nil
}

func parseSpec(item string) (Spec, error) {
	name, command, named := strings.Cut(item, "=")
	// "iomux -x=y" names nothing: what stands before is more than a word.
	if named = named && len(strings.Fields(name)) == 1; !named {
		name, command = "", item
	}
	words := strings.Fields(command)
	if len(words) == 0 {
		return Spec{}, fmt.Errorf("an empty name")
	}
	p, err := findPeer(words[0])
	return Spec{Peer: p, Name: strings.TrimSpace(name), Flags: words[1:]}, err
}

func findPeer(name string) (Peer, error) {
	for _, p := range Peers {
		if p.Name == name {
			return p, nil
		}
	}
	return Peer{}, fmt.Errorf("no peer %q: there are %s", name, AllPeers(", "))
}

// AllPeers is the names of all peers.
func AllPeers(separator string) string {
	var names []string
	for _, p := range Peers {
		names = append(names, p.Name)
	}
	return strings.Join(names, separator)
}
