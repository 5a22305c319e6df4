"""Echo client that a selector drives: it writes while it has something to write,
and then it reads. Arguments: HOST PORT."""

import collections
import selectors
import socket
import sys

outgoing = collections.deque([b'This is the message.  ', b'It will be repeated.'])
missing = sum(map(len, outgoing))

host, port = sys.argv[1], int(sys.argv[2])
print('connecting to', host, 'port', port)
with socket.create_connection((host, port)) as conn, selectors.DefaultSelector() as selector:
    # The answer is one event, in however many pieces it comes.
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, missing)
    conn.setblocking(False)
    selector.register(conn, selectors.EVENT_READ | selectors.EVENT_WRITE)
    while missing:
        print('waiting for I/O')
        for key, ready in selector.select():
            print('client(%r)' % (conn.getpeername(),))
            if ready & selectors.EVENT_WRITE:
                print('ready to write')
                if outgoing:
                    message = outgoing.popleft()
                    print('sending', message)
                    conn.sendall(message)
                else:
                    print('switching to read-only')
                    selector.modify(conn, selectors.EVENT_READ)
            elif key.events == selectors.EVENT_READ:
                print('ready to read')
                data = conn.recv(1024)
                if not data:
                    sys.exit('end of file with %d bytes missing' % missing)
                print('received', data)
                missing -= len(data)
    print('shutting down')
