#!/bin/bash
# Step 9: a build's statements go into the operator's log, the proofs into the
# release; what cannot be logged is queued and logged later; killed at any time
# it starts over without doubles.
. "$(dirname "$0")/../e2e.lib"
export XDG_STATE_HOME=$T/state
H=$BIN/hallmark R=$BIN/runner-hook

"$H" log init "$T/log" --origin log.example.org >"$T/vkey" 2>"$T/init.err"
ok $? 'a log is made' "$T/init.err"
project one 'echo one >out' out
build one --log "$T/log" --json
ok $? 'a build with --log' "$T/one.log"
grep -q '"logged": true' "$T/one.log" && grep -q '"name": "log.example.org"' "$T/one.log"
ok $? 'built and logged are two answers' "$T/one.log"
verify one --log-key "$T/vkey" --require-log
ok $? 'verify finds the entry offline' "$T/one.verify"
grep -q 'entry [01] of log.example.org' "$T/one.verify"
ok $? 'and says which' "$T/one.verify"
sum=$(sha256sum <"$T/one.tar" | cut -d' ' -f1)
grep -q "\"sha256\": \"$sum\"" "$T/one.log"
ok $? 'the digest that the build reports is that of the logged tar' "$T/one.log"
"$H" log check "$T/log" >"$T/check" 2>&1 && grep -q ' 2 entries' "$T/check"
ok $? 'the log holds provenance and evidence' "$T/check"
[ ! -e "$T/log/public/evidence" ]
ok $? 'a private build publishes no evidence'
[ -z "$(ls "$T/state/hallmark/queue" | grep json)" ]
ok $? 'nothing is queued afterwards'
for f in provenance.sigstore.json evidence.sigstore.json intoto.jsonl; do
	[ -s "$T/one.tar.$f" ]; ok $? "one.tar.$f lies beside the tar"
done
mkdir "$T/x"; tar -xf "$T/one.tar" -C "$T/x"
cmp -s "$T/x/attestation/evidence.sigstore.json" "$T/one.tar.evidence.sigstore.json"
ok $? 'and is what the tar holds'
"$H" verify "$T/x/out" --bundle "$T/one.tar.evidence.sigstore.json" --bundle "$T/one.tar.provenance.sigstore.json" \
	--repo https://example.org/t/one --trust-root "$ROOT_PEM" --log-key "$T/vkey" --require-log >"$T/beside.verify" 2>&1
ok $? 'a file verifies with the bundles beside the tar' "$T/beside.verify"

# Again: no doubles, the same tar.
"$R" publish --log "$T/log" "$T/one.tar" >"$T/again" 2>&1
ok $? 'publish it again' "$T/again"
"$H" log check "$T/log" >"$T/check" 2>&1 && grep -q ' 2 entries' "$T/check"
ok $? 'there are still two entries' "$T/check"
verify one --log-key "$T/vkey" --require-log
ok $? 'and it verifies' "$T/one.verify"

# A log that is not there: built, queued, logged later.
project two 'echo two >out' out
mv "$T/log" "$T/away"
HALLMARK_LOG=$T/log build two --json
ok $? 'a log that is away does not fail the build' "$T/two.log"
grep -q '"logged": false' "$T/two.log" && grep -q '"problem"' "$T/two.log"
ok $? 'which says that it is not logged' "$T/two.log"
verify two
ok $? 'the release verifies without log' "$T/two.verify"
verify two --log-key "$T/vkey" --require-log
[ $? != 0 ]; ok $? 'and not with --require-log' "$T/two.verify"
"$R" publish --pending >"$T/pending" 2>&1
[ $? = 3 ]; ok $? 'publish --pending: status 3 while something is queued' "$T/pending"
mv "$T/away" "$T/log"
"$R" publish --pending >"$T/pending" 2>&1
[ $? = 3 ]; ok $? 'it backs off: not due yet' "$T/pending"
"$R" publish --pending --now >"$T/pending" 2>&1
ok $? 'publish --pending --now' "$T/pending"
grep -q "two.tar: entry 3 of log.example.org" "$T/pending"
ok $? 'says what it has logged' "$T/pending"
verify two --log-key "$T/vkey" --require-log
ok $? 'now it is logged' "$T/two.verify"

