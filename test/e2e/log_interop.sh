#!/bin/bash
# suite: slow
# Our log and our bundles under verifiers that we did not write: Tessera's fsck on
# the directory; cosign, sigstore-go and @sigstore/verify on bundles. They are
# built once into HM_CACHE (default build/cache) with go and npm; what cannot be
# had is skipped, loudly.
. "$(dirname "$0")/../e2e.lib"
export XDG_STATE_HOME=$T/state
H=$BIN/hallmark S=$top/schema/samples/log
CACHE=${HM_CACHE:-$top/build/cache}
mkdir -p "$CACHE/bin" "$CACHE/go" "$CACHE/npm"
CACHE=$(cd "$CACHE" && pwd)
VECTORS=${HM_VECTORS:-$top/../shared/vectors}/log/bundle

# tool NAME PACKAGE VERSION...: the first version that this machine can build.
tool() {
	local name=$1 package=$2 v; shift 2
	[ -x "$CACHE/bin/$name" ] && return 0
	command -v go >/dev/null || { skip "NO GO: $name cannot be built"; return 1; }
	for v in "$@"; do
		GOBIN=$CACHE/bin GOPATH=$CACHE/go timeout 1200 \
			go install "$package@$v" >"$CACHE/$name.log" 2>&1 && return 0
	done
	skip "$name CANNOT BE BUILT: $(tail -n 1 "$CACHE/$name.log")"
	return 1
}
sigstore_go() {
	[ -x "$CACHE/bin/sigstore_go" ] && return 0
	command -v go >/dev/null || { skip 'NO GO: sigstore-go cannot be built'; return 1; }
	mkdir -p "$CACHE/sigstore_go"
	cp "$top/test/interop/sigstore_go.go" "$CACHE/sigstore_go/main.go"
	(
		cd "$CACHE/sigstore_go" || exit 1
		export GOPATH=$CACHE/go GOFLAGS=-mod=mod
		[ -f go.mod ] || go mod init example.org/sigstore_go
		for v in latest v1.3.0 v1.2.2; do
			go get "github.com/sigstore/sigstore-go@$v" && go mod tidy && break
		done
		timeout 1200 go build -o "$CACHE/bin/sigstore_go" .
	) >"$CACHE/sigstore_go.log" 2>&1 && return 0
	skip "sigstore-go CANNOT BE BUILT: $(tail -n 1 "$CACHE/sigstore_go.log")"
	return 1
}
sigstore_js() {
	[ -d "$CACHE/npm/node_modules/@sigstore/verify" ] && return 0
	command -v npm >/dev/null || { skip 'NO NPM: @sigstore/verify cannot be installed'; return 1; }
	(cd "$CACHE/npm" && timeout 300 npm install --no-fund --no-audit @sigstore/verify@4 @sigstore/bundle@5) \
		>"$CACHE/npm.log" 2>&1 && return 0
	skip "@sigstore/verify CANNOT BE INSTALLED: $(tail -n 1 "$CACHE/npm.log")"
	return 1
}

# --- the directory -----------------------------------------------------------------
fsck() { # fsck LOG: Tessera's word for "all is well" (its exit status is none)
	timeout "${2:-60}" "$CACHE/bin/fsck" --storage_url="file://$1/public/" --public_key="$1/log.vkey" \
		--ui=false >"$T/fsck" 2>&1
	grep -q "Successfully fsck'd" "$T/fsck"
}
if tool fsck github.com/transparency-dev/tessera/cmd/fsck latest v1.0.4; then
	python3 - "$T" <<'P'
import os, sys
os.makedirs(f"{sys.argv[1]}/e")
for i in range(300):
    with open(f"{sys.argv[1]}/e/{i:03d}", "wb") as f:
        f.write(b"entry %d " % i + b"x" * (i * 211 % 5000))
