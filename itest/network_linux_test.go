package itest

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux/reactor"
)

// network is one of the test's own: a loopback interface and nothing else. Nobody
// else's traffic counts in it, and rules and addresses in it bother nobody.
type network struct {
	t    *testing.T
	file *os.File
}

// ownNetwork moves the test's goroutine to a network of its own, for good: its
// thread ends with it, and the network with the last thread, process and socket.
// What the goroutine calls by itself happens there: it opens sockets, listens,
// dials addresses that are numbers, and starts programs. Other goroutines are not
// there, and so neither are loops unless they are moved.
func ownNetwork(t *testing.T) *network {
	t.Helper()
	ip := tool(t, "ip")
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		missing(t, "unshare(2)", fmt.Sprintf("a network of one's own is not to be had: %v", err))
	}
	file, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	n := &network{t, file}
	n.run("", ip, "link", "set", "lo", "up")
	return n
}

// start runs f on a goroutine inside the network.
func (n *network) start(wg *sync.WaitGroup, f func()) {
	wg.Go(func() {
		runtime.LockOSThread() // the thread ends with the goroutine
		if err := unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET); err != nil {
			n.t.Error(err)
			return
		}
		f()
	})
}

// move takes a loop into the network for the rest of its life, so that it dials there.
func (n *network) move(loop *reactor.Loop) {
	n.t.Helper()
	moved := make(chan error, 1)
	if err := loop.Post(func() {
		runtime.LockOSThread() // the thread ends with the loop
		moved <- unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET)
	}); err != nil {
		n.t.Fatal(err)
	}
	if err := arrives(n.t, moved); err != nil {
		n.t.Fatal(err)
	}
}

// run runs a program inside the network and returns what it prints.
func (n *network) run(stdin string, words ...string) string {
	n.t.Helper()
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		n.t.Fatalf("%v: %v\n%s%s", cmd, err, stdin, out)
	}
	return string(out)
}

// rules gives the network a firewall.
func (n *network) rules(text string) {
	n.t.Helper()
	n.run(text, tool(n.t, "nft"), "-f", "-")
}

// count is one of the kernel's counters of the network, by the names in
// /proc/net/snmp and /proc/net/netstat: a line of names, then one of numbers.
func (n *network) count(group, name string) int {
	n.t.Helper()
	for _, file := range []string{"snmp", "netstat"} {
		text, err := os.ReadFile("/proc/thread-self/net/" + file)
		if err != nil {
			n.t.Fatal(err)
		}
		var names []string
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			if len(fields) == 0 || fields[0] != group+":" {
				continue
			}
			if names == nil {
				names = fields
				continue
			}
			for i, field := range fields {
				if names[i] == name {
					value, err := strconv.Atoi(field)
					if err != nil {
						n.t.Fatal(err)
					}
					return value
				}
			}
		}
	}
	n.t.Fatalf("the kernel has no counter %s of %s", name, group)
	return 0
}

// setting reads a number below /proc/sys/net.
func (n *network) setting(name string) int {
	n.t.Helper()
	text, err := os.ReadFile("/proc/sys/net/" + name)
	if err != nil {
		n.t.Fatal(err)
	}
	value, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		n.t.Fatal(err)
	}
	return value
}
