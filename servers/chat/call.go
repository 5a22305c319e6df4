//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

import "time"

// CommandSpec is a command that Options.Commands adds.
type CommandSpec struct {
	// Usage is what comes behind its name, as "[ROOM] TEXT"; Help is what it does, in a
	// few words.
	Usage, Help string
	// Operator: only operators may give it.
	Operator bool
	// Do does it. It must not wait: the chat does as long.
	Do func(c *Call)
}

// Call is a command that somebody has given. It is good during CommandSpec.Do only.
type Call struct {
	Command
	hub    *hub
	person *person
}

// Nick is who has given it.
func (c *Call) Nick() string { return c.person.nick }

// Operator reports whether that is an operator.
func (c *Call) Operator() bool { return c.person.operator }

// Now is the chat's time.
func (c *Call) Now() time.Time { return c.hub.now }

// Reply answers who has given it, and nobody else.
func (c *Call) Reply(text string) {
	c.hub.send(c.person, Event{Kind: Notice, Text: clean(text, c.hub.o.MaxText)})
}

// Fail tells who has given it that it was not done, and why.
func (c *Call) Fail(text string) {
	c.hub.tell(c.person, &failure{CodeUsage, clean(text, c.hub.o.MaxText)}, c.ID)
}

// Say has the member say something, as if it had typed that: in c.Room, or the room
// that it has joined last.
func (c *Call) Say(text string) {
	c.hub.tell(c.person, c.hub.utter(c.person, &Command{Room: c.Room, Text: text, ID: c.ID}, Said), c.ID)
}
