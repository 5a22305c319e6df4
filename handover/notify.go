//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package handover

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// States for Notify, as sd_notify(3) lists them.
const (
	// Ready: the service has started, or has reloaded.
	Ready = "READY=1"
	// Stopping: the service is about to end.
	Stopping = "STOPPING=1"
)

// MainPID is the state that makes this process the main one of its service, which
// a successor has to say together with Ready. NotifyAccess=all in the service lets
// it say so.
func MainPID() string { return "MAINPID=" + strconv.Itoa(os.Getpid()) }

// notifyTime bounds a Notify: systemd reads at once, unless something is wrong.
const notifyTime = 5 * time.Second

// Notify tells the service manager in which states this process is, all in one
// message, as sd_notify(3) does: to the Unix socket that NOTIFY_SOCKET names, a
// path or, on Linux, @ and an abstract name. Where it names none there is nobody to
// tell, which is no error. It waits for at most five seconds. Any goroutine may
// call it. Errors: the kernel's.
func Notify(states ...string) error {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return nil
	}
	if name[0] != '/' && name[0] != '@' {
		return fmt.Errorf("handover: NOTIFY_SOCKET=%q: want an absolute path or @NAME", name)
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("handover: notify: %w", err)
	}
	defer conn.Close()
	if err := conn.SetWriteDeadline(time.Now().Add(notifyTime)); err != nil {
		return fmt.Errorf("handover: notify: %w", err)
	}
	if _, err := conn.Write([]byte(strings.Join(states, "\n"))); err != nil {
		return fmt.Errorf("handover: notify: %w", err)
	}
	return nil
}
