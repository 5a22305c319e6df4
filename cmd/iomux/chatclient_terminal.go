//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/term"
)

// chatLineLimit is how long a line may be that is sent, in bytes, without its end.
const chatLineLimit = 4096

// farewellTime is how long a server may take to end the connection when one has said
// that one leaves.
const farewellTime = 3 * time.Second

// conversation is a chat on a terminal.
type conversation struct {
	*chatClient
	out     io.Writer
	restore func() error // has the terminal be as it was

	// lock is for what follows, and for the editor, which has it but while it waits for
	// a key. So nothing is drawn between two keys that the editor does not know of.
	lock   sync.Mutex
	editor *term.Terminal // nil: the terminal does its own editing again
	scene  *scene
	link   *link    // nil: not connected
	broken error    // why it could not be sent to
	asked  bool     // /login is on its way
	again  []string // the rooms one was in before
	cut    bool     // the last piece was not a line's end
	quits  bool

	signals chan os.Signal
	ended   chan error // a connection has
	typed   chan error // the input has
	dialled chan dialled
	retry   <-chan time.Time
	tries   int
	since   time.Time
}

// dialled is what has come of another attempt to connect.
type dialled struct {
	link *link
	err  error
}

// converse talks until one side ends it.
func (c *chatClient) converse(l *link, stdin, stdout *os.File) (err error) {
	fd := int(stdin.Fd())
	v := &conversation{
		chatClient: c, out: stdout, scene: newScene(),
		signals: make(chan os.Signal, 1), ended: make(chan error, 1), typed: make(chan error, 1), dialled: make(chan dialled, 1),
	}
	signal.Notify(v.signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGWINCH)
	defer signal.Stop(v.signals)
	state, err := term.MakeRaw(fd)
	if err != nil {
		return errors.Join(fmt.Errorf("cannot edit lines on this terminal: %w", err), l.close())
	}
	// The terminal must not be left raw, whatever happens.
	v.restore = sync.OnceValue(func() error { return term.Restore(fd, state) })
	defer func() {
		v.lock.Lock()
		defer v.lock.Unlock()
		err = errors.Join(err, v.leave())
	}()
	v.editor = term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{&keys{in: stdin, lock: &v.lock, interrupted: v.warn}, stdout}, prompt)
	v.editor.History = &typedLines{}
	v.editor.AutoCompleteCallback = v.complete
	resize := func() {
		v.lock.Lock()
		defer v.lock.Unlock()
		if width, height, err := term.GetSize(int(stdout.Fd())); err == nil && width > 0 && v.editor != nil {
			_ = v.editor.SetSize(width, height) // it fails for lack of output only, which reading reports
		}
	}
	resize()
	v.lock.Lock()
	v.begin(l)
	v.lock.Unlock()
	go func(editor *term.Terminal) { v.typed <- v.speak(editor) }(v.editor)
	return v.run(resize)
}

// run waits for what happens.
func (v *conversation) run(resize func()) error {
	var over <-chan time.Time
	for {
		select {
		case err := <-v.ended:
			if end, err := v.lost(err); end {
				return err
			}
		case <-v.retry:
			v.retry = nil
			go func() {
				l, err := v.dial()
				v.dialled <- dialled{l, err}
			}()
		case d := <-v.dialled:
			v.back(d)
		case err := <-v.typed:
			if err = errors.Join(err, v.bye()); err != nil || v.link == nil {
				return err
			}
			over = time.After(farewellTime)
		case <-over:
			return nil
		case s := <-v.signals:
			if s != syscall.SIGWINCH {
				return bySignal(s)
			}
			resize()
		}
	}
}
