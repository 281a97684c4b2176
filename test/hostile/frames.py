"""Frames of the control protocol (schema/PROTOCOL.md) for hostile peers: what
is sent is whatever the test wants, in form or not."""
import array
import socket
import struct

HELLO, CONFIG, OBJECT, CANCEL, LANE = 1, 2, 3, 4, 5
WELCOME, READY, PROGRESS, STATE, LOG = 16, 17, 18, 19, 20
NOTICE, TAR, DONE, FAILED = 21, 22, 23, 24
(GREETING, GREETED, SOURCE, LATCHED, BUILDING, MEASURED, ATTESTED,
 PACKED) = range(8)
FIRST, LAST = 1, 2


def head(major, n):
    for code, size, form in ((24, 1, ">B"), (25, 2, ">H"), (26, 4, ">I")):
        if n < 24:
            return bytes([major << 5 | n])
        if n < 1 << 8 * size:
            return bytes([major << 5 | code]) + struct.pack(form, n)
    return bytes([major << 5 | 27]) + struct.pack(">Q", n)


def cbor(v):
    if isinstance(v, int):
        return head(0, v)
    if isinstance(v, bytes):
        return head(2, len(v)) + v
    if isinstance(v, str):
        return head(3, len(v.encode())) + v.encode()
    if isinstance(v, list):
        return head(4, len(v)) + b"".join(map(cbor, v))
    return head(5, len(v)) + b"".join(cbor(k) + cbor(v[k]) for k in v)


def uncbor(b, at=0):
    major, n = b[at] >> 5, b[at] & 31
    at += 1
    if n > 23:
        size = 1 << n - 24
        n, at = int.from_bytes(b[at:at + size], "big"), at + size
    if major == 0:
        return n, at
    if major in (2, 3):
        text = b[at:at + n]
        return (text if major == 2 else text.decode()), at + n
    out = []
    for _ in range(n * (major - 3)):
        v, at = uncbor(b, at)
        out.append(v)
    return (out if major == 4 else dict(zip(out[::2], out[1::2]))), at


def frame(kind, body=b"", flags=0):
    if isinstance(body, dict):
        body = cbor(body)
    return struct.pack(">IHH", len(body), kind, flags) + body


def read_exactly(s, n):
    out = b""
    while len(out) < n:
        more = s.recv(n - len(out))
        if not more:
            raise EOFError
        out += more
    return out


def read_frame(s):
    n, kind, flags = struct.unpack(">IHH", read_exactly(s, 8))
    return kind, flags, read_exactly(s, n)


def send_fds(port, fds):
    port.sendmsg([b"c"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                           array.array("i", fds))])


def connect(port):
    """A connection to the worker behind this port, as a host makes it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    send_fds(port, [theirs.fileno()])
    theirs.close()
    return ours


def accept(port):
    """A connection of the host's, as a worker gets it."""
    _, rights, _, _ = port.recvmsg(1, socket.CMSG_SPACE(16))
    return socket.socket(fileno=array.array("i", rights[0][2])[0])
