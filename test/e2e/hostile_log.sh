#!/bin/bash
# A build may print anything. Nothing of it moves a cursor, gives the runner a
# command, fills a disk, or breaks a line of ours.
. "$(dirname "$0")/../e2e.lib"

mkdir "$T/loud"
cat >"$T/loud/talk.py" <<'P'
import sys
out = sys.stdout.buffer
out.write(b"\x1b[2J\x1b]0;title\x07red \x1b[31m text\n")
out.write(b"::set-output name=tar-path::/evil.tar\n::add-mask::a\n##[error]no\n")
out.write(b"a \r::error::after a carriage return\n")
out.write(b"\xff\xfe invalid \xc3\x28 utf-8, C1 \xc2\x9b31m\n")
out.write("\u2028::warning::after a line separator\n".encode())
out.write(b"tab\tkept\n")
out.flush()
sys.stderr.buffer.write(b"::stop-commands::guess\nno newline at the end")
open("out", "wb").write(b"x")
P
project loud 'python3 talk.py' out
GITHUB_ACTIONS=true build loud
ok $? 'a build with a hostile log builds' "$T/loud.log"
! LC_ALL=C grep -qP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80\xa8' "$T/loud.log"
ok $? 'no control character reaches the terminal' "$T/loud.log"
iconv -f UTF-8 -t UTF-8 "$T/loud.log" >/dev/null
ok $? 'what is printed is valid UTF-8'
# The runner's own reading: commands count at a line's start (after blanks) with
# '::', anywhere with '##[', unless stop-commands is in force.
python3 - "$T/loud.log" <<'P'
import re, sys
token = None
bad = []
for line in open(sys.argv[1], encoding="utf-8"):
    s = line.strip()
    if token:
        if s == f"::{token}::":
            token = None
        continue
    m = re.match(r"::stop-commands::(\S+)$", s)
    if m:
        token = m.group(1)
        if not re.fullmatch(r"[0-9a-f]{32}", token):
            bad.append("token: " + s)
    elif s.startswith("::") and not re.match(r"::(group|endgroup|warning title=hallmark)::", s):
        bad.append(s)
    elif "##[" in s:
        bad.append(s)
if token:
    bad.append("commands are never taken up again")
print("\n".join("# " + b for b in bad))
sys.exit(bool(bad))
P
ok $? 'the runner would see no command of the build' "$T/loud.log"
grep -q 'tab	kept' "$T/loud.log" && grep -q '\\x1b\[31m text' "$T/loud.log"
ok $? 'what was escaped is shown, tabs are kept' "$T/loud.log"
mkdir "$T/x" && tar -xf "$T/loud.tar" -C "$T/x" &&
	! LC_ALL=C grep -qP '[\x00-\x08\x0b-\x1f\x7f]' "$T/x/attestation/build.log"
ok $? 'build.log in the tar is harmless too'
verify loud
ok $? 'and the release verifies' "$T/loud.verify"

project oneline 'head -c 100000000 /dev/zero | tr "\0" x; touch out' out
build oneline
ok $? '100 MB in one line' "$T/oneline.log"
[ "$(wc -c <"$T/oneline.log")" -lt 100000 ] && grep -q 'rest of this line is cut' "$T/oneline.log"
ok $? 'are cut, visibly' "$T/oneline.log"
project flood 'yes "a line of a flood" | head -n 6000000; touch out' out
build flood --quiet
ok $? '100 MB in many lines' "$T/flood.log"
mkdir "$T/y" && tar -xf "$T/flood.tar" -C "$T/y" &&
	[ "$(wc -c <"$T/y/attestation/build.log")" -le 33554432 ] &&
	tail -n 1 "$T/y/attestation/build.log" | grep -q 'cut here'
ok $? 'end at the limit, and the log says so'
done_testing
