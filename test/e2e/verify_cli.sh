#!/bin/bash
# `hallmark verify` and `hallmark inspect` as programs: every exit status, every
# form of input, every output file. Releases come from make_release, which makes
# them without a build; the kit's root counts as hardware through a policy.
. "$(dirname "$0")/../e2e.lib"
H=$BIN/hallmark
make_release() { "$BIN/test/tools/make_release" "$@" || exit 1; }

run() { # run STATUS TEXT DESCRIPTION COMMAND...
	local want=$1 text=$2 what=$3; shift 3
	"$@" >"$T/out" 2>"$T/err"
	local got=$?
	cat "$T/err" >>"$T/out"
	[ $got = "$want" ] && grep -qF -- "$text" "$T/out"
	ok $? "$what: exit $want and '$text' (got $got)" "$T/out"
}

make_release "$T/g"
G=$T/g
P="--policy $G/policy.json"
S="-R o/r"

# --- exit statuses: one per kind of failure --------------------------------------
run 0 PASSED 'a good release' $H verify "$G/release.tar" $S $P
bend() { # bend NAME STATUS TEXT [OPTIONS]
	local name=$1 status=$2 text=$3; shift 3
	[ -d "$T/b-$name" ] || make_release "$T/b-$name" --bend "$name"
	run "$status" "FAILED: $text" "$name" $H verify "$T/b-$name/release.tar" $S \
		--policy "$T/b-$name/policy.json" "$@"
}
run 2 'add -R OWNER/NAME' 'no expectation' $H verify "$G/release.tar" $P
run 2 'needs --log-key' 'a usage error' $H verify "$G/release.tar" $S $P --require-log
run 3 'No such file' 'no such file' $H verify "$G/none.tar" $S $P
bend cut 4 'tar'
bend no-attestation 10 'release.tar holds no attestation'
bend document-unsigned 11 'attestation document: it is not signed'
run 12 'ends at CN=test root,OU=test,O=Hallmark, which is not a root' 'a foreign root' $H verify "$G/release.tar" $S
bend leaf-expired 13 'attestation document: leaf certificate: expired'
bend debug 14 'the enclave ran in debug mode'
bend other-image 15 'the image is none of the 1 that the policy pins'
INDEX="--endorser-key $G/endorser-1.pem --endorser-key $G/endorser-2.pem --policy $G/root-policy.json"
run 0 'c@14, endorsed by 2 keys' 'an endorsed image' $H verify "$G/release.tar" $S $INDEX --image-index "$G/index.json"
run 16 'FAILED: image c@14 was revoked: kernel hole' 'a revoked image' $H verify "$G/release.tar" $S $INDEX --image-index "$G/revoked.json"
run 17 'FAILED: the image index expired' 'an old index' $H verify "$G/release.tar" $S $INDEX --image-index "$G/old.json"
run 17 'signed by 0 of the 1 endorsers' 'an index of somebody else' $H verify "$G/release.tar" $S \
	--endorser-key "$T/b-cut/endorser-1.pem" --policy "$G/root-policy.json" --image-index "$G/index.json"
run 0 PASSED 'one of two endorsers, when one is enough' $H verify "$G/release.tar" $S \
	--endorser-key "$T/b-cut/endorser-1.pem" --endorser-key "$G/endorser-2.pem" --endorser-threshold 1 \
	--policy "$G/root-policy.json" --image-index "$G/index.json"
run 17 'signed by 1 of the 2' 'one of two endorsers, by default' $H verify "$G/release.tar" $S \
	--endorser-key "$T/b-cut/endorser-1.pem" --endorser-key "$G/endorser-2.pem" \
	--policy "$G/root-policy.json" --image-index "$G/index.json"
