//go:build linux

package run

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// usage is what a process has used so far.
type usage struct {
	cpu      time.Duration // user and system, of all its threads, ended ones too
	user     int64         // ticks, as is system: too coarse for anything but their proportion
	system   int64
	switches int64 // context switches of the threads it has now, of either kind
	rss      int64 // bytes
	reads    int64 // calls of the kind of read, and of write
	writes   int64
}

func processUsage(pid int) (u usage, err error) {
	if u.cpu, err = cpuTime(pid); err != nil {
		return u, err
	}
	if u.user, u.system, err = ticks(pid); err != nil {
		return u, err
	}
	// Where it may not be read, nothing is known of calls.
	if io, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid)); err == nil {
		u.reads, u.writes = field(io, "syscr"), field(io, "syscw")
	}
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil {
		return u, err
	}
	for _, path := range tasks {
		status, err := os.ReadFile(path)
		if err != nil {
			continue // the thread has ended meanwhile
		}
		u.switches += field(status, "voluntary_ctxt_switches") + field(status, "nonvoluntary_ctxt_switches")
		u.rss = field(status, "VmRSS") << 10 // the same in each
	}
	return u, nil
}

// cpuTime is utime and stime of /proc/PID/stat, but in nanoseconds, which a run
// of half a second needs: ticks of 10 ms would be 2 % of it. The clock is what
// clock_getcpuclockid(3) would name.
func cpuTime(pid int) (time.Duration, error) {
	const cpuClockSched = 2
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|cpuClockSched), &ts); err != nil {
		return 0, os.NewSyscallError("clock_gettime", err)
	}
	return time.Duration(ts.Nano()), nil
}

// ticks is what /proc/PID/stat says of user and system time.
func ticks(pid int) (user, system int64, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, err
	}
	// The second field is a name in brackets, which may have any letters.
	const utime, stime = 11, 12 // counted from behind the name
	words := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(words) <= stime {
		return 0, 0, fmt.Errorf("/proc/%d/stat: %q", pid, stat)
	}
	if user, err = strconv.ParseInt(string(words[utime]), 10, 64); err != nil {
		return 0, 0, err
	}
	system, err = strconv.ParseInt(string(words[stime]), 10, 64)
	return user, system, err
}

// systemShare is the kernel's share of the CPU time since then, from 0 to 1.
func (u usage) systemShare(then usage) float64 {
	user, system := u.user-then.user, u.system-then.system
	if user+system <= 0 {
		return 0
	}
	return float64(system) / float64(user+system)
}

// field is the number behind "name:" in a status file; 0 if there is none.
func field(status []byte, name string) int64 {
	for line := range bytes.Lines(status) {
		if rest, ok := bytes.CutPrefix(line, []byte(name+":")); ok {
			if words := bytes.Fields(rest); len(words) > 0 {
				n, _ := strconv.ParseInt(string(words[0]), 10, 64)
				return n
			}
		}
	}
	return 0
}

// busyTime is how long the machine's CPUs have done anything at all, time taken
// away by the hypervisor included.
func busyTime() (time.Duration, error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	line, _, _ := bytes.Cut(stat, []byte("\n"))
	words := bytes.Fields(line) // cpu user nice system idle iowait irq softirq steal guest guest_nice
	if len(words) < 9 {
		return 0, fmt.Errorf("/proc/stat begins with %q", line)
	}
	var ticks int64
	for i, w := range words[1:9] {
		const idle, iowait = 3, 4
		if i == idle || i == iowait {
			continue
		}
		n, err := strconv.ParseInt(string(w), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/stat: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}

// tick is the unit of /proc/stat: USER_HZ is 100 on every Linux that Go runs on.
const tick = time.Second / 100
