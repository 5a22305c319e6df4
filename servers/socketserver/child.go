//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package socketserver

import (
	"fmt"
	"net"
	"os"
	"strings"
	"sync"

	"example.com/iomux/internal/sys"
)

// registry has what Register was given.
var registry struct {
	sync.Mutex
	servers map[string]func() (Handler, Options)
}

// Register gives a name to what serves requests in the children of servers in mode
// Forking: of those whose Options.Child is that name. In the child newServer is called,
// once, for the handler, and for the Options, of which Hooks and Logger count; numbers
// and times are those of the parent's. Register comes before Main, in the parent and in
// the child. It panics if the name is empty or taken.
func Register(name string, newServer func() (Handler, Options)) {
	registry.Lock()
	defer registry.Unlock()
	if _, taken := registry.servers[name]; taken || name == "" {
		panic(fmt.Sprintf("socketserver: Register: the name %q is empty or taken", name))
	}
	if registry.servers == nil {
		registry.servers = map[string]func() (Handler, Options){}
	}
	registry.servers[name] = newServer
}

// registered is what Register was given for a name.
func registered(name string) (newServer func() (Handler, Options), ok bool) {
	registry.Lock()
	defer registry.Unlock()
	newServer, ok = registry.servers[name]
	return newServer, ok
}

// childVariable in the environment makes a process a child: it holds its role, a
// space, and the name that was registered.
const childVariable = "IOMUX_SOCKETSERVER_CHILD"

// The roles of a child.
const (
	roleRequest = "request" // it serves one
	roleWorker  = "worker"  // it serves one after the other, see Options.Pool
)

// The descriptors that a child finds open, beside the standard ones.
const (
	childSocket = 3 // of the request; of a worker, the one that requests come by
	childJob    = 4 // a pipe with what else there is to know about the request
)

// What a child exits with, or a worker says when it is done with a request.
const (
	exitServed = 0
	exitFailed = 1 // an error of the handler, or Abort
	exitBroken = 2 // it could not serve; Go's runtime exits with it as well
)

// Main is where the children of a server in mode Forking begin. A program with such a
// server calls it first of all in main, and its tests do in TestMain. In a child it
// serves the request and ends the process, with exit code 0, or 1 after an error of the
// handler or Abort. In any other process it returns at once.
//
//	func newServer() (socketserver.Handler, socketserver.Options) {
//		return handler{}, socketserver.Options{Mode: socketserver.Forking, Child: "echo"}
//	}
//
//	func init() { socketserver.Register("echo", newServer) }
//
//	func main() {
//		socketserver.Main()
//		h, o := newServer()
//		s, err := socketserver.NewTCP("127.0.0.1:7000", h, o)
//		...
//	}
//
// Python forks: the child goes on where the parent was, with a copy of all it had. A
// process of Go's, which has several threads, cannot, so a child is the same program
// begun anew. It has the parent's arguments, environment, directory, standard output and
// standard error; the connection, or the datagram and the server's socket; and what the
// Request tells, but for its Value. It has none of the parent's variables, those of the
// handler and the hooks among them, none of its locks, and nothing else that it has
// opened.
//
// Hooks up to ProcessRequest are called in the parent, and then CloseRequest; FinishRequest
// and those behind it in the child; HandleError in both. Hooks in the parent may read:
// what they leave, in Reader's buffer too, is for the child. A connection that GetRequest
// has put in the place of the accepted one by SetConn cannot be passed on, which is
// errors.ErrUnsupported; FinishRequest may do that.
//
// The child's standard input is the null device. It leads a process group of its own,
// so that an interrupt from the terminal is for the parent alone, whose Close waits for
// its children. On Linux a child is killed when its parent dies, however that happens;
// Python's would go on.
//
// To start a process for a request takes about twice the processor time that it takes
// Python's ForkingTCPServer to fork one. With Options.Pool a request takes about a sixth
// of that, and six to ten times as many a second are served.
func Main() {
	role, name, _ := strings.Cut(os.Getenv(childVariable), " ")
	if role == "" {
		return
	}
	_ = os.Unsetenv(childVariable) // of a good name; what the child starts is no child
	os.Exit(beChild(role, name))   //nolint:forbidigo // there is nothing else for this process to do
}

