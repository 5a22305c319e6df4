package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is a pseudo-terminal with a program on it.
type terminal struct {
	t      *testing.T
	master *os.File
	slave  *os.File // kept open, so that the screen and the mode outlive the program
	cmd    *exec.Cmd
	screen sharedBuffer
}

// onTerminal runs a program on a new terminal. stdin, when it is not nil, takes
// the terminal's place as input.
func onTerminal(t *testing.T, stdin io.Reader, args ...string) *terminal {
	t.Helper()
	return onTerminalIn(t, nil, stdin, args...)
}

// onTerminalIn is onTerminal with more in the environment.
func onTerminalIn(t *testing.T, env []string, stdin io.Reader, args ...string) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { master.Close() })
	// Fd would make the file blocking, and its reader could not be stopped.
	raw, err := master.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var number int
	if cerr := raw.Control(func(fd uintptr) {
		if number, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN); err == nil {
			err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0)
		}
		if err == nil {
			err = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80})
		}
	}); cerr != nil || err != nil {
		t.Fatal(cerr, err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })

	cmd := program(t, args...)
	cmd.Env = append(cmd.Env, env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 1}
	if stdin != nil {
		cmd.Stdin = stdin
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	term := &terminal{t: t, master: master, slave: slave, cmd: cmd}
	read := make(chan struct{})
	go func() {
		defer close(read)
		buf := make([]byte, 4<<10)
		for {
			n, err := master.Read(buf)
			_, _ = term.screen.Write(buf[:n]) // into memory
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill() // it may have ended by itself
			_ = cmd.Wait()         // it was killed
		}
		master.Close()
		<-read
	})
	return term
}

// shows waits until the program has written a text.
func (term *terminal) shows(text string) {
	term.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		screen := term.screen.String()
		if strings.Contains(screen, text) {
			return
		}
		if time.Now().After(end) {
			term.t.Fatalf("%q never came; the terminal got %q", text, screen)
		}
	}
}

func (term *terminal) types(keys string) {
	term.t.Helper()
	if _, err := io.WriteString(term.master, keys); err != nil {
		term.t.Fatal(err)
	}
}

// ends waits for the program's end and checks that the terminal is as it was.
func (term *terminal) ends(status int) {
	term.t.Helper()
	late := time.AfterFunc(patience, func() { _ = term.cmd.Process.Kill() })
	defer late.Stop()
	_ = term.cmd.Wait() // the exit status tells
	if got := term.cmd.ProcessState.ExitCode(); got != status {
		term.t.Errorf("exit status %d, want %d; the terminal got %q", got, status, term.screen.String())
	}
	mode, err := unix.IoctlGetTermios(int(term.slave.Fd()), unix.TCGETS)
	if err != nil {
		term.t.Fatal(err)
	}
	if mode.Lflag&(unix.ICANON|unix.ECHO|unix.ISIG) != unix.ICANON|unix.ECHO|unix.ISIG {
		term.t.Error("the terminal was left raw")
	}
}

// Lines are edited before they are sent, answers are shown, Ctrl-D ends it.
func TestConnectOnATerminal(t *testing.T) {
	server := startEcho(t, 1)
	term := onTerminal(t, nil, "connect", server.urls[0])
	term.shows(prompt)
	term.types("helko\x7f\x7flo\r") // two rubouts
	term.shows("hello\r\n")         // the answer; the editor has drawn keys one by one
	term.types("\x1b[A\x1b[D!\r")   // up: the last line again; left
	term.shows("hell!o\r\n")
	term.types("\x04")
	term.ends(0)
}

