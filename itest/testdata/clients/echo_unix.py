"""Echo client on a Unix socket; without a server, exit status 1. Argument: PATH."""

import socket
import sys

MESSAGE = b'This is the message.  It will be repeated.'

path = sys.argv[1]
print('connecting to', path)
with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as conn:
    try:
        conn.connect(path)
    except OSError as error:
        print(error)
        sys.exit(1)
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
