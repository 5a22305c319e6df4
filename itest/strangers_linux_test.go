package itest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/sys"
	"example.com/iomux/reactor"
	"example.com/iomux/servers/echo"
)

// visitor is a role: it connects to a Unix socket a hundred times and says how
// often it was served, and how often turned away.
func visitor(args []string) int {
	name, err := unquoteName(args[0])
	if err != nil {
		return complain(err)
	}
	served, refused := 0, 0
	for range 100 {
		c, err := bareSocket(unix.AF_UNIX, unix.SOCK_STREAM)
		if err != nil {
			return complain(err)
		}
		if errno := sys.ConnectUnix(int(c), name); errno != 0 { // unix.Connect takes no name of 107 bytes
			return complain(errno)
		}
		switch err := c.echoed(message); {
		case err == nil:
			served++
		case errors.Is(err, io.EOF), errors.Is(err, unix.EPIPE), errors.Is(err, unix.ECONNRESET):
			refused++
		default:
			return complain(err)
		}
		c.close()
	}
	fmt.Println("served", served, "refused", refused)
	return 0
}

// unquoteName undoes %q: a name may hold NULs, and an argument may not.
func unquoteName(quoted string) (name string, err error) {
	_, err = fmt.Sscanf(quoted, "%q", &name)
	return name, err
}

// U4: abstract names have no permissions, but the server can look who is there: of
// a hundred connections of another user none is served, and all of one's own are.
// Names of every length and with NULs inside are names.
func TestAnotherUserIsRefused(t *testing.T) {
	leaktest.Check(t)
	nobody, binary := asNobody(t), publicCopy(t, thisBinary(t))
	group := openGroup(t, reactor.Options{Loops: 2})
	me := uint32(os.Geteuid())
	base := fmt.Sprintf("iomux-itest-%d", os.Getpid())
	for _, name := range []string{
		"@" + base,
		"@" + base + "\x00a\x00\x00b",
		"@" + base + strings.Repeat("x", 107-len(base)),
		filepath.Join(publicDir(t), "s"),
	} {
		before := group.Stats().Refused
		url := "unix:" + strings.ReplaceAll(name, "\x00", "%00")
		listen(t, group, url, echo.Handler{}, reactor.ListenOptions{
			Mode:      0o666,
			AllowPeer: func(c reactor.Credentials) bool { return c.UID == me },
		})
		if list, err := os.ReadFile("/proc/net/unix"); err != nil || !strings.Contains(string(list), " "+strings.ReplaceAll(name, "\x00", "@")+"\n") {
			t.Errorf("the kernel knows no socket %q (%v)", name, err)
		}
		quoted := fmt.Sprintf("%q", name)
		p := startRoleOf(t, binary, nobody, "visitor", quoted)
		p.expect("served 0 refused 100")
		p.wait()
		p = startRole(t, nil, "visitor", quoted)
		p.expect("served 100 refused 0")
		p.wait()
		await(t, "the refusals are counted", func() bool { return group.Stats().Refused-before == 100 })
	}
}

// U5: descriptors that a client sends uninvited are closed, all ten thousand of
// them, and so are credentials ignored; what came with them is served.
func TestUninvitedDescriptors(t *testing.T) {
	const messages = 10_000
	leaktest.Check(t)
	group := openGroup(t, reactor.Options{Loops: 1})
	for _, f := range []struct {
		scheme string
		typ    int
	}{{"unix", unix.SOCK_STREAM}, {"unixpacket", unix.SOCK_SEQPACKET}, {"unixgram", unix.SOCK_DGRAM}} {
		t.Run(f.scheme, func(t *testing.T) {
			path := filepath.Join(publicDir(t), "s")
			if f.typ == unix.SOCK_DGRAM {
				ln, err := group.ListenPacket("unixgram://"+path, echo.Packets{}, reactor.ListenOptions{})
				if err != nil {
					t.Fatal(err)
				}
				defer ln.Close()
			} else {
				defer listen(t, group, f.scheme+"://"+path, echo.Handler{}, reactor.ListenOptions{}).Close()
			}
			c, err := bareSocket(unix.AF_UNIX, f.typ)
			if err != nil {
				t.Fatal(err)
			}
			defer c.close()
			if f.typ == unix.SOCK_DGRAM { // or it could not be answered
				if err := unix.Bind(int(c), &unix.SockaddrUnix{Name: filepath.Join(publicDir(t), "c")}); err != nil {
					t.Fatal(err)
				}
			}
			if err := unix.Connect(int(c), &unix.SockaddrUnix{Name: path}); err != nil {
				t.Fatal(err)
			}
			if err := c.echoed(message); err != nil {
				t.Fatal(err)
			}
			// The other end of a pipe tells when all copies of this one are closed.
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			before, most := descriptors(t), 0
			self := &unix.Ucred{Pid: int32(os.Getpid()), Uid: uint32(os.Getuid()), Gid: uint32(os.Getgid())}
			control := append(unix.UnixRights(int(w.Fd())), unix.UnixCredentials(self)...)
			got := make([]byte, len(message))
			for i := range messages {
				if err := unix.Sendmsg(int(c), []byte(message), control, nil, 0); err != nil {
					t.Fatalf("message %d: %v", i, err)
				}
				if _, err := io.ReadFull(c, got); err != nil || string(got) != message {
					t.Fatalf("message %d: got %q, %v", i, got, err)
				}
				if i%100 == 0 {
					most = max(most, descriptors(t))
				}
			}
			if most > before {
				t.Errorf("%d descriptors before and up to %d meanwhile", before, most)
			}
			w.Close()
			if err := r.SetReadDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("a copy of a descriptor that was sent is still open: %v", err)
			}
		})
	}
}
