//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package itest

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os/exec"
	"testing"
	"time"
)

// message is the tutorial's, 42 bytes.
const message = "This is the message.  It will be repeated."

// client runs a client to its end with the given input and returns its output.
func client(t *testing.T, stdin []byte, path string, args ...string) string {
	t.Helper()
	cmd := exec.Command(path, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	if err := cmd.Wait(); err != nil {
		t.Errorf("%s: %v\n%s%s", cmd, err, stdout.String(), stderr.String())
	}
	return stdout.String()
}

// pipes are the clients that copy their input to the server, half-close, and
// print what comes back until the server closes.
var pipes = []struct {
	name string
	args func(s *server) []string
}{
	{"nc", func(s *server) []string { return []string{"-N", "127.0.0.1", s.port} }},
	{"ncat", func(s *server) []string { return []string{"127.0.0.1", s.port} }},
	{"socat", func(s *server) []string { return []string{"-t", "30", "-", "TCP:" + s.address} }},
	{"iomux", func(s *server) []string { return []string{"connect", "tcp://" + s.address} }},
}

func pipe(t *testing.T, name string) string {
	t.Helper()
	if name == "iomux" {
		return program
	}
	path := tool(t, name)
	if name == "nc" {
		help, _ := exec.Command(path, "-h").CombinedOutput() // its exit status is 1
		if !bytes.Contains(help, []byte("-N")) {
			missing(t, "nc of OpenBSD", "the one here has no -N")
		}
	}
	return path
}

// Real clients get back what they send, every byte before the end of file.
func TestPipes(t *testing.T) {
	large := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(large) // never fails
	eachBackend(t, func(t *testing.T, backend string) {
		s := serve(t, "--backend", backend)
		for _, p := range pipes {
			t.Run(p.name, func(t *testing.T) {
				path := pipe(t, p.name)
				for _, in := range []string{"", "\n", message, string(large)} {
					if out := client(t, []byte(in), path, p.args(s)...); out != in {
						t.Errorf("%d bytes in, %d bytes out", len(in), len(out))
					}
				}
			})
		}
		s.end()
	})
}

// A telnet user types a line and reads it.
func TestTelnet(t *testing.T) {
	telnet := tool(t, "telnet")
	eachBackend(t, func(t *testing.T, backend string) {
		s := serve(t, "--backend", backend)
		cmd := exec.Command(telnet, "127.0.0.1", s.port)
		keyboard, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		screen, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		late := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
		defer late.Stop()
		var seen []byte
		until := func(text string) {
			for buf := make([]byte, 1); !bytes.Contains(seen, []byte(text)); {
				if _, err := screen.Read(buf); err != nil {
					t.Fatalf("no %q: %v after %q", text, err, seen)
				}
				seen = append(seen, buf...)
			}
		}
		until("Connected to")
		until("Escape character")
		for _, line := range []string{"hello", message} {
			if _, err := io.WriteString(keyboard, line+"\n"); err != nil {
				t.Fatal(err)
			}
			until(line)
		}
		if err := keyboard.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, screen); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait() // its exit status says only that the connection was closed
		s.end()
	})
}

// The tutorial's client prints what the tutorial says.
func TestTutorialClient(t *testing.T) {
	python := tool(t, "python3")
	eachBackend(t, func(t *testing.T, backend string) {
		s := serve(t, "--backend", backend)
		want := "connecting to localhost port " + s.port + `
sending b'This is the message.  It will be repeated.'
received b'This is the mess'
received b'age.  It will be'
received b' repeated.'
closing socket
`
		if got := client(t, nil, python, "testdata/client.py", s.port); got != want {
			t.Errorf("got:\n%swant:\n%s", got, want)
		}
		s.end()
	})
}
