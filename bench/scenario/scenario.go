// Package scenario says what the kinds of load are, by names that say all:
// 100x64p16 is 100 connections, 64 bytes a message, 16 on their way in each.
package scenario

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Kind is what a scenario's server does.
type Kind string

// The kinds there are.
const (
	Echo  Kind = "echo"  // sends back what comes, over TCP
	UDP   Kind = "udp"   // sends back each datagram
	Chat  Kind = "chat"  // sends each line to every connection
	Room  Kind = "room"  // a chat as applications have it: each line to every other member, behind who has said it
	Churn Kind = "churn" // Echo, one message a connection
	Idle  Kind = "idle"  // Echo, connections that are silent
)

// Scenario is one kind of load.
type Scenario struct {
	Name  string  `json:"name"`
	Kind  Kind    `json:"kind"`
	Conns int     `json:"conns"`           // connections; sockets of UDP; members of a chat or a room; slots of churn
	Size  int     `json:"size"`            // bytes a message
	Depth int     `json:"depth"`           // messages on their way per connection; lines a burst of a chat or a room
	Frame bool    `json:"frame,omitempty"` // Depth requests in one segment, answered one by one
	Mixed bool    `json:"mixed,omitempty"` // sizes from 1 byte to Size
	Rate  float64 `json:"rate,omitempty"`  // messages a second of an open loop; of a room lines, each to all
	Slow  int     `json:"slow,omitempty"`  // more connections, that send much and read little
}

// Lists of scenarios.
const (
	// Quick is what runs when nothing is asked for.
	Quick = "100x64,framed16,1000x64,rate10k,churn64,udp16x64p16,chat100w32"
	// All is one of each kind, and the sizes that matter.
	All = "1x64,100x64,100x64p16,framed16,1000x64,10000x64,100x16384,100xmix4096," +
		"rate10k,rate80k,slow10,churn64,idle10k,udp16x64p16,udp64x64,chat100w1,chat100w32,chat10kr5,chat10k,chat10k-burst"
)

// Bounds of what a scenario may ask for; the generator has its own behind them.
const (
	maxConns = 1 << 20
	maxSlow  = 1 << 12
	maxBurst = 1 << 20 // bytes of Depth messages
	maxRate  = 1e9
)

const (
	usualConns = 100
	usualSize  = 64
	usualLines = 100 // a second, in a room
	roomBurst  = 10  // lines
	leastUDP   = 8   // bytes: a datagram carries its number
	leastLine  = 24  // bytes: so does a line of a chat, in letters
	leastRoom  = 32  // bytes: so does one of a room, behind a mark
)

// form is a way to write a scenario: read fills in what the numbers are, of
// which there are as many as the pattern has groups.
type form struct {
	pattern *regexp.Regexp
	read    func(s *Scenario, n []int)
	usage   string
	about   string
}

// number is digits with an optional k for thousand; at most seven digits, so
// that it fits everywhere.
const number = `(\d{1,7}k?)`

func newForm(pattern, usage, about string, read func(s *Scenario, n []int)) form {
	return form{regexp.MustCompile("^" + strings.ReplaceAll(pattern, "#", number) + "$"), read, usage, about}
}

