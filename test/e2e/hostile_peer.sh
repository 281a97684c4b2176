#!/bin/bash
# Both ends of the control protocol against a peer that lies: runner-hook with a
# scripted worker, and a real worker with a scripted host. Each case ends with a
# named error and the documented status, in time, and leaves nothing behind.
. "$(dirname "$0")/../e2e.lib"
hostile=$top/test/hostile

# --- workers that lie ----------------------------------------------------------
mkdir "$T/p"
head -c 3000000 /dev/urandom >"$T/p/blob"
project p 'cp blob out' out
cp "$hostile/frames.py" "$T"

# worker NAME STATUS WORDS SECONDS [ENV...]
worker() {
	local name=$1 want=$2 words=$3 limit=$4; shift 4
	cp "$hostile/worker.py" "$T/$name"
	chmod +x "$T/$name"
	local began=$SECONDS status cpu
	cpu=$({ TIMEFORMAT='%U %S'; time env "$@" timeout 100 "$BIN/runner-hook" build \
		--enclave local --worker "$T/$name" --output "$T/p.tar" \
		--repository https://example.org/p "$T/p" >"$T/$name.log" 2>&1; } 2>&1
		exit_status=$?; echo "$exit_status" >"$T/status"; exit 0)
	status=$(cat "$T/status")
	cpu=$(echo "$cpu" | awk '{ print int(($1 + $2) * 1000) }')
	left=$(pgrep -f "$T/$name"; pgrep -f 'sleep 31.4159'; ls "$T"/p.tar "$T"/.hallmark-tar-* 2>/dev/null)
	[ "$status" = "$want" ] && grep -qF "$words" "$T/$name.log" &&
		[ $((SECONDS - began)) -le "$limit" ] && [ -z "$left" ] && [ "$cpu" -lt 2500 ]
	ok $? "a worker that $name: status $status, $((SECONDS - began)) s, $cpu ms of CPU, left: $left" "$T/$name.log"
}
worker ends-at-once 3 'error: ' 3
worker wrong-frame 3 "frame type 17 in state 'greeting'" 3
worker unknown-frame 3 'unknown frame type 99' 3
worker oversize 3 'frame type 16 of 2147483648 bytes; at most 4096' 3
worker hosts-frame 3 'frame type 1 from the wrong side' 3
worker flags 3 'frame type 16 with flags 0x7' 3
worker bad-body 3 'welcome message' 3
worker newline-name 3 'control characters' 3
worker half-close 3 "closed the connection in state 'greeted'" 3
# Whether the host was writing or reading then is the scheduler's choice.
worker half-frame 3 'error: ' 3
worker failed-early 1 'source: no, thanks' 4
worker asks-for-a-lane 1 'source: got no lane' 4
worker failed-escape 3 'control characters' 3
worker failed-after-source 1 'source: refused at the end' 3
worker skips-a-state 3 "state 4 after 'source'" 3
worker claims-done 3 'state 8' 3
worker early-tar 3 "frame type 22 in state 'building'" 3
worker log-flood 3 'says more than' 20
worker notice-flood 3 'says more than' 20
worker state-flood 3 "state 2 after 'source'" 3
worker tar-without-done 3 "closed the connection in state 'packed'" 3
worker wrong-digest 3 'not what the worker announced' 3
worker short-digest 3 'not what the worker announced' 3
worker wrong-size 3 '1000 of 1001 bytes' 3
worker empty-tars 3 'an empty part of the release tar' 3
worker closes-console 1 'source: after a rest' 6
worker console-flood 1 'source: after a flood' 6
worker fd-flood 1 'source: after descriptors' 6
# On a runner no line of a worker is a command: between stop-commands and its
# token everything is data, elsewhere no line begins with what it said.
worker log-commands 1 'source: ::error::pwned' 3 GITHUB_ACTIONS=true GITHUB_STEP_SUMMARY="$T/sum"
python3 - "$T/log-commands.log" <<'P'
import re, sys
token, bad = None, 0
for line in open(sys.argv[1]):
    line = line.rstrip("\n")
    if token:
        if line == f"::{token}::":
            token = None
        continue
    m = re.match(r"::stop-commands::([0-9a-f]{32})$", line)
    if m:
        token = m[1]
    elif "pwned" in line and re.match(r"\s*(::|##\[)", line):
        # Our own annotations quote it in their data, as one line.
        bad += not re.match(r"::(warning|error) title=[a-zA-Z ]+::", line)
sys.exit(bad or token is not None)
P
ok $? 'on a runner what it says is data' "$T/log-commands.log"

# --- hosts that lie ------------------------------------------------------------
project q 'touch out; sleep 27.1828' out
# The development root that a host hands over.
"$BIN/runner-hook" build --enclave local --timeout-minutes 1 --output "$T/x.tar" \
	--worker "$T/ends-at-once" "$T/q" >/dev/null 2>&1
python3 "$hostile/host.py" "$BIN/enclave-worker" "$T/q" "$XDG_CONFIG_HOME/hallmark/dev-root" >"$T/host.log" 2>&1
status=$?
while read -r line; do
	case $line in
	'ok - '*) ok 0 "${line#ok - }" ;;
	'not ok - '*) ok 1 "${line#not ok - }" ;;
	*) echo "# $line" ;;
	esac
done <"$T/host.log"
ok $status 'the hostile host came to its end'
[ -z "$(pgrep -f 'sleep 27.1828')" ]
ok $? 'nothing of its builds is left'
done_testing
