#!/bin/bash
# Replays every corpus through its fuzz target (test/fuzz/driver.c), with the
# must-fail inputs of the same parser. `make fuzz` looks for new inputs.
set -u
O=${O:-build}
n=0 failed=0

check() {	# name, status, output
	n=$((n + 1))
	if [ "$2" = 0 ]; then
		echo "ok $n - $1: $3"
	else
		failed=1
		echo "not ok $n - $1: exit $2"
		printf '%s\n' "$3" | tail -n 20 | sed 's/^/# /'
	fi
}

for target in test/fuzz/fuzz_*.c; do
	name=$(basename "$target" .c)
	corpus=test/fuzz/corpus/${name#fuzz_}
	inputs=()
	[ -d "$corpus" ] && inputs+=("$corpus")
	case $name in
	fuzz_json) inputs+=(test/reject/*/*/input) ;;
	fuzz_buildspec) inputs+=(test/reject/build/*/input schema/samples/build) ;;
	fuzz_statement) inputs+=(test/reject/{provenance,evidence}/*/input schema/samples/{provenance,evidence}) ;;
	fuzz_policy) inputs+=(test/reject/{policy,image-index}/*/input) ;;
	fuzz_dsse) inputs+=(test/reject/{dsse,bundle}/*/input) ;;
	esac
	if [ ${#inputs[@]} = 0 ]; then
		check "$name" 1 "no seeds in $corpus"
		continue
	fi
	out=$("$O/test/fuzz/$name" "${inputs[@]}" 2>&1)
	check "$name" $? "$out"
done
echo "1..$n"
exit $failed
