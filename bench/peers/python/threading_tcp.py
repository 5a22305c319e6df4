"""An echo server on socketserver.ThreadingTCPServer: a thread per connection.

    threading_tcp.py [-p PORT] [-loops 1] [-frame BYTES] [-serve echo]
"""

import errno
import socket
import socketserver
import sys
import time

sys.dont_write_bytecode = True  # flags.pyc would lie among the sources
import flags  # noqa: E402

READ_SIZE = 64 << 10
RETRY = 0.1  # seconds that accepting pauses when descriptors ran out
SHORTAGE = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        try:
            while data := self.request.recv(READ_SIZE):
                self.request.sendall(data)
        except ConnectionError:
            pass  # the client's way of saying goodbye


class Frames(socketserver.BaseRequestHandler):
    """Answers request by request, as a protocol's handler does."""

    size = 0

    def handle(self):
        size, rest = self.size, b""
        try:
            while data := self.request.recv(READ_SIZE):
                data = rest + data
                used = len(data) - len(data) % size
                for at in range(0, used, size):
                    self.request.sendall(data[at : at + size])
                rest = data[used:]
        except ConnectionError:
            pass


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 4096
    daemon_threads = True  # the end of the program does not wait for clients
    block_on_close = False  # nor is a list of all threads kept for it

    def server_bind(self):
        # Linux hands this on to what is accepted, which saves a call each.
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().server_bind()

    def get_request(self):
        try:
            return super().get_request()
        except OSError as e:
            if e.errno in SHORTAGE:
                time.sleep(RETRY)  # else serve_forever would try again at once
            raise

    def handle_error(self, request, client_address):
        if isinstance(sys.exc_info()[1], RuntimeError):
            return  # no thread could be started: the connection is closed
        super().handle_error(request, client_address)


def main():
    args = flags.parser("threading_tcp", ["echo"]).parse_args()
    Frames.size = args.frame
    try:
        server = Server(("127.0.0.1", args.port), Frames if args.frame else Echo)
    except OSError as e:
        sys.exit(f"threading_tcp: {e}")
    print(f"listening tcp://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


main()
