//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"example.com/iomux"
	"example.com/iomux/reactor"
)

// loopFlags say how the loops run.
type loopFlags struct {
	loops        count
	backend      choice
	wait         choice
	pin          bool
	slowCallback span
}

// maxLoops is far beyond what helps, and below what could hurt.
const maxLoops = 1024

func (f *loopFlags) group() *pflag.FlagSet {
	*f = loopFlags{
		loops:        count{max: maxLoops},
		backend:      choice{name: "NAME", of: backendNames()},
		wait:         choice{name: "HOW", of: []string{string(reactor.Fair), string(reactor.Polite)}},
		slowCallback: span{value: 100 * time.Millisecond, min: time.Millisecond, off: true},
	}
	g := flagGroup("Loops")
	g.Var(&f.loops, "loops", "how many event loops (default one a processor)")
	g.Var(&f.backend, "backend", "what waits (default the best here): "+orList(f.backend.of))
	g.Var(&f.wait, "wait", "how a loop waits (see \"iomux backends\"): "+orList(f.wait.of))
	g.BoolVar(&f.pin, "pin", false, "keep each loop on a processor of its own (Linux)")
	g.Var(&f.slowCallback, "slow-callback", "log a callback that takes so long, or off")
	return g
}

// complete has a shell complete what the flags take.
func (f *loopFlags) complete(cmd *cobra.Command) {
	f.backend.complete(cmd, "backend")
	f.wait.complete(cmd, "wait")
}

func (f *loopFlags) apply(o *reactor.Options) {
	o.Backend = iomux.Backend(f.backend.value)
	o.Loops = f.loops.value
	o.Wait = reactor.WaitMode(f.wait.value)
	o.Pin = f.pin
	o.SlowCallback = f.slowCallback.value
	if o.SlowCallback == 0 {
		o.SlowCallback = -1 // never
	}
}

// explain says of a backend that does not work what would.
func (f *loopFlags) explain(err error) error {
	if f.backend.value == "" || errors.Is(err, reactor.ErrOption) {
		return err
	}
	var here []string
	for _, b := range iomux.Backends() {
		if string(b) == f.backend.value {
			return err // it works: something else is wrong
		}
		here = append(here, string(b))
	}
	return fmt.Errorf("backend %q does not work here: %w; want %s", f.backend.value, err, orList(here))
}
