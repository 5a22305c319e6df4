"""Sends a datagram to a group on the loopback interface, and waits for the answers of
all receivers. Arguments: GROUP PORT."""

import socket
import sys

MESSAGE = b'very important data'

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton('127.0.0.1'))
    print('sending', MESSAGE)
    sock.sendto(MESSAGE, (sys.argv[1], int(sys.argv[2])))
    while True:
        print('waiting to receive')
        try:
            data, server = sock.recvfrom(16)
        except TimeoutError:
            print('timed out, no more responses')
            break
        print('received', data, 'from', server)
        sock.settimeout(0.2)  # the first one may take longer
    print('closing socket')