# Public: the bundles for monitors, two logs at once.
"$H" log init "$T/log2" --origin log2.example.org >"$T/vkey2" 2>&1
project three 'echo three >out' out
build three --log "$T/log" --log "$T/log2" --log-public
ok $? 'two logs at once' "$T/three.log"
verify three --log-key "$T/vkey" --log-key "$T/vkey2" --require-log
ok $? 'verify knows both' "$T/three.verify"
for l in log log2; do
	for f in "$T/$l"/public/evidence/*.sigstore.json; do
		"$H" log prove "$T/$l" --leaf "$(basename "$f" .sigstore.json)" >"$T/proof" 2>&1
		ok $? "$l: published evidence has its leaf" "$T/proof"
	done
done

# The tar is gone when its turn comes: the proof is kept.
project four 'echo four >out' out
mv "$T/log" "$T/away"; build four --log "$T/log"; mv "$T/away" "$T/log"
mv "$T/four.tar" "$T/moved.tar"
"$R" publish --pending --now >"$T/pending" 2>&1 && grep -q 'the tar is gone' "$T/pending"
ok $? 'a tar that is gone is logged all the same' "$T/pending"
kept=$(ls "$T"/state/hallmark/queue/logged/*.evidence.sigstore.json)
tar -xf "$T/moved.tar" -C "$T/x"
"$H" verify "$T/x/out" --bundle "$kept" --bundle "${kept%.evidence.sigstore.json}.provenance.sigstore.json" \
	--repo https://example.org/t/four --trust-root "$ROOT_PEM" --log-key "$T/vkey" --require-log >"$T/kept.verify" 2>&1
ok $? 'and its proof is kept with the queue' "$T/kept.verify"

# Refusals: exit status and words.
says() { # says STATUS TEXT COMMAND...
	local status=$1 text=$2; shift 2
	"$@" >"$T/said" 2>&1
	local got=$?
	[ $got = "$status" ] && grep -qF -- "$text" "$T/said"
	ok $? "$(basename "$1") ${*:2:2}: exit $status, '$text' (got $got)" "$T/said"
}
says 2 'one tar' "$R" publish
says 2 'takes no tar' "$R" publish --pending "$T/one.tar"
tar -cf "$T/other.tar" -C "$T/x" out
says 4 'other.tar' "$R" publish --log "$T/log" "$T/other.tar"
cp "$T/one.tar" "$T/bad.tar"
printf 'x' | dd of="$T/bad.tar" bs=1 seek=600 conv=notrunc 2>/dev/null
says 4 'bad.tar' "$R" publish --log "$T/log" "$T/bad.tar"
echo '{}' >"$T/state/hallmark/queue/00112233445566778899aabbccddeeff.json"
says 3 'not an item of this version' "$R" publish --pending --now
rm "$T/state/hallmark/queue/00112233445566778899aabbccddeeff.json"
"$R" publish --pending >"$T/said" 2>&1; ok $? 'an empty queue is fine' "$T/said"
says 0 'Usage: runner-hook publish' "$R" publish --help

# SIGKILL between any two steps, then once more: no doubles, a good tar.
project five 'echo five >out' out
build five
before=$("$H" log check "$T/log" 2>&1 | sed -n 's/.* \([0-9]*\) entries.*/\1/p')
for ms in 1 3 5 8 12 16 20 30; do
	{ timeout -s KILL "0.0$(printf '%02d' $ms)" "$R" publish --log "$T/log" "$T/five.tar"; } >/dev/null 2>&1
done
"$R" publish --log "$T/log" "$T/five.tar" >"$T/killed" 2>&1
ok $? 'killed eight times, then published' "$T/killed"
after=$("$H" log check "$T/log" 2>&1 | sed -n 's/.* \([0-9]*\) entries.*/\1/p')
[ "$after" = $((before + 2)) ]; ok $? "two entries more, not more ($before, $after)"
verify five --log-key "$T/vkey" --require-log
ok $? 'and the tar verifies' "$T/five.verify"
done_testing
