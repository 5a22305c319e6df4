"""The tutorial's client: 42 bytes out, and back in pieces of at most 16."""

import socket
import sys

MESSAGE = b'This is the message.  It will be repeated.'

server = ('localhost', int(sys.argv[1]))
print('connecting to', server[0], 'port', server[1])
with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as conn:
    conn.settimeout(30)
    conn.connect(server)
    print('sending', MESSAGE)
    conn.sendall(MESSAGE)
    missing = len(MESSAGE)
    while missing:
        piece = conn.recv(16)
        if not piece:
            sys.exit('end of file with %d bytes missing' % missing)
        print('received', piece)
        missing -= len(piece)
    print('closing socket')
