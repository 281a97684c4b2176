"""A host that lies to a real worker. Usage: host.py WORKER REPOSITORY DEV_ROOT.
Each case starts a worker of its own, in namespaces as the local back end makes
them, and wants a FAILED frame with these words, an exit status, and in time."""
import os
import signal
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from frames import *  # noqa: E402,F403

worker, repository, dev_root = sys.argv[1:]
# A worker says why and ends at once; starting one takes half a second.
LIMIT_S = 8
HELLO_OK = frame(HELLO, {"program": "test", "version_max": 1, "version_min": 1})
bad = 0


def git(*words):
    return subprocess.run(["git", "-C", repository, *words], check=True,
                          stdout=subprocess.PIPE).stdout


COMMIT = git("rev-parse", "HEAD").decode().strip()


def config(**other):
    """In the order of lib/message.c: shorter keys first."""
    c = {"ref": "", "cpus": 1, "nonce": b"", "commit": COMMIT,
         "backend": "local", "network": "none", "runtime": "crun",
         "disk_mib": 256, "pids_max": 512, "start_ms": 0, "limits_by": "",
         "memory_mib": 256, "repository": "", "started_ms": 1,
         "toolchains": [], "config_path": "build.json",
         "dev_root_key": open(dev_root + "/root-key.pem", "rb").read(),
         "dev_root_cert": open(dev_root + "/root.pem", "rb").read(),
         "invocation_id": "x", "timeout_minutes": 1}
    c.update(other)
    return frame(CONFIG, c)


def object_frame(kind, data, flags=FIRST | LAST, size=None):
    size = len(data) if size is None else size
    return frame(OBJECT, struct.pack(">BQ", kind, size) + data, flags)


def objects():
    """Commit, root tree, then each blob in the tree's order."""
    out = [object_frame(1, git("cat-file", "commit", "HEAD")),
           object_frame(2, git("cat-file", "tree", "HEAD^{tree}"))]
    for line in git("ls-tree", "HEAD").decode().splitlines():
        out.append(object_frame(3, git("cat-file", "blob", line.split()[2])))
    return out


