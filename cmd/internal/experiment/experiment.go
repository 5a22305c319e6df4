//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package experiment

import (
	"errors"
	"fmt"
)

// Experiment is one of them.
type Experiment struct {
	Name    string
	Shows   string // in a line
	Expects string // the observation, if the kernel is as the course says
	run     func(*lab) string
}

// Result is what an experiment wrote down.
type Result struct {
	Name, Shows string
	Steps       []Step
	Expected    string
	Observed    string
}

// Step is one thing that is done, and the calls it takes.
type Step struct {
	Text  string
	Lines []Line
}

// Line is a system call as C has it and what came back, or, without an Answer, a
// remark.
type Line struct{ Text, Answer string }

// ErrUnexpected: the kernel did something else than the course says.
var ErrUnexpected = errors.New("not what was expected")

// All are the experiments that can be made on this system, in the order of the course.
func All() []Experiment { return all() }

// Find is the experiment of a name.
func Find(name string) (Experiment, bool) {
	for _, e := range All() {
		if e.Name == name {
			return e, true
		}
	}
	return Experiment{}, false
}

// Run makes the experiment. The Result holds what was written down also when there is
// an error: ErrUnexpected, or that a call failed which had to work. It must not run
// together with another one: some of them change what the whole process shares.
func (e Experiment) Run() (r Result, err error) {
	l := &lab{}
	defer func() {
		bug := recover()
		if f, ok := bug.(failure); ok {
			bug, err = nil, fmt.Errorf("%s: %w", e.Name, f.error)
		}
		if left := l.leave(); left != nil {
			err = errors.Join(err, fmt.Errorf("%s: clean-up: %w", e.Name, left))
		}
		r.Steps = l.steps
		if bug != nil {
			panic(bug)
		}
	}()
	r = Result{Name: e.Name, Shows: e.Shows, Expected: e.Expects}
	r.Observed = e.run(l)
	if r.Observed != e.Expects {
		return r, fmt.Errorf("%s: %w: want %q, observed %q", e.Name, ErrUnexpected, e.Expects, r.Observed)
	}
	return r, nil
}
