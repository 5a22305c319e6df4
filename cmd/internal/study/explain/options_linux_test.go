package explain

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux/cmd/internal/study/trace"
	"example.com/iomux/internal/sys"
)

// Options that Linux alone has are explained too.
func TestLinuxOptions(t *testing.T) {
	for _, c := range []struct {
		op            sys.Op
		level, option int
		name, says    string
	}{
		{sys.OpSetsockopt, unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, "IP_MULTICAST_ALL", "has joined itself"},
		{sys.OpSetsockopt, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_ALL, "IPV6_MULTICAST_ALL", "has joined itself"},
		{sys.OpGetsockopt, unix.IPPROTO_UDP, unix.UDP_SEGMENT, "UDP_SEGMENT", "as one message"},
		{sys.OpGetsockopt, unix.SOL_SOCKET, unix.SO_DOMAIN, "SO_DOMAIN", "inherited"},
		{sys.OpGetsockopt, unix.SOL_SOCKET, unix.SO_ERROR, "SO_ERROR", "How did the connect end"},
	} {
		args := fmt.Sprintf("%d, %d", c.level, c.option)
		if name := trace.OptionName(args); !strings.HasSuffix(name, ", "+c.name) {
			t.Errorf("%s is called %s", c.name, name)
		}
		if got := New().Record(&trace.Record{Op: c.op, On: theConn, Args: args}); !strings.Contains(got, c.says) {
			t.Errorf("%s: it says %q, want %q", c.name, got, c.says)
		}
	}
}
