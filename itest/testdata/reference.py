"""The classic servers on Python's own socketserver, as the tutorials meant them.

    reference.py NAME tcp|unix|udp|unixgram [PATH]

It prints "listening URL" when it is there and serves until its standard input
ends. A server that the tutorials print with a mistake does here what their text
says of it; what all of them leave out, such as a limit, is left out here, too.
"""

import os
import socket
import socketserver
import struct
import sys
import threading
from time import ctime

GROUP = '224.3.29.71'  # the tutorial's
RECORD = struct.Struct('<I2s2xf')


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(16):
            self.request.sendall(data)


class Quit(socketserver.BaseRequestHandler):
    def handle(self):
        while (data := self.request.recv(1024)) not in (b'', b'quit'):
            self.request.sendall(data)


class Chat(socketserver.BaseRequestHandler):
    members = {}
    lock = threading.Lock()

    def setup(self):
        with self.lock:
            self.members[id(self)] = self.request

    def handle(self):
        while (data := self.request.recv(1024).strip()) not in (b'', b'quit'):
            with self.lock:
                for member in self.members.values():
                    member.sendall(data)

    def finish(self):
        with self.lock:
            del self.members[id(self)]


class Upper(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(self.request.recv(1024).strip().upper())


class Timestamp(socketserver.StreamRequestHandler):
    """Under Python 2, for which it was written, text was bytes."""

    def handle(self):
        self.wfile.write(b'[%s] %s' % (ctime().encode(), self.rfile.readline()))


class TimestampRepr(socketserver.StreamRequestHandler):
    """What Python 3 makes of the same lines."""

    def handle(self):
        self.wfile.write(('[%s] %s' % (ctime(), self.rfile.readline())).encode())


class Greeting(socketserver.StreamRequestHandler):
    def handle(self):
        host, port = self.server.server_address
        self.wfile.write(('connection %s:%s at %s succeed!' % (host, port, ctime())).encode())
        while data := self.request.recv(1024):
            self.request.sendall(data)


class Menu(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall('欢迎致电 10086,请输入1xxx,0转人工服务.'.encode())
        while (choice := self.request.recv(1024)) not in (b'', b'exit'):
            answer = '通过可能会被录音.balabala一大推' if choice == b'0' else '请重新输入.'
            self.request.sendall(answer.encode())


class Command(socketserver.BaseRequestHandler):
    """Two commands of its own, and no shell."""

    def handle(self):
        while (command := self.request.recv(1024)) not in (b'', b'exit'):
            name, _, rest = command.partition(b' ')
            output = rest + b'\n' if name == b'echo' else b''
            self.request.sendall(b'%d' % len(output))
            if self.request.recv(1024) == b'start':
                self.request.sendall(output or command + '命令不存在'.encode())


class Binary(socketserver.StreamRequestHandler):
    def handle(self):
        record = self.rfile.read(RECORD.size)
        if len(record) == RECORD.size:
            print('unpacked:', RECORD.unpack(record), file=sys.stderr)


class Logged(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(self.request.recv(1024))


class Thread(socketserver.BaseRequestHandler):
    def handle(self):
        data = self.request.recv(1024)
        # Since 3.10 the name of the thread's function stands behind the number.
        name = threading.current_thread().name.split()[0]
        self.request.sendall(b'%s: %s' % (name.encode(), data))


class Fork(socketserver.BaseRequestHandler):
    def handle(self):
        data = self.request.recv(1024)
        self.request.sendall(b'%d: %s' % (os.getpid(), data))


class EchoPackets(socketserver.BaseRequestHandler):
    def handle(self):
        data, sock = self.request
        if data:
            sock.sendto(data, self.client_address)


class UpperPackets(socketserver.DatagramRequestHandler):
    def handle(self):
        self.wfile.write(self.packet.strip().upper())


class Acknowledge(socketserver.DatagramRequestHandler):
    def handle(self):
        self.wfile.write(b'ack')


class Loop:
    """One client at a time."""


class Threads(socketserver.ThreadingMixIn):
    daemon_threads = True


STREAMS = {
    'bare': (Threads, socketserver.BaseRequestHandler),
    'binary': (Loop, Binary),
    'chat': (Threads, Chat),
    'command': (Threads, Command),
    'echo': (Threads, Echo),
    'fork': (socketserver.ForkingMixIn, Fork),
    'greeting': (Threads, Greeting),
    'logged': (Loop, Logged),
    'menu': (Threads, Menu),
    'quit': (Threads, Quit),
    'thread': (Threads, Thread),
    'timestamp': (Loop, Timestamp),
    'timestamp-repr': (Loop, TimestampRepr),
    'upper': (Loop, Upper),
}
PACKETS = {
    'echo': EchoPackets,
    'multicast': Acknowledge,
    'upper': UpperPackets,
}


class Group(socketserver.UDPServer):
    """A receiver in a group, on the loopback interface only."""

    def server_bind(self):
        super().server_bind()
        membership = socket.inet_aton(GROUP) + socket.inet_aton('127.0.0.1')
        self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)


def build(name, network, path):
    if network in ('tcp', 'unix'):
        base = socketserver.TCPServer if network == 'tcp' else socketserver.UnixStreamServer
        mode, handler = STREAMS[name]
        bases = (base,) if mode is Loop else (mode, base)
    else:
        base = socketserver.UDPServer if network == 'udp' else socketserver.UnixDatagramServer
        bases, handler = (Group if name == 'multicast' else base,), PACKETS[name]
    host = GROUP if name == 'multicast' else '127.0.0.1'
    return type('Server', bases, {})(path or (host, 0), handler)


def main():
    name, network, path = (sys.argv[1:] + [None])[:3]
    server = build(name, network, path)
    threading.Thread(target=server.serve_forever, args=(0.01,)).start()
    print('listening', '%s://%s' % (network, path or '%s:%d' % server.server_address), flush=True)
    sys.stdin.read()
    server.shutdown()
    server.server_close()


if __name__ == '__main__':
    main()
