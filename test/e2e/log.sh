#!/bin/bash
# `hallmark log` as a user meets it: the samples of schema/samples/log, every verb,
# what is refused and how it is said.
. "$(dirname "$0")/../e2e.lib"
export XDG_STATE_HOME=$T/state
H=$BIN/hallmark S=$top/schema/samples/log

says() { # says STATUS TEXT VERB ARGS...: stdout and stderr hold TEXT
	local status=$1 text=$2; shift 2
	"$H" log "$@" >"$T/said" 2>&1
	local got=$?
	[ $got = "$status" ] && { [ -z "$text" ] || grep -qF -- "$text" "$T/said"; }
	ok $? "log ${*:1:1}: exit $status, '$text' (got $got)" "$T/said"
}

# The samples.
says 0 'entry 2 of 4 in log.example.org' verify-bundle "$S/logged.sigstore.json" \
	--key "$S/signer.pub.pem" --trusted-root "$S/trusted_root.json" "$S/artifact"
says 0 'Verified' verify-bundle "$S/logged.sigstore.json" --key "$S/signer.pub.pem" \
	--log-key "$S/log.vkey" --type https://example.org/none/v1 "$S/artifact"
says 0 'entry 2 of 4' verify-proof "$S/evidence.tlog-proof" --log-key "$S/log.vkey" --entry "$S/leaf.json"
says 1 'another root' verify-proof "$S/evidence.tlog-proof" --log-key "$S/log.vkey" --entry "$S/artifact"
says 1 'not about' verify-bundle "$S/logged.sigstore.json" --key "$S/signer.pub.pem" \
	--log-key "$S/log.vkey" "$S/leaf.json"
says 1 'predicateType is' verify-bundle "$S/logged.sigstore.json" --key "$S/signer.pub.pem" \
	--log-key "$S/log.vkey" --type https://slsa.dev/provenance/v1 "$S/artifact"
"$H" log trusted-root "$(cat "$S/log.vkey")" >"$T/tr" && cmp "$T/tr" "$S/trusted_root.json"
ok $? 'the trusted root of a verifier key is the sample' "$T/tr"

# A bundle changed in each way that a log, or its finder, could try.
python3 "$top/test/interop/alter_bundle.py" "$S/logged.sigstore.json" "$T"
refuses() { # refuses NAME STATUS TEXT
	says "$2" "$3" verify-bundle "$T/$1.json" --key "$S/signer.pub.pem" --log-key "$S/log.vkey" "$S/artifact"
}
refuses wrong-root 1 'rootHash is not that of the checkpoint'
refuses path-hash 1 'inclusion proof leads to another root'
refuses short-path 1 'inclusion proof is too short'
refuses long-path 1 'inclusion proof is too long'
refuses other-index 1 'inclusion proof leads to another root'
refuses index-of-entry 1 'logIndex differs'
refuses smaller-tree 1 'treeSize is not that of the checkpoint'
refuses checkpoint-size 1 "signature of 'log.example.org'"
refuses checkpoint-unsigned 4 'not signed'
refuses body 1 'canonicalizedBody is not the entry of this envelope'
refuses kind 4 'are not known'
refuses time 4 'a time that nobody signed'
refuses no-entry 1 'not in any log'
refuses other-log 1 'not in any log that is trusted'
refuses signature 1 'signature'
refuses payload 1 'signature'

# A log of one's own.
says 2 '--origin is missing' init "$T/log"
says 4 'bare lower-case host' init "$T/log" --origin https://log.example.org/
says 0 'log.example.org+' init "$T/log" --origin log.example.org
says 1 'there is a log already' init "$T/log" --origin log.example.org
for i in 1 2 3 4 5; do echo "entry $i" >"$T/e$i"; done
says 0 'e3' append "$T/log" --raw "$T"/e[123]
cp "$T/log/public/checkpoint" "$T/old"
says 0 'e4' append "$T/log" --raw "$T/e4" "$T/e5"
says 0 'begins with the 3 entries' check "$T/log" --since "$T/old"
says 0 '5 entries' check "$T/log/public" --log-key "$T/log/log.vkey"
says 2 'give --log-key' check "$T/log/public"
says 2 'an operand is missing' check
says 2 "there is no verb 'frob'" frob
says 2 'one of --index, --leaf, --entry' prove "$T/log" --index 1 --entry "$T/e1"
says 4 'outside a tree of 5' prove "$T/log" --index 5
says 1 'not in the log' prove "$T/log" --entry "$S/artifact"
"$H" log prove "$T/log" --entry "$T/e4" >"$T/proof" 2>&1
ok $? 'a proof' "$T/proof"
says 0 'entry 3 of 5' verify-proof "$T/proof" --log-key "$T/log/log.vkey" --entry "$T/e4"
says 2 'are needed' verify-proof "$T/proof"
says 1 'not signed by' verify-proof "$T/proof" --log-key "$S/log.vkey" --entry "$T/e4"
says 2 '--key is missing' append "$T/log" "$T/e1"
says 4 "'$T/e1'" append "$T/log" --key "$S/signer.pub.pem" "$T/e1"
cp "$S/logged.sigstore.json" "$T/b.json"
says 0 '5	' append "$T/log" --key "$S/signer.pub.pem" --public "$T/b.json"
says 0 '5	' append "$T/log" --key "$S/signer.pub.pem" "$T/b.json"
says 0 'entry 5 of 6 in log.example.org' verify-bundle "$T/b.json" --key "$S/signer.pub.pem" \
	--log-key "$T/log/log.vkey" "$S/artifact"
says 0 'entry 2 of 4 in log.example.org' verify-bundle "$T/b.json" --key "$S/signer.pub.pem" \
	--log-key "$S/log.vkey" "$S/artifact"

# Logs that lie: each is refused by its name.
cp -a "$T/log" "$T/fork"
"$H" log append "$T/fork" --memory '' --raw "$T/e1" >/dev/null
cp "$T/fork/public/checkpoint" "$T/fork.checkpoint"
says 0 'e2' append "$T/log" --raw "$T/e2"
says 1 'a fork' check "$T/log" --since "$T/fork.checkpoint"
says 0 'e3' append "$T/log" --raw "$T/e3"
says 1 'consistency proof leads to another old root' check "$T/log" --since "$T/fork.checkpoint"
cp "$T/log/public/checkpoint" "$T/newest"
says 1 'shrank from 8 to 7' check "$T/fork" --since "$T/newest"
says 1 'rolled back or damaged' append "$T/fork" --raw "$T/e5"
printf x | dd of="$T/log/public/tile/entries/000.p/8" bs=1 seek=5 conv=notrunc 2>/dev/null
says 1 'does not follow from the entries' check "$T/log"
rm "$T/log/public/tile/0/000.p/8"
says 4 'is missing' check "$T/log"
done_testing