P
	"$H" log init "$T/log" --origin log.example.org >/dev/null
	from=0
	for n in 1 1 253 1 1 43; do
		"$H" log append "$T/log" --raw $(ls "$T"/e/* | tail -n +$((from + 1)) | head -n $n) >"$T/out" 2>&1
		from=$((from + n))
		fsck "$T/log" && grep -q "size $from " "$T/fsck"
		ok $? "Tessera's fsck takes our log of $from" "$T/fsck"
	done
	"$BIN/test/tools/log_bench" "$T/big" 70000 9973 3 >"$T/out" 2>&1
	fsck "$T/big" 300 && grep -q 'size 70003 ' "$T/fsck"
	ok $? "Tessera's fsck takes our log of 70,003" "$T/fsck"
	cp -a "$T/log" "$T/bad"; printf x | dd of="$T/bad/public/tile/entries/000" bs=1 seek=9 conv=notrunc 2>/dev/null
	! fsck "$T/bad" 10
	ok $? 'and refuses a changed entry, as we do' "$T/fsck"
	! "$H" log check "$T/bad" >"$T/out" 2>&1
	ok $? 'as we do' "$T/out"
fi

if tool posix-oneshot github.com/transparency-dev/tessera/cmd/examples/posix-oneshot latest v1.0.4; then
	python3 "$top/test/interop/note_key.py" tessera.example.org "$T/key" "$T/key.pub"
	mkdir -p "$T/e"; for i in 1 2 3 4 5; do echo "tessera $i" >"$T/e/t$i"; done
	timeout 60 "$CACHE/bin/posix-oneshot" --storage_dir="$T/tessera" --private_key="$T/key" --entries="$T/e/*" >"$T/out" 2>&1
	n=$(ls "$T/e" | wc -l)
	"$H" log check "$T/tessera" --log-key "$T/key.pub" >"$T/said" 2>&1 && grep -q " $n entries" "$T/said"
	ok $? "we take a log of $n that Tessera wrote" "$T/said"
	"$H" log prove "$T/tessera" --log-key "$T/key.pub" --entry "$T/e/t3" >"$T/proof" 2>"$T/said" &&
		"$H" log verify-proof "$T/proof" --log-key "$T/key.pub" --entry "$T/e/t3" >"$T/said" 2>&1
	ok $? 'and prove an entry of it' "$T/said"
fi

# --- bundles -------------------------------------------------------------------------
have=
tool cosign github.com/sigstore/cosign/v3/cmd/cosign latest v3.1.1 && have="$have cosign"
sigstore_go && have="$have go"
sigstore_js && have="$have js"

with_cosign() { # BUNDLE ROOT KEY ARTIFACT TYPE
	"$CACHE/bin/cosign" verify-blob-attestation --key "$3" --bundle "$1" --type "$5" --trusted-root "$2" "$4"
}
with_go() { "$CACHE/bin/sigstore_go" "$1" "$2" "$3" "$4"; }
with_js() { (cd "$CACHE/npm" && node "$top/test/interop/sigstore_js.mjs" "$1" "$2" "$3" "$4"); }
with_ours() { "$H" log verify-bundle "$1" --key "$3" --trusted-root "$2" --type "$6" "$4"; }
# verdict accept|refuse NAME BUNDLE ROOT KEY ARTIFACT TYPE(cosign) TYPE(URI) [TOOLS]
verdict() {
	local want=$1 name=$2 tools=${9:-ours$have} t got; shift 2
	for t in $tools; do
		"with_$t" "$1" "$2" "$3" "$4" "$5" "$6" >"$T/out" 2>&1; got=$?
		case $want in accept) [ $got = 0 ] ;; refuse) [ $got = 1 ] || [ $got = 4 ] || { [ "$t" = cosign ] && [ $got != 0 ]; } ;; esac
		ok $? "$t: ${want}s $name" "$T/out"
	done
}
none=https://example.org/none/v1
verdict accept 'the sample' "$S/logged.sigstore.json" "$S/trusted_root.json" "$S/signer.pub.pem" "$S/artifact" $none $none

# A release of ours, logged in a static log of ours.
"$H" log init "$T/own" --origin own.example.org >/dev/null
project one 'echo one >out' out
build one --log "$T/own"
ok $? 'a build, logged' "$T/one.log"
"$H" log trusted-root "$T/own" >"$T/tr.json"
"$H" verify "$T/one.tar" --repo https://example.org/t/one --trust-root "$ROOT_PEM" --export-key "$T/k.pem" >"$T/out" 2>&1
ok $? 'its one-time key, out of the attestation' "$T/out"
mkdir "$T/x"; tar -xf "$T/one.tar" -C "$T/x"
P=$T/x/attestation/provenance.sigstore.json E=$T/x/attestation/evidence.sigstore.json
slsa=https://slsa.dev/provenance/v1 scai=https://in-toto.io/attestation/scai/v0.3
verdict accept 'our provenance' "$P" "$T/tr.json" "$T/k.pem" "$T/x/out" slsaprovenance1 $slsa
verdict accept 'our evidence' "$E" "$T/tr.json" "$T/k.pem" "$T/x/out" $scai $scai
verdict refuse 'it for another file' "$P" "$T/tr.json" "$T/k.pem" "$T/k.pem" slsaprovenance1 $slsa
verdict refuse "it with another's key" "$P" "$T/tr.json" "$S/signer.pub.pem" "$T/x/out" slsaprovenance1 $slsa
verdict refuse 'it under another log' "$P" "$S/trusted_root.json" "$T/k.pem" "$T/x/out" slsaprovenance1 $slsa

# What each liar could show, of our own log.
mkdir "$T/altered"
python3 "$top/test/interop/alter_bundle.py" "$E" "$T/altered"
for f in "$T"/altered/*.json; do
	name=$(basename "$f" .json)
	case $name in
	# Kind, size, root, body and time that nobody signed: sigstore-go (and cosign
	# on it) takes them from elsewhere or ignores them. We refuse what we ignore.
	body|kind|time|smaller-tree|wrong-root|index-of-entry) tools=ours ;;
	*) tools=ours$have ;;
	esac
	verdict refuse "$name" "$f" "$T/tr.json" "$T/k.pem" "$T/x/out" $scai $scai "$tools"
done

# Bundles of real servers.
if [ -f "$VECTORS/bundle-mylog.json" ]; then
	V=$VECTORS
	verdict accept 'a bundle of a tiles log' "$V/bundle-mylog.json" "$V/tr-mylog.json" "$V/pub.pem" "$V/artifact.tar" slsaprovenance1 $slsa
	verdict accept 'a bundle of Rekor v2' "$V/bundle-v2.json" "$V/tr.json" "$V/pub.pem" "$V/artifact.tar" slsaprovenance1 $slsa
	verdict accept 'a bundle of Rekor v1' "$V/bundle-v1-dsse.json" "$V/tr-v1.json" "$V/pub.pem" "$V/artifact.tar" slsaprovenance1 $slsa
	verdict accept 'a bundle with a Nitro document' "$V/sp256e.sigstore.json" "$V/tr-mylog.json" "$V/sp256e.pub" "$V/artifact.tar" $scai $scai
	verdict refuse 'bad-hash.json' "$V/bad-hash.json" "$V/tr-mylog.json" "$V/pub.pem" "$V/artifact.tar" slsaprovenance1 $slsa
	verdict refuse 'bad-sig.json' "$V/bad-sig.json" "$V/tr-mylog.json" "$V/pub.pem" "$V/artifact.tar" slsaprovenance1 $slsa
else
	skip "NO VECTORS (HM_VECTORS): bundles of real servers"
fi
done_testing
