#!/bin/bash
# What an attested build of examples/c-hello costs beside the user's own command,
# paired, in turn: median of 11. Bar: at most 0.3 s more.
. "$(dirname "$0")/../e2e.lib"
cp -r "$top/examples/c-hello" "$T/c-hello"
commit c-hello
now() { date +%s%N; }
plain() { (rm -rf "$T/w" && git clone -q "$T/c-hello" "$T/w" && cd "$T/w" && make -s >/dev/null); }
for i in 0 1 2 3 4 5 6 7 8 9 10 11; do
	a=$(now); plain; b=$(now); build c-hello --quiet; c=$(now)
	[ $i = 0 ] || echo "$(((b - a) / 1000)) $(((c - b) / 1000))"
done | sort -n >"$T/times"
python3 - "$T/times" <<'P'
import statistics, sys
rows = [tuple(map(int, l.split())) for l in open(sys.argv[1])]
p, h = (statistics.median(x) / 1000 for x in zip(*rows))
d = statistics.median(b - a for a, b in rows) / 1000
print(f"git clone && make: {p:.0f} ms   runner-hook build: {h:.0f} ms   "
      f"ratio {h / p:.2f}   difference {d:.0f} ms (bar: 300 ms)")
P