var forms = []form{
	newForm(`#x#(?:p#)?`, "CONNSxSIZE[pDEPTH]", "closed loop", func(s *Scenario, n []int) {
		s.Conns, s.Size, s.Depth = n[0], n[1], n[2]
	}),
	newForm(`#xmix#(?:p#)?`, "CONNSxmixSIZE[pDEPTH]", "closed loop, sizes from 1 byte to SIZE", func(s *Scenario, n []int) {
		s.Conns, s.Size, s.Depth, s.Mixed = n[0], n[1], n[2], true
	}),
	newForm(`framed#`, "framedCOUNT", "COUNT requests in one segment, each answered by itself", func(s *Scenario, n []int) {
		s.Depth, s.Frame = n[0], true
	}),
	newForm(`rate#`, "rateCOUNT", "open loop, COUNT messages a second", func(s *Scenario, n []int) {
		s.Rate = float64(n[0])
	}),
	newForm(`slow#`, "slowCOUNT", "closed loop, beside COUNT connections that send much and read little", func(s *Scenario, n []int) {
		s.Slow = n[0]
	}),
	newForm(`churn#`, "churnSLOTS", "connect, one echo, close, over and over in SLOTS places", func(s *Scenario, n []int) {
		s.Kind, s.Conns = Churn, n[0]
	}),
	newForm(`idle#`, "idleCONNS", "CONNS connections that have said something and are silent", func(s *Scenario, n []int) {
		s.Kind, s.Conns = Idle, n[0]
	}),
	newForm(`udp#x#(?:p#)?`, "udpSOCKETSxSIZE[pDEPTH]", "closed loop of datagrams", func(s *Scenario, n []int) {
		s.Kind, s.Conns, s.Size, s.Depth = UDP, n[0], n[1], n[2]
	}),
	newForm(`chat#w#`, "chatMEMBERSwLINES", "one member sends bursts of LINES, all receive", func(s *Scenario, n []int) {
		s.Kind, s.Conns, s.Depth = Chat, n[0], n[1]
	}),
	newForm(`chat#`, "chatMEMBERS", "open loop: one says 100 lines a second in a room, all others hear them", func(s *Scenario, n []int) {
		s.room(n[0], usualLines, 1)
	}),
	newForm(`chat#-burst`, "chatMEMBERS-burst", "the same lines, 10 at a time", func(s *Scenario, n []int) {
		s.room(n[0], usualLines, roomBurst)
	}),
	newForm(`chat#r#`, "chatMEMBERSrLINES", "as many lines a second in a room", func(s *Scenario, n []int) {
		s.room(n[0], n[1], 1)
	}),
	newForm(`chat#r#-burst`, "chatMEMBERSrLINES-burst", "the same lines, 10 at a time", func(s *Scenario, n []int) {
		s.room(n[0], n[1], roomBurst)
	}),
}

// room makes it one of a speaker who says so many lines a second, and hearers.
func (s *Scenario) room(members, lines, burst int) {
	s.Kind, s.Conns, s.Rate, s.Depth = Room, members, float64(lines), burst
}

// Parse reads a scenario's name.
func Parse(name string) (Scenario, error) {
	for _, f := range forms {
		m := f.pattern.FindStringSubmatch(name)
		if m == nil {
			continue
		}
		s := Scenario{Name: name, Kind: Echo, Conns: usualConns, Size: usualSize, Depth: 1}
		n := make([]int, 0, len(m))
		for _, digits := range m[1:] {
			n = append(n, count(digits))
		}
		f.read(&s, n)
		return s, s.check()
	}
	var usages []string
	for _, f := range forms {
		usages = append(usages, f.usage)
	}
	return Scenario{}, fmt.Errorf("scenario %q: want a name that bench list shows, or one of %s", name, strings.Join(usages, ", "))
}

// count is what a form has found to be a number; 1 where it was left out.
func count(digits string) int {
	if digits == "" {
		return 1
	}
	short, thousands := strings.CutSuffix(digits, "k")
	n, _ := strconv.Atoi(short)
	if thousands {
		n *= 1000
	}
	return n
}

// check refuses what cannot be made.
func (s Scenario) check() error {
	least := 1
	switch s.Kind {
	case UDP:
		least = leastUDP
	case Chat:
		least = leastLine
	case Room:
		least = leastRoom
	}
	open := strings.HasPrefix(s.Name, "rate") && s.Rate < 1 || s.Kind == Room && (s.Rate < 1 || s.Conns < 2)
	slow := strings.HasPrefix(s.Name, "slow") && s.Slow < 1
	switch {
	case s.Conns < 1 || s.Depth < 1 || s.Frame && s.Depth < 2 || open || slow:
		return fmt.Errorf("scenario %q: a number is too small", s.Name)
	case s.Size < least:
		return fmt.Errorf("scenario %q: want messages of %d bytes or more", s.Name, least)
	case s.Conns > maxConns || s.Slow > maxSlow || s.Size > maxBurst/s.Depth || s.Rate > maxRate:
		return fmt.Errorf("scenario %q: more than %d connections, or %d bytes at once", s.Name, maxConns, maxBurst)
	case s.Kind == UDP && s.Size > 65507:
		return fmt.Errorf("scenario %q: a datagram has 65507 bytes at most", s.Name)
	}
	return nil
}

