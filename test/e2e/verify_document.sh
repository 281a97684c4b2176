#!/bin/bash
# `hallmark verify-document`: forms of input and output; and, where they are,
# real AWS documents (HM_VECTORS, default ../shared/vectors), each with the
# result that their list states.
. "$(dirname "$0")/../e2e.lib"
H=$BIN/hallmark
V=${HM_VECTORS:-$top/../shared/vectors}/nitro
"$BIN/test/tools/make_release" "$T/g"; "$BIN/test/tools/make_release" "$T/d" --bend debug
D=$T/g/nitro.cbor R="--trust-root $T/g/root.pem"

run() { # run STATUS TEXT DESCRIPTION COMMAND...
	local want=$1 text=$2 what=$3; shift 3
	"$@" >"$T/out" 2>&1
	local got=$?
	[ $got = "$want" ] && grep -qF -- "$text" "$T/out"
	ok $? "$what: exit $want and '$text' (got $got)" "$T/out"
}
run 0 PASSED 'COSE bytes' $H verify-document "$D" $R
grep -q '^NO HARDWARE VOUCHES' "$T/out"; ok $? 'a root of one'"'"'s own: no hardware vouches'
base64 "$D" >"$T/b64"; base64 -w0 "$D" | tr '+/' '-_' >"$T/b64url"
run 0 PASSED 'base64 in lines' $H verify-document "$T/b64" $R
run 0 PASSED 'base64 for URLs' $H verify-document "$T/b64url" $R
run 0 PASSED 'standard input' sh -c "$H verify-document - $R <$D"
run 0 PASSED 'tagged' sh -c "(printf '\322'; cat $D) | $H verify-document - $R"
run 12 'ends at CN=test root' 'a foreign root' $H verify-document "$D"
run 14 'FAILED: the enclave ran in debug mode' 'a debug document' $H verify-document "$T/d/nitro.cbor" --trust-root "$T/d/root.pem"
run 0 PASSED 'a debug document, allowed' $H verify-document "$T/d/nitro.cbor" --trust-root "$T/d/root.pem" --allow-debug
printf 'hello' >"$T/x"
run 4 'neither a COSE_Sign1 nor base64' 'neither' $H verify-document "$T/x"
run 4 FAILED 'nothing' $H verify-document /dev/null
run 3 'No such file' 'no file' $H verify-document "$T/none"
run 2 'name one document' 'no operand' $H verify-document
run 2 '--format' 'a wrong format' $H verify-document "$D" --format yaml
head -c 60000 /dev/zero | tr '\0' A >"$T/big"
run 4 FAILED 'too large' $H verify-document "$T/big"
[ -z "$($H verify-document "$D" $R -q)" ]; ok $? 'quiet'
$H verify-document "$D" $R --format json >"$T/json"
jq -e '.result == "PASSED" and (.pcrs | length) == 17 and (.pcrs["0"] | length) == 96 and (.module_id | startswith("i-"))
	and (.timestamp > 1700000000000) and (.public_key | startswith("3059")) and (.user_data | length) > 300
	and .nonce == null and .hardware == false and .debug == false and (.certificates | length) == 5' "$T/json" >"$T/out"
ok $? 'JSON' "$T/json"
$H verify-document "$D" --format json | jq -e '.result == "FAILED" and .reason == "foreign-root" and .authentic == false and (has("pcrs") | not)' >"$T/out"
ok $? 'JSON of a refused one shows none of its fields' "$T/out"

if [ ! -d "$V" ]; then
	skip "real documents: $V is not there (HM_VECTORS)"
	done_testing
fi
for f in "$V"/*.bin; do
	name=$(basename "$f" .bin)
	case $name in
	prod_*|derived_tagged18|derived_malleable_twin) run 0 PASSED "$name" $H verify-document "$f" ;;
	debug_*) run 14 'debug mode' "$name" $H verify-document "$f"
		run 0 PASSED "$name, cryptographically" $H verify-document "$f" --allow-debug ;;
	other_*nitrotpm) run 11 'the NitroTPM document of an EC2 instance' "$name" $H verify-document "$f" ;;
	bad_*customroot) run 12 'not a root that you trust' "$name" $H verify-document "$f" ;;
	derived_alg_changed) run 11 'not ES384' "$name" $H verify-document "$f" ;;
	derived_trailing_byte|derived_truncated|derived_digest_sha512) run 4 FAILED "$name" $H verify-document "$f" ;;
	*) run 13 'FAILED' "$name" $H verify-document "$f" ;;
	esac
done
for f in "$V"/synthetic/*.bin; do
	name=$(basename "$f" .bin)
	$H verify-document "$f" --trust-root "$V/synthetic/synth_root.pem" >"$T/out" 2>&1
	got=$?
	case $name in
	ok_*) [ $got = 0 ] ;;
	*) [ $got = 4 ] || [ $got = 11 ] || [ $got = 13 ] ;;
	esac
	ok $? "$name: exit $got" "$T/out"
done
done_testing
