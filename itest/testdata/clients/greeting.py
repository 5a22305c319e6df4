"""Client of the greeting server: it prints the greeting, and what comes back for
each line that is typed; an empty one or the word exit ends it. Arguments: HOST PORT."""

import socket
import sys

with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as conn:
    conn.connect((sys.argv[1], int(sys.argv[2])))
    greeting = b''
    while not greeting.endswith(b'!'):
        more = conn.recv(1024)
        if not more:
            sys.exit('end of file in the greeting')
        greeting += more
    print(greeting.decode())
    for line in sys.stdin:
        text = line.rstrip('\n')
        if text in ('', 'exit'):
            break
        message = text.encode() + b'\r\n'
        conn.sendall(message)
        print(conn.recv(len(message), socket.MSG_WAITALL).decode().strip())
