"""Timestamp client: each line that is typed goes over a connection of its own; an
empty one ends it. Arguments: HOST PORT."""

import socket
import sys

server = (sys.argv[1], int(sys.argv[2]))
while text := input('请输入:'):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as conn:
        conn.connect(server)
        conn.sendall(text.encode() + b'\r\n')
        with conn.makefile('rb') as answer:
            print(answer.read().decode().strip())
