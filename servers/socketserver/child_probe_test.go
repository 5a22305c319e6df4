//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package socketserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// What children of the tests are.
func init() {
	// With the race detector a process sleeps for a second when it ends; children
	// are many.
	if err := os.Setenv("GORACE", strings.TrimSpace(os.Getenv("GORACE")+" atexit_sleep_ms=0")); err != nil {
		panic(err)
	}
	Register("probe", func() (Handler, Options) { return HandlerFunc(probe), Options{} })
	Register("failing", func() (Handler, Options) { return HandlerFunc(fail), Options{Hooks: noting{}} })
	Register("nil", func() (Handler, Options) { return nil, Options{} })
	Register("bad", func() (Handler, Options) { return HandlerFunc(probe), Options{LineLimit: -1} })
	Register("sickly", func() (Handler, Options) {
		if _, err := os.Stat(os.Getenv(sickVariable)); err == nil {
			os.Exit(3)
		}
		return HandlerFunc(probe), Options{}
	})
}

// sickVariable is a file: as long as it is there, the child named sickly dies at once.
const sickVariable = "IOMUX_TEST_SICK"

// noteVariable is the file in which children note what is to be known outside.
const noteVariable = "IOMUX_TEST_NOTES"

// note adds a line to it.
func note(line string) {
	f, err := os.OpenFile(os.Getenv(noteVariable), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString(line + "\n")
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		panic(err)
	}
}

// noting notes what HandleError is told.
type noting struct{ Base }

func (noting) HandleError(_ *Request, err error) { note("told " + err.Error()) }

// fail fails in the way that the client asks for.
func fail(r *Request) error {
	line, err := r.ReadLine()
	note("handle")
	switch {
	case err != nil:
		return err
	case string(line) == "abort\n":
		return Abort(errTest)
	case string(line) == "panic\n":
		panic(errTest)
	case string(line) == "goexit\n":
		runtime.Goexit()
	case string(line) == "exit\n":
		os.Exit(0)
	}
	return errTest
}

// probe does what the first line of a request says, and answers with what came of it.
func probe(r *Request) error {
	line, err := r.ReadLine()
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	word, rest, _ := strings.Cut(strings.TrimSuffix(string(line), "\n"), " ")
	answer := ""
	switch word {
	case "echo":
		answer = rest
	case "all": // that comes
		p, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		answer = rest + string(p)
	case "recv":
		p, err := r.Recv(1000)
		if err != nil {
			return err
		}
		answer = string(p)
	case "pid":
		answer = strconv.Itoa(os.Getpid())
	case "about":
		s := r.Server()
		answer = fmt.Sprint(s.URL(), " ", s.Addr().Network(), " ", s.Addr(), " ", r.ClientAddr(), " ", r.Number(), " ", r.Truncated(), " ",
			len(r.Packet()), " ", s.Fd(), " ", s.Stats().Accepts, " ", s.Close(), " ", r.Value())
	case "options":
		o := &r.server.options
		answer = fmt.Sprint(o.ReadBufferSize, o.WriteBufferSize, o.LineLimit, o.MaxPacketSize, o.IOTimeout, o.SuppressEmptyReply)
	case "until": // the file is gone
		if _, err := fmt.Fprintf(r, "%d ", os.Getpid()); err != nil {
			return err
		}
		for {
			if _, err := os.Stat(rest); err != nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
		answer = "done"
	case "exit":
		code, err := strconv.Atoi(rest)
		if err != nil {
			return err
		}
		os.Exit(code)
	case "env":
		answer = os.Getenv(rest)
	case "fds":
		answer, err = descriptors()
	case "sh":
		out, err := exec.Command("sh", "-c", rest).CombinedOutput()
		answer = string(out)
		if err != nil {
			answer += err.Error()
		}
	case "group":
		answer = fmt.Sprint(unix.Getpgrp() == os.Getpid())
	case "server": // is what the child becomes, with children of its own
		s, err := NewTCP(":0", unused, Options{Mode: Forking, Child: "probe", Pool: rest == "pool", MaxChildren: 2})
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(r, "%d %s\n", os.Getpid(), s.Addr()); err != nil {
			return err
		}
		return s.ServeForever(context.Background())
	case "await":
		err = r.Await(func() error { answer = "awaited"; return r.Sleep(time.Millisecond) })
	case "close":
		return r.Conn().Close()
	case "reset":
		if err := r.Conn().(*net.TCPConn).SetLinger(0); err != nil {
			return err
		}
		return r.Conn().Close()
	case "big":
		n, err := strconv.Atoi(rest)
		if err != nil {
			return err
		}
		answer = strings.Repeat("x", n)
	default:
		return fmt.Errorf("cannot do %q", line)
	}
	if err != nil {
		return err
	}
	_, err = r.WriteString(answer)
	return err
}

// descriptors lists what this process has open, but for what the list is read by.
func descriptors() (string, error) {
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		return "", err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return "", err
	}
	var list strings.Builder
	for _, name := range names {
		fd, err := strconv.Atoi(name)
		if err != nil {
			return "", err
		}
		if fd == int(dir.Fd()) {
			continue
		}
		what, err := os.Readlink("/proc/self/fd/" + name)
		if err != nil {
			return "", err
		}
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		if err != nil {
			return "", err
		}
		cloexec, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&list, "%s %s nonblock=%v cloexec=%v\n", name, what, flags&unix.O_NONBLOCK != 0, cloexec&unix.FD_CLOEXEC != 0)
	}
	return list.String(), nil
}
