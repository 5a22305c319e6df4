"""An echo server on an asyncio protocol, with asyncio's own loop or uvloop's.

    aio.py [-p PORT] [-loops 1] [-frame BYTES] [-serve echo|udp] [-loop asyncio|uvloop]

-frame is for echo: a datagram is its own frame.
"""

import asyncio
import logging
import socket
import sys

sys.dont_write_bytecode = True  # flags.pyc would lie among the sources
import flags  # noqa: E402

BACKLOG = 4096
SOCKET_BUFFER = 4 << 20  # of datagrams; the system may grant less


# All connections receive into this: one is read, and answered, at a time.
INPUT = memoryview(bytearray(64 << 10))


class Echo(asyncio.BufferedProtocol):
    # A plain Protocol is given bytes which asyncio allocated for 256 KiB and cut
    # down: a mapping made and undone for every message, three times the cost.

    def connection_made(self, transport):
        self.transport = transport

    def get_buffer(self, hint):
        return INPUT

    def buffer_updated(self, n):
        # A copy, because a transport may hold on to what it is to write.
        self.transport.write(bytes(INPUT[:n]))

    # While the client does not read, it is not read from either.
    def pause_writing(self):
        self.transport.pause_reading()

    def resume_writing(self):
        self.transport.resume_reading()


class Frames(Echo):
    """Answers request by request, as a protocol's handler does."""

    def __init__(self, size):
        self.size = size
        self.rest = b""

    def buffer_updated(self, n):
        size, write = self.size, self.transport.write
        data = self.rest + INPUT[:n]
        used = len(data) - len(data) % size
        for at in range(0, used, size):
            write(data[at : at + size])
        self.rest = data[used:]


class Datagrams(asyncio.DatagramProtocol):
    # An empty datagram has no echo: asyncio before Python 3.13 sends none, nor does
    # uvloop 0.17.
    full = False

    def connection_made(self, transport):
        self.transport = transport
        if hasattr(transport, "max_size"):
            transport.max_size = 64 << 10  # not 256 KiB, for the reason above

    def datagram_received(self, data, addr):
        if not self.full:  # else it is dropped, as the network might
            self.transport.sendto(data, addr)

    def pause_writing(self):
        self.full = True

    def resume_writing(self):
        self.full = False


def listener(port):
    s = socket.create_server(("127.0.0.1", port), backlog=BACKLOG)
    # Linux hands this on to what is accepted; so both loops have it.
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def datagram_socket(port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER)
    s.bind(("127.0.0.1", port))
    return s


async def serve(args):
    loop = asyncio.get_running_loop()
    # What asyncio has to say is that descriptors ran out, when it pauses, and that
    # a client went before its answer.
    loop.set_exception_handler(lambda loop, context: None)
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    if args.serve == "udp":
        s = datagram_socket(args.port)
        await loop.create_datagram_endpoint(Datagrams, sock=s)
        print(f"listening udp://127.0.0.1:{s.getsockname()[1]}", flush=True)
    else:
        s = listener(args.port)
        make = (lambda: Frames(args.frame)) if args.frame else Echo
        # asyncio tries to accept as often in a row as its backlog says, also
        # when there are no descriptors; so it gets a small one, the kernel not.
        server = await loop.create_server(make, sock=s, backlog=100)
        s.listen(BACKLOG)
        print(f"listening tcp://127.0.0.1:{s.getsockname()[1]}", flush=True)
    await loop.create_future()


def main():
    p = flags.parser("aio", ["echo", "udp"])
    p.add_argument("-loop", choices=["asyncio", "uvloop"], default="asyncio", help="whose loop")
    args = p.parse_args()
    if args.loop == "uvloop":
        try:
            import uvloop
        except ImportError as e:
            sys.exit(f"aio: {e}")
        uvloop.install()
    try:
        asyncio.run(serve(args))
    except OSError as e:
        sys.exit(f"aio: {e}")


main()
