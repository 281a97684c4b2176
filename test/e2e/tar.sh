#!/bin/bash
# Our tar as programs that we did not write see it: GNU tar, bsdtar, python.
# Same names, modes, times and contents from each; and the same bytes from us
# whatever the order of the directory.
set -u
tool=$PWD/${O:-build}/test/tools/tar_tool
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0
ok() { if [ "$1" = 0 ]; then echo "ok - $2"; else echo "not ok - $2"; failed=1; fi; }
skip() { echo "ok - # SKIP $1"; [ -z "${HM_NO_SKIP:-}" ] || failed=1; }

cd "$work" && mkdir in && cd in || exit 1
long=$(printf 'x%.0s' $(seq 120))
deep=$(printf 'directory-%02d/' $(seq 20))
mkdir -p bin "$deep" "d/$long" 'sp ace' "dé"
printf 'hello\n' >bin/hello
: >bin/empty
head -c 511 /dev/zero >bin/511; head -c 512 /dev/zero >bin/512
head -c 513 /dev/urandom >bin/513
head -c 3000000 /dev/urandom >big
printf 1 >"$deep/file"; printf 2 >"d/$long/$long"; printf 3 >"$long"
printf 4 >'sp ace/-dash'; printf 5 >'dé/€ 漢字'; printf 6 >'back\slash'
printf 7 >"d/$long/漢$long"
chmod 755 bin/hello big; chmod 644 bin/empty

python3 - <<'PY' >../list
import os
out = []
for d, _, files in os.walk(b'.'):
    for f in files:
        p = os.path.join(d, f)[2:]
        out.append((p, os.stat(p).st_mode & 0o777))
import sys
for p, m in sorted(out):
    sys.stdout.buffer.write(b'%04o %s\n' % (m, p))
PY
"$tool" write 1700000000 <../list >../a.tar; ok $? "tar written"
"$tool" list <../a.tar >../listing; ok $? "our reader takes it"
[ "$(wc -l <../listing)" = "$(wc -l <../list)" ]; ok $? "every file is listed"
"$tool" write 1700000000 <../list | cmp -s - ../a.tar; ok $? "written twice, the same bytes"
cat ../a.tar | "$tool" list | cmp -s - ../listing; ok $? "read from a pipe, the same listing"
cd ..

# same NAME DIR: contents, modes and times as they went in.
same() {
	diff -r in "$2" >diff.out 2>&1; ok $? "$1: the same names and contents"
	(cd in && find . -type f -printf '%m %P\n' | sort) >m1
	(cd "$2" && find . -type f -printf '%m %P\n' | sort) >m2
	cmp -s m1 m2; ok $? "$1: the same modes"
	n=$(find "$2" -type f -newermt '2023-11-14 22:13:19Z' ! -newermt '2023-11-14 22:13:20Z' | wc -l)
	[ "$n" = "$(wc -l <list)" ]; ok $? "$1: the commit's time on each of $n files"
}

mkdir gnu && tar -C gnu -xpf a.tar 2>gnu.err; ok $? "GNU tar extracts"
[ ! -s gnu.err ]; ok $? "GNU tar has nothing to say"
same "GNU tar" gnu
mkdir gnuc && LC_ALL=C tar -C gnuc -xpf a.tar; ok $? "GNU tar extracts in the C locale"
same "GNU tar, C locale" gnuc
tar -tvf a.tar | awk '$2 != "root/root" && $2 != "0/0" {bad=1} END {exit bad}'; ok $? "GNU tar sees owner 0"
if command -v bsdtar >/dev/null; then
	mkdir bsd && LC_ALL=C.UTF-8 bsdtar -C bsd -xpf a.tar 2>bsd.err; ok $? "bsdtar extracts"
	[ ! -s bsd.err ]; ok $? "bsdtar has nothing to say"
	same "bsdtar" bsd
else
	skip "no bsdtar here (package libarchive-tools)"
fi
if command -v busybox >/dev/null && busybox --list | grep -qx tar; then
	mkdir bb && busybox tar -C bb -xf a.tar bin/hello 2>/dev/null && cmp -s bb/bin/hello in/bin/hello
	ok $? "busybox tar extracts a short name"
else
	skip "no busybox tar here (package busybox)"
fi
mkdir py && python3 - <<'PY'
import tarfile
with tarfile.open('a.tar') as t:
    for m in t:
        assert m.isreg() and m.uid == 0 and m.gid == 0 and not m.uname, m.name
        assert not m.linkname and set(m.pax_headers) <= {'path', 'size'}
    t.extractall('py')
PY
ok $? "python's tarfile extracts, and finds only path and size in pax records"
same python py

# 8 GiB + 5 of zeros: the size is in a pax record, the file sparse.
"$tool" sparse big/zeros 8589934597 >s.tar; ok $? "a file over 8 GiB"
tar -tvf s.tar | grep -q ' 8589934597 .* big/zeros$'; ok $? "GNU tar reads its size"
python3 -c 'import tarfile
m = tarfile.open("s.tar").getmembers()
assert len(m) == 1 and m[0].size == 8589934597 and m[0].name == "big/zeros"'
ok $? "python reads its size"
if command -v bsdtar >/dev/null; then
	bsdtar -tvf s.tar | grep -q ' 8589934597 .* big/zeros$'; ok $? "bsdtar reads its size"
fi
# Memory is flat: 300 MB through writer and reader in 40 MB of address space.
if [ "${O:-build}" = build ]; then
	mkdir flat && truncate -s 300M flat/zeros
	(cd flat && ulimit -v 40000 && echo "0644 zeros" | "$tool" write 1 | "$tool" list) >out 2>&1
	grep -qx '0644 314572800 1 zeros' out; ok $? "300 MB through writer and reader in 40 MB ($(tail -n 1 out))"
else
	skip "memory is measured in the ordinary build"
fi
if [ -n "${HM_SLOW:-}" ]; then
	[ "$("$tool" list <s.tar)" = "0644 8589934597 0 big/zeros" ]; ok $? "our reader reads all of it"
else
	skip "reading 8 GiB ourselves (HM_SLOW=1 does it)"
fi
printf x >>a.tar; "$tool" list <a.tar 2>err >/dev/null; [ $? = 4 ] && grep -q 'bytes after the end marker' err
ok $? "one more byte and our reader refuses"
exit $failed
