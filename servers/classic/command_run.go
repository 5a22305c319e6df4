//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"example.com/iomux/internal/sys/launch"
)

const (
	// commandSlice is how often a client is looked at while its program runs: what
	// waits for the one cannot wait for the other too.
	commandSlice = 200 * time.Millisecond
	// commandLook is for how long: time enough to read what has come.
	commandLook = 10 * time.Millisecond
	// commandAhead is how much a client may send meanwhile. One that speaks the
	// protocol sends nothing, or a few frames.
	commandAhead = 4 * commandMax
	// outputGrace is how long output may keep coming when the program has ended: it is
	// for who has moved out of the program's session, and holds its output open.
	outputGrace = time.Second
)

// perform runs a program, and looks after its client meanwhile.
func (c *commandSession) perform(program commandProgram, args []string) commandAnswer {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan commandAnswer, 1)
	// Not on the worker of Await: the program has its limits, whatever becomes of the
	// coroutine.
	go func() { done <- c.run(ctx, program, args) }()
	var answer commandAnswer
	for finished := false; !finished; {
		err := c.request.Await(func() error {
			slice := time.NewTimer(commandSlice)
			defer slice.Stop()
			select {
			case answer = <-done:
				finished = true
			case <-slice.C:
			}
			return nil
		})
		if err == nil && !finished && !c.gone() {
			continue
		}
		cancel()
		if err != nil {
			return commandAnswer{status: commandGone}
		}
	}
	return answer
}

// gone looks whether the client has ended its side, or the connection. What it has sent
// instead is kept.
func (c *commandSession) gone() bool {
	if c.left {
		return true
	}
	if c.conn.SetReadDeadline(time.Now().Add(commandLook)) != nil {
		c.left = true
		return true
	}
	p := make([]byte, chunk)
	n, err := c.conn.Read(p)
	c.ahead = append(c.ahead, p[:n]...)
	c.left = err != nil && !errors.Is(err, os.ErrDeadlineExceeded) || len(c.ahead) > commandAhead
	return c.left
}

// run runs a program when it is its turn, until it ends or has to: when ctx ends, its
// client has gone.
func (c *commandServer) run(ctx context.Context, program commandProgram, args []string) commandAnswer {
	limit := time.NewTimer(c.timeLimit)
	defer limit.Stop()
	select {
	case c.turns <- struct{}{}:
	case <-limit.C:
		return commandAnswer{status: CommandBusy}
	case <-ctx.Done():
		return commandAnswer{status: commandGone}
	}
	defer func() { <-c.turns }()
	r, w, err := os.Pipe()
	if err != nil {
		return cannotRun(err)
	}
	defer func() { _ = r.Close() }() // nothing is written to it
	p := c.launch
	p.Path, p.Args = program.path, append([]string{program.name}, args...)
	child, err := launch.Start(p, w)
	_ = w.Close() // the program has its own
	if err != nil {
		return cannotRun(err)
	}
	output, full := make(chan []byte, 1), make(chan struct{})
	go func() {
		all, _ := io.ReadAll(io.LimitReader(r, int64(c.outputLimit)+1)) // an error is the deadline's below
		if len(all) > c.outputLimit {
			close(full)
		}
		output <- all[:min(len(all), c.outputLimit)]
	}()
	answer := commandAnswer{}
	limit.Reset(c.timeLimit)
	select {
	case <-child.Exited():
	case <-full:
	case <-limit.C:
		answer.status = CommandLate
	case <-ctx.Done():
		answer.status = commandGone
	}
	state, err := child.End()
	_ = r.SetReadDeadline(time.Now().Add(outputGrace)) // a pipe takes one
	answer.output = <-output
	cut := false
	select {
	case <-full:
		cut = true
	default:
	}
	switch {
	case answer.status != CommandOK:
	case cut:
		answer.status = CommandCut
	case err != nil:
		return cannotRun(err)
	case !state.Success():
		answer.status, answer.why = CommandFailed, state.String()
	}
	return answer
}

// cannotRun is the answer if a program did not begin. Why is for the log alone.
func cannotRun(err error) commandAnswer {
	return commandAnswer{status: CommandFailed, why: fmt.Sprintf("cannot run: %+q", err)}
}
