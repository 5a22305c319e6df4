package sys

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// The calls that bind threads to processors.
const (
	OpSetAffinity Op = "sched_setaffinity"
	OpGetAffinity Op = "sched_getaffinity"
)

// SetAffinity is sched_setaffinity(2): the calling thread, which the caller has
// locked, runs on that processor only. EINVAL: there is none of that number, or
// the process may not use it.
func SetAffinity(cpu int) Errno {
	call := func(*Call) (int, Errno) {
		if cpu < 0 || cpu >= maxCPUs {
			return -1, unix.EINVAL
		}
		set := unix.NewCPUSet(cpu + 1)
		set.Set(cpu)
		return ret(0, unix.SchedSetaffinityDynamic(0, set))
	}
	if h := hooks.Load(); h != nil {
		_, e := h.do(Call{Op: OpSetAffinity, FD: -1, Args: fmt.Sprintf("0, [%d]", cpu)}, call)
		return e
	}
	_, e := call(nil)
	return e
}

// maxCPUs is more than any Linux is built for (8192).
const maxCPUs = 1 << 16

// Affinity is sched_getaffinity(2): the processors that the calling thread may
// use, in order, which are the process's unless [SetAffinity] was called on it.
func Affinity() (cpus []int, errno Errno) {
	call := func(c *Call) (int, Errno) {
		cpus, errno = affinity()
		if c != nil && errno == 0 {
			c.Out = fmt.Sprint(cpus)
		}
		return result(errno)
	}
	if h := hooks.Load(); h != nil {
		_, errno = h.do(Call{Op: OpGetAffinity, FD: -1, Args: "0"}, call)
	} else {
		_, errno = call(nil)
	}
	return cpus, errno
}

func affinity() (cpus []int, errno Errno) {
	// EINVAL says that the kernel's set is larger than ours.
	for size := 1024; size <= maxCPUs; size *= 2 {
		set := unix.NewCPUSet(size)
		if _, errno = ret(0, unix.SchedGetaffinityDynamic(0, set)); errno == unix.EINVAL {
			continue
		}
		for cpu := range size {
			if set.IsSet(cpu) {
				cpus = append(cpus, cpu)
			}
		}
		break
	}
	return cpus, errno
}
