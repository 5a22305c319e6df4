package itest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"
)

// studyBackends and studyScenarios are those of iomux study.
var (
	studyBackends  = []string{"epoll", "epoll-edge", "poll", "select", "kqueue"}
	studyScenarios = []string{"ping-pong", "two-clients", "slow-reader", "half-close", "reset", "burst", "accept-storm", "timer"}
)

// studied are the calls that the one door to the kernel makes in a study. What the
// simulated kqueue asks of fstat, ioctl and getsockopt goes past the door.
const studied = "openat,epoll_create1,epoll_ctl,epoll_pwait,epoll_pwait2,eventfd2,socket,setsockopt,bind,listen," +
	"accept4,getsockname,read,write,writev,close,ppoll,pselect6,fcntl,shutdown"

// What study trace shows is what strace sees: the same calls on the same descriptors
// with the same results, in the same order.
func TestStudyTraceAgreesWithStrace(t *testing.T) {
	for _, backend := range studyBackends {
		for _, scenario := range studyScenarios {
			t.Run(backend+"/"+scenario, func(t *testing.T) {
				t.Parallel()
				tr := straced(t, studied)
				words := append(slices.Clone(tr.command), program, "study", "trace", "--backend", backend, "--scenario", scenario)
				cmd := exec.Command(words[0], words[1:]...)
				late := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
				defer late.Stop()
				out, err := cmd.Output()
				if err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				shown, seen := studyCalls(t, string(out)), tr.ours()
				if len(shown) < 25 {
					t.Fatalf("%d calls are shown:\n%s", len(shown), out)
				}
				// The waker is written to by another thread than the loop's, and either
				// may be the first to return. So it is where a signal of the runtime's
				// ends the wait while another thread sets up the listener. The calls of
				// the simulation stand behind the kevent that they are part of.
				aside := func(call string) bool {
					return backend == "kqueue" || wakeUp.MatchString(call) || strings.Contains(call, " = -1 EINTR")
				}
				compareCalls(t, "in their order", keep(shown, aside, false), keep(seen, aside, false))
				inAnyOrder := keep(shown, aside, true)
				slices.Sort(inAnyOrder)
				theirs := keep(seen, aside, true)
				slices.Sort(theirs)
				compareCalls(t, "in any order", inAnyOrder, theirs)
			})
		}
	}
}

// wakeUp is a write of the eight bytes that an eventfd takes. No scenario sends so many.
var wakeUp = regexp.MustCompile(`^write \d+ = 8$`)

func keep(list []string, is func(string) bool, want bool) (kept []string) {
	for _, s := range list {
		if is(s) == want {
			kept = append(kept, s)
		}
	}
	return kept
}

func compareCalls(t *testing.T, how string, shown, seen []string) {
	t.Helper()
	for i := range max(len(shown), len(seen)) {
		if i < len(shown) && i < len(seen) && shown[i] == seen[i] {
			continue
		}
		from := max(0, i-4)
		t.Errorf("%s: %d calls shown, %d seen by strace; they differ at number %d:\nshown\n\t%s\nseen\n\t%s", how, len(shown), len(seen), i,
			strings.Join(shown[min(from, len(shown)):min(i+4, len(shown))], "\n\t"), strings.Join(seen[min(from, len(seen)):min(i+4, len(seen))], "\n\t"))
		return
	}
}

// A line of study trace is times, a phase, and a call as in read(8<conn 1>, 10) = 4.
var (
	studyLine   = regexp.MustCompile(`^ *[\d.]+ms +[\d.]+(?:µs|ms|s)  [a-z]+ +(└ )?(\w+)\((.*?)\) = (-1 E\w+|\d+)(<[^>]*>)?(?: \[(.*?)\])?(?:  |$)`)
	studyNumber = regexp.MustCompile(`(\d+)<`)
	studyMore   = regexp.MustCompile(` … and (\d+) more$`)
)

// studyShown is how many descriptors of a list a line shows.
const studyShown = 16

// studyList is a list of descriptors as a line shows it, with how many more there are.
func studyList(list []string) string {
	if more := len(list) - studyShown; more > 0 {
		return fmt.Sprintf("%v and %d", list[:studyShown], more)
	}
	return fmt.Sprint(list)
}

