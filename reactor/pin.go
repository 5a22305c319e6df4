//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"fmt"
	"runtime"

	"example.com/iomux/internal/sys"
)

// pin binds the loop's goroutine to a thread and that to a processor, if Options
// asked for it. Open has seen that it works.
func (l *Loop) pin() {
	if len(l.group.cpus) == 0 {
		return
	}
	runtime.LockOSThread()
	cpu := l.group.cpus[l.number%len(l.group.cpus)]
	if errno := sys.SetAffinity(cpu); errno != 0 {
		l.log.Warn("cannot pin a loop", "loop", l.number, "cpu", cpu, "err", errno)
	}
}

// affinity is the processors that a group may pin its loops to.
func affinity() ([]int, error) {
	cpus, errno := sys.Affinity()
	if errno != 0 {
		return nil, fmt.Errorf("reactor: pin loops to processors: %w", errno)
	}
	return cpus, nil
}
