#!/bin/sh
# The JSON Schemas against the parsers of record: a stock validator must take
# what our parser takes and refuse what it refuses. A case that JSON Schema
# cannot express says why in a file `schema-accepts` beside its input.
# (The parser's side of the same files is test/unit/test_reject.c and
# test_buildspec.c.)
set -u
python=
for p in /usr/bin/python3 python3; do
	if "$p" -c 'import jsonschema' 2>/dev/null; then
		python=$p
		break
	fi
done
if [ -z "$python" ]; then
	echo "SKIP schema: no python3 with jsonschema (Debian: python3-jsonschema)"
	[ "${HM_NO_SKIP:-0}" = 1 ] && exit 1
	exit 77
fi
exec "$python" test/e2e/schema.py
