#!/bin/bash
# The log: append in batches and one by one, proofs, audit, disk. The bars stand
# behind each number; where a build of Tessera's posix-oneshot is cached (see
# test/e2e/log_interop.sh) the same entries go through it in the same run.
cd "$(dirname "$0")/../.." || exit 2
O=${O:-build}
N=${HM_BENCH_ENTRIES:-1000000}
cache=${HM_CACHE:-build/cache}
T=$(mktemp -d "${TMPDIR:-/tmp}/hm-log-bench-XXXXXX")
trap 'rm -rf "$T"' EXIT
"$O/test/tools/log_bench" "$T/log" "$N" 10000 0 >"$T/batch" || exit 1
used=$(du -s --block-size=1 "$T/log/public" | cut -f1)
"$O/test/tools/log_bench" "$T/single" 1000 1000 1000 >"$T/singles" || exit 1
# What the machine itself does at this moment: a new file, synced with its name.
fsyncs=$(python3 - "$T" <<'P'
import os, sys, time
d = os.open(sys.argv[1], os.O_RDONLY)
since, n = time.time(), 200
for i in range(n):
    f = os.open(f"{sys.argv[1]}/f{i}", os.O_CREAT | os.O_WRONLY)
    os.write(f, b"x" * 60000)
    os.fsync(f)
    os.close(f)
    os.fsync(d)
print(int(n / (time.time() - since)))
P
)
get() { sed -n "s/^$2 //p" "$T/$1"; }
line() { printf '  %-34s %12s   bar %s\n' "$@"; }
printf '  %s entries of 489 bytes\n' "$N"
line 'append in batches of 10,000, per s' "$(get batch batch_per_s)" '>= 20000'
line 'append one by one with fsync, per s' "$(get singles single_per_s)" '>= 200'
line 'the machine: new files synced, per s' "$fsyncs" '-'
line 'proof from cold tiles, median us' "$(get batch proof_us_median)" '<= 1000'
line 'proof from cold tiles, p99 us' "$(get batch proof_us_p99)" '<= 1000'
line 'disk / (entries + 32 bytes each)' \
	"$(awk -v u="$used" -v n="$N" 'BEGIN {printf "%.3f", u / (n * (489 + 32))}')" '<= 1.2'
line 'full audit, entries per s' "$(get batch audit_per_s)" '-'

oneshot=$cache/bin/posix-oneshot
if [ ! -x "$oneshot" ]; then
	echo "  (no $oneshot: run test/e2e/log_interop.sh first to compare with Tessera)"
	exit 0
fi
# posix-oneshot takes one file per entry: so do we, for this comparison.
M=${HM_BENCH_TESSERA_ENTRIES:-5000}
mkdir "$T/e"
python3 - "$T/e" "$M" <<'P'
import sys
for i in range(int(sys.argv[2])):
    with open(f"{sys.argv[1]}/{i:06d}", "wb") as f:
        f.write(i.to_bytes(8, "big") + b"x" * 481)
P
python3 test/interop/note_key.py bench.example.org "$T/key" "$T/key.pub" || exit 0
ms() { local s; s=$(date +%s%N); "$@" >"$T/out" 2>&1 || { echo 0; return; }; echo $((($(date +%s%N) - s) / 1000000)); }
theirs=$(ms "$oneshot" --storage_dir="$T/tessera" --private_key="$T/key" --entries="$T/e/*")
"$O/hallmark" log init "$T/ours" --origin bench.example.org --memory '' >/dev/null
ours=$(ms "$O/hallmark" log append "$T/ours" --memory '' --raw "$T"/e/*)
printf '  %s entries from files: ours %s ms, Tessera posix-oneshot %s ms\n' "$M" "$ours" "$theirs"