// studyCalls are the calls that a trace shows, each as a line that has no more than
// strace shows too.
func studyCalls(t *testing.T, text string) (list []string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if !strings.Contains(line, ") = ") || strings.HasPrefix(line, "»") {
			continue
		}
		m := studyLine.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if m == nil {
			t.Errorf("not a line of a trace: %q", line)
			continue
		}
		nested, name, args, result, found := m[1] != "", m[2], m[3], m[4], m[6]
		if name == "kqueue" || name == "kevent" || name == "close" && !nested && strings.Contains(args, "<kqueue>") {
			continue // no call of Linux
		}
		numbers := func(s string) (n []string) {
			for _, m := range studyNumber.FindAllStringSubmatch(s, -1) {
				n = append(n, m[1])
			}
			return n
		}
		listed := func(s string) string {
			n := numbers(s)
			if m := studyMore.FindStringSubmatch(s); m != nil {
				return fmt.Sprintf("%v and %s", n, m[1])
			}
			return fmt.Sprint(n)
		}
		fds := numbers(args)
		switch name {
		case "epoll_ctl":
			fds = []string{fds[0], strings.Split(args, ", ")[1], fds[1]}
		case "ppoll":
			list, _, _ := strings.Cut(args, "]")
			fds = []string{listed(list)}
		case "pselect6":
			number, _, _ := strings.Cut(args, ",")
			fds = []string{number}
		}
		text := strings.Join(append([]string{name}, fds...), " ") + " = " + result
		if strings.HasPrefix(name, "epoll_pwait") {
			text += listed(found)
		}
		list = append(list, text)
	}
	return list
}

// How strace shows what a wait is about, and what it has found.
var (
	straceResult = regexp.MustCompile(`\) += (0x[0-9a-f]+|-?\d+|\?)(?: (E[A-Z0-9_]+))?`)
	straceAsked  = regexp.MustCompile(`\{fd=(\d+), events`)
	straceFound  = regexp.MustCompile(`u32=(\d+)`)
	straceCtl    = regexp.MustCompile(`^(\d+), EPOLL_CTL_(\w+), (\d+)`)
	runtimeAdd   = regexp.MustCompile(`^(\d+), EPOLL_CTL_ADD, (\d+), \{events=EPOLLIN,`)
)

// ours are the calls of a study's server, as studyCalls has them, in the order in which
// they ended. Those of the client and of the runtime are told by their descriptors.
func (tr *trace) ours() (list []string) {
	tr.t.Helper()
	calls := tr.ended()
	// The runtime watches its eventfd, and that for input alone.
	runtimes := map[int]bool{}
	for _, c := range calls {
		if m := runtimeAdd.FindStringSubmatch(c.args); c.name == "epoll_ctl" && m != nil {
			for _, n := range m[1:] {
				fd, _ := strconv.Atoi(n) // the pattern wants digits
				runtimes[fd] = true
			}
		}
	}
	own := map[int]bool{}
	for i, c := range calls {
		m := straceResult.FindStringSubmatch(c.args)
		if m == nil {
			continue // the process ended in it
		}
		result := c.result()
		mine := own[c.fd()]
		switch c.name {
		case "epoll_create1", "eventfd2":
			mine = !runtimes[result]
			own[result] = mine
		case "openat":
			mine = strings.Contains(c.args, `"/dev/null"`)
			own[result] = mine
		case "socket":
			mine = listens(calls[i+1:], result)
			own[result] = mine
		case "accept4":
			if mine && result >= 0 {
				own[result] = true
			}
		case "ppoll", "pselect6":
			mine = true // the runtime has none, nor package net
		case "close":
			delete(own, c.fd())
		}
		if !mine {
			continue
		}
		text := m[1]
		switch {
		case m[2] == "ERESTARTNOHAND": // as the kernel says it to itself
			text = "-1 EINTR"
		case m[2] != "":
			text = "-1 " + m[2]
		case strings.HasPrefix(text, "0x"): // flags
			n, err := strconv.ParseInt(text, 0, 64)
			if err != nil {
				tr.t.Fatal(err)
			}
			text = fmt.Sprint(n)
		}
		words := []string{c.name}
		switch c.name {
		case "epoll_ctl":
			m := straceCtl.FindStringSubmatch(c.args)
			if m == nil {
				tr.t.Fatalf("not an epoll_ctl: %s", c.args)
			}
			words = append(words, m[1:]...)
		case "ppoll":
			asked, _, _ := strings.Cut(c.args, "],")
			words = append(words, studyList(matches(straceAsked, asked)))
		case "epoll_create1", "eventfd2", "openat", "socket":
		default: // of a pselect6 it is the highest number and one
			words = append(words, strconv.Itoa(c.fd()))
		}
		if text = strings.Join(words, " ") + " = " + text; strings.HasPrefix(c.name, "epoll_pwait") {
			text += studyList(matches(straceFound, c.args))
		}
		list = append(list, text)
	}
	return list
}

func matches(pattern *regexp.Regexp, s string) (list []string) {
	for _, m := range pattern.FindAllStringSubmatch(s, -1) {
		list = append(list, m[1])
	}
	return list
}

