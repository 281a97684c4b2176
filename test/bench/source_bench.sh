#!/bin/bash
# Streaming a commit of about 1 GB into the worker, against `git clone --depth=1
# file://` of the same commit in the same run. All of it is on a tmpfs when
# there is one with room. Bars: not slower than the clone; the worker below 64 MiB.
. "$(dirname "$0")/../e2e.lib"
PIPE=$BIN/test/tools/source_pipe
runs=${RUNS:-3}
out=$T
if [ -w /dev/shm ] && [ "$(df --output=avail -k /dev/shm | tail -1)" -gt 6000000 ]; then
	out=$(mktemp -d /dev/shm/hm-bench-XXXXXX)
	trap 'rm -rf "$T" "$out"' EXIT
fi

# no maintenance in the background, and not minutes of zlib to make the input
export GIT_CONFIG_COUNT=3 GIT_CONFIG_KEY_0=gc.auto GIT_CONFIG_VALUE_0=0
export GIT_CONFIG_KEY_1=core.compression GIT_CONFIG_VALUE_1=1
export GIT_CONFIG_KEY_2=core.bigFileThreshold GIT_CONFIG_VALUE_2=1m

# 900 MB in seven files that do not compress, 50,000 small ones in 1,000
# directories: a project with its assets.
repo=$out/repo
git init -q "$repo"
python3 - "$repo" <<'P'
import os, random, sys
random.seed(1)
root = sys.argv[1]
for d in range(100):
    for s in range(10):
        p = f"{root}/many/d{d:03}/s{s}"
        os.makedirs(p)
        for f in range(50):
            with open(f"{p}/f{f}.c", "w") as h:
                h.write(f"int f{d}_{s}_{f};\n" * random.randint(1, 200))
for i in range(7):
    with open(f"{root}/big{i}.bin", "wb") as h:
        for _ in range(128):
            h.write(random.randbytes(1 << 20))
P
git -C "$repo" add -A
git -C "$repo" -c user.name=T -c user.email=t@example.org commit -qm bench
git -C "$repo" -c pack.window=0 repack -adq
rm -rf "$repo/many" "$repo"/big*

seconds() { # seconds COMMAND...: prints them
	local start end; start=$(date +%s%N); "$@" >"$T/facts" 2>"$T/log" || { cat "$T/log" >&2; exit 3; }
	end=$(date +%s%N); echo $(((end - start) / 1000000))
}
stream=() clone=()
for _ in $(seq "$runs"); do
	mkdir "$out/d"; stream+=("$(seconds "$PIPE" "$repo" HEAD "$out/d")")
	rss=$(sed -n 's/^worker-rss-kib //p' "$T/facts"); bytes=$(sed -n 's/^bytes //p' "$T/facts")
	files=$(sed -n 's/^files //p' "$T/facts"); rm -rf "$out/d"
	clone+=("$(seconds git clone -q --depth=1 "file://$repo" "$out/c")"); rm -rf "$out/c"
done
best() { printf '%s\n' "$@" | sort -n | head -1; }
s=$(best "${stream[@]}") c=$(best "${clone[@]}")
echo "   $files files, $((bytes / 1000000)) MB; best of $runs"
echo "   stream into the worker  $s ms   (${stream[*]})"
echo "   git clone --depth=1     $c ms   (${clone[*]})"
echo "   ratio                   $(awk "BEGIN {printf \"%.2f\", $s / $c}")   (bar: at most 1)"
echo "   worker peak memory      $((rss / 1024)) MiB   (bar: below 64)"
[ "$s" -le "$c" ] && [ "$rss" -lt 65536 ]