class Worker:
    def __init__(self):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.port = ours

        def place():
            os.dup2(theirs.fileno(), 3)
            os.set_inheritable(3, True)
        names = ["--pid", "--mount", "--ipc", "--uts", "--net"]
        if os.geteuid() != 0:
            names += ["--user", "--map-root-user"]
        self.process = subprocess.Popen(
            ["unshare", "--fork", "--kill-child", *names, worker, "--local"],
            pass_fds=(3,), preexec_fn=place, stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        theirs.close()
        self.s = None

    def connect(self):
        self.s = connect(self.port)
        self.s.settimeout(LIMIT_S)
        return self.s

    def greeted(self):
        self.connect().sendall(HELLO_OK)
        self.expect(WELCOME)

    def configured(self):
        self.greeted()
        self.s.sendall(config())
        self.expect(READY)

    def sent(self):
        self.configured()
        for o in objects():
            self.s.sendall(o)

    def building(self):
        self.sent()
        while True:
            kind, _, body = read_frame(self.s)
            if kind == FAILED:
                raise AssertionError(body)
            if kind == STATE and uncbor(body)[0]["state"] == BUILDING:
                break
        # The build itself is running when its first line is here.
        self.expect(LOG)
        time.sleep(0.3)

    def expect(self, kind):
        while True:
            got, _, body = read_frame(self.s)
            if got == kind:
                return body
            if got == FAILED:
                raise AssertionError(body)

    def failure(self):
        """The last words, or nothing when it just closes."""
        try:
            while True:
                kind, _, body = read_frame(self.s)
                if kind == FAILED:
                    return uncbor(body)[0]
        except (EOFError, ConnectionResetError):
            return None

    def ended(self):
        try:
            return self.process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            return "never"

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.port.close()
        if self.s:
            self.s.close()


def case(name, act, code, words, status):
    """act drives a new worker; then FAILED(code, words) and this status."""
    global bad
    w = Worker()
    began = time.monotonic()
    said, how = None, "no answer"
    try:
        act(w)
        if code:
            said = w.failure()
        how = w.ended()
        good = how == status and (not code or (
            said and said["code"] == code and words in said["message"]))
    except Exception as e:	# any surprise is a failure of this case
        good, how = False, repr(e)
    finally:
        w.close()
    bad |= not good
    print("%s - a host that %s: %s, status %s, %.1f s" % (
        "ok" if good else "not ok", name, said and said["message"], how,
        time.monotonic() - began), flush=True)


def then(state, *data):
    def act(w):
        getattr(w, state)()
        for d in data:
            w.s.sendall(d)
    return act


def hang_up(state):
    def act(w):
        getattr(w, state)()
        w.s.close()
    return act


def stranger(data):
    """Somebody else comes first, or besides: not the build's client."""
    def act(w):
        s = connect(w.port)
        s.settimeout(LIMIT_S)
        s.sendall(data)
        assert s.recv(1) == b"", "a stranger was answered"
        w.greeted()
        w.s.sendall(frame(CANCEL))
    return act


def beside(w):
    w.building()
    for data in (HELLO_OK, frame(LANE) + b"x", b"\xff" * 9, config()):
        s = connect(w.port)
        s.settimeout(LIMIT_S)
        s.sendall(data)
        assert s.recv(1) == b"", "a second client was answered"
    w.port.sendmsg([b"two bytes"])
    send_fds(w.port, [0, 1])
    w.s.sendall(frame(CANCEL))


def silent_stranger(w):
    """Half a frame holds the build up for two seconds, not for longer."""
    w.building()
    s = connect(w.port)
    s.sendall(frame(LANE)[:4])
    time.sleep(2.5)
    w.s.sendall(frame(CANCEL))


P = "protocol"
# Greeting: who does not say hello is not the client, and nobody is told.
case("opens a lane before the greeting", stranger(frame(LANE)), "cancelled", "", 130)
case("sends an unknown frame before the greeting", stranger(frame(77)), "cancelled", "", 130)
case("announces 4 GiB before the greeting",
     stranger(struct.pack(">IHH", 0xffffffff, HELLO, 0)), "cancelled", "", 130)
case("configures before the greeting", stranger(config()), "cancelled", "", 130)
case("speaks a version of tomorrow", lambda w: w.connect().sendall(
    frame(HELLO, {"program": "t", "version_max": 9, "version_min": 9})),
    P, "speaks versions 9 to 9", 3)
case("sends two descriptors", lambda w: send_fds(w.port, [0, 1]), None, "", 3)
case("sends no descriptor", lambda w: w.port.sendmsg([b"c"]), None, "", 3)
case("sends a file as connection", lambda w: send_fds(w.port, [0]), None, "", 3)
case("closes the port", lambda w: w.port.close(), None, "", 3)
case("hangs up before the greeting", lambda w: (w.connect().close(), w.port.close()),
     None, "", 3)
# Greeted.
case("says hello twice", then("greeted", HELLO_OK), P, "frame type 1 in state 'greeted'", 3)
case("sends objects before the configuration",
     then("greeted", object_frame(1, b"")), P, "frame type 3 in state 'greeted'", 3)
case("sends an unknown frame", then("greeted", frame(77)), P, "unknown frame type 77", 3)
case("sends a worker's frame", then("greeted", frame(READY)), P, "from the wrong side", 3)
case("announces 4 GiB", then("greeted", struct.pack(">IHH", 0xffffffff, CONFIG, 0)),
     P, "frame type 2 of 4294967295 bytes; at most 65536", 3)
case("sets flags", then("greeted", frame(CANCEL, b"", 1)), P, "flags 0x1", 3)
case("gives CANCEL a body", then("greeted", frame(CANCEL, b"x")), P, "of 1 bytes", 3)
case("cancels at once", then("greeted", frame(CANCEL)), "cancelled", "", 130)
case("sends a body that is no CBOR", then("greeted", frame(CONFIG, b"\xff")),
     P, "config message", 3)
case("hangs up when greeted", hang_up("greeted"), None, "", 3)
# Configuration: each value is held to what a build can mean.
for key, value, words in (
        ("disk_mib", 0, "disk_mib"), ("disk_mib", 1 << 44, "disk_mib"),
        ("disk_mib", (1 << 44) + 1, "disk_mib"), ("memory_mib", 0, "memory_mib"),
        ("memory_mib", (1 << 32) + 256, "memory_mib"), ("cpus", 1 << 32, "cpus"),
        ("cpus", 0, "cpus"), ("pids_max", 0, "pids_max"),
        ("pids_max", (1 << 32) + 1, "pids_max"),
        ("timeout_minutes", 0, "timeout_minutes"),
        ("timeout_minutes", 1 << 60, "timeout_minutes"),
        ("started_ms", 1 << 63, "started_ms"), ("start_ms", 1 << 63, "start_ms"),
        ("network", "record", "network"), ("backend", "moon", "backend"),
        ("runtime", "../sh", "runtime"), ("nonce", b"x" * 65, "nonce"),
        ("toolchains", ["/etc"], "toolchain"),
        ("config_path", "../x", "")):
    if key == "toolchains":
        continue	# looked at when the sandbox is made: test/e2e/sandbox.sh
    case("configures %s = %.30r" % (key, value), then("greeted", config(**{key: value})),
         "policy", words, 1)
# Source.
case("configures twice", then("configured", config()), P, "frame type 2 in state 'source'", 3)
case("says hello again later", then("configured", HELLO_OK), P, "frame type 1", 3)
case("sends part of an object that never began",
     then("configured", frame(OBJECT, b"x")), P, "never began", 3)
case("sends an object without a head",
     then("configured", frame(OBJECT, b"x", FIRST)), P, "without its head", 3)
case("sends another commit", then("configured", object_frame(1, b"tree x")),
     "crypto", "expected", 1)
case("sends a blob first", then("configured", object_frame(3, b"")), P, "expected its commit", 3)
case("declares 2^64-1 bytes", then("configured", object_frame(1, b"", FIRST, 2**64 - 1)),
     "too-large", "a commit of", 4)
case("sends more than declared", then("configured", object_frame(1, b"xx", FIRST, 1)),
     P, "more bytes than", 3)
case("sends objects before READY", lambda w: (
    w.greeted(), w.s.sendall(config() + object_frame(1, b"tree x"))),
    "crypto", "expected", 1)
case("cancels while the source comes", then("configured", frame(CANCEL)), "cancelled", "", 130)
case("hangs up while the source comes", hang_up("configured"), None, "", 3)
# Build.
case("hangs up after the source", hang_up("sent"), None, "", 3)
case("says more after the source", then("sent", frame(OBJECT, b"x")),
     P, "frame type 3 in state", 3)
case("cancels in the build", then("building", frame(CANCEL)), "cancelled", "", 130)
case("configures in the build", then("building", config()), P,
     "frame type 2 in state 'building'", 3)
case("sends half a frame in the build", then("building", frame(CANCEL)[:5]),
     "timeout", "", 3)
case("hangs up in the build", hang_up("building"), None, "", 3)
case("sends others into the build", beside, "cancelled", "", 130)
case("sends a silent stranger into the build", silent_stranger, "cancelled", "", 130)
sys.exit(bad)
