"""Echo client that tries all addresses of a name. Arguments: HOST PORT."""

import socket
import sys

MESSAGE = b'This is the message.  It will be repeated.'


def constant(prefix, number):
    """The name of a number in module socket."""
    return next(n for n in sorted(dir(socket)) if n.startswith(prefix) and getattr(socket, n) == number)


with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as conn:
    print('Family  :', constant('AF_', conn.family))
    print('Type    :', constant('SOCK_', conn.type))
    print('Protocol:', constant('IPPROTO_', conn.proto))
    print()
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