run 15 'unknown image: give --image-index' 'no image named' $H verify "$G/release.tar" $S --policy "$G/root-policy.json"
run 15 'not one of those demanded' 'another image demanded' $H verify "$G/release.tar" $S $INDEX --image-index "$G/index.json" --image c@15
run 0 PASSED 'this image demanded' $H verify "$G/release.tar" $S $INDEX --image-index "$G/index.json" --image c@14
bend s-signer 18 'provenance statement'
bend user-commit 19 'document and provenance name different sources'
bend file-content 20 'hello: its content is not what was built'
run 21 'FAILED: the document does not carry the nonce' 'no nonce' $H verify "$G/release.tar" $S $P --nonce 00ff
make_release "$T/n" --nonce abc
run 0 PASSED 'the nonce' $H verify "$T/n/release.tar" $S --policy "$T/n/policy.json" --nonce 616263
bend late-document 22 'the document was not made at the end of the build'
run 23 'FAILED: built from repository https://github.com/o/r, not from https://github.com/o/other' \
	'another repository' $H verify "$G/release.tar" -R o/other $P
run 23 'built from commit' 'another commit' $H verify "$G/release.tar" $S $P --source-digest 0000000000000000000000000000000000000000
run 23 'built from ref refs/tags/v1' 'another tag' $H verify "$G/release.tar" $S $P --source-tag v2
run 24 'FAILED: builder' 'another builder' $H verify "$G/release.tar" $S $P --builder-id x
LOG='PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'
run 25 'FAILED: it is in no log' 'not logged' $H verify "$G/release.tar" $S $P --require-log --log-key "$LOG"
jq '.challengers={"keys":["a","b","c"],"of":3,"threshold":2}' "$G/policy.json" >"$T/votes.json"
run 26 'FAILED: the policy wants 2 of 3 challengers' 'votes' $H verify "$G/release.tar" $S --policy "$T/votes.json"
jq '.expires="2020-01-01T00:00:00Z"' "$G/policy.json" >"$T/expired.json"
run 27 'FAILED: the policy expired on 1 January 2020' 'an old policy' $H verify "$G/release.tar" $S --policy "$T/expired.json"
jq '.expire="2020-01-01T00:00:00Z"' "$G/policy.json" >"$T/typo.json"
run 4 'expire' 'a misspelt policy' $H verify "$G/release.tar" $S --policy "$T/typo.json"

# --- demands ----------------------------------------------------------------------
C=$(cat "$G/commit")
run 0 PASSED 'every demand at once' $H verify "$G/release.tar" --repo https://github.com/O/R.git --source-uri o/r \
	--source-digest "$C" --source-ref refs/tags/v1 --builder-id https://hallmark.dev/builder/nitro-nsm/v1 $P
run 0 PASSED 'an owner' $H verify "$G/release.tar" -o O $P
run 23 FAILED 'another owner' $H verify "$G/release.tar" -o oo $P
run 0 PASSED 'any source' $H verify "$G/release.tar" --any-source $P
run 2 'contradicts' 'any source and a repository' $H verify "$G/release.tar" --any-source $S $P
run 2 'give one' 'a ref and a tag' $H verify "$G/release.tar" --source-ref a --source-tag b $P
for o in '--pcr0 xyz' '--nonce x' '--source-digest abc' '--repo nowhere' '--owner a/b' '--repo o/*' '--format xml' \
	'--endorser-threshold 2' '--nope' "--image-index $G/index.json" "--endorser-key $G/endorser-1.pem" '--vsa-key x' \
	"$G/release.tar"; do
	$H verify "$G/release.tar" $S $P $o >"$T/out" 2>&1
	[ $? = 2 ] && grep -q 'see --help' "$T/out"
	ok $? "usage: $o" "$T/out"
done
make_release "$T/l" --back-end local
run 0 'NO HARDWARE VOUCHES FOR THIS BUILD' 'a local build' $H verify "$T/l/release.tar" $S --trust-root "$T/l/root.pem"
[ "$(head -c 11 "$T/out")" = 'NO HARDWARE' ]; ok $? 'said in the first line'
grep -q 'a local build has no image' "$T/out"; ok $? 'and that no image was checked'
run 19 'not what this root vouches for' 'a local build under a root called hardware' $H verify "$T/l/release.tar" $S \
	--policy "$T/l/root-policy.json" --pcr0 "$(jq -r '.pcrs[0].pcr0' "$T/l/policy.json")" \
	--pcr1 "$(jq -r '.pcrs[0].pcr1' "$T/l/policy.json")" --pcr2 "$(jq -r '.pcrs[0].pcr2' "$T/l/policy.json")"

