//go:build linux

package sys

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
)

const (
	acceptAllocatesNothing = true
	batchAllocatesNothing  = true
	abstractNames          = true
)

func benchmarkRawRead(b *testing.B, fd int, buf []byte) {
	b.Run("unix.RawSyscall", func(b *testing.B) {
		for b.Loop() {
			_, _, e := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)))
			if e != unix.EAGAIN {
				b.Fatal(e)
			}
		}
	})
}

// hooked is one call of this package and what a trace shows of it. The numbers
// of descriptors are written as letters in want: the test knows their order.
type hooked struct {
	name string // of the function
	call func(t *testing.T) (int, Errno)
	want string // a regular expression, in which every space stands for itself
}

// hookedCalls are all that this package can ask of a kernel; see
// TestHookedCallsAreAll.
func hookedCalls(t *testing.T) []hooked {
	r, w := pipe(t)
	epfd, e := EpollCreate()
	ok(t, e)
	t.Cleanup(func() { _ = Close(epfd) })
	tcp, e := Socket(unix.AF_INET, unix.SOCK_STREAM)
	ok(t, e)
	t.Cleanup(func() { _ = Close(tcp) })
	l, where := listener(t, "127.0.0.1")
	events := make([]unix.EpollEvent, 4)
	closing := func(n int, e Errno) (int, Errno) { // the caller of a call that makes a descriptor
		if e == 0 {
			_ = unix.Close(n)
		}
		return n, e
	}
	none := func(e Errno) (int, Errno) { return result(e) }
	loopback := netip.MustParseAddrPort("127.0.0.1:0")
	return append(hookedSocketCalls(t), []hooked{
		{"Write", func(*testing.T) (int, Errno) { return Write(w, []byte("abc")) }, `write\(\d+, 3\) = 3`},
		{"Writev", func(*testing.T) (int, Errno) { return Writev(w, [][]byte{[]byte("de"), []byte("f")}) }, `writev\(\d+, 2 pieces(, 3 bytes)?\) = 3`},
		{"Poll", func(*testing.T) (int, Errno) {
			return Poll([]unix.PollFd{{Fd: int32(r), Events: unix.POLLIN}}, 1500*time.Microsecond)
		}, `poll\(\[\d+:0x1\], 1.5ms\) = 1 \[\d+:0x1\]`},
		{"HoldForRead", func(*testing.T) (int, Errno) { return none(HoldForRead(r, time.Millisecond)) }, `poll\(\d+, \[IN\], 1ms\) = 1`},
		{"Select", func(*testing.T) (int, Errno) {
			var a, b, c FDSet
			for _, s := range []*FDSet{&a, &b, &c} {
				s.Grow(w)
			}
			a.Set(r)
			b.Set(w)
			return Select(w+1, a, b, c, math.MaxInt64)
		}, `select\(\d+, r\[\d+\] w\[\d+\] x\[\], forever\) = 2 \[r\[\d+\] w\[\d+\] x\[\]\]`},
		{"EpollCtl", func(*testing.T) (int, Errno) {
			return none(EpollCtl(epfd, unix.EPOLL_CTL_ADD, r, unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLET))
		}, `epoll_ctl\(\d+, ADD, \d+, IN\|RDHUP\|ET\) = 0`},
		{"EpollCtl", func(*testing.T) (int, Errno) {
			return none(EpollCtl(epfd, unix.EPOLL_CTL_MOD, r, unix.EPOLLIN))
		}, `epoll_ctl\(\d+, MOD, \d+, IN\) = 0`},
		{"EpollWait", func(*testing.T) (int, Errno) { return EpollWait(epfd, events, 0) }, `epoll_pwait\(\d+, 4, 0 ms\) = 1 \[\d+:IN\]`},
		{"EpollWait", func(*testing.T) (int, Errno) { return EpollWait(epfd, events, math.MaxInt64) }, `epoll_pwait\(\d+, 4, -1 ms\) = 1 \[\d+:IN\]`},
		{"EpollWait", func(*testing.T) (int, Errno) { return EpollWait(epfd, events, 300*time.Microsecond) }, `epoll_pwait2\(\d+, 4, 300µs\) = 1 \[\d+:IN\]`},
		{"EpollCtl", func(*testing.T) (int, Errno) { return none(EpollCtl(epfd, unix.EPOLL_CTL_DEL, r, 0)) }, `epoll_ctl\(\d+, DEL, \d+, 0x0\) = 0`},
		{"EpollCtl", func(*testing.T) (int, Errno) { return none(EpollCtl(epfd, unix.EPOLL_CTL_DEL, r, 0)) }, `epoll_ctl\(\d+, DEL, \d+, 0x0\) = -1 ENOENT`},
		{"Read", func(*testing.T) (int, Errno) { return Read(r, make([]byte, 100)) }, `read\(\d+, 100\) = 6`},
		{"Read", func(*testing.T) (int, Errno) { return Read(r, make([]byte, 100)) }, `read\(\d+, 100\) = -1 EAGAIN`},
		{"EpollCreate", func(*testing.T) (int, Errno) { return closing(EpollCreate()) }, `epoll_create1\(CLOEXEC\) = \d+`},
		{"Eventfd", func(*testing.T) (int, Errno) { return closing(Eventfd()) }, `eventfd2\(0, NONBLOCK\|CLOEXEC\) = \d+`},
		{"Dup", func(*testing.T) (int, Errno) { return closing(Dup(r)) }, `fcntl\(\d+, F_DUPFD_CLOEXEC, 0\) = \d+`},
		{"IsOpen", func(t *testing.T) (int, Errno) {
			if !IsOpen(r) {
				return -1, unix.EBADF // all it can say
			}
			return 0, 0
		}, `fcntl\(\d+, F_GETFD\) = \d`},
		{"SetNonblock", func(*testing.T) (int, Errno) { return none(SetNonblock(r)) }, `fcntl\(\d+, F_SETFL, O_NONBLOCK\) = 0`},
		{"OpenNull", func(*testing.T) (int, Errno) { return closing(OpenNull()) }, `open\("/dev/null", O_RDONLY\|O_CLOEXEC\) = \d+`},
		{"Close", func(*testing.T) (int, Errno) {
			d, err := unix.Dup(r)
			check(t, err)
			e := Close(d)
			if e != 0 {
				_ = unix.Close(d) // the kernel was not asked
			}
			return none(e)
		}, `close\(\d+\) = 0`},
		{"Socket", func(*testing.T) (int, Errno) { return closing(Socket(unix.AF_INET, unix.SOCK_STREAM)) },
			`socket\(INET, STREAM\|NONBLOCK\|CLOEXEC\) = \d+`},
		{"Socket", func(*testing.T) (int, Errno) { return closing(Socket(unix.AF_INET6, unix.SOCK_DGRAM)) },
			`socket\(INET6, DGRAM\|NONBLOCK\|CLOEXEC\) = \d+`},
		{"Socket", func(*testing.T) (int, Errno) { return closing(Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET)) },
			`socket\(UNIX, SEQPACKET\|NONBLOCK\|CLOEXEC\) = \d+`},
		{"Socket", func(*testing.T) (int, Errno) { return closing(Socket(250, 9)) }, `socket\(250, 9\|NONBLOCK\|CLOEXEC\) = -1 E\w+`},
		{"SetsockoptInt", func(*testing.T) (int, Errno) {
			return none(SetsockoptInt(tcp, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
		}, fmt.Sprintf(`setsockopt\(\d+, %d, %d, 1\) = 0`, unix.SOL_SOCKET, unix.SO_REUSEADDR)},
		{"Bind", func(*testing.T) (int, Errno) { return none(Bind(tcp, loopback)) }, `bind\(\d+, 127.0.0.1:0\) = 0`},
		{"ShutdownWrite", func(*testing.T) (int, Errno) { return none(ShutdownWrite(tcp)) }, `shutdown\(\d+, SHUT_WR\) = -1 ENOTCONN`},
		{"Listen", func(*testing.T) (int, Errno) { return none(Listen(tcp, 16)) }, `listen\(\d+, 16\) = 0`},
		{"Getsockname", func(*testing.T) (int, Errno) {
			addr, e := Getsockname(tcp)
			if e == 0 && (addr.Addr() != loopback.Addr() || addr.Port() == 0) {
				t.Errorf("Getsockname: %v", addr)
			}
			return none(e)
		}, `getsockname\(\d+\) = 0 \[127.0.0.1:\d+\]`},
		{"Accept", func(*testing.T) (int, Errno) {
			c, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			check(t, err)
			defer unix.Close(c)
			check(t, unix.Connect(c, where))
			fd, _, e := Accept(l)
			return closing(fd, e)
		}, `accept\(\d+, NONBLOCK\|CLOEXEC\) = \d+ \[127.0.0.1:\d+\]`},
		{"NewKqueue", func(*testing.T) (int, Errno) { return NewKqueue() }, `kqueue\(\) = 77`},
		{"KeventWait", func(*testing.T) (int, Errno) {
			return KeventWait(77, []Kevent{{Ident: 5, Filter: FilterWrite, Flags: EvAdd | EvClear | EvOneShot}, {Ident: 6, Filter: FilterRead, Flags: EvDelete}},
				make([]Kevent, 2), time.Second)
		}, `kevent\(77, \[5:WRITE\|ADD\|ONESHOT\|CLEAR data=0 6:READ\|DELETE data=0\], 2, 1s\) = 1 \[6:READ\|EOF data=3\]`},
		{"CloseKqueue", func(*testing.T) (int, Errno) { return none(CloseKqueue(77)) }, `close\(77\) = 0`},
	}...)
}

// pretendKqueue puts a kqueue in place that says the same whatever it is asked.
func pretendKqueue(t *testing.T) {
	old := kqueueCalls
	SetKqueue(KqueueCalls{
		Kqueue: func() (int, Errno) { return 77, 0 },
		Kevent: func(_ int, _, events []Kevent, _ time.Duration) (int, Errno) {
			events[0] = Kevent{Ident: 6, Filter: FilterRead, Flags: EvEOF, Data: 3}
			return 1, 0
		},
		Close: func(int) Errno { return 0 },
	})
	t.Cleanup(func() { SetKqueue(old) })
}

// Every call shows in the trace, once, decoded, with what came of it.
func TestTrace(t *testing.T) {
	leaktest.Check(t)
	pretendKqueue(t)
	for _, h := range hookedCalls(t) {
		var seen []Call
		restore := SetHooks(&Hooks{Trace: func(c Call) { seen = append(seen, c) }})
		before := time.Now()
		_, e := h.call(t)
		after := time.Now()
		restore()
		if len(seen) != 1 {
			t.Errorf("%s: seen %v", h.name, seen)
			continue
		}
		c := seen[0]
		if !regexp.MustCompile("^" + h.want + "$").MatchString(c.String()) {
			t.Errorf("%s: %s\nwant %s", h.name, c, h.want)
		}
		if c.Errno != e || c.Injected || c.Start.Before(before) || c.Took < 0 || c.Start.Add(c.Took).After(after) {
			t.Errorf("%s: errno %v and injected %v of a call that said %v; from %v for %v, within %v and %v",
				h.name, c.Errno, c.Injected, e, c.Start, c.Took, before, after)
		}
	}
}

// A fault is asked before every call and takes the kernel's place; the trace
// says so; what the call's caller sees is the fault's errno.
func TestFault(t *testing.T) {
	leaktest.Check(t)
	pretendKqueue(t)
	for _, h := range hookedCalls(t) {
		var asked, seen []Call
		restore := SetHooks(&Hooks{
			Fault: func(c Call) Errno {
				asked = append(asked, c)
				if h.name == "IsOpen" {
					return unix.EBADF
				}
				return unix.EDQUOT
			},
			Trace: func(c Call) { seen = append(seen, c) },
		})
		n, e := h.call(t)
		restore()
		if len(asked) != 1 || len(seen) != 1 {
			t.Errorf("%s: asked %v, seen %v", h.name, asked, seen)
			continue
		}
		if n != -1 || e != seen[0].Errno || e != unix.EDQUOT && h.name != "IsOpen" {
			t.Errorf("%s: %d, %v", h.name, n, e)
		}
		if c := seen[0]; !c.Injected || c.Result != -1 || c.Took != 0 || c.Out != "" || !strings.HasSuffix(c.String(), "(injected)") {
			t.Errorf("%s: %s", h.name, c)
		}
		if c := asked[0]; c.Op != seen[0].Op || c.FD != seen[0].FD || c.Args != seen[0].Args || c.Op == "" {
			t.Errorf("%s: asked about %s, traced %s", h.name, c, seen[0])
		}
	}
}

// A fault that says no lets the call through, and either hook may be alone.
func TestHooksAreOptional(t *testing.T) {
	r, w := pipe(t)
	_ = r
	n := 0
	for _, h := range []*Hooks{nil, {}, {Trace: func(Call) { n++ }}, {Fault: func(Call) Errno { n++; return 0 }}} {
		restore := SetHooks(h)
		if k, e := Write(w, []byte("x")); k != 1 || e != 0 {
			t.Errorf("%d, %v", k, e)
		}
		restore()
	}
	if n != 2 {
		t.Errorf("the hooks were called %d times", n)
	}
}

// restore brings back what was there, one within another.
func TestRestore(t *testing.T) {
	_, w := pipe(t)
	var said string
	speak := func(s string) *Hooks { return &Hooks{Trace: func(Call) { said += s }} }
	outer := SetHooks(speak("a"))
	Write(w, []byte("x"))
	inner := SetHooks(speak("b"))
	Write(w, []byte("x"))
	none := SetHooks(nil)
	Write(w, []byte("x"))
	none()
	Write(w, []byte("x"))
	inner()
	Write(w, []byte("x"))
	outer()
	Write(w, []byte("x"))
	if said != "abba" {
		t.Errorf("said %q", said)
	}
	if hooks.Load() != nil {
		t.Error("hooks are left")
	}
}

// behind are functions that look at the hooks for others, of which one is named.
var behind = map[string]string{"epollPwait": "EpollWait", "epollPwait2": "EpollWait", "setsockopt": "JoinGroup"}

// TestHookedCallsAreAll reads this package for the functions that look at the
// hooks: each must be in the table above.
func TestHookedCallsAreAll(t *testing.T) {
	pretendKqueue(t)
	tested := map[string]bool{}
	for _, h := range hookedCalls(t) {
		tested[h.name] = true
	}
	files, err := filepath.Glob("*.go")
	check(t, err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") || name == "hook.go" || strings.Contains(name, "_bsd") || strings.Contains(name, "_darwin") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		check(t, err)
		for _, d := range file.Decls {
			f, isFunc := d.(*ast.FuncDecl)
			if !isFunc {
				continue
			}
			ast.Inspect(f, func(n ast.Node) bool {
				s, ok := n.(*ast.SelectorExpr)
				if !ok || s.Sel.Name != "Load" {
					return true
				}
				if x, ok := s.X.(*ast.Ident); !ok || x.Name != "hooks" {
					return true
				}
				by := f.Name.Name
				if f.Recv != nil {
					by = f.Recv.List[0].Type.(*ast.StarExpr).X.(*ast.Ident).Name + "." + by
				}
				if by = cmp.Or(behind[by], by); !tested[by] {
					t.Errorf("%s: %s goes through the hooks and is not in hookedCalls", name, by)
				}
				return true
			})
		}
	}
}

// What EpollWait is told to wait it waits, to the nanosecond and on the older
// call too.
func TestEpollWaitTimeout(t *testing.T) {
	epfd, e := EpollCreate()
	ok(t, e)
	defer Close(epfd)
	defer noPwait2.Store(noPwait2.Load())
	for _, old := range []bool{noPwait2.Load(), true} {
		noPwait2.Store(old)
		for _, d := range []time.Duration{0, 1, time.Microsecond, 300 * time.Microsecond, 1999999, 3100 * time.Microsecond} {
			for {
				start := time.Now()
				n, e := EpollWait(epfd, make([]unix.EpollEvent, 1), d)
				took := time.Since(start)
				if e == unix.EINTR {
					continue
				}
				if n != 0 || e != 0 || took < d {
					t.Errorf("EpollWait(%v) = %d, %v after %v", d, n, e, took)
				}
				break
			}
		}
	}
}

// A kernel without epoll_pwait2, or a sandbox that forbids it, is asked once.
func TestEpollWaitWithoutPwait2(t *testing.T) {
	epfd, e := EpollCreate()
	ok(t, e)
	defer Close(epfd)
	defer noPwait2.Store(noPwait2.Load())
	for _, refusal := range []Errno{unix.ENOSYS, unix.EPERM} {
		noPwait2.Store(false)
		var asked []string
		restore := SetHooks(&Hooks{
			Fault: func(c Call) Errno {
				if c.Op == OpEpollPwait2 {
					return refusal
				}
				return 0
			},
			Trace: func(c Call) { asked = append(asked, c.String()) },
		})
		for range 2 {
			start := time.Now()
			if n, e := EpollWait(epfd, make([]unix.EpollEvent, 1), 1100*time.Microsecond); n > 0 || e != 0 && e != unix.EINTR {
				t.Errorf("%d, %v", n, e)
			} else if took := time.Since(start); e == 0 && took < 1100*time.Microsecond {
				t.Errorf("it took %v", took)
			}
		}
		restore()
		if len(asked) != 3 || !strings.Contains(asked[0], "epoll_pwait2") || !strings.Contains(asked[1], "1, 2 ms") || !strings.Contains(asked[2], "1, 2 ms") {
			t.Errorf("%v: asked %q", refusal, asked)
		}
	}
	// Any other answer is the caller's to see.
	noPwait2.Store(false)
	restore := SetHooks(&Hooks{Fault: func(Call) Errno { return unix.EINTR }})
	_, e = EpollWait(epfd, make([]unix.EpollEvent, 1), time.Millisecond)
	restore()
	if e != unix.EINTR || noPwait2.Load() {
		t.Errorf("%v, and the call is given up: %v", e, noPwait2.Load())
	}
}

func TestEpollBits(t *testing.T) {
	for bits, want := range map[uint32]string{
		0:            "0x0",
		unix.EPOLLIN: "IN",
		unix.EPOLLIN | unix.EPOLLPRI | unix.EPOLLOUT | unix.EPOLLERR | unix.EPOLLHUP | unix.EPOLLRDHUP: "IN|PRI|OUT|ERR|HUP|RDHUP",
		unix.EPOLLOUT | unix.EPOLLET | unix.EPOLLONESHOT | unix.EPOLLEXCLUSIVE:                         "OUT|ET|ONESHOT|EXCLUSIVE",
		unix.EPOLLIN | 1<<20: "IN|0x100000",
	} {
		if got := EpollBits(bits); got != want {
			t.Errorf("%#x: %s, want %s", bits, got, want)
		}
	}
}

// Long lists are cut in a trace: nobody would read them.
func TestPollListIsCut(t *testing.T) {
	list := make([]unix.PollFd, 100)
	if got := pollList(list, false); !strings.HasSuffix(got, " …") || strings.Count(got, " ") != 16 {
		t.Errorf("%q", got)
	}
	list[50].Revents = unix.POLLIN
	if got := pollList(list, true); got != "0:0x1" {
		t.Errorf("%q", got)
	}
}

func TestRawAddrPort(t *testing.T) {
	var sa unix.RawSockaddrAny
	v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(&sa))
	v4.Family, v4.Addr = unix.AF_INET, [4]byte{192, 0, 2, 7}
	*(*[2]byte)(unsafe.Pointer(&v4.Port)) = [2]byte{0x1f, 0x90}
	if got := rawAddrPort(&sa); got.String() != "192.0.2.7:8080" {
		t.Error(got)
	}
	if n := testing.AllocsPerRun(100, func() { rawAddrPort(&sa) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	sa = unix.RawSockaddrAny{}
	v6 := (*unix.RawSockaddrInet6)(unsafe.Pointer(&sa))
	v6.Family, v6.Addr = unix.AF_INET6, netip.MustParseAddr("2001:db8::1").As16()
	*(*[2]byte)(unsafe.Pointer(&v6.Port)) = [2]byte{0xff, 0xff}
	if got := rawAddrPort(&sa); got.String() != "[2001:db8::1]:65535" {
		t.Error(got)
	}
	if n := testing.AllocsPerRun(100, func() { rawAddrPort(&sa) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	v6.Addr, v6.Scope_id = netip.MustParseAddr("fe80::9").As16(), 4
	if got := rawAddrPort(&sa); got.String() != "[fe80::9%4]:65535" {
		t.Error(got)
	}
	v6.Addr, v6.Scope_id = netip.MustParseAddr("::ffff:10.0.0.1").As16(), 0
	if got := rawAddrPort(&sa); got.String() != "10.0.0.1:65535" {
		t.Error(got)
	}
	sa = unix.RawSockaddrAny{}
	sa.Addr.Family = unix.AF_UNIX
	if got := rawAddrPort(&sa); got.IsValid() {
		t.Error(got)
	}
}

// Every system call goes through this package. TestNoStrayCalls reads the whole
// repository, all modules, for calls on x/sys/unix and syscall elsewhere.
func TestNoStrayCalls(t *testing.T) {
	root, err := filepath.Abs("../..")
	check(t, err)
	n := 0
	check(t, filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if _, exempt := ownCalls[rel]; exempt || rel != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		n++
		for _, stray := range strayCalls(t, path, filepath.ToSlash(filepath.Dir(rel))) {
			t.Errorf("%s: a system call beside internal/sys", strings.TrimPrefix(stray, root+"/"))
		}
		return nil
	}))
	if n < 20 {
		t.Errorf("read %d files: the walk has lost its way", n)
	}
}

// ownCalls are the places that may make system calls of their own.
var ownCalls = map[string]string{
	"internal/sys":            "the door itself",
	"internal/kqueuesim":      "plays the kernel",
	"internal/libkqueue":      "plays the kernel",
	"bench/peers":             "the servers of others, to measure against",
	"cmd/internal/experiment": "shows the kernel itself, with nothing of ours in between",
	"cmd/internal/studycost":  "measures it",
	"cmd/internal/chatstore":  "locks a file of the program's",
	"cmd/internal/users":      "locks a file of the program's",
	"cmd/internal/tty":        "sets up a terminal",
}

// pure are the names of unix and syscall that look like calls and ask no kernel.
var pure = []string{
	"Errno", "Signal", "Timespec", "Timeval", "ErrnoName", "SignalName", "SignalNum",
	"NsecToTimespec", "NsecToTimeval", "TimespecToNsec", "TimevalToNsec",
	"ByteSliceToString", "BytePtrToString", "ByteSliceFromString", "BytePtrFromString",
	"CmsgLen", "CmsgSpace", "ParseSocketControlMessage", "ParseUnixRights", "UnixRights",
	"Major", "Minor", "Mkdev",
}

// also are further names that a package may call, which have nothing to do with
// the descriptors that a trace shows: the benchmark's laboratory.
var also = map[string][]string{
	"bench/run":  {"SchedGetaffinity", "SchedSetaffinity", "Setpriority", "ClockGettime", "Uname", "Getrlimit", "Setrlimit"},
	"bench/load": {"Connect", "GetsockoptInt", "TimerfdCreate", "TimerfdSettime", "Getrlimit", "Setrlimit", "Socket", "RawSyscall6"},
}

// strayCalls lists the calls in a file as "path:line: unix.Name".
func strayCalls(t *testing.T, path, dir string) (strays []string) {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, nil, 0)
	check(t, err)
	names := map[string]string{}
	for _, i := range file.Imports {
		p := strings.Trim(i.Path.Value, `"`)
		if p != "golang.org/x/sys/unix" && p != "syscall" {
			continue
		}
		name := p[strings.LastIndex(p, "/")+1:]
		if i.Name != nil {
			name = i.Name.Name
		}
		names[name] = p
		if name == "." {
			strays = append(strays, fmt.Sprintf("%s: a dot import of %s hides its calls", fset.Position(i.Pos()), p))
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		s, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		x, ok := s.X.(*ast.Ident)
		if !ok || names[x.Name] == "" || slices.Contains(pure, s.Sel.Name) || slices.Contains(also[dir], s.Sel.Name) {
			return true
		}
		at := fset.Position(call.Pos())
		strays = append(strays, fmt.Sprintf("%s:%d: %s.%s", at.Filename, at.Line, x.Name, s.Sel.Name))
		return true
	})
	return strays
}

// The test above finds what it is there to find.
func TestStrayCallsAreFound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stray.go")
	check(t, os.WriteFile(path, []byte(`package p

import (
	u "golang.org/x/sys/unix"
	"syscall"
)

func f() {
	_ = u.Close(1)
	_ = u.ErrnoName(u.Errno(1))
	var _ u.EpollEvent
	go syscall.Getpid()
}
`), 0o600))
	got := strayCalls(t, path, "")
	if len(got) != 2 || !strings.HasSuffix(got[0], "stray.go:9: u.Close") || !strings.HasSuffix(got[1], "stray.go:12: syscall.Getpid") {
		t.Errorf("%q", got)
	}
}
