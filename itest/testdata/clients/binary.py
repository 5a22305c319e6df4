"""Sends a record of 12 bytes. Arguments: HOST PORT."""

import socket
import struct
import sys

# What '@I 2s f' is on a little-endian machine, said outright.
RECORD = struct.Struct('<I2s2xf')

values = (1, b'ab', 2.7)
packed = RECORD.pack(*values)
print('values =', values)
with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as conn:
    conn.connect((sys.argv[1], int(sys.argv[2])))
    print('sending', packed.hex().encode())
    conn.sendall(packed)
    print('closing socket')
