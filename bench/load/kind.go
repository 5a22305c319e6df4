//go:build linux

package load

import "fmt"

// Kind is what a run does to its server.
type Kind int

// The kinds there are.
const (
	// Echo sends messages over connections that stay, and gets them back.
	Echo Kind = iota
	// Churn makes a connection for every message: connect, one echo, close.
	Churn
	// Idle makes connections that say something once and then are silent.
	Idle
	// Chat has one member send bursts of lines that every member receives.
	Chat
	// Room has a speaker say lines at their times, and all others hear them.
	Room
	// UDP sends datagrams and gets them back.
	UDP
)

var kindNames = [...]string{Echo: "echo", Churn: "churn", Idle: "idle", Chat: "chat", Room: "room", UDP: "udp"}

// String is the kind's name in lower case.
func (k Kind) String() string {
	if !k.known() {
		return fmt.Sprintf("Kind(%d)", int(k))
	}
	return kindNames[k]
}

func (k Kind) known() bool { return k >= 0 && int(k) < len(kindNames) }
