#!/bin/bash
# alone
# Stopping: SIGINT and SIGTERM end everything within 2 s; after SIGKILL at any
# step the next start finds and removes what was left. Nothing partial stays.
. "$(dirname "$0")/../e2e.lib"

# A build that takes a while in every step: some source, a command that sleeps.
mkdir "$T/slow"
head -c 30000000 /dev/urandom >"$T/slow/blob"
project slow "echo started; sleep 30.$$; cp blob out" out

# A worker and a sleep that nobody else on this machine has.
WORKER=$T/enclave-worker
cp "$BIN/enclave-worker" "$WORKER"
marker="sleep 30.$$"
pids=""
leftovers() { # processes of the build, its mounts, cgroups, files
	pgrep -f "$marker" >/dev/null && echo "process: $marker"
	pgrep -f "$WORKER --local" >/dev/null && echo 'process: worker'
	grep -E '/\.hallmark' /proc/self/mounts
	for p in $pids; do find /sys/fs/cgroup -maxdepth 4 -name "hallmark-$p-*" 2>/dev/null; done
	find "$T" -maxdepth 1 -name '.hallmark-tar-*'
	[ -e "$T/slow.tar" ] && echo "tar: $T/slow.tar"
}
start_build() {
	"$BIN/runner-hook" build --enclave local --worker "$WORKER" --repository https://example.org/t/slow \
		--output "$T/slow.tar" "$T/slow" >"$T/slow.log" 2>&1 &
	pid=$!
	pids="$pids $pid"
}
for signal in INT TERM; do
	for delay in 0.02 0.1 0.3 0.6 1.5; do
		start_build
		sleep $delay
		began=$(date +%s%N)
		kill -$signal $pid
		wait $pid
		status=$?
		ms=$((($(date +%s%N) - began) / 1000000))
		left=$(leftovers)
		# 143: SIGTERM came before the program had said what to do with it.
		[ $ms -lt 2000 ] && { [ $status = 130 ] || [ $status = 143 ]; } && [ -z "$left" ]
		ok $? "SIG$signal after $delay s: ended in $ms ms, status $status, nothing left $left" "$T/slow.log"
	done
done
for delay in 0.02 0.1 0.3 0.6 1.5; do
	start_build
	sleep $delay
	kill -KILL $pid
	wait $pid 2>/dev/null
	sleep 0.3
	pgrep -f "$marker" >"$T/left"
	pgrep -f "$WORKER --local" >>"$T/left"
	[ ! -s "$T/left" ] && [ ! -e "$T/slow.tar" ]
	ok $? "SIGKILL after $delay s: no process, no tar" "$T/left"
done
# The next start reaps what SIGKILL could not: compare after a short build.
project quick 'touch out' out
build quick
ok $? 'the next build works' "$T/quick.log"
left=$(leftovers)
[ -z "$left" ]
ok $? "and nothing is left after it: $left"
done_testing
