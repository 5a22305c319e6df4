//go:build linux

package run

import (
	"fmt"
	"strings"
)

// Peer is a server to measure: a directory under bench/peers.
type Peer struct {
	Name  string
	About string
}

// Peers are all there are; the first is what the others are compared with.
var Peers = []Peer{
	{"c_epoll", "the practical limit: C on epoll, a thread per loop, nothing else"},
	{"gnet", "gnet, event loops as it recommends (-reuseport, -edge)"},
	{"iomux", "this project's reactor (-backend epoll|poll|select|kqueue, -timer)"},
	{"gonet", "the standard library, a goroutine per connection"},
}

// Spec is a peer as it is to run: with flags of its program's own, such as
// "iomux -backend poll". The same peer may run in several ways, or twice in the
// same to see how far chance goes.
type Spec struct {
	Peer  Peer
	Flags []string
}

// Label is the spec as it was written.
func (s Spec) Label() string {
	return strings.Join(append([]string{s.Peer.Name}, s.Flags...), " ")
}

// ParseSpecs reads a list with commas.
func ParseSpecs(list string) ([]Spec, error) {
	var all []Spec
	for item := range strings.SplitSeq(list, ",") {
		words := strings.Fields(item)
		if len(words) == 0 {
			return nil, fmt.Errorf("peers %q: an empty name", list)
		}
		p, err := findPeer(words[0])
		if err != nil {
			return nil, err
		}
		all = append(all, Spec{p, words[1:]})
	}
	return all, nil
}

func findPeer(name string) (Peer, error) {
	for _, p := range Peers {
		if p.Name == name {
			return p, nil
		}
	}
	return Peer{}, fmt.Errorf("peer %q: there are %s", name, AllPeers(", "))
}

// AllPeers is the names of all peers.
func AllPeers(separator string) string {
	var names []string
	for _, p := range Peers {
		names = append(names, p.Name)
	}
	return strings.Join(names, separator)
}
