//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package launch

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

const (
	// marker is the name by which Start calls this process's program.
	marker = "iomux-launch"
	// failure is the descriptor on which Main says why there is no program.
	failure = 3
	// cannot is the exit status then, that of a shell's.
	cannot = 126
)

// Main is to be called first in main, and in a TestMain or an init of tests. In a
// process that Start has made it becomes the program, and returns only if that fails:
// then launched is true, and the process has to exit with status. In any other
// process it returns false.
func Main() (status int, launched bool) {
	if len(os.Args) == 0 || os.Args[0] != marker {
		ready.Store(true)
		return 0, false
	}
	err := become(os.Args[1:])
	_, _ = os.NewFile(failure, "failure").WriteString(err.Error()) // who else could be told?
	return cannot, true
}

// become makes the process the program that args say: limits, path, name, arguments.
func become(args []string) error {
	var limits Limits
	if len(args) < 3 {
		return errors.New("want limits, a path and a name")
	}
	if err := limits.parse(args[0]); err != nil {
		return err
	}
	// Rights are a thread's: the one that executes must be the one that gave them up.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	closeOnExec(failure)
	if err := noNewPrivileges(); err != nil {
		return fmt.Errorf("no new privileges: %w", err)
	}
	path, argv, env := args[1], args[2:], os.Environ()
	// Last, for this process keeps to the limits too.
	if err := limits.set(); err != nil {
		return err
	}
	return fmt.Errorf("execute %s: %w", path, unix.Exec(path, argv, env))
}

// String is the limits as parse reads them.
func (l Limits) String() string { return fmt.Sprintf("%d,%d,%d", l.CPU, l.Memory, l.Processes) }

func (l *Limits) parse(s string) error {
	if _, err := fmt.Sscanf(s, "%d,%d,%d", &l.CPU, &l.Memory, &l.Processes); err != nil {
		return fmt.Errorf("limits %q: %w", s, err)
	}
	return nil
}

// set limits this process. A core file would be 0 bytes long.
func (l Limits) set() error {
	for _, r := range []struct {
		name     string
		resource int
		value    int64
	}{
		{"core", unix.RLIMIT_CORE, 0},
		{"processor time", unix.RLIMIT_CPU, l.CPU},
		{"processes", unix.RLIMIT_NPROC, l.Processes},
		{"memory", memory, l.Memory},
	} {
		if r.value == 0 && r.resource != unix.RLIMIT_CORE {
			continue
		}
		var limit unix.Rlimit
		if err := unix.Getrlimit(r.resource, &limit); err != nil {
			return fmt.Errorf("limit of %s: %w", r.name, err)
		}
		lower(&limit.Max, r.value)
		limit.Cur = limit.Max
		if err := unix.Setrlimit(r.resource, &limit); err != nil {
			return fmt.Errorf("limit of %s: %w", r.name, err)
		}
	}
	return nil
}

// lower makes a limit no larger than value. Its type is the system's.
func lower[T int64 | uint64](limit *T, value int64) {
	if *limit > T(value) {
		*limit = T(value)
	}
}
