// Package socketserver is Python's socketserver on event loops: a server takes
// requests, and a handler with methods Setup, Handle and Finish serves each as if it
// had a thread to itself. By default it has none: it is a coroutine on the loop of
// its connection, and tens of thousands of them share a few threads.
//
//	h := socketserver.HandlerFunc(func(r *socketserver.Request) error {
//		line, err := r.ReadLine() // the loop goes on with others until it is there
//		if err != nil {
//			return err
//		}
//		_, err = fmt.Fprintf(r, "[%s] %s", time.Now().Format(time.ANSIC), line)
//		return err
//	})
//	s, err := socketserver.NewTCP("127.0.0.1:21567", h, socketserver.Options{})
//	...
//	err = s.ServeForever(ctx)
//
// # Who is who
//
//	TCPServer, UDPServer               NewTCP, NewUDP; IPv6 by its address
//	UnixStreamServer, …DatagramServer  NewUnixStream, NewUnixDatagram
//	no mix-in                          Options.Mode Sync
//	ThreadingMixIn, ForkingMixIn       Threading, Forking
//	BaseRequestHandler                 Handler, Setuper, Finisher; Each for an object a request
//	StreamRequestHandler               Request: Read, ReadLine, Write, Flush
//	DatagramRequestHandler             the same Request: Packet, Write
//	request.recv(n)                    Request.Recv
//	methods to override                Hooks, embedding Base
//	class attributes                   Options
//	handle_request, serve_forever      HandleRequest, ServeForever
//	shutdown, server_close             Shutdown, Close
//	fileno                             Fd
//
// # What is different
//
//	in Python                                  here
//	shutdown takes up to half a second         at once
//	shutdown in a handler: a deadlock          allowed
//	shutdown before serve_forever is kept      does nothing
//	serve_forever ends behind a Sync handler   at once; Close waits for the handler
//	an exception in verify_request or          HandleError is told, the request closed,
//	handle_error ends the server               and the server goes on
//	process_request in the serving thread      hooks about a request run where it does
//	a thread for each request, unbounded       MaxThreads, and clients wait
//	daemon_threads or block_on_close           DaemonThreads, in all modes
//	a child is a copy of its parent            the program begun anew: Main, Register
//	max_children may be passed by one          it is not
//	the last child blocks the server           clients wait in the kernel's queue
//	server_close may wait for ever             it closes those who wait for input, but
//	                                           for children, and CloseWithin cuts all
//	a Unix socket's file stays                 it goes with the server, if it is still its own
//	any line is taken                          LineLimit
//	a backlog of 5                             4096
//	"" is every network                        127.0.0.1, unless one writes 0.0.0.0
//	a request without its own thread cannot    Await and Sleep
//	wait
package socketserver