# --- forms of input ---------------------------------------------------------------
run 0 PASSED 'standard input' sh -c "$H verify - $S $P <$G/release.tar"
run 0 PASSED 'a pipe' sh -c "cat $G/release.tar | $H verify - $S $P"
run 0 '`hello` was built' 'a file and the tar' $H verify "$G/files/hello" -b "$G/release.tar" $S $P
run 0 '`hello` was built' 'a file and the lines' $H verify "$G/files/hello" -b "$G/release.tar.intoto.jsonl" $S $P
run 0 '`hello` was built' 'a file and two bundles' $H verify "$G/files/hello" -b "$G/evidence.sigstore.json" -b "$G/provenance.sigstore.json" $S $P
run 0 'was built' 'a file on standard input' sh -c "$H verify - -b $G/release.tar $S $P <$G/files/hello"
D=$(sha256sum "$G/files/hello" | cut -d' ' -f1)
run 0 'was built' 'a digest' $H verify --digest "sha256:$D" -b "$G/release.tar" $S $P
run 20 'none of the files' 'another digest' $H verify --digest "sha256:$(echo x | sha256sum | cut -d' ' -f1)" -b "$G/release.tar" $S $P
run 2 'needs --bundle' 'a digest alone' $H verify --digest "sha256:$D" $S $P
run 2 'sha256: and' 'a digest of another kind' $H verify --digest "md5:$D" -b "$G/release.tar" $S $P
run 10 'the provenance statement is missing' 'half of the evidence' $H verify "$G/files/hello" -b "$G/evidence.sigstore.json" $S $P
run 20 'other: is none of the files' 'a file that was not built' sh -c "echo x >$T/other; $H verify $T/other -b $G/release.tar $S $P"
mkdir "$T/beside"; cp "$G/files/hello" "$T/beside/prog"
run 10 'prog holds no attestation' 'a file alone' $H verify "$T/beside/prog" $S $P
cp "$G/release.tar.intoto.jsonl" "$T/beside/prog.intoto.jsonl"
run 0 '`prog` was built' 'lines beside the file' $H verify "$T/beside/prog" $S $P
rm "$T/beside/prog.intoto.jsonl"; cp "$G"/*.sigstore.json "$T/beside"
run 0 '`prog` was built' 'bundles beside the file' $H verify "$T/beside/prog" $S $P
jq . "$G/evidence.sigstore.json" >"$T/beside/evidence.sigstore.json"
run 0 PASSED 'a bundle that another tool laid out' $H verify "$T/beside/prog" $S $P
make_release "$T/g2"
cp "$T/g2/release.tar.intoto.jsonl" "$T/two.jsonl"
run 4 'two different' 'evidence of two builds' $H verify "$G/files/hello" -b "$G/release.tar" -b "$T/two.jsonl" $S $P
echo '{"payload":"e30=","payloadType":"x","signatures":[]}' >"$T/other.jsonl"; cat "$G/release.tar.intoto.jsonl" >>"$T/other.jsonl"
run 0 PASSED 'a stranger'"'"'s line among ours' $H verify "$G/files/hello" -b "$T/other.jsonl" $S $P
echo '{"a":1}' >"$T/none.json"
run 4 'none.json: neither a Sigstore bundle' 'a file that is no bundle' $H verify "$G/files/hello" -b "$T/none.json" $S $P

run 0 PASSED 'the same bundle twice' $H verify "$G/files/hello" -b "$G/release.tar.intoto.jsonl" -b "$G/release.tar.intoto.jsonl" $S $P
run 4 'given twice' 'the same tar twice' $H verify "$G/files/hello" -b "$G/release.tar" -b "$G/release.tar" $S $P
(printf '\n\t '; sed 's/$/ \t\r/' "$G/release.tar.intoto.jsonl"; printf '\n\n') >"$T/blanks.jsonl"
run 0 PASSED 'lines with blanks around them' $H verify "$G/files/hello" -b "$T/blanks.jsonl" $S $P
run 4 FAILED 'an empty bundle' $H verify "$G/files/hello" -b /dev/null $S $P
run 3 'No such file' 'no such bundle' $H verify "$G/files/hello" -b "$T/none.jsonl" $S $P
run 2 'sha256: and' 'a short digest' $H verify --digest sha256:00 -b "$G/release.tar" $S $P
run 2 'name one file' 'a digest and a file' $H verify --digest "sha256:$D" "$G/files/hello" -b "$G/release.tar" $S $P
run 0 PASSED 'a name without a slash' sh -c "cd $G && $H verify release.tar $S $P"
mkdir "$T/inner"; tar -cf "$T/inner/out.tar" -C "$G" commit
make_release "$T/t" "out.tar=$T/inner/out.tar"
mkdir "$T/withtar"; cp "$T/inner/out.tar" "$T/t/release.tar" "$T/withtar"
run 0 '`out.tar` was built' 'a directory with a tar that was built' $H verify "$T/withtar" $S --policy "$T/t/policy.json"
cp "$T/b-cut/release.tar" "$T/withtar/release.tar"
run 4 'release.tar: ' 'a directory with a damaged release' $H verify "$T/withtar" $S --policy "$T/t/policy.json"
mkdir -p "$T/deep/$(printf 'd/%.0s' $(seq 40))"
run 4 'nest too deep' 'a directory without end' $H verify "$T/deep" $S $P

mkdir "$T/dir"; cp "$G/files/"* "$G/release.tar" "$T/dir"
run 0 '`hello` and `readme.txt` were built' 'a directory with the tar' $H verify "$T/dir" $S $P
rm "$T/dir/release.tar"; cp "$G/release.tar.intoto.jsonl" "$T/dir"
run 0 PASSED 'a directory with lines' $H verify "$T/dir" $S $P
rm "$T/dir/release.tar.intoto.jsonl"
run 10 'holds no attestation' 'a directory without evidence' $H verify "$T/dir" $S $P
run 0 PASSED 'a directory, evidence from elsewhere' $H verify "$T/dir" -b "$G/release.tar" $S $P
echo x >"$T/dir/stray"
run 20 'stray: is none of the files' 'a directory with a stranger' $H verify "$T/dir" -b "$G/release.tar" $S $P
rm "$T/dir/stray"; ln -s hello "$T/dir/link"
run 4 'link is not a file' 'a directory with a link' $H verify "$T/dir" -b "$G/release.tar" $S $P
mkdir "$T/x"; tar -xf "$G/release.tar" -C "$T/x"
run 0 PASSED 'an unpacked release' $H verify "$T/x" $S $P
echo >>"$T/x/attestation/build.log"
run 19 'build.log' 'an unpacked release, its log changed' $H verify "$T/x" $S $P
cp -r "$T/g" "$T/two"; cp "$T/g2/release.tar" "$T/two/second.tar"; rm -r "$T/two/files"
mkdir "$T/pair"; cp "$G/release.tar" "$T/pair/a.tar"; cp "$T/g2/release.tar" "$T/pair/b.tar"
run 2 'two releases' 'a directory with two releases' $H verify "$T/pair" $S $P

# --- outputs ------------------------------------------------------------------------
$H verify "$G/release.tar" $S $P --format json >"$T/v.json"
jq -e '.result == "PASSED" and .hardware and .exit_code == 0 and (.checks | length) == 16
	and .source.commit == "'"$C"'" and .subjects[1].name == "hello"
	and .files[1].sha256 == "'"$D"'" and .document.pcrs["16"] != null' "$T/v.json" >"$T/out"
ok $? 'the JSON says it' "$T/v.json"
$H verify "$T/b-file-content/release.tar" $S --policy "$T/b-file-content/policy.json" --format json >"$T/v.json"
jq -e '.result == "FAILED" and .reason == "files" and .exit_code == 20 and .verified == false
	and (.checks[] | select(.check == "files").status == "failed")
	and (.checks[] | select(.check == "log").status == "not-reached")' "$T/v.json" >"$T/out"
ok $? 'and says what failed' "$T/v.json"
[ -z "$($H verify "$G/release.tar" $S $P -q 2>&1)" ]; ok $? 'quiet: nothing'
[ "$($H verify "$G/release.tar" -R a/b $P -q 2>&1 | wc -l)" = 1 ]; ok $? 'quiet: one line of reason'
$H verify "$G/release.tar" $S $P --vsa "$T/vsa.json" --export-key "$T/key.pem" -q
jq -e '.predicateType == "https://slsa.dev/verification_summary/v1" and .predicate.verificationResult == "PASSED"
	and .predicate.verifiedLevels[0] == "SLSA_BUILD_LEVEL_3" and .subject[1].digest.sha256 == "'"$D"'"
	and (.predicate.inputAttestations | length) == 2 and (.predicate.policy.digest.sha256 | length) == 64' "$T/vsa.json" >"$T/out"
ok $? 'a verification summary' "$T/vsa.json"
openssl ec -pubin -in "$T/key.pem" -noout -text 2>/dev/null | grep -q 'P-256'; ok $? 'the attested key, as PEM'
$H verify "$G/release.tar" -R a/b $P --vsa "$T/vsa2.json" --export-key "$T/key2.pem" -q 2>/dev/null
jq -e '.predicate.verificationResult == "FAILED" and .predicate.verifiedLevels == ["FAILED"]' "$T/vsa2.json" >"$T/out"
ok $? 'a summary of a failure says so' "$T/vsa2.json"
[ ! -e "$T/key2.pem" ]; ok $? 'no key is exported from what failed'
openssl genpkey -algorithm ed25519 -out "$T/vsa.key" 2>/dev/null
$H verify "$G/release.tar" $S $P --vsa "$T/vsa.dsse" --vsa-key "$T/vsa.key" -q
[ "$(jq -r .payload "$T/vsa.dsse" | base64 -d | jq -r .predicate.verificationResult)" = PASSED ]
ok $? 'a signed summary' "$T/vsa.dsse"
run 3 'full' 'a full disk is not a success' sh -c "$H verify $G/release.tar $S $P >/dev/full || { s=\$?; echo full; exit \$s; }"

# --- names that attack a terminal or a runner -----------------------------------------
make_release "$T/evil" --repository "$(printf 'https://github.com/o/r')" --ref "$(printf 'refs/tags/<b>%%x')" "$(printf 'a\342\200\256cod')=$G/commit"
$H verify "$T/evil/release.tar" $S --policy "$T/evil/policy.json" >"$T/out" 2>&1
[ $? = 0 ] && ! grep -q "$(printf '\033')" "$T/out"; ok $? 'odd names pass, escaped' "$T/out"

# --- the table ---------------------------------------------------------------------
run 0 'Usage: hallmark' help $H --help
run 0 'hallmark 0.' version $H --version
run 2 'name a command' 'no command' $H
run 2 "no command 'frobnicate'" 'an unknown command' $H frobnicate
run 2 "no command '../x'" 'a path is no command' $H ../x
mkdir "$T/bin"; cp "$H" "$T/bin/hallmark"; printf '#!/bin/sh\necho "ran with $*"\n' >"$T/bin/hallmark-frobnicate"; chmod +x "$T/bin/hallmark-frobnicate"
run 0 'ran with a b' 'a program beside it' "$T/bin/hallmark" frobnicate a b
mkdir -p "$T/libexec/hallmark"; mv "$T/bin/hallmark-frobnicate" "$T/libexec/hallmark"
run 0 'ran with a b' 'a program in libexec' "$T/bin/hallmark" frobnicate a b
mv "$T/libexec/hallmark/hallmark-frobnicate" "$T/x"
run 2 "no command" 'a program in PATH is not run' env PATH="$T/x:$PATH" "$T/bin/hallmark" frobnicate
for c in verify inspect verify-document; do run 0 "Usage: hallmark $c" "$c --help" $H $c --help; done

# --- inspect -------------------------------------------------------------------------
run 0 'NOT VERIFIED' 'inspect without a root' $H inspect "$G/release.tar"
grep -q 'refs/tags/v1' "$T/out" && grep -q 'PCR16 source latch' "$T/out" && grep -q 'Downloads (1)' "$T/out"
ok $? 'shows source, PCRs and downloads all the same' "$T/out"
run 0 'authentic and consistent' 'inspect with the root' $H inspect "$T/l/release.tar" --trust-root "$T/l/root.pem"
$H inspect "$G/release.tar" --format json | jq -e '.build.image == "c" and .verified == false' >"$T/out"; ok $? 'inspect as JSON' "$T/out"
run 4 'inspect: ' 'inspect of nothing' $H inspect "$T/other"
run 2 'name one release' 'inspect without operand' $H inspect
done_testing
