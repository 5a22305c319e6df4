"""Echo client with one datagram. Arguments: HOST PORT."""

import socket
import sys

MESSAGE = b'This is the message.  It will be repeated.'

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    print('sending', MESSAGE)
    sock.sendto(MESSAGE, (sys.argv[1], int(sys.argv[2])))
    print('waiting to receive')
    data, _ = sock.recvfrom(4096)
    print('received', data)
    print('closing socket')
