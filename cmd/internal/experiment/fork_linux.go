package experiment

import (
	"fmt"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

var fork = Experiment{
	Name:    "fork",
	Shows:   "a child that has inherited a socket keeps it open, and in the parent's epoll",
	Expects: "reported to the parent, which had closed it, until the child had ended; b saw the end only then",
	run: func(l *lab) string {
		l.step("the parent watches a; then it starts a child, without having marked a as close-on-exec")
		a, b := l.pair("a", "b")
		l.nonblock(b)
		ep := l.epoll("ep")
		l.add(ep, a, unix.EPOLLIN)
		end := l.child(a)

		l.step("the parent closes a; it still gets reports of it")
		l.close(a)
		l.send(b, "x")
		held := l.wait(ep, 8)

		l.step("the other side still has a connection, though nobody reads it")
		_, open := l.read(b, 16)

		l.step("the child ends")
		end()
		freed := l.wait(ep, 8)
		l.read(b, 16)
		rest, err := l.read(b, 16)
		l.note("the first says that the unread byte was lost, the second that it is the end")
		if len(held) == 1 && errnoName(open) == "EAGAIN" && len(freed) == 0 && rest == "" && err == nil {
			return "reported to the parent, which had closed it, until the child had ended; b saw the end only then"
		}
		return fmt.Sprintf("%d reports with the child, %d without; read of b: %s, then %q %s", len(held), len(freed), errnoName(open), rest, errnoName(err))
	},
}

// child starts a process that inherits f and does nothing, until end.
func (l *lab) child(f file) (end func()) {
	fd, err := unix.FcntlInt(uintptr(f.fd), unix.F_DUPFD_CLOEXEC, 0)
	l.must("dup", err)
	inherited := os.NewFile(uintptr(fd), f.name)
	cmd := exec.Command("cat") // which reads from a pipe that nobody writes to
	cmd.ExtraFiles = []*os.File{inherited}
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	inherited.Close()
	l.must("start cat", err)
	l.call("fork() and execve(\"cat\"), which inherits "+f.name, "child")
	ended := false
	end = func() {
		ended = true
		l.must("end cat", in.Close())
		l.must("wait for cat", cmd.Wait())
		l.call("waitpid(child)", "child")
	}
	l.later(func() {
		if !ended {
			_ = cmd.Process.Kill() // the experiment has failed; this is all that is left to do
			_ = cmd.Wait()
		}
	})
	return end
}