// ParseList reads scenarios with commas between; "quick" and "all" stand for
// the lists of these names.
func ParseList(list string) ([]Scenario, error) {
	switch strings.TrimSpace(list) {
	case "quick":
		list = Quick
	case "all":
		list = All
	}
	var all []Scenario
	seen := map[string]bool{}
	for name := range strings.SplitSeq(list, ",") {
		s, err := Parse(strings.TrimSpace(name))
		if err != nil {
			return nil, err
		}
		if seen[s.Name] {
			return nil, fmt.Errorf("scenario %q: named twice", s.Name)
		}
		seen[s.Name] = true
		all = append(all, s)
	}
	return all, nil
}

// Usage is a line for each way to write a scenario.
func Usage() []string {
	var lines []string
	for _, f := range forms {
		lines = append(lines, fmt.Sprintf("%-25s %s", f.usage, f.about))
	}
	return lines
}

// Unit is what the scenario counts: "message", "connection" or "delivery".
func (s Scenario) Unit() string {
	switch s.Kind {
	case Churn, Idle:
		return "connection"
	case Chat, Room:
		return "delivery"
	}
	return "message"
}

// Asked is how many of its units a second an open loop asks for; 0 in a closed loop.
func (s Scenario) Asked() float64 {
	if s.Kind == Room {
		return s.Rate * float64(s.Conns-1)
	}
	return s.Rate
}

// String says in words what the scenario does.
func (s Scenario) String() string {
	size := fmt.Sprintf("%d B", s.Size)
	if s.Mixed {
		size = fmt.Sprintf("1 to %d B", s.Size)
	}
	what := fmt.Sprintf("%s, %s", plural(s.Conns, "connection"), size)
	switch {
	case s.Kind == Churn:
		return fmt.Sprintf("connect, one echo of %s, close; %d at a time", size, s.Conns)
	case s.Kind == Idle:
		return fmt.Sprintf("%s that have said something and are silent", plural(s.Conns, "connection"))
	case s.Kind == Chat && s.Depth == 1:
		return fmt.Sprintf("chat of %s, a line of %s at a time to all", plural(s.Conns, "member"), size)
	case s.Kind == Chat:
		return fmt.Sprintf("chat of %s, bursts of %d lines of %s to all", plural(s.Conns, "member"), s.Depth, size)
	case s.Kind == Room:
		how := ""
		if s.Depth > 1 {
			how = fmt.Sprintf(", %d at a time", s.Depth)
		}
		return fmt.Sprintf("a room of %s, open loop: one says %.0f lines/s of %s%s; latency of a line to the last who hears it", plural(s.Conns, "member"), s.Rate, size, how)
	case s.Kind == UDP:
		return fmt.Sprintf("datagrams of %s, %s, %d on their way in each", size, plural(s.Conns, "socket"), s.Depth)
	case s.Rate > 0:
		return fmt.Sprintf("open loop, %.0f messages/s over %s; latency from the time each was meant to leave", s.Rate, what)
	case s.Frame:
		return fmt.Sprintf("closed loop, %s, %d requests in one segment, each answered with a write of its own", what, s.Depth)
	case s.Slow > 0:
		return fmt.Sprintf("closed loop, %s, beside %d that send much and read little", what, s.Slow)
	case s.Depth > 1:
		return fmt.Sprintf("closed loop, %s, %d on their way in each", what, s.Depth)
	}
	return "closed loop, " + what
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
