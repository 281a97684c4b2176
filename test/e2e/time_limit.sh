#!/bin/bash
# suite: slow
# The shortest limit is a minute: a build over it is ended, says which limit it
# was, and leaves nothing.
. "$(dirname "$0")/../e2e.lib"
mkdir "$T/long"
printf '{"language":"c","input":{"cmd":"sleep 300","timeout_minutes":1,"network":"none"},"output":{"files":["out"]}}' >"$T/long/build.json"
commit long
start=$(date +%s)
build long
status=$?
spent=$(($(date +%s) - start))
[ $status = 3 ] && grep -q 'longer than its limit' "$T/long.log" && [ ! -e "$T/long.tar" ]
ok $? "build.json's limit ends the build with status 3 and says so" "$T/long.log"
[ $spent -ge 60 ] && [ $spent -lt 75 ]
ok $? "after $spent s"
done_testing