// What comes from the network does nothing to the terminal, whole or in pieces.
func TestConnectMakesTheNetworkHarmless(t *testing.T) {
	attack := "\x1b]0;owned\a\u009b31m\u202egnp.exe\r\n"
	url := serveOne(t, func(conn *net.TCPConn) {
		if _, err := io.WriteString(conn, attack); err != nil {
			t.Error(err)
		}
		if _, err := io.Copy(io.Discard, conn); err != nil {
			t.Error(err)
		}
	})
	term := onTerminal(t, nil, "connect", url)
	term.shows(`\x1b]0;owned\x07\u009b31m\u202egnp.exe` + "\r\n")
	term.types("\x04")
	term.ends(0)
	if strings.Contains(term.screen.String(), "\x1b]") || strings.Contains(term.screen.String(), "\a") {
		t.Errorf("it got through: %q", term.screen.String())
	}

	// Input from a pipe makes the screen no safer. It is read, or closing would
	// reset the connection.
	url = serveOne(t, func(conn *net.TCPConn) {
		if _, err := io.WriteString(conn, attack); err != nil {
			t.Error(err)
		}
		if _, err := io.Copy(io.Discard, conn); err != nil {
			t.Error(err)
		}
	})
	term = onTerminal(t, strings.NewReader("x"), "connect", url)
	term.shows(`\x1b]0;owned\x07\u009b31m\u202egnp.exe` + "\r\n")
	term.ends(0)
}

// The beginning of a line, such as a question, is shown though its end does not
// come.
func TestConnectShowsPartialLines(t *testing.T) {
	url := serveOne(t, func(conn *net.TCPConn) {
		if _, err := io.WriteString(conn, "name? "); err != nil {
			t.Error(err)
		}
		answer := make([]byte, 4)
		if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "you\n" {
			t.Errorf("the answer is %q, %v", answer, err)
		}
		if _, err := io.WriteString(conn, "bye"); err != nil {
			t.Error(err)
		}
	})
	term := onTerminal(t, nil, "connect", url)
	term.shows("name? \\\r\n")
	term.types("you\r")
	term.shows("bye\\\r\n")
	term.ends(0) // the server has closed
}

// After Ctrl-C in the editor the program waits for the server's end like after
// Ctrl-D, and a second one, on a terminal that is not raw any more, ends it.
func TestConnectInterrupted(t *testing.T) {
	released := make(chan struct{})
	defer close(released)
	halfClosed := make(chan error, 1)
	url := serveOne(t, func(conn *net.TCPConn) {
		_, err := io.Copy(io.Discard, conn)
		halfClosed <- err
		select {
		case <-released:
		case <-time.After(patience):
		}
	})
	term := onTerminal(t, nil, "connect", url)
	term.shows(prompt)
	term.types("\x03")
	if err := <-halfClosed; err != nil {
		t.Fatal(err)
	}
	term.types("\x03")
	term.shows("ended by a signal (interrupt)")
	term.ends(1)
}

// A signal from outside does not leave the terminal raw.
func TestConnectTerminated(t *testing.T) {
	server := startEcho(t, 1)
	term := onTerminal(t, nil, "connect", server.urls[0])
	term.shows(prompt)
	if err := term.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	term.ends(1)
}

// A window that changes its size is no reason to end.
func TestConnectResized(t *testing.T) {
	server := startEcho(t, 1)
	term := onTerminal(t, nil, "connect", server.urls[0])
	term.shows(prompt)
	if err := unix.IoctlSetWinsize(int(term.slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 5, Col: 20}); err != nil {
		t.Fatal(err)
	}
	term.types("still here\r")
	term.shows("still here\r\n")
	term.types("\x04")
	term.ends(0)
}

// Over datagrams and messages each line typed is one, and each that comes is a line,
// which does nothing to the terminal.
func TestConnectMessagesOnATerminal(t *testing.T) {
	dir := shortDir(t)
	p := startTransports(t, dir)
	for i, url := range transports(dir) {
		if !isPacket(url) && !strings.HasPrefix(url, "unixpacket") {
			continue
		}
		t.Run(url, func(t *testing.T) {
			t.Parallel()
			term := onTerminal(t, nil, "connect", "--wait", "1s", p.urls[i])
			term.shows(prompt)
			term.types("\r")
			term.types("exe\u202e\r") // the editor draws it, and only the answer is made harmless
			term.shows(`exe\u202e` + "\r\n" + prompt)
			term.types("\x04")
			term.ends(0)
		})
	}
}

// A server of datagrams that is gone is told of when the kernel tells.
func TestConnectToNoDatagramsOnATerminal(t *testing.T) {
	url := "udp://" + deadPort(t)
	term := onTerminal(t, nil, "connect", url)
	term.shows(prompt)
	term.types("hello\r")
	term.shows("cannot connect to " + url)
	term.ends(1)
}
