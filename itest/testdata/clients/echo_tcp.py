"""Echo client: 42 bytes out, and back in pieces of 16. Arguments: HOST PORT."""

import socket
import sys

MESSAGE = b'This is the message.  It will be repeated.'

host, port = sys.argv[1], int(sys.argv[2])
print('connecting to', host, 'port', port)
with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as conn:
    conn.connect((host, port))
    print('sending', MESSAGE)
    conn.sendall(MESSAGE)
    missing = len(MESSAGE)
    while missing:
        piece = conn.recv(min(16, missing), socket.MSG_WAITALL)
        if not piece:
            sys.exit('end of file with %d bytes missing' % missing)
        print('received', piece)
        missing -= len(piece)
    print('closing socket')
