#!/bin/bash
# suite: slow
# Programs that we did not write read what we write: cosign and @sigstore/verify
# the bundles, in-toto's own classes the statements, pycose and cryptography the
# document; and each refuses it after one changed byte. They are fetched through
# the ordinary clients into HM_CACHE (default build/cache) once per machine.
. "$(dirname "$0")/../e2e.lib"
H=$BIN/hallmark
C=$(mkdir -p "${HM_CACHE:-$top/build/cache}" && cd "${HM_CACHE:-$top/build/cache}" && pwd)
W=$top/test/interop
COSIGN_VERSION=v3.1.1

missing() { # missing WHAT LOG: loud, and a failure where nothing may be skipped
	skip "$1 cannot be had here: $(tail -n 1 "$2" 2>/dev/null)"
	[ "${HM_NO_SKIP:-0}" != 1 ] || bad=1
}
run() { # run STATUS(0|!0) DESCRIPTION COMMAND...
	local want=$1 what=$2; shift 2
	"$@" >"$T/out" 2>&1
	local got=$?
	if [ "$want" = 0 ]; then [ $got = 0 ]; else [ $got != 0 ]; fi
	ok $? "$what (exit $got)" "$T/out"
}

# A real build where the machine can, else a release of the kit.
project subject 'printf "int main(void){return 0;}" >a.c && cc -o prog a.c' prog
R=$T/r; mkdir "$R"
if build subject; then
	cp "$T/subject.tar" "$R/release.tar"; cp "$ROOT_PEM" "$R/root.pem"
	tar -xf "$R/release.tar" -C "$R" && mv "$R"/attestation/* "$R" && mv "$R/prog" "$R/artifact"
else
	"$BIN/test/tools/make_release" "$R" --back-end local && mv "$R/files/hello" "$R/artifact"
fi
$H verify "$R/release.tar" --any-source --trust-root "$R/root.pem" --export-key "$R/key.pem" --vsa "$R/vsa.json" -q
ok $? 'our own verifier accepts it and gives the key'
# One changed byte: in the payload, and in the signature.
python3 - "$R" <<'P'
import base64, json, os, sys
os.chdir(sys.argv[1])
for name in "provenance", "evidence":
    b = json.load(open(f"{name}.sigstore.json"))
    payload = base64.b64decode(b["dsseEnvelope"]["payload"])
    open(f"{name}.json", "wb").write(payload)
    for part, key in ("payload", "payload"), ("sig", None):
        x = json.loads(json.dumps(b))
        if key:
            raw = bytearray(payload)
            at = raw.index(b'"name":"') + 8
            raw[at] ^= 1
            x["dsseEnvelope"]["payload"] = base64.b64encode(raw).decode()
        else:
            raw = bytearray(base64.b64decode(x["dsseEnvelope"]["signatures"][0]["sig"]))
            raw[-1] ^= 1
            x["dsseEnvelope"]["signatures"][0]["sig"] = base64.b64encode(raw).decode()
        json.dump(x, open(f"{name}-{part}.json", "w"))
doc = bytearray(open("nitro.cbor", "rb").read())
doc[-1] ^= 1
open("nitro-sig.cbor", "wb").write(doc)
doc[-1] ^= 1
doc[200] ^= 1
open("nitro-payload.cbor", "wb").write(doc)
P
echo x >"$R/other"

# --- cosign -----------------------------------------------------------------------
if [ ! -x "$C/bin/cosign" ] && command -v go >/dev/null; then
	echo "# building cosign $COSIGN_VERSION into $C (once)"
	GOBIN=$C/bin go install "github.com/sigstore/cosign/v3/cmd/cosign@$COSIGN_VERSION" >"$T/go.log" 2>&1
fi
if [ -x "$C/bin/cosign" ]; then
	export HOME=$T
	cosign() { # cosign BUNDLE TYPE FILE: no network is given to it
		"$C/bin/cosign" verify-blob-attestation --key "$R/key.pem" --bundle "$R/$1" --type "$2" \
			--insecure-ignore-tlog "$R/$3"
	}
	SCAI=https://in-toto.io/attestation/scai/v0.3
	run 0 'cosign: provenance' cosign provenance.sigstore.json slsaprovenance1 artifact
	run 0 'cosign: evidence' cosign evidence.sigstore.json $SCAI artifact
	for part in payload sig; do
		run 1 "cosign refuses: provenance, a byte of its $part" cosign "provenance-$part.json" slsaprovenance1 artifact
		run 1 "cosign refuses: evidence, a byte of its $part" cosign "evidence-$part.json" $SCAI artifact
	done
	run 1 'cosign refuses another file' cosign provenance.sigstore.json slsaprovenance1 other
	run 1 'cosign refuses another type' cosign provenance.sigstore.json $SCAI artifact
	openssl ecparam -name prime256v1 -genkey -noout 2>/dev/null | openssl ec -pubout -out "$R/key.pem.other" 2>/dev/null
	cp "$R/key.pem" "$R/key.pem.good"; cp "$R/key.pem.other" "$R/key.pem"
	run 1 'cosign refuses another key' cosign provenance.sigstore.json slsaprovenance1 artifact
	cp "$R/key.pem.good" "$R/key.pem"
else
	missing cosign "$T/go.log"
fi

# --- @sigstore/verify ----------------------------------------------------------------
if [ ! -d "$C/js/node_modules/@sigstore/verify" ] && command -v npm >/dev/null; then
	mkdir -p "$C/js"
	(cd "$C/js" && npm install --no-audit --no-fund @sigstore/verify@4 @sigstore/bundle@5 @sigstore/protobuf-specs) >"$T/npm.log" 2>&1
fi
if [ -d "$C/js/node_modules/@sigstore/verify" ]; then
	js() { node "$W/verify.mjs" "$C/js" "$R/$1" "$R/key.pem"; }
	for s in provenance evidence; do
		run 0 "@sigstore/verify: $s" js "$s.sigstore.json"
		run 1 "@sigstore/verify refuses: $s, a byte of its payload" js "$s-payload.json"
		run 1 "@sigstore/verify refuses: $s, a byte of its signature" js "$s-sig.json"
	done
else
	missing '@sigstore/verify' "$T/npm.log"
fi

# --- in-toto's classes, pycose ---------------------------------------------------------
if [ ! -x "$C/py/bin/python" ] || ! "$C/py/bin/python" -c 'import pycose, in_toto_attestation, cryptography' 2>/dev/null; then
	(python3 -m venv "$C/py" && "$C/py/bin/pip" -q install pycose 'cbor2<5.7' cryptography in-toto-attestation) >"$T/pip.log" 2>&1
fi
if "$C/py/bin/python" -c 'import pycose, in_toto_attestation, cryptography' 2>/dev/null; then
	py() { "$C/py/bin/python" "$W/$1" "${@:2}"; }
	for s in provenance evidence vsa; do
		run 0 "in-toto-attestation parses and validates: $s" py intoto.py "$R/$s.json"
	done
	sed 's/"buildType"/"buildKind"/' "$R/provenance.json" >"$R/odd.json"
	run 1 'and refuses an unknown member' py intoto.py "$R/odd.json"
	run 0 'pycose: the document' py cose.py "$R/nitro.cbor" "$R/root.pem"
	run 1 'pycose refuses a byte of the signature' py cose.py "$R/nitro-sig.cbor" "$R/root.pem"
	run 1 'pycose refuses a byte of the payload' py cose.py "$R/nitro-payload.cbor" "$R/root.pem"
else
	missing 'pycose and in-toto-attestation' "$T/pip.log"
fi
done_testing
