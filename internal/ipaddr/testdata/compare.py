# What Python makes of each line of standard input, as one line of JSON.

import ipaddress
import itertools
import json
import socket
import sys


def attempt(function, *arguments):
    try:
        return function(*arguments)
    except (ValueError, OSError):
        return None


def strings(items):
    return [str(item) for item in itertools.islice(items, 3)]


def address(a):
    return {
        "text": str(a),
        "version": a.version,
        "private": a.is_private,
        "packed": a.packed.hex(),
        "integer": str(int(a)),
    }


def network(n):
    return {
        "text": str(n),
        "version": n.version,
        "private": n.is_private,
        "last": str(n.broadcast_address),
        "netmask": str(n.netmask),
        "hostmask": str(n.hostmask),
        "withNetmask": n.with_netmask,
        "withHostmask": n.with_hostmask,
        "size": str(n.num_addresses),
        "addrs": strings(n),
        "hosts": strings(n.hosts()),
        "middle": str(n[n.num_addresses // 3]),
        "end": str(n[-1]),
        "start": str(n[-n.num_addresses]),
    }


def interface(i):
    return {
        "text": str(i),
        "addr": i.ip.packed.hex(),
        "network": str(i.network).split("%")[0].split("/")[0] + "/" + str(i.network.prefixlen),
        "withNetmask": i.with_netmask,
        "withHostmask": i.with_hostmask,
    }


def integer(text):
    return attempt(ipaddress.ip_address, int(text)) if text.isascii() and text.isdigit() else None


def packed(data):
    return data.hex() if data is not None else None


def ntop(a):
    return socket.inet_ntop(socket.AF_INET if a.version == 4 else socket.AF_INET6, a.packed)


def answer(text):
    a = attempt(ipaddress.ip_address, text)
    n = attempt(ipaddress.ip_network, text)
    i = attempt(ipaddress.ip_interface, text)
    number = integer(text)
    return {
        "address": a and address(a),
        "network": n and network(n),
        "interface": i and interface(i),
        "fromInteger": number and address(number),
        "aton": packed(attempt(socket.inet_aton, text)),
        "pton4": packed(attempt(socket.inet_pton, socket.AF_INET, text)),
        "pton6": packed(attempt(socket.inet_pton, socket.AF_INET6, text)),
        "ntop": a and ntop(a),
    }


print(json.dumps({
    "version": list(sys.version_info[:3]),
    "newer": ipaddress.ip_address("2002::").is_private,
    "newest": ipaddress.ip_address("3fff::").is_private,
}))
for line in sys.stdin:
    print(json.dumps(answer(line.removesuffix("\n"))))
