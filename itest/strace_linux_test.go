package itest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// trace is what strace writes about a program.
type trace struct {
	t       *testing.T
	command []string // runs what is appended to it under strace
	file    string
}

// straced prepares to trace the named system calls.
func straced(t *testing.T, calls string) *trace {
	t.Helper()
	strace := tool(t, "strace")
	if out, err := exec.Command(strace, "-f", "true").CombinedOutput(); err != nil {
		missing(t, "strace", fmt.Sprintf("it may not trace here: %v: %s", err, out))
	}
	file := filepath.Join(t.TempDir(), "trace")
	return &trace{t, []string{strace, "-f", "-ttt", "-s", "64", "-e", "trace=" + calls, "-o", file}, file}
}

// systemCall is one as strace shows it.
type systemCall struct {
	at   time.Time
	name string
	args string // from the first argument to the result
}

// fd is the first argument, -1 if that is no number.
func (c systemCall) fd() int {
	end := strings.IndexFunc(c.args, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(c.args)
	}
	n, err := strconv.Atoi(c.args[:end])
	if err != nil {
		return -1
	}
	return n
}

// result is what it returned, -1 if that is not known.
func (c systemCall) result() int {
	if i := strings.LastIndex(c.args, " = "); i >= 0 {
		var n int
		if _, err := fmt.Sscan(c.args[i+3:], &n); err == nil {
			return n
		}
	}
	return -1
}

// A call is "PID SECONDS NAME(ARGS) = RESULT". Where another thread's call came
// between its beginning and its end, there are two lines for it.
var (
	callLine    = regexp.MustCompile(`^(\d+) +(\d+)\.(\d{6}) (\w+)\((.*)$`)
	resumedLine = regexp.MustCompile(`^(\d+) +\S+ <\.\.\. \w+ resumed>(.*)$`)
)

// calls reads the trace, which must be complete: the program has ended.
func (tr *trace) calls() (list []systemCall) {
	tr.t.Helper()
	f, err := os.Open(tr.file)
	if err != nil {
		tr.t.Fatal(err)
	}
	defer f.Close()
	unfinished := map[string]int{} // from a thread to the place of its call in list
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if m := resumedLine.FindStringSubmatch(lines.Text()); m != nil {
			if i, ok := unfinished[m[1]]; ok {
				list[i].args += m[2]
				delete(unfinished, m[1])
			}
			continue
		}
		m := callLine.FindStringSubmatch(lines.Text())
		if m == nil {
			continue // a signal, or the end of a thread
		}
		seconds, err1 := strconv.ParseInt(m[2], 10, 64)
		micros, err2 := strconv.ParseInt(m[3], 10, 64)
		if err1 != nil || err2 != nil {
			tr.t.Fatalf("not a time: %s", lines.Text())
		}
		args, cut := strings.CutSuffix(m[5], "<unfinished ...>")
		if cut {
			unfinished[m[1]] = len(list)
		}
		list = append(list, systemCall{time.Unix(seconds, micros*1000), m[4], args})
	}
	if err := lines.Err(); err != nil {
		tr.t.Fatal(err)
	}
	return list
}

// The two messages between which calls are counted. No other holds these words.
const (
	beginMark = "BEGIN-TO-COUNT"
	endMark   = "COUNT-NO-MORE"
)

// counts is what the server did between the two marks.
type counts struct {
	reads, writes int // of connections
	waits         int // of our own pollers
	others        map[string]int
}

// runtimeCalls are what the Go runtime does for itself: threads, memory, the
// monitor, preemption. None of them is made by iomux.
var runtimeCalls = []string{
	"futex", "nanosleep", "clock_nanosleep", "sched_yield", "tgkill", "getpid", "gettid", "rt_sigreturn", "rt_sigprocmask",
	"sigaltstack", "clone", "clone3", "rseq", "set_robust_list", "sched_getaffinity", "exit", "mmap", "munmap", "mprotect",
	"madvise", "timer_create", "timer_settime", "timer_delete", "restart_syscall",
	"pread64", // of cpu.max, from time to time, for GOMAXPROCS (Go 1.25)
}

