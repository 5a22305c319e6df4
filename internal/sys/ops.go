//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

// The calls of this package, by the kernel's names.
const (
	OpRead        Op = "read"
	OpWrite       Op = "write"
	OpWritev      Op = "writev"
	OpClose       Op = "close"
	OpPoll        Op = "poll"
	OpSelect      Op = "select"
	OpSocket      Op = "socket"
	OpBind        Op = "bind"
	OpListen      Op = "listen"
	OpAccept      Op = "accept"
	OpShutdown    Op = "shutdown"
	OpSetsockopt  Op = "setsockopt"
	OpGetsockname Op = "getsockname"
	OpGetpeername Op = "getpeername"
	OpConnect     Op = "connect"
	OpGetsockopt  Op = "getsockopt"
	OpRecvfrom    Op = "recvfrom"
	OpSendto      Op = "sendto"
	OpRecvmmsg    Op = "recvmmsg"
	OpSendmmsg    Op = "sendmmsg"
	OpIoctl       Op = "ioctl"
	OpFcntl       Op = "fcntl"
	OpOpen        Op = "open"
	OpFchmod      Op = "fchmod"
	OpFchmodat    Op = "fchmodat"
	OpLstat       Op = "lstat"
	OpUnlink      Op = "unlink"
	OpFlock       Op = "flock"
	OpPipe        Op = "pipe"
)

// MaxPieces is how many pieces one Writev takes. The kernel takes 1024
// (IOV_MAX); 64 pieces of an output buffer are already more than a socket's
// send buffer holds, and keep the vector on the stack.
const MaxPieces = 64
