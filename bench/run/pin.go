//go:build linux

package run

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// places says which CPUs the two sides run on; nil leaves it to the kernel.
type places struct {
	generator, server *unix.CPUSet
}

// choosePlaces keeps the first CPU that this process may use for the generator
// and as many as there are loops behind it for the server.
func choosePlaces(loops int) (places, error) {
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return places{}, os.NewSyscallError("sched_getaffinity", err)
	}
	if n := allowed.Count(); n < loops+1 {
		return places{}, fmt.Errorf("not pinned: %d CPU(s) for %d loop(s) and the generator", n, loops)
	}
	p := places{new(unix.CPUSet), new(unix.CPUSet)}
	for cpu := 0; p.server.Count() < loops; cpu++ {
		switch {
		case !allowed.IsSet(cpu):
		case p.generator.Count() == 0:
			p.generator.Set(cpu)
		default:
			p.server.Set(cpu)
		}
	}
	return p, nil
}

// settle moves every thread of this process to the generator's place; threads
// to come inherit it.
func (p places) settle() error {
	if p.generator == nil {
		return nil
	}
	return eachThread(func(tid int) error {
		return os.NewSyscallError("sched_setaffinity", unix.SchedSetaffinity(tid, p.generator))
	})
}

// atServer calls start on a thread in the server's place, so that the process
// it starts is there from its first instruction: Go counts its CPUs then.
func (p places) atServer(start func() error) error {
	if p.server == nil {
		return start()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.SchedSetaffinity(0, p.server); err != nil {
		return os.NewSyscallError("sched_setaffinity", err)
	}
	err := start()
	if back := unix.SchedSetaffinity(0, p.generator); err == nil && back != nil {
		err = os.NewSyscallError("sched_setaffinity", back)
	}
	return err
}

// renice gives this process, and what it starts from now on, another priority.
func renice(n int) error {
	return eachThread(func(tid int) error {
		return os.NewSyscallError("setpriority", unix.Setpriority(unix.PRIO_PROCESS, tid, n))
	})
}

// eachThread calls f for every thread of this process. One that ends meanwhile
// does not matter; one that begins inherits from one that was here.
func eachThread(f func(tid int) error) error {
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, e := range entries {
		tid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if err := f(tid); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	return nil
}
