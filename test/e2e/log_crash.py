"""Crash safety of `hallmark log`, by force.

Usage: log_crash.py HALLMARK SHIM.so RUNS SCRATCH [SEED]

Three kinds of runs, in turn until RUNS are done:
  kill   SIGKILL at each file operation of an append (or init)
  full   the disk is full from each operation on; or one fails with EIO
  power  the operations of a session are recorded; after each of them the power
         goes: of what was not fsync'ed any part may be lost, in any order

After each: the log opens and takes another entry, the full audit passes, every
acknowledged entry is at its index, and every checkpoint that anybody could have
seen is consistent with what the log says now (no fork).
"""
import os, random, shutil, struct, subprocess, sys

hallmark, shim, runs, scratch = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
seed = int(sys.argv[5]) if len(sys.argv) > 5 else 1
rng = random.Random(seed)
root = os.path.join(scratch, "w")
entries_dir = os.path.join(scratch, "entries")
problems = []
done = {"kill": 0, "full": 0, "eio": 0, "power": 0}


def run(args, mode=None, at=0, trace=None):
    env = {"PATH": os.environ["PATH"], "XDG_STATE_HOME": root + "/state"}
    if mode:
        env.update(LD_PRELOAD=shim, HM_SHIM_MODE=mode, HM_SHIM_AT=str(at),
                   HM_SHIM_ROOT=root, HM_SHIM_TRACE=trace or "/dev/null")
    return subprocess.run([hallmark, "log"] + args, env=env, capture_output=True, text=True)


def entry_files(name, count):
    """Files to append; content says which they are."""
    os.makedirs(entries_dir, exist_ok=True)
    out = []
    for i in range(count):
        p = f"{entries_dir}/{name}-{i}"
        if not os.path.exists(p):
            with open(p, "w") as f:
                f.write(f"{name} {i} " + "x" * (i * 7 % 300))
        out.append(p)
    return out


def acks(stdout):
    """index -> content, of what `append` said it had logged."""
    out = {}
    for line in stdout.splitlines():
        f = line.split("\t")
        if len(f) == 3:
            with open(f[2], "rb") as e:
                out[int(f[0])] = e.read()
    return out


def log_entries(size):
    out = []
    n = 0
    while len(out) < size:
        groups = f"{n:03d}"
        base = f"{root}/log/public/tile/entries/{groups}"
        width = min(256, size - len(out))
        part = f"{base}.p/{width}"      # a full tile may be left by a crash
        path = part if width < 256 and os.path.exists(part) else base
        with open(path, "rb") as f:
            data = f.read()
        for _ in range(width):
            (length,) = struct.unpack(">H", data[:2])
            out.append(data[2:2 + length])
            data = data[2 + length:]
        n += 1
    return out


def checkpoint():
    try:
        with open(root + "/log/public/checkpoint") as f:
            return f.read()
    except FileNotFoundError:
        return None


def verify(what, acked, seen):
    """After the crash: opens, appends, audits, keeps, does not fork."""
    after = entry_files("after", 1)[0]
    r = run(["append", root + "/log", "--raw", after])
    if r.returncode != 0:
        problems.append(f"{what}: the log does not open: {r.stderr.strip()}")
        return
    acked = dict(acked)
    acked.update(acks(r.stdout))
    args = ["check", root + "/log"]
    if seen:
        with open(scratch + "/seen", "w") as f:
            f.write(seen)
        args += ["--since", scratch + "/seen"]
    r = run(args)
    if r.returncode != 0:
        problems.append(f"{what}: {r.stderr.strip()}")
        return
    have = log_entries(int(checkpoint().split("\n")[1]))
    for index, content in acked.items():
        if index >= len(have) or have[index] != content:
            problems.append(f"{what}: acknowledged entry {index} is not there")


def snapshot():
    shutil.rmtree(scratch + "/saved", ignore_errors=True)
    if os.path.exists(root):
        shutil.copytree(root, scratch + "/saved")


def restore():
    shutil.rmtree(root, ignore_errors=True)
    if os.path.exists(scratch + "/saved"):
        shutil.copytree(scratch + "/saved", root)
    else:
        os.makedirs(root)


def init():
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(root)
    return run(["init", root + "/log", "--origin", "log.example.org"])


def count_ops(args):
    trace = scratch + "/count"
    if os.path.exists(trace):
        os.unlink(trace)
    run(args, "count", 0, trace)
    with open(trace) as f:
        return int(f.read())


# (entries before, entries appended): shapes at which tiles change
SHAPES = [(0, 1), (3, 1), (255, 1), (256, 1), (200, 100), (250, 600)]


def interrupted(before, count):
    """All kill, full-disk and EIO points of one append, as a generator of runs."""
    init()
    acked = {}
    if before:
        acked = acks(run(["append", root + "/log", "--raw"] + entry_files("before", before)).stdout)
    snapshot()
    args = ["append", root + "/log", "--raw"] + entry_files("new", count)
    total = count_ops(args)
    for at in range(1, total + 1):
        for mode in ("kill", "full", "eio"):
            restore()
            seen = checkpoint()
            r = run(args, mode, at)
            now = dict(acked)
            now.update(acks(r.stdout))
            if mode != "kill" and r.returncode not in (0, 3):
                problems.append(f"{mode} at {at} of {before}+{count}: exit {r.returncode}: {r.stderr}")
            done[mode] += 1
            verify(f"{mode} at operation {at} of {total}, {before}+{count} entries", now, checkpoint() or seen)
            yield


