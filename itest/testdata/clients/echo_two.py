"""Echo client with two connections at once. Arguments: HOST PORT."""

import socket
import sys

MESSAGES = [b'This is the message. ', b'It will be sent ', b'in parts.']

host, port = sys.argv[1], int(sys.argv[2])
conns = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(2)]
print('connecting to', host, 'port', port)
for conn in conns:
    conn.connect((host, port))
for message in MESSAGES:
    for conn in conns:
        print('%r: sending %r' % (conn.getsockname(), message))
        conn.sendall(message)
    for conn in conns:
        data = conn.recv(len(message), socket.MSG_WAITALL)
        print('%r: received %r' % (conn.getsockname(), data))
for conn in conns:
    conn.close()
