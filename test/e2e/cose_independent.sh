#!/bin/bash
# A document of the development attester, checked by programs that we did not
# write: pycose and cbor2 for COSE and CBOR, cryptography for the chain. They are
# taken from the system, or installed into build/venv-cose (pycose 1.1 does not know
# cbor2 6).
set -u
O=${O:-build}

skip() {
	echo "SKIPPED cose_independent: $1"
	[ "${HM_NO_SKIP:-0}" = 1 ] && exit 1
	exit 77
}

modules='import pycose, cbor2, cryptography, importlib.metadata as m
assert int(m.version("cbor2").split(".")[0]) < 6'
python=
for p in python3 "$O/venv-cose/bin/python3"; do
	"$p" -c "$modules" 2>/dev/null && python=$p && break
done
if [ -z "$python" ]; then
	python3 -m venv "$O/venv-cose" >/dev/null 2>&1 || skip "no python3 with venv"
	timeout 120 "$O/venv-cose/bin/pip" -q install pycose==1.1.0 'cbor2<6' cryptography \
		>"$O/venv-cose/pip.log" 2>&1 || skip "PyPI gives no pycose, cbor2, cryptography"
	python=$O/venv-cose/bin/python3
	"$python" -c "$modules" || skip "pycose does not load"
fi

dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
if ! "$O/test/tools/dev_document" "$dir" "what was built" "fresh"; then
	echo "not ok 1 - the development attester makes a document"
	exit 1
fi
"$python" test/e2e/cose_independent.py "$dir"