def interrupted_init():
    shutil.rmtree(root, ignore_errors=True)
    shutil.rmtree(scratch + "/saved", ignore_errors=True)
    os.makedirs(root)
    args = ["init", root + "/log", "--origin", "log.example.org"]
    total = count_ops(args)
    for at in range(1, total + 1):
        for mode in ("kill", "full", "eio"):
            restore()
            run(args, mode, at)
            r = run(args)
            if r.returncode != 0 and "there is a log already" not in r.stderr:
                problems.append(f"init, {mode} at {at}: {r.stderr.strip()}")
            done[mode] += 1
            verify(f"init, {mode} at operation {at} of {total}", {}, checkpoint())
            yield


class Disk:
    """What is in memory, and what of it is certainly on the platters."""

    def __init__(self):
        self.names = {root: {}}         # directory -> name -> node
        self.synced = {root: {}}        # the same, as of the last fsync of each
        self.pending = {}               # directory -> operations since
        self.data = {}                  # node -> bytes
        self.safe = {}                  # node -> bytes as of its last fsync
        self.next = 0

    def node(self):
        self.next += 1
        return self.next

    def change(self, path, node):
        d, name = os.path.split(path)
        if node is None:
            self.names[d].pop(name, None)
        else:
            self.names[d][name] = node
        self.pending.setdefault(d, []).append((name, node))

    def lookup(self, path):
        d, name = os.path.split(path)
        return self.names.get(d, {}).get(name)

    def apply(self, op, a, b):
        if op in ("create", "create-truncate"):
            n = self.lookup(a)
            if n is None:
                n = self.node()
                self.data[n] = b""
                self.safe[n] = b""
                self.change(a, n)
            elif op == "create-truncate":
                self.data[n] = b""
        elif op == "write":
            self.data[self.lookup(a)] += bytes.fromhex(b)
        elif op == "mkdir":
            self.change(a, "dir")
            self.names[a] = {}
            self.synced.setdefault(a, {})
        elif op == "rename":
            n = self.lookup(a)
            self.change(a, None)
            self.change(b, n)
        elif op == "link":
            self.change(b, self.lookup(a))
        elif op in ("unlink", "rmdir"):
            self.change(a, None)
        elif op == "fsync":
            if a in self.names:
                self.synced[a] = dict(self.names[a])
                self.pending[a] = []
            else:
                n = self.lookup(a)
                self.safe[n] = self.data[n]

    def read(self, path):
        n = self.lookup(path)
        return None if n in (None, "dir") else self.data[n]

    def content(self, n):
        if self.safe[n] == self.data[n]:
            return self.data[n]
        full = self.data[n]
        return rng.choice([self.safe[n], full, b"", full[:rng.randint(0, len(full))],
                           b"\0" * len(full)])

    def cut(self, where):
        """Writes a state that the power could have left, below `where`."""
        shutil.rmtree(where, ignore_errors=True)
        lazy = rng.random()             # how much of the rest made it

        def put(d, out):
            os.makedirs(out, exist_ok=True)
            names = dict(self.synced.get(d, {}))
            for name, node in self.pending.get(d, []):
                if rng.random() < lazy:
                    if node is None:
                        names.pop(name, None)
                    else:
                        names[name] = node
            for name, node in names.items():
                p = os.path.join(d, name)
                if node == "dir":
                    put(p, os.path.join(out, name))
                else:
                    with open(os.path.join(out, name), "wb") as f:
                        f.write(self.content(node))
        put(root, where)


def power_cuts():
    """A session of several processes, some of them killed, recorded; then cut after each operation."""
    trace = scratch + "/trace"
    if os.path.exists(trace):
        os.unlink(trace)
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(root)
    run(["init", root + "/log", "--origin", "log.example.org"], "trace", 0, trace)
    marks = [sum(1 for _ in open(trace))]
    for i, n in enumerate([1, 2, 250, 3, 1, 300]):
        args = ["append", root + "/log", "--raw"] + entry_files(f"s{i}", n)
        if i in (0, 1, 3, 5):           # one is killed first, somewhere
            run(args, "trace", rng.randint(3, 24), trace)
        r = run(args, "trace", 0, trace)
        if r.returncode != 0:
            problems.append(f"recording: {r.stderr}")
            return
        marks.append(sum(1 for _ in open(trace)))
    with open(trace) as f:
        ops = [line.rstrip("\n").split("\t") for line in f]
    while True:
        disk, acked, said = Disk(), {}, ""
        for k, (op, a, b) in enumerate(ops):
            if op == "ack":
                said += bytes.fromhex(b).decode()
                acked = acks(said)
            else:
                disk.apply(op, a, b)
            if k < marks[0]:
                continue                # an init that is cut is made again
            seen = disk.read(root + "/log/public/checkpoint")
            disk.cut(root)
            done["power"] += 1
            verify(f"power cut after operation {k} ({op} {a[len(root):]})", acked,
                   seen.decode() if seen else None)
            yield


sources = [interrupted_init()] + [interrupted(*s) for s in SHAPES]
power = power_cuts
count = 0
budget = runs


def spend(gen, limit):
    global count
    n = 0
    for _ in gen:
        n += 1
        count += 1
        if n >= limit or len(problems) > 20:
            break


half = budget // 2
each = max(half // len(sources), 3)
for s in sources:
    spend(s, each)
spend(power_cuts(), max(budget - count, 3))
for p in problems[:20]:
    print("# " + p)
total = sum(done.values())
print(("ok" if total >= runs * 9 // 10 and not problems else "not ok") +
      f" 1 - {total} crashes: {done['kill']} kills, {done['full']} full disks, "
      f"{done['eio']} I/O errors, {done['power']} power cuts; "
      f"{len(problems)} logs lost or forked (seed {seed})")
print("1..1")
sys.exit(1 if problems or total == 0 else 0)
