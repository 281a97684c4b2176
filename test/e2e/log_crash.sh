#!/bin/bash
# The log after crashes: a short round of test/e2e/log_crash.py. The long one is
# log_crash_long.sh.
cd "$(dirname "$0")/../.." || exit 2
O=${O:-build}
runs=${HM_CRASH_RUNS:-80}
case $(nm "$O/hallmark" 2>/dev/null) in
*__asan_init*) echo 'SKIP log_crash: LD_PRELOAD does not go with a sanitizer'; exit 77 ;;
esac
# what is durable is simulated, so memory is good enough, and fast
T=$(mktemp -d /dev/shm/hm-crash-XXXXXX 2>/dev/null || mktemp -d /tmp/hm-crash-XXXXXX)
trap 'rm -rf "$T"' EXIT
${CC:-cc} -shared -fPIC -O1 -D_GNU_SOURCE -o "$T/crash.so" test/shim/crash.c -ldl || exit 1
python3 test/e2e/log_crash.py "$PWD/$O/hallmark" "$T/crash.so" "$runs" "$T" "${HM_CRASH_SEED:-1}"