// count sorts the calls between the marks by whose they are. Descriptors tell:
// our epolls are those that others are watched by, whose duplicate is in the
// runtime's epoll in turn; the runtime wakes its own by an eventfd.
func (tr *trace) count() counts {
	tr.t.Helper()
	var (
		c              = counts{others: map[string]int{}}
		ours           []int           // epoll descriptors of the loops
		created        []int           // all epoll descriptors
		duplicates     = map[int]int{} // from a duplicate to its original
		runtimes       = map[int]bool{}
		conns          = map[int]bool{}
		watchedBy      = map[int]int{} // from a descriptor to the epoll it was added to first
		counting, over bool
	)
	for _, call := range tr.calls() {
		switch call.name {
		case "epoll_create1":
			created = append(created, call.result())
		case "fcntl":
			if strings.Contains(call.args, "F_DUPFD") {
				duplicates[call.result()] = call.fd()
			}
		case "epoll_ctl":
			var epfd, fd int
			if n, _ := fmt.Sscanf(call.args, "%d, EPOLL_CTL_ADD, %d,", &epfd, &fd); n == 2 {
				watchedBy[fd] = epfd
				if original, ok := duplicates[fd]; ok && slices.Contains(created, original) {
					runtimes[epfd] = true
				}
			}
		case "accept4":
			if fd := call.result(); fd >= 0 {
				conns[fd] = true
			}
		case "read":
			if strings.Contains(call.args, beginMark) {
				counting = true
				for _, fd := range created {
					if !runtimes[fd] {
						ours = append(ours, fd)
					}
				}
				continue
			}
			if counting && strings.Contains(call.args, endMark) {
				over = true
			}
		}
		if !counting {
			continue
		}
		if over {
			return c
		}
		switch fd := call.fd(); {
		case call.name == "read" && conns[fd]:
			c.reads++
		case (call.name == "write" || call.name == "writev") && conns[fd]:
			c.writes++
		case strings.HasPrefix(call.name, "epoll_pwait") && slices.Contains(ours, fd), call.name == "poll", call.name == "ppoll", call.name == "select", call.name == "pselect6":
			c.waits++
		case strings.HasPrefix(call.name, "epoll_pwait") && runtimes[fd]:
		case (call.name == "read" || call.name == "write") && runtimes[watchedBy[fd]]: // its eventfd
		case slices.Contains(runtimeCalls, call.name):
		default:
			c.others[fmt.Sprintf("%s(%d, …)", call.name, fd)]++
		}
	}
	tr.t.Fatal("the marks are not in the trace")
	return c
}

// The calls that a lone dialogue costs: one read and one write a message, and
// two waits, of which the second finds nothing and lets the loop park.
func TestCallsOfADialogue(t *testing.T) {
	const messages, thought = 500, time.Millisecond
	eachBackend(t, func(t *testing.T, backend string) {
		t.Parallel()
		tr := straced(t, "all")
		s := serveUnder(t, tr.command, "--backend", backend)
		conn := s.dial()
		for range 100 { // until pools are filled and threads started
			if err := exchange(conn, message); err != nil {
				t.Fatal(err)
			}
		}
		for _, m := range slices.Concat([]string{beginMark}, slices.Repeat([]string{message}, messages), []string{endMark}) {
			time.Sleep(thought) // a client that lets the loop park
			if err := exchange(conn, m); err != nil {
				t.Fatal(err)
			}
		}
		s.end()
		c := tr.count()
		t.Logf("%d messages: %d reads, %d writes, %d waits", messages, c.reads, c.writes, c.waits)
		// The mark's own write is counted, and waits on both sides of the rest.
		if c.reads != messages || c.writes != messages+1 {
			t.Errorf("%d messages took %d reads and %d writes", messages, c.reads, c.writes-1)
		}
		if c.waits > 2*messages+messages/5 { // the runtime's preemptions end a wait too
			t.Errorf("%d messages took %d waits, want at most two each", messages, c.waits)
		}
		if len(c.others) > 0 {
			t.Errorf("calls that are nobody's: %v", c.others)
		}
	})
}

// With a hundred busy connections a wait finds many of them: at most one in ten
// messages costs one.
func TestCallsOfACrowd(t *testing.T) {
	const crowd, pipeline, rounds = 100, 8, 60
	eachBackend(t, func(t *testing.T, backend string) {
		t.Parallel()
		tr := straced(t, "all")
		s := serveUnder(t, tr.command, "--backend", backend, "--loops", "1")
		marker := s.dial()
		var conns []net.Conn
		for range crowd {
			conns = append(conns, s.dial())
		}
		// Each client keeps a few messages under way, so that there is always
		// one waiting at the server.
		busy := func(conn net.Conn, rounds int) error {
			buf := make([]byte, len(message))
			for i := range rounds + pipeline {
				if i < rounds {
					if _, err := io.WriteString(conn, message); err != nil {
						return err
					}
				}
				if i >= pipeline {
					if _, err := io.ReadFull(conn, buf); err != nil {
						return err
					}
				}
			}
			return nil
		}
		run := func(rounds int) {
			var wg sync.WaitGroup
			for _, conn := range conns {
				wg.Go(func() {
					if err := busy(conn, rounds); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		}
		run(pipeline)
		for _, step := range []func(){
			func() {
				if err := exchange(marker, beginMark); err != nil {
					t.Fatal(err)
				}
			},
			func() { run(rounds) },
			func() {
				if err := exchange(marker, endMark); err != nil {
					t.Fatal(err)
				}
			},
		} {
			step()
		}
		s.end()
		c := tr.count()
		const messages = crowd * rounds
		t.Logf("%d messages on %d connections: %d reads, %d writes, %d waits", messages, crowd, c.reads, c.writes, c.waits)
		if c.reads > messages || c.writes > c.reads+1 {
			t.Errorf("%d messages took %d reads and %d writes", messages, c.reads, c.writes)
		}
		if c.waits > messages/10 || c.waits > c.reads {
			t.Errorf("%d messages took %d waits, want at most one in ten", messages, c.waits)
		}
		if len(c.others) > 0 {
			t.Errorf("calls that are nobody's: %v", c.others)
		}
	})
}
