"""The flags that all peers take."""

import argparse


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(2, f"{self.prog}: {message}\n")


def _number(least, most):
    def parse(text):
        n = int(text) if text.isascii() and text.isdigit() else -1
        if not least <= n <= most:
            raise argparse.ArgumentTypeError(f"{text!r}: want a number from {least} to {most}")
        return n

    return parse


def _one_loop(text):
    if text != "1":
        raise argparse.ArgumentTypeError(f"{text}: it has one loop")
    return 1


def parser(prog, modes):
    """A parser that complains in one line. modes are what -serve may be."""

    def mode(text):
        if text not in modes:
            raise argparse.ArgumentTypeError(f"{text}: it serves {' and '.join(modes)}")
        return text

    p = _Parser(prog=prog, allow_abbrev=False)
    p.add_argument("-p", dest="port", type=_number(0, 65535), default=0, help="port on 127.0.0.1; 0 lets the kernel choose")
    p.add_argument("-loops", type=_one_loop, default=1, help="1: there is one loop")
    p.add_argument("-frame", type=_number(0, 1 << 20), default=0, help="answer every so many bytes with a write of their own; 0 answers what a read brought")
    p.add_argument("-serve", type=mode, default=modes[0], help=" or ".join(modes))
    return p
