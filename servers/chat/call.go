//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

// CommandSpec is a command that Options.Commands adds.
type CommandSpec struct {
	// Usage is what comes behind its name, as "[ROOM] TEXT"; Help is what it does, in a few words.
	Usage, Help string
	// Operator: only operators may give it.
	Operator bool
	// Do does it. It must not wait: the chat does as long.
	Do func(c *Call)
}
