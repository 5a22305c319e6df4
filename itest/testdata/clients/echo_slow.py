"""Echo client that takes its time: a pause before the first part, and 1.5 pauses
behind each. Arguments: HOST PORT [PAUSE in seconds]."""

import socket
import sys
import time

PARTS = [b'Part one of the message.', b'Part two of the message.']

host, port = sys.argv[1], int(sys.argv[2])
pause = float(sys.argv[3]) if len(sys.argv) > 3 else 1.0
print('connecting to', host, 'port', port)
with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as conn:
    conn.connect((host, port))
    time.sleep(pause)
    for part in PARTS:
        print('sending', part)
        conn.sendall(part)
        time.sleep(1.5 * pause)
    missing = sum(map(len, PARTS))
    while missing:
        piece = conn.recv(min(16, missing), socket.MSG_WAITALL)
        if not piece:
            sys.exit('end of file with %d bytes missing' % missing)
        print('received', piece)
        missing -= len(piece)
    print('closing socket')
