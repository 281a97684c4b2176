#!/bin/bash
# What the documents say is there is there: every path in backticks that looks
# like one of ours exists, every format has a line in schema/README.md, and every
# relative link of a document leads somewhere.
set -u
n=0 failed=0
ok() {	# status, name, lines to show on failure
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
	else
		failed=1
		echo "not ok $n - $2"
		[ -z "${3:-}" ] || printf '%s\n' "$3" | sed 's/^/# /'
	fi
}

for doc in SECURITY.md schema/README.md schema/threat-model.md; do
	paths=$(grep -oE '`(lib|runner-hook|enclave-worker|verifier|schema|test|man)/[A-Za-z0-9_./-]+`' "$doc" |
		tr -d '`' | sort -u)
	gone=$(for p in $paths; do [ -e "$p" ] || echo "$p"; done)
	[ -z "$gone" ]
	ok $? "$doc names $(wc -w <<<"$paths") files that exist" "$gone"
done

for doc in *.md schema/*.md; do
	gone=$(grep -oE '\]\([^)#: ]+' "$doc" | sed 's/](//' | while read -r link; do
		[ -e "$(dirname "$doc")/$link" ] || echo "$link"
	done)
	[ -z "$gone" ]
	ok $? "$doc: links" "$gone"
done

for format in schema/*.json schema/*.cddl schema/*.md; do
	name=${format#schema/}
	[ "$name" = README.md ] && continue
	grep -qF "\`$name\`" schema/README.md
	ok $? "schema/README.md has $name"
done
for folder in schema/samples/*/; do
	name=$(basename "$folder")
	grep -rq "samples/$name" test/unit test/e2e
	ok $? "the samples of $name are a test"
done
for folder in test/reject/*/; do
	name=$(basename "$folder")
	grep -q "{\"$name\", " test/unit/test_reject.c
	ok $? "test_reject.c walks $name"
done
echo "1..$n"
exit $failed
