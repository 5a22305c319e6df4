//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package handover

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"example.com/iomux/internal/sys"
)

// firstInherited is SD_LISTEN_FDS_START of sd_listen_fds(3).
const firstInherited = 3

// Inherited are the sockets that systemd, or who follows its way of socket
// activation, has opened for this process: those that LISTEN_FDS counts, from
// descriptor 3 on, with the names in LISTEN_FDNAMES, as sd_listen_fds(3) says.
// Sockets of one address are one Socket, with the first one's name. They are
// non-blocking and close-on-exec, and the caller's to close.
//
// There are none where LISTEN_PID does not name this process: they are not meant
// for it. The variables are removed in any case, so that a child does not take
// them for its own, and so a second call finds none.
//
// Call it early: once something else runs that opens descriptors, a wrong count
// cannot be told from a right one. Errors: ErrEnvironment, ErrSocket, which name
// what is wrong; nothing was done to the descriptors then.
func Inherited() ([]Socket, error) {
	pid, forUs := os.LookupEnv("LISTEN_PID")
	count, counted := os.LookupEnv("LISTEN_FDS")
	names := os.Getenv("LISTEN_FDNAMES")
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		_ = os.Unsetenv(name) // it fails for names that cannot be
	}
	if !forUs || !counted {
		return nil, nil
	}
	list, err := inherited(pid, count, names)
	if err != nil {
		return nil, fmt.Errorf("handover: %w", err)
	}
	return list, nil
}

func inherited(pid, count, names string) ([]Socket, error) {
	switch n, err := strconv.Atoi(pid); {
	case err != nil || n <= 0:
		return nil, fmt.Errorf("%w: LISTEN_PID=%q is not the number of a process", ErrEnvironment, pid)
	case n != os.Getpid():
		return nil, nil
	}
	n, err := strconv.Atoi(count)
	if err != nil || n <= 0 || n > maxFiles {
		return nil, fmt.Errorf("%w: LISTEN_FDS=%q, want a number from 1 to %d", ErrEnvironment, count, maxFiles)
	}
	named := make([]string, n)
	if names != "" {
		if named = strings.Split(names, ":"); len(named) != n {
			return nil, fmt.Errorf("%w: LISTEN_FDNAMES=%q has %d names for %d descriptors", ErrEnvironment, names, len(named), n)
		}
	}
	// All are looked at before one is touched: with a wrong count, some may be
	// the Go runtime's own, or anybody's.
	urls := make([]string, n)
	for i := range urls {
		if err := checkName(named[i]); err != nil {
			return nil, fmt.Errorf("%w: LISTEN_FDNAMES: %w", ErrEnvironment, err)
		}
		if urls[i], err = address(firstInherited + i); err != nil {
			return nil, fmt.Errorf("descriptor %d of those from 3 on that LISTEN_FDS=%d counts: %w", firstInherited+i, n, err)
		}
	}
	for fd := firstInherited; fd < firstInherited+n; fd++ {
		if errno := sys.SetCloexec(fd); errno != 0 {
			return nil, fmt.Errorf("descriptor %d: close-on-exec: %w", fd, errno)
		}
		if errno := sys.SetNonblock(fd); errno != 0 {
			return nil, fmt.Errorf("descriptor %d: non-blocking: %w", fd, errno)
		}
	}
	var list []Socket
	for i, u := range urls {
		f := os.NewFile(uintptr(firstInherited+i), u)
		if j := slices.IndexFunc(list, func(s Socket) bool { return s.URL == u }); j >= 0 {
			list[j].Files = append(list[j].Files, f)
			continue
		}
		list = append(list, Socket{Name: named[i], URL: u, Files: []*os.File{f}})
	}
	return list, nil
}