// beChild does what a child is for, and returns its exit code.
func beChild(role, name string) int {
	c, err := newChild(name)
	code := exitBroken
	if err == nil {
		switch role {
		case roleRequest:
			code, err = c.serveOne()
		case roleWorker:
			code, err = c.work()
		default:
			err = fmt.Errorf("%s has the role %q", childVariable, role)
		}
	}
	if err != nil {
		complain(err)
	}
	return code
}

// complain says what keeps a child from serving. There may be no Logger yet.
func complain(err error) {
	_, _ = fmt.Fprintf(os.Stderr, "socketserver: child %d: %v\n", os.Getpid(), err) // who else could be told?
}

// child is what a child process has.
type child struct {
	server *Server // one that does not serve, for hooks and handlers
	addr   net.Addr
}

// newChild is the child of a name.
func newChild(name string) (*child, error) {
	newServer, ok := registered(name)
	if !ok {
		return nil, fmt.Errorf("%q is not registered: Register comes before Main", name)
	}
	h, o := newServer()
	if h == nil {
		return nil, fmt.Errorf("the handler of %q is nil", name)
	}
	o.Mode, o.Child = Forking, name
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &child{}
	c.server = &Server{options: o, handler: h, closed: true, drained: make(chan struct{}), cut: func() {}, child: c}
	close(c.server.drained)
	return c, nil
}

// serveOne serves the request that the process was started for.
func (c *child) serveOne() (code int, err error) {
	socket, pipe := inherit(childSocket), inherit(childJob)
	j, err := readJob(pipe)
	_ = pipe.Close() // all of it is read
	if err != nil {
		return exitBroken, err
	}
	return c.serve(j, socket)
}

// inherit makes a file of a descriptor that the parent has given, and keeps it from
// what the child starts.
func inherit(fd int) *os.File {
	_ = sys.SetCloexec(fd) // if it is not open, the first use of the file will tell
	return os.NewFile(uintptr(fd), fmt.Sprintf("descriptor %d", fd))
}

// serve serves a request by its socket, which it closes.
func (c *child) serve(j *job, socket *os.File) (code int, err error) {
	defer func() { _ = socket.Close() }() // what is left to be sent the kernel has
	c.adopt(j)
	r, closer, err := c.request(j, socket)
	if err != nil {
		return exitBroken, err
	}
	code = exitFailed
	done := make(chan struct{})
	go func() { // a runtime.Goexit of the handler's ends this, and not the process
		defer close(done)
		defer c.server.shutdownRequest(r)
		err := guard(func() error { return c.server.options.Hooks.FinishRequest(r) })
		switch {
		case err == nil:
			code = exitServed
		case !isAbort(err):
			c.server.handleError(r, err)
		}
	}()
	<-done
	_ = closer.Close() // a connection is closed by now
	if j.Stream {
		linger(socket, j.Client.Network == "unix")
	}
	return code, nil
}

// adopt takes the parent's values for the server.
func (c *child) adopt(j *job) {
	s := c.server
	s.mu.Lock() // a worker's last handler may have left a goroutine behind
	defer s.mu.Unlock()
	s.url, c.addr = j.URL, j.Server.addr()
	o := &s.options
	o.ReadBufferSize, o.WriteBufferSize, o.LineLimit = j.ReadBufferSize, j.WriteBufferSize, j.LineLimit
	o.MaxPacketSize, o.IOTimeout, o.SuppressEmptyReply = j.MaxPacketSize, j.IOTimeout, j.SuppressEmptyReply
}
