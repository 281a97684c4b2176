#!/usr/bin/python3
"""A worker that lies. Its file name says how; it is started by runner-hook in
place of enclave-worker, with its port on descriptor 3."""
import hashlib
import os
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from frames import *  # noqa: E402,F403

how = os.path.basename(sys.argv[0])
port = socket.socket(fileno=3)
s = accept(port)


def welcome(name="host"):
    read_frame(s)
    s.sendall(frame(WELCOME, {"version": 1, "attester": "dev", "image_name": name,
                              "image_version": "", "worker_version": "0"}))


def ready():
    welcome()
    read_frame(s)
    s.sendall(frame(READY))


def source():
    """Swallows the source to its last object: one blob and build.json."""
    ready()
    ended = 0
    while ended < 4:
        ended += (read_frame(s)[1] & LAST) != 0


def state(n, detail=""):
    s.sendall(frame(STATE, {"state": n, "detail": detail}))


def to(last):
    source()
    for n in range(LATCHED, last + 1):
        state(n)


def failed(message, code="policy"):
    s.sendall(frame(FAILED, {"code": code, "step": "source",
                             "message": message, "exit_status": 0}))


def done(sha256, size):
    s.sendall(frame(DONE, {"size": size, "sha256": sha256}))


def endless(data):
    while True:
        s.sendall(data)


def child():
    """Something that would like to stay: its own session, deaf to hangups."""
    if os.fork() == 0:
        s.close()
        os.setsid()
        os.execv("/bin/sleep", ["sleep", os.environ.get("X", "31.4159")])


try:
    if how == "ends-at-once":
        sys.exit(0)
    elif how == "wrong-frame":
        s.sendall(frame(READY))
    elif how == "unknown-frame":
        s.sendall(frame(99))
    elif how == "oversize":
        s.sendall(struct.pack(">IHH", 1 << 31, WELCOME, 0))
    elif how == "hosts-frame":
        s.sendall(frame(HELLO))
    elif how == "flags":
        s.sendall(frame(WELCOME, b"", 7))
    elif how == "bad-body":
        s.sendall(frame(WELCOME, b"\xff"))
    elif how == "newline-name":
        welcome("host\n::error::pwned")
    elif how == "half-close":
        welcome()
        s.shutdown(socket.SHUT_WR)
        time.sleep(20)
    elif how == "half-frame":
        welcome()
        s.sendall(frame(READY)[:5])
        sys.exit(0)
    elif how == "failed-early":
        child()
        ready()
        read_frame(s)
        failed("no, thanks")
    elif how == "asks-for-a-lane":	# although the build is to have none
        to(BUILDING)
        s.sendall(frame(LOG, b"\n"))
        port.settimeout(1)
        try:
            accept(port)
            failed("got a lane")
        except socket.timeout:
            failed("got no lane")
    elif how == "failed-escape":
        ready()
        failed("\x1b[2J\n::error::pwned")
    elif how == "failed-after-source":
        source()
        failed("refused at the end")
        sys.exit(0)
    elif how == "skips-a-state":
        source()
        state(BUILDING)
    elif how == "claims-done":
        to(PACKED)
        state(PACKED + 1)
    elif how == "early-tar":
        to(BUILDING)
        s.sendall(frame(TAR, b"x" * 100))
    elif how == "log-flood":
        to(BUILDING)
        endless(frame(LOG, b"\x1b[2J::error::pwned\n" * 5000))
    elif how == "notice-flood":
        to(BUILDING)
        endless(frame(NOTICE, b"x" * 4000))
    elif how == "state-flood":
        source()
        endless(frame(STATE, {"state": SOURCE, "detail": ""}))
    elif how == "log-commands":
        to(BUILDING)
        s.sendall(frame(LOG, b"::error::pwned\n::set-env name=A::pwned\n"
                        b"\r::error::pwned\n##[error]pwned\n"))
        s.sendall(frame(NOTICE, b"x\n::error::pwned%0A::error::pwned"))
        failed("::error::pwned")
    elif how == "tar-without-done":
        to(PACKED)
        s.sendall(frame(TAR, b"x" * 100000))
        sys.exit(0)
    elif how == "wrong-digest":
        to(PACKED)
        s.sendall(frame(TAR, b"x" * 1000))
        done(hashlib.sha256(b"y" * 1000).digest(), 1000)
    elif how == "short-digest":
        to(PACKED)
        s.sendall(frame(TAR, b"x" * 1000))
        done(hashlib.sha256(b"x" * 1000).digest()[:31], 1000)
    elif how == "wrong-size":
        to(PACKED)
        s.sendall(frame(TAR, b"x" * 1000))
        done(hashlib.sha256(b"x" * 1000).digest(), 1001)
    elif how == "empty-tars":
        to(PACKED)
        endless(frame(TAR) * 1000)
    elif how == "closes-console":
        to(BUILDING)
        null = os.open("/dev/null", os.O_RDWR)
        os.dup2(null, 1)
        os.dup2(null, 2)
        time.sleep(3)
        failed("after a rest")
    elif how == "console-flood":
        to(BUILDING)
        for _ in range(200):
            os.write(1, b"::error::pwned\n" * 200)
        failed("after a flood")
    elif how == "fd-flood":
        to(BUILDING)
        for _ in range(100):	# the port is the host's to send on
            try:
                send_fds(port, [1, 2])
            except OSError:
                break
        failed("after descriptors")
except (EOFError, OSError):
    pass
