//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

import (
	"bytes"
	"fmt"
	"strings"
)

// Lines is the chat as lines of text, for nc, telnet and people.
type Lines struct {
	// OwnLines has members get what they have said themselves.
	OwnLines bool
}

// lineLimit is how long a line may be, without its end.
const lineLimit = 4096

// Traits implements Codec.
func (l Lines) Traits() Traits { return Traits{Echo: l.OwnLines, Foreign: true} }

// Decode implements Codec.
func (Lines) Decode(p []byte, ends bool) (c Command, used int, err error) {
	line, _, whole := bytes.Cut(p, []byte("\n"))
	used = len(line)
	switch {
	case len(line) > lineLimit:
		why := fmt.Sprintf("a line may have %d bytes", lineLimit)
		return c, 0, &Refusal{Why: why, Reply: []byte("** !! " + why + "\r\n")}
	case whole:
		used++
	case !ends:
		return c, 0, nil
	}
	return parseLine(string(withoutTelnet(line))), used, nil
}

// Telnet's commands, RFC 854.
const (
	telnetSE   = 240
	telnetSB   = 250
	telnetWILL = 251
	telnetDONT = 254
	telnetIAC  = 255
)

// withoutTelnet leaves telnet's commands out: what a client that negotiates sends
// between the lines. Not all clients that are called telnet do.
func withoutTelnet(line []byte) []byte {
	if bytes.IndexByte(line, telnetIAC) < 0 {
		return line
	}
	out := make([]byte, 0, len(line))
	for i := 0; i < len(line); i++ {
		if line[i] != telnetIAC {
			out = append(out, line[i])
			continue
		}
		if i++; i == len(line) {
			break
		}
		switch c := line[i]; {
		case c == telnetSB:
			end := bytes.Index(line[i:], []byte{telnetIAC, telnetSE})
			if end < 0 {
				return out
			}
			i += end + 1
		case c >= telnetWILL && c <= telnetDONT:
			i++ // the option
		}
	}
	return out
}

// parseLine makes a command of a line.
func parseLine(line string) Command {
	line = strings.TrimSpace(line)
	rest, isCommand := strings.CutPrefix(line, "/")
	switch {
	case line == "":
		return Command{}
	case !isCommand:
		return Command{Name: "say", Text: line}
	case strings.HasPrefix(rest, "/"):
		return Command{Name: "say", Text: rest}
	}
	name, rest, _ := strings.Cut(rest, " ")
	c := Command{Name: strings.ToLower(name), Text: strings.TrimSpace(rest)}
	if c.Name == "" || c.Name == helloCommand { // which is for programs
		c.Name = "/" + c.Name
	}
	switch c.Name {
	case "join", "part", "who":
		c.Room, c.Text = cutWord(c.Text)
	case "msg", "kick", "mute", "unmute", "ban", "unban":
		c.To, c.Text = cutWord(c.Text)
	case "login":
		if first, second := cutWord(c.Text); second != "" {
			c.To, c.Text = first, second
		}
	}
	return c
}

// cutWord splits the first word off.
func cutWord(s string) (word, rest string) {
	word, rest, _ = strings.Cut(s, " ")
	return word, strings.TrimSpace(rest)
}

// Encode implements Codec. Texts are clean: there is no end of line in them, nor
// anything a terminal would act on.
func (Lines) Encode(dst []byte, e *Event) []byte {
	switch e.Kind {
	case Said:
		return line(dst, e.Room, e, "%s: %s", e.Nick, e.Text)
	case Acted:
		return line(dst, e.Room, e, "* %s %s", e.Nick, e.Text)
	case Told:
		return fmt.Appendf(dst, "-> %s, from %s: %s\r\n", e.To, e.Nick, e.Text)
	case Welcome:
		return lineWelcome(dst, e)
	case Named:
		return fmt.Appendf(dst, "** you are called %s now\r\n", e.Nick)
	case Joined:
		return line(dst, e.Room, e, "** %s has joined", e.Nick)
	case Left:
		return line(dst, e.Room, e, "** %s has left%s", e.Nick, because(e.Text))
	case Renamed:
		return line(dst, e.Room, e, "** %s is called %s now", e.Nick, e.To)
	case Topic:
		if e.Text == "" {
			return line(dst, e.Room, e, "** there is no topic any more (by %s)", e.Nick)
		}
		return line(dst, e.Room, e, "** the topic is: %s (by %s)", e.Text, e.Nick)
	case Kicked:
		return line(dst, e.Room, e, "** %s was put out by %s%s", e.Nick, e.By, because(e.Text))
	case Entered:
		return line(dst, e.Room, e, "** you are in the room, with %s. /part leaves it.", others(e))
	case Exited:
		return line(dst, e.Room, e, "** you are not in the room any more%s", because(e.Text))
	case Members:
		dst = line(dst, e.Room, e, "** here are %d: %s", e.Count, strings.Join(e.Names, ", "))
		return dst
	case Rooms:
		return lineRooms(dst, e)
	case Notice:
		if e.By != "" {
			return fmt.Appendf(dst, "** from %s, to all: %s\r\n", e.By, e.Text)
		}
		return fmt.Appendf(dst, "** %s\r\n", e.Text)
	case Failed:
		return fmt.Appendf(dst, "** !! %s\r\n", e.Text)
	case Pong:
		return append(dst, "** pong\r\n"...)
	}
	return dst
}

// line is one about a room. What was said before has its time.
func line(dst []byte, room string, e *Event, format string, args ...any) []byte {
	dst = append(append(append(dst, '['), room...), "] "...)
	if e.Old && e.Seq > 0 {
		dst = append(e.Time.UTC().AppendFormat(dst, stampLayout), ' ')
	}
	return append(fmt.Appendf(dst, format, args...), "\r\n"...)
}

func lineWelcome(dst []byte, e *Event) []byte {
	dst = fmt.Appendf(dst, "** Welcome to %s. You are %s; /nick NAME changes that, /help lists what there is.\r\n", e.By, e.Nick)
	for text := range strings.Lines(e.Text) {
		dst = fmt.Appendf(dst, "** %s\r\n", strings.TrimRight(text, "\r\n"))
	}
	if e.Login {
		dst = append(dst, "** Log in first: /login NAME SECRET, or /login TOKEN\r\n"...)
	}
	return dst
}

func lineRooms(dst []byte, e *Event) []byte {
	for _, r := range e.Rooms {
		dst = fmt.Appendf(dst, "** %s (%d)", r.Name, r.Count)
		if r.Topic != "" {
			dst = append(append(dst, ": "...), r.Topic...)
		}
		dst = append(dst, "\r\n"...)
	}
	if more := e.Count - len(e.Rooms); more > 0 {
		dst = fmt.Appendf(dst, "** and %d more\r\n", more)
	}
	return dst
}

// because is the reason, if one was given.
func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}

// others tells who else is in a room that one has entered.
func others(e *Event) string {
	n := e.Count - 1
	if n <= 0 {
		return "nobody else"
	}
	const shown = 20
	var text strings.Builder
	fmt.Fprintf(&text, "%d others", n)
	if n == 1 {
		text.Reset()
		text.WriteString("1 other")
	}
	if len(e.Names) == 0 || n > shown {
		return text.String()
	}
	text.WriteString(": ")
	first := true
	for _, name := range e.Names {
		if name == e.Nick {
			continue
		}
		if !first {
			text.WriteString(", ")
		}
		first = false
		text.WriteString(name)
	}
	return text.String()
}