// listens reports whether a socket listens before it is closed.
func listens(calls []systemCall, fd int) bool {
	for _, c := range calls {
		switch {
		case c.fd() != fd:
		case c.name == "listen":
			return true
		case c.name == "close":
			return false
		}
	}
	return false
}

// ended are the calls of the trace in the order in which they ended.
func (tr *trace) ended() []systemCall {
	tr.t.Helper()
	text, err := os.ReadFile(tr.file)
	if err != nil {
		tr.t.Fatal(err)
	}
	var list []systemCall
	began := map[string]systemCall{} // by thread
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if m := resumedLine.FindStringSubmatch(line); m != nil {
			if c, ok := began[m[1]]; ok {
				c.args += m[2]
				list = append(list, c)
				delete(began, m[1])
			}
			continue
		}
		m := callLine.FindStringSubmatch(line)
		if m == nil {
			continue // a signal, or the end of a thread
		}
		c := systemCall{name: m[4], args: m[5]}
		if args, cut := strings.CutSuffix(m[5], "<unfinished ...>"); cut {
			c.args = strings.TrimRight(args, " ")
			began[m[1]] = c
			continue
		}
		list = append(list, c)
	}
	return list
}

// The page of a trace is one file that a browser shows by itself. It is stepped through
// by keys and by buttons.
func TestStudyPageInABrowser(t *testing.T) {
	b := startBrowser(t)
	for _, c := range []struct{ scenario, backend, theme string }{
		{"slow-reader", "epoll", "light"}, {"two-clients", "poll", "dark"}, {"half-close", "kqueue", "light"},
	} {
		t.Run(c.scenario+"/"+c.backend, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "trace.html")
			out, err := exec.Command(program, "study", "trace", "--stable", "--scenario", c.scenario, "--backend", c.backend, "--html", file).Output()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			p := b.tab(t, "file://"+file)
			p.scheme(c.theme)
			p.size(1300, 850)
			text := func(id string) string { return eval[string](p, "document.getElementById('"+id+"').textContent") }
			total := eval[int](p, "document.querySelectorAll('#calls li').length")
			at := func(step int) {
				t.Helper()
				p.wait("document.getElementById('position').textContent === " + quoted(fmt.Sprintf("Step %d of %d", step, total)))
				if n := eval[int](p, "[...document.querySelectorAll('#calls li')].findIndex(li => li.hasAttribute('aria-current'))"); n != step-1 {
					t.Errorf("at step %d the list is at %d", step, n+1)
				}
			}
			at(1)
			if !eval[bool](p, "document.getElementById('back').disabled") || !strings.HasPrefix(text("title"), c.scenario+" on "+c.backend) {
				t.Errorf("the first step: %q", text("title"))
			}
			// Each call has a bar, and a sentence.
			if n := eval[int](p, "document.querySelectorAll('#lanes rect.hit').length"); n != total {
				t.Errorf("%d bars for %d steps", n, total)
			}
			waits, tables := 0, map[string]bool{}
			for step := 1; step < total; step++ {
				p.keys(kb.ArrowRight)
				at(step + 1)
				if text("why") == "" {
					t.Errorf("step %d is not explained", step+1)
				}
				if text("turn") == "" || eval[int](p, "document.querySelectorAll('#turn [aria-current]').length") != 1 {
					t.Errorf("step %d has no place: %q", step+1, text("turn"))
				}
				if eval[string](p, "document.querySelector('#turn [aria-current]').textContent") == "wait" {
					waits++
				}
				tables[text("table")] = true
				if step == total/2 {
					p.shot("study-" + c.scenario + "-" + c.backend)
				}
			}
			if !eval[bool](p, "document.getElementById('next').disabled") || waits < 5 || len(tables) < 4 {
				t.Errorf("%d waits, %d different tables", waits, len(tables))
			}
			p.keys(kb.ArrowRight) // there is no more
			at(total)
			p.keys(kb.ArrowLeft)
			at(total - 1)
			p.keys(kb.Home)
			at(1)
			p.keys(kb.ArrowDown)
			if !strings.HasPrefix(text("why"), "Not a call: ") || text("position") == fmt.Sprintf("Step 1 of %d", total) {
				t.Errorf("the next thing that the client does: %q, %q", text("position"), text("why"))
			}
			eval[bool](p, "document.getElementById('first').click(), document.getElementById('next').click(), true")
			at(2)
			eval[bool](p, "document.querySelectorAll('#calls li')[6].click(), true")
			at(7)
			if n, v := eval[int](p, "executed"), eval[string](p, "violations.join('; ')"); n != 0 || v != "" {
				t.Errorf("%d scripts that are not the page's, violations of its policy: %s", n, v)
			}
		})
	}
}
