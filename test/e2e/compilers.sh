#!/bin/bash
# suite: slow
# The tree builds without a warning under gcc and clang, tests included.
. "$(dirname "$0")/../e2e.lib"
for cc in gcc clang; do
	if ! command -v $cc >/dev/null; then skip "$cc is not here"; continue; fi
	make -C "$top" -j2 O="$T/build-$cc" CC=$cc DEVELOPER=1 all test-bins >"$T/$cc.log" 2>&1
	ok $? "$cc: $($cc --version | head -n 1)" "$T/$cc.log"
done
done_testing
