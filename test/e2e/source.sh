#!/bin/bash
# Source in, proof of source, both programs' halves over frames: large trees, what
# git archive makes of the same commit, and the worker's memory.
. "$(dirname "$0")/../e2e.lib"
PIPE=$BIN/test/tools/source_pipe
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=gc.auto GIT_CONFIG_VALUE_0=0

pipe() { # pipe REPO: into $T/out, facts in $T/facts
	rm -rf "$T/out"; mkdir "$T/out"
	"$PIPE" "$T/$1" HEAD "$T/out" >"$T/facts" 2>"$T/log"
}
fact() { sed -n "s/^$1 //p" "$T/facts"; }
same() { # same REPO: as git archive has it, times and modes too
	rm -rf "$T/want"; mkdir "$T/want"
	git -C "$T/$1" archive HEAD | tar -x -C "$T/want" --no-same-owner
	diff -rq --no-dereference "$T/want" "$T/out" >"$T/log" &&
	for d in want out; do
		(cd "$T/$d" && find . -mindepth 1 -not -type d -printf '%P %y %T@ %l\n' |
			LC_ALL=C sort) >"$T/$d.list"
	done && cmp "$T/want.list" "$T/out.list" >"$T/log"
}

# 100,000 files: 40,000 in one directory, the others in 3,000 directories, three
# levels deep, with names that no text encoding has.
git init -q "$T/many"
python3 - <<'P' | git -C "$T/many" fast-import --quiet
import sys
out = sys.stdout.buffer
out.write(b"commit refs/heads/main\ncommitter C <c@example.org> 1700000000 +0000\n"
          b"data 4\nmany\n")
def put(name, text, mode=b"100644"):
    out.write(b"M %s inline \"%s\"\ndata %d\n%s\n" % (mode, name, len(text), text))
for i in range(40000):
    put(b"flat/f%05d" % i, b"%d\n" % i, b"100755" if i % 7 == 0 else b"100644")
for i in range(59998):
    put(b"tree/%03d/%02d/n\\351-%d" % (i % 60, i % 50, i), b"x" * (i % 300))
put(b"flat.c", b"sorts between flat and flat/\n")
put(b"link", b"flat/f00001", b"120000")
P
git -C "$T/many" symbolic-ref HEAD refs/heads/main
start=$(date +%s%N)
pipe many
ok $? 'a tree of 100,000 files streams' "$T/log"
ms=$((($(date +%s%N) - start) / 1000000))
echo "# $ms ms, worker peak $(fact worker-rss-kib) KiB"
[ "$(fact files)" = 100000 ]; ok $? 'all of them'
[ "$(fact tree)" = "$(git -C "$T/many" rev-parse 'HEAD^{tree}')" ]; ok $? 'the root tree is the commit'\''s'
same many; ok $? 'as git archive has it' "$T/log"
[ "$(fact worker-rss-kib)" -lt 65536 ]; ok $? 'the worker stays below 64 MiB'

# One large file that no delta helps: memory stays flat on both sides.
mkdir "$T/large"
head -c 200M /dev/urandom >"$T/large/blob"
commit large
pipe large
ok $? 'a file of 200 MiB streams' "$T/log"
cmp "$T/large/blob" "$T/out/blob"; ok $? 'unchanged'
[ "$(fact worker-rss-kib)" -lt 16384 ]; ok $? "the worker does not hold it ($(fact worker-rss-kib) KiB)"
rm -rf "$T/out" "$T/want"; mkdir "$T/out"
"$PIPE" "$T/large" HEAD "$T/out" 209715199 >"$T/facts" 2>"$T/log"
[ $? = 1 ] && grep -q "worker: too-large: 'blob': the source is larger than" "$T/log" &&
	[ ! -s "$T/out/blob" ] && [ ! -s "$T/facts" ]
ok $? 'one byte over the limit is refused before it is written' "$T/log"

# A directory that somebody else put something into is not ours to fill.
touch "$T/out/x"
"$PIPE" "$T/large" HEAD "$T/out" >"$T/facts" 2>"$T/log"
[ $? = 1 ] && grep -q 'not empty' "$T/log"
ok $? 'a directory that is not empty is refused' "$T/log"

# Nothing but sha1dc comes out of libgit2, and no library with it.
ldd "$BIN/enclave-worker" >"$T/log" && ! grep -qE 'git2|ssh|http|pcre|curl' "$T/log"
ok $? 'the worker links no libgit2 and none of its libraries' "$T/log"
nm "$BIN/enclave-worker" >"$T/log"
grep -q ' T SHA1DCFinal$' "$T/log" && ! grep -qE ' [TtDdBb] git_[a-z]+_(open|lookup|init)' "$T/log"
ok $? 'of the archive only its SHA-1' "$T/log"

done_testing
