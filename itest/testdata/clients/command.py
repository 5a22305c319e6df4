"""Client of the command server: it prints the output of each command that is typed;
the word exit ends it. Arguments: HOST PORT."""

import socket
import sys

with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as conn:
    conn.connect((sys.argv[1], int(sys.argv[2])))
    while True:
        command = input('->>').strip()
        if not command:
            continue
        conn.sendall(command.encode())
        if command == 'exit':
            break
        length = conn.recv(1024)
        if not length:
            sys.exit('end of file instead of a length')
        conn.sendall(b'start')
        if int(length):
            output = conn.recv(int(length), socket.MSG_WAITALL)
        else:
            output = conn.recv(1024)  # a text that was not announced
        print(output.decode())
