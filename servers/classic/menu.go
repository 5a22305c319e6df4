//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"bytes"
	"flag"
	"fmt"
	"time"

	"example.com/iomux/reactor"
)

// menu is the telephone menu of number 10086: it greets, and answers choices until the
// client says exit. Its original has a thread for each caller; what a caller needs is
// to be remembered between two choices, and that is a bit.
var menu = Entry{
	Name:   "menu",
	About:  "the telephone menu 10086: answers choices until exit",
	Listen: []string{"tcp://127.0.0.1:8002"},
	Kinds:  []string{"tcp", "unix"},
	setup: func(flags *flag.FlagSet) func(Options) (*Server, error) {
		m := &calls{}
		flags.BoolVar(&m.exact, "exact", false, "take what each read brings as it is, line ends too, as in the tutorial")
		flags.DurationVar(&m.tick, "tick", 0, "say \"looping\" in the transcript each `TIME`; the tutorial's is 1s")
		return m.start
	},
}

// What the menu says.
const (
	menuGreeting = "欢迎致电 10086,请输入1xxx,0转人工服务."
	menuHuman    = "通过可能会被录音.balabala一大推"
	menuAgain    = "请重新输入."
)

// menuAnswers are the choices. The greeting names others, which lead nowhere.
var menuAnswers = map[string]string{"0": menuHuman}

const menuExit = "exit"

// calls serves those who call.
type calls struct {
	reactor.NopHandler
	exact bool
	tick  time.Duration
	say   *transcript
}

func (m *calls) start(o Options) (*Server, error) {
	if err := o.wantsTranscript("tick", m.tick != 0); err != nil {
		return nil, err
	}
	if m.tick < 0 {
		return nil, fmt.Errorf("classic: %w: tick is %v, want a positive one", reactor.ErrOption, m.tick)
	}
	m.say = o.say
	return onLoops(o, func(_ *Server, g *reactor.Group) handlers {
		if l := g.Loops()[0]; m.tick > 0 {
			_ = l.Post(func() { l.Every(m.tick, func() { m.say.line("looping") }) }) // it has just begun
		}
		return handlers{conns: m}
	})
}

// cut is the state of a call whose last choice has come without a line end: if one
// follows, it belongs to that choice and is none itself.
type cut struct{}

// Opened implements reactor.Handler.
func (m *calls) Opened(c *reactor.Conn) {
	if m.say != nil {
		m.say.line("get request")
		m.say.line("%s", pyAddr(c.RemoteAddr()))
	}
	c.Write([]byte(menuGreeting))
}

// Data implements reactor.Handler.
func (m *calls) Data(c *reactor.Conn, p []byte) int {
	next := m.nextLine
	if m.exact {
		next = m.nextChunk
	}
	for rest := p; len(rest) > 0; {
		var choice []byte
		var is bool
		if choice, rest, is = next(c, rest); !is {
			continue
		}
		if string(choice) == menuExit {
			c.Close()
			break
		}
		answer, ok := menuAnswers[string(choice)]
		if !ok {
			answer = menuAgain
		}
		c.Write([]byte(answer))
	}
	return len(p)
}

// nextChunk is a choice of what one read of the original's brings.
func (m *calls) nextChunk(_ *reactor.Conn, p []byte) (choice, rest []byte, is bool) {
	n := min(chunk, len(p))
	return p[:n], p[n:], true
}

// nextLine is a choice that ends with a line or, as programs send no line ends, with
// what has arrived. is: it is one, and not the end of the last one.
func (m *calls) nextLine(c *reactor.Conn, p []byte) (choice, rest []byte, is bool) {
	line, rest, whole := bytes.Cut(p, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	_, goesOn := c.Context().(cut)
	c.SetContext(nil)
	if !whole {
		c.SetContext(cut{})
	}
	return line, rest, !goesOn || len(line) > 0
}
