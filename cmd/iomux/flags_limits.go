//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"math"
	"time"

	"github.com/spf13/pflag"

	"example.com/iomux/reactor"
)

// limitFlags bound what clients may take.
type limitFlags struct {
	maxConns, maxConnsPerAddr       count
	highWater, lowWater, writeLimit size
	memoryLimit                     size
}

func (f *limitFlags) group() *pflag.FlagSet {
	*f = limitFlags{
		maxConns:        count{max: math.MaxInt32},
		maxConnsPerAddr: count{max: math.MaxInt32},
		highWater:       256 << 10,
		lowWater:        64 << 10,
		writeLimit:      1 << 20,
		memoryLimit:     1 << 30,
	}
	g := flagGroup("Limits")
	g.Var(&f.maxConns, "max-conns", "connections at a time (default no limit)")
	g.Var(&f.maxConnsPerAddr, "max-conns-per-addr", "those from one address, of IPv6 one /64 (default no limit)")
	g.Var(&f.highWater, "high-water", "read no more from a client while more waits for it")
	g.Var(&f.lowWater, "low-water", "read again when no more than this waits")
	g.Var(&f.writeLimit, "write-limit", "close a client when more waits for it")
	g.Var(&f.memoryLimit, "memory-limit", "what may wait for all clients together")
	return g
}

// check refuses what the flags cannot be together.
func (f *limitFlags) check() error {
	if f.lowWater > f.highWater || f.highWater > f.writeLimit {
		return usagef("--low-water %v, --high-water %v, --write-limit %v: want none larger than the next", &f.lowWater, &f.highWater, &f.writeLimit)
	}
	return nil
}

func (f *limitFlags) apply(o *reactor.Options) {
	o.MaxConns, o.MaxConnsPerAddr = f.maxConns.value, f.maxConnsPerAddr.value
	o.HighWater, o.LowWater = int(f.highWater), int(f.lowWater)
	o.WriteLimit, o.MemoryLimit = int(f.writeLimit), int(f.memoryLimit)
}

// timeFlags bound how long clients may keep the server waiting.
type timeFlags struct {
	handshake, idle, write, drain span
}

func (f *timeFlags) group() *pflag.FlagSet {
	*f = timeFlags{
		handshake: span{min: time.Millisecond, off: true},
		idle:      span{value: 5 * time.Minute, min: time.Millisecond, off: true},
		write:     span{value: 30 * time.Second, min: time.Millisecond, off: true},
		drain:     span{value: 10 * time.Second},
	}
	g := flagGroup("Timeouts")
	g.Var(&f.handshake, "handshake-timeout", "close a client that has sent nothing yet, or off")
	g.Var(&f.idle, "idle-timeout", "close a client when nothing goes either way, or off")
	g.Var(&f.write, "write-timeout", "close a client that takes none of its output, or off")
	g.Var(&f.drain, "drain-timeout", "cut what has not drained at the end")
	return g
}

func (f *timeFlags) apply(o *reactor.Options) {
	o.Timeouts = reactor.Timeouts{Handshake: f.handshake.value, Idle: f.idle.value, Write: f.write.value}
}
