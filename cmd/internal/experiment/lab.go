//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package experiment

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// patience bounds what would otherwise hang; no experiment depends on it.
const patience = 20 * time.Second

// lab is where an experiment is made. It keeps what is written down, and the
// descriptors, of which it leaves none open.
type lab struct {
	steps   []Step
	open    []file
	cleanup []func()
}

// file is a descriptor with the name that it has in the transcript.
type file struct {
	fd   int
	name string
}

// failure is the panic with which an experiment gives up.
type failure struct{ error }

// fail gives up: something that had to work did not.
func (l *lab) fail(format string, args ...any) {
	panic(failure{fmt.Errorf(format, args...)})
}

// must gives up if err is not nil.
func (l *lab) must(what string, err error) {
	if err != nil {
		l.fail("%s: %w", what, err)
	}
}

// step begins the next one.
func (l *lab) step(format string, args ...any) {
	l.steps = append(l.steps, Step{Text: fmt.Sprintf(format, args...)})
}

// call writes down a call that was made, and its answer.
func (l *lab) call(text, answer string) {
	s := &l.steps[len(l.steps)-1]
	s.Lines = append(s.Lines, Line{Text: text, Answer: answer})
}

// note writes down a remark.
func (l *lab) note(format string, args ...any) { l.call(fmt.Sprintf(format, args...), "") }

// later has f run when the experiment is over.
func (l *lab) later(f func()) { l.cleanup = append(l.cleanup, f) }

// leave undoes what was done, the last first, and all of it, also where something of it
// fails.
func (l *lab) leave() (err error) {
	for _, f := range slices.Backward(l.cleanup) {
		err = errors.Join(err, undo(f))
	}
	for _, f := range l.open {
		_ = unix.Close(f.fd) // nothing more can be done about it
	}
	l.open, l.cleanup = nil, nil
	return err
}

// undo runs a clean-up. What goes wrong in it is its error, a bug of it too: the other
// clean-ups have still to run.
func undo(f func()) (err error) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case failure:
			err = v.error
		default:
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	f()
	return nil
}

// own makes a descriptor the lab's.
func (l *lab) own(fd int, name string) file {
	f := file{fd, name}
	l.open = append(l.open, f)
	return f
}

// disown is what closing one means for the lab.
func (l *lab) disown(f file) {
	l.open = slices.DeleteFunc(l.open, func(o file) bool { return o == f })
}

// number is the answer of a call that returns a number.
func number(n int, err error) string {
	if err != nil {
		return failed(err)
	}
	return fmt.Sprint(n)
}

// failed is the answer of a call that failed.
func failed(err error) string {
	if errno := unix.Errno(0); errors.As(err, &errno) {
		return "-1 " + unix.ErrnoName(errno)
	}
	return "-1 " + err.Error()
}

// errnoName is the name of an error, "" for none.
func errnoName(err error) string {
	if err == nil {
		return ""
	}
	return failed(err)[len("-1 "):]
}

// await waits until done says so.
func (l *lab) await(what string, done func() bool) {
	for end := time.Now().Add(patience); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			l.fail("waited %v in vain for %s", patience, what)
		}
	}
}
