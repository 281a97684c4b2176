#!/bin/bash
# Our statements as in-toto's own protobuf bindings see them (PyPI package
# in-toto-attestation, in a virtual environment under HM_CACHE): Statement, SLSA
# Provenance and SCAI parse with unknown fields refused, and their validators
# have nothing to say. The samples are what our writer writes: test_statement.
set -u
version=0.9.3
cache=${HM_CACHE:-build/cache}
venv=$cache/in-toto-attestation-$version
if ! "$venv/bin/python" -c 'import in_toto_attestation' 2>/dev/null; then
	rm -rf "$venv"
	mkdir -p "$cache"
	if ! python3 -m venv "$venv" 2>"$cache/intoto.log" ||
	   ! "$venv/bin/pip" install -q "in-toto-attestation==$version" 2>>"$cache/intoto.log"; then
		rm -rf "$venv"
		echo "SKIP intoto: in-toto-attestation $version cannot be had: $(tail -n 1 "$cache/intoto.log")"
		[ "${HM_NO_SKIP:-0}" = 1 ] && exit 1
		exit 77
	fi
fi
exec "$venv/bin/python" test/e2e/intoto.py
