package main

import (
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The programs of the page for those who come from Python run, and those of a pair give
// the same answers, but for what the page says of capitals.
func TestBridgeFromPython(t *testing.T) {
	wantTool(t, "python3")
	wantTool(t, "go")
	var pythons, gos []fence
	for _, b := range fences(t, course+"/python.md") {
		switch kind, _, _ := strings.Cut(b.info, " "); kind {
		case "python":
			pythons = append(pythons, b)
		case "go":
			gos = append(gos, b)
		}
	}
	if len(pythons) != 2 || len(gos) != 2 {
		t.Fatalf("found %d programs in Python and %d in Go", len(pythons), len(gos))
	}
	answers := map[string]struct{ python, iomux string }{
		"python selectors":    {"héllo\nworld\n", "héllo\nworld\n"},
		"python socketserver": {"HéLLO\nWORLD\n", "HÉLLO\nWORLD\n"},
	}
	for i, b := range pythons {
		want, ok := answers[b.info]
		if !ok {
			t.Errorf("line %d: %q is none of the pairs", b.line, b.info)
			continue
		}
		t.Run(b.info, func(t *testing.T) {
			dir := t.TempDir()
			script := filepath.Join(dir, "program.py")
			write(t, script, b.text)
			if got := serves(t, exec.Command("python3", script)); got != want.python {
				t.Errorf("Python answers %q, want %q", got, want.python)
			}
			source, binary := filepath.Join(dir, "main.go"), filepath.Join(dir, "program")
			write(t, source, gos[i].text)
			build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, source)
			build.Dir = "../.."
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("go build: %v\n%s", err, out)
			}
			if got := serves(t, exec.Command(binary)); got != want.iomux {
				t.Errorf("iomux answers %q, want %q", got, want.iomux)
			}
		})
	}
}

// serves runs a server on a free port, and returns what two clients at once get for two
// lines, if both get the same.
func serves(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Args = append(cmd.Args, port)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // it is killed, mostly
	}()
	defer func() {
		_ = cmd.Process.Kill() // it may have ended by itself
		<-ended
	}()
	var clients [2]net.Conn
	for i := range clients {
		for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
			if clients[i], err = net.Dial("tcp", address); err == nil {
				break
			}
			select {
			case <-ended:
				t.Fatalf("the server ended: %v", cmd.ProcessState)
			default:
			}
			if time.Now().After(deadline) {
				t.Fatal(err)
			}
		}
		defer clients[i].Close()
		if err := clients[i].SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
	}
	// The second speaks first, while the first is connected and silent.
	var answers [2]string
	for _, i := range []int{1, 0} {
		if _, err := io.WriteString(clients[i], "héllo\nworld\n"); err != nil {
			t.Fatal(err)
		}
		answer := make([]byte, len("héllo\nworld\n"))
		if _, err := io.ReadFull(clients[i], answer); err != nil {
			t.Fatal(err)
		}
		answers[i] = string(answer)
	}
	if answers[0] != answers[1] {
		t.Errorf("one client gets %q, the other %q", answers[0], answers[1])
	}
	return answers[0]
}
