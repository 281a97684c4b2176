#!/bin/bash
# The sandbox from the inside: escape attempts, limits, and that nothing is left
# of it; with every runtime, as root and as an ordinary user.
. "$(dirname "$0")/../e2e.lib"
chmod 755 "$T"
mkdir "$T/bin"
cp "$BIN"/test/tools/{sandbox_run,sandbox_open,sandbox_blind,escape} "$T/bin/"
cd "$T" || exit 1

# An ordinary user, without any group of root.
users=user
[ "$(id -u)" != 0 ] || users="root user"
as() { # as USER COMMAND...
	local who=$1; shift
	become "$who"
	"${becoming[@]}" "$@"
}
become() {
	becoming=(env)
	[ "$1" != user ] || [ "$(id -u)" != 0 ] ||
		becoming=(setpriv --reuid 65534 --regid 65534 --clear-groups)
}
runtimes=
for r in crun runc runsc; do
	if command -v $r >/dev/null; then runtimes="$runtimes $r"
	else skip "$r is not installed: its escape tests did not run"; fi
done
box() { # box [OPTIONS] -- COMMANDS: as $who with $rt
	as "$who" timeout 60 "$T/bin/sandbox_run" --runtime "$rt" "$@"
}
same() { # same WHAT EXPECTED GOT
	[ "$2" = "$3" ]
	local st=$?
	ok $st "$1"
	[ $st = 0 ] || printf '# expected: %s\n# got:      %s\n' "$2" "$3"
}
like() { # like WHAT PATTERN GOT
	[[ "$3" == $2 ]]
	local st=$?
	ok $st "$1"
	[ $st = 0 ] || printf '# expected: %s\n# got:      %s\n' "$2" "$3"
}

escapes() {
	local out own=A=b
	[ $rt != runsc ] || own=OWN_KERNEL=1
	out=$(box --env $own --toolchain "$T/bin" -- 'escape try all' 2>&1)
	while read -r name; do
		if grep -qx "virtual $name" <<<"$out"; then
			skip "$1: $name: the runtime's own kernel has it"
			continue
		fi
		grep -qx "closed $name" <<<"$out"
		ok $? "$1: $name$(grep "^OPEN $name " <<<"$out" | sed 's/^OPEN [^ ]*/:/')"
	done < <("$T/bin/escape" list)
}

# --- what a command sees ------------------------------------------------------
everyday() {
	local out
	out=$(box --env A=b -- 'env | LC_ALL=C sort; umask; pwd; cat /proc/sys/kernel/hostname' 2>&1)
	same "$1: environment, umask, directory and host name are fixed" "A=b
CARGO_HOME=/home/build/.cargo
CARGO_INCREMENTAL=0
GOCACHE=/home/build/.cache/go-build
GOFLAGS=-trimpath
GOPATH=/home/build/go
HOME=/home/build
LANG=C.UTF-8
LC_ALL=C.UTF-8
LOGNAME=build
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
PERL_HASH_SEED=0
PIP_DISABLE_PIP_VERSION_CHECK=1
PWD=/build
PYTHONHASHSEED=0
SHELL=/bin/sh
SOURCE_DATE_EPOCH=1700000000
TERM=dumb
TZ=UTC
USER=build
XDG_CACHE_HOME=/home/build/.cache
npm_config_audit=false
npm_config_cache=/home/build/.npm
npm_config_fund=false
npm_config_update_notifier=false
0022
/build
build" "$out"
	out=$(box -- 'echo a; echo b >/dev/stderr; echo c >/dev/stdout; exit 3' 2>/dev/null; echo "status $?")
	same "$1: output, /dev/stdout and the exit status come through" "a
c
status 3" "$out"
	out=$(box -- 'kill -SEGV $$' 2>/dev/null; echo "status $?")
	same "$1: the first process is pid 1, so a signal it sends itself is ignored" "status 0" "$out"
	out=$(box -- 'echo 1 >f; echo 2 >$HOME/f; echo 3 >/tmp/f' 'cat f $HOME/f /tmp/f' 2>&1)
	same "$1: a second command finds what the first left" "1
2
3" "$out"
	out=$(box --env SOURCE_DATE_EPOCH=1 -- 'echo no' 2>&1; echo "status $?")
	like "$1: SOURCE_DATE_EPOCH can't be set" "*can't be set*status 99" "$out"
	out=$(box --cpus 1 -- nproc 2>&1)
	same "$1: one processor when one is given" 1 "$out"
	for dir in / /etc /etc/ssl /home /proc/self relative /no/such/dir "$T/bin/../bin"; do
		out=$(box --toolchain "$dir" -- 'echo no' 2>&1; echo "status $?")
		like "$1: toolchain $dir is refused" "*toolchain*status 99" "$out"
	done
}

# --- limits -------------------------------------------------------------------
limits() {
	local out lived
	if [ $rt = runsc ]; then
		# its kernel gives up where it may make no more processes of the host
		out=$(box --pids 50 --seconds 5 --toolchain "$T/bin" -- 'escape pids' 2>&1; echo "status $?")
		like "$1: too many processes end the build" "*status [1-9]*" "$out"
	else
		out=$(box --pids 50 --toolchain "$T/bin" -- 'escape pids' 2>&1)
		lived=${out#lived }
		[ "$lived" -ge 30 ] 2>/dev/null && [ "$lived" -le 50 ]
		ok $? "$1: of 5000 processes 50 may live (lived: $lived)"
		out=$(box --pids 50 --seconds 2 -- 'f() { f | f & }; (f); while :; do :; done' 2>&1; echo "status $?")
		like "$1: a fork bomb ends with its time" "*late*status 137" "$out"
	fi
	out=$(box --memory 64 --toolchain "$T/bin" -- 'escape memory 2000' 2>&1; echo "status $?")
	like "$1: memory over the limit ends the build, with the reason" "*out-of-memory*" "$out"
	[[ "$out" != *"took 2000"* ]]
	ok $? "$1: and it did not get it"
	out=$(box --memory 96 --toolchain "$T/bin" -- \
		'for i in 1 2 3 4 5 6 7 8; do escape memory 60 & done; wait' 2>&1; echo "status $?")
	like "$1: many processes together are one limit" "*out-of-memory*" "$out"
	out=$(box --memory 64 --toolchain "$T/bin" -- 'escape memfd 2000' 2>&1; echo "status $?")
	like "$1: memory in anonymous files counts" "*out-of-memory*" "$out"
	out=$(box --memory 64 --disk 512 -- 'dd if=/dev/zero of=/dev/shm/x bs=1M count=500; echo got it' 2>&1)
	like "$1: memory in tmpfs counts" "*out-of-memory*" "$out"
	for dir in /build /tmp /var/tmp /home/build /dev/shm; do
		out=$(box --disk 16 -- "dd if=/dev/zero of=$dir/x bs=1M count=100 2>/dev/null || true
			wc -c <$dir/x" 2>&1)
		[ "$out" -le 16777216 ] 2>/dev/null && [ "$out" -ge 8000000 ]
		ok $? "$1: $dir is full at 16 MiB ($out)"
	done
	out=$(box --disk 16 --seconds 20 -- 'cd /tmp; i=0
		while [ $i -lt 40 ]; do mkdir d$i && touch d$i/$(seq -s " d$i/" 500) || break; i=$((i + 1)); done
		echo $i' 2>/dev/null)
	[ "$out" -lt 20 ] 2>/dev/null
	ok $? "$1: empty files run out, too (after $out x 500)"
	out=$(box -- 'ulimit -c; ulimit -Hn' 2>&1)
	like "$1: no core files, and files to open" "0
[0-9]*" "$out"
}

# --- death --------------------------------------------------------------------
marker=4711.0$$
nobody_left() { ! pgrep -f "sleep $marker" >/dev/null; }
death() {
	local out
	out=$(box --cat out --settle 300 -- "
		(trap '' TERM HUP INT; setsid sh -c 'while :; do date +%N >new; mv new out; done') >/dev/null 2>&1 </dev/null &
		sleep 0.3; test -s out" 2>&1)
	[ -n "$out" ] && [ "$(sed -n 1p <<<"$out")" = "$(sed -n 2p <<<"$out")" ]
	ok $? "$1: a daemon that rewrites outputs is dead before they are read"
	box -- "(setsid sleep $marker >/dev/null 2>&1 </dev/null &) ; exec >&- 2>&-" >/dev/null 2>&1
	nobody_left
	ok $? "$1: no process outlives the command"
	out=$(box --seconds 1 -- "trap '' TERM INT HUP; sleep $marker; sleep $marker" 2>&1; echo "status $?")
	like "$1: a command that ignores signals ends with its time" "*late*status 137" "$out"
	nobody_left
	ok $? "$1: and so do its children"
	become "$who"
	for delay in 0.003 0.01 0.02 0.03 0.05 0.08 0.2; do
		# a simple command: its pid is the host side's, after two execs
		"${becoming[@]}" "$T/bin/sandbox_run" --runtime "$rt" -- "sleep $marker" >/dev/null 2>&1 &
		sleep $delay
		kill -KILL $!
		wait $! 2>/dev/null
		for i in 1 2 3 4 5 6 7 8 9 10; do
			pgrep -f "sleep $marker|$T/bin/sandbox_run" >/dev/null || break
			sleep 0.05
		done
		! pgrep -f "sleep $marker|$T/bin/sandbox_run" >/dev/null
		ok $? "$1: the host side killed after $delay s leaves no process"
	done
	grep -E '\.hallmark|hallmark-' /proc/self/mounts
	[ $? = 1 ]
	ok $? "$1: and no mount"
	box -- true
	out=$(left_groups)
	same "$1: and no cgroup after the next start" "" "$out"
}
# Other tests may run beside this one: theirs have living owners.
left_groups() {
	find /sys/fs/cgroup -name 'hallmark-*' 2>/dev/null | while read -r g; do
		IFS=- read -r _ pid _ <<<"$(basename "$g")"
		[ -d "/proc/$pid" ] || echo "$g"
	done
}

for who in $users; do
	for rt in $runtimes; do
		began=$SECONDS
		if ! out=$(box -- true 2>&1); then
			if [ $rt = runsc ]; then
				skip "runsc does not work on this machine: $(tail -1 <<<"$out")"
				continue
			fi
			ok 1 "$who $rt: starts: $out"
			continue
		fi
		escapes "$who $rt"
		death "$who $rt"
		limits "$who $rt"
		echo "# $who $rt: $((SECONDS - began)) s"
	done
	rt=crun
	everyday "$who $rt"
done

# --- the tests themselves -----------------------------------------------------
# Without the seccomp list the self-test must refuse; believing it anyway, the
# escape programs must find doors.
who=${users%% *}
out=$(as "$who" "$T/bin/sandbox_open" -- 'echo built' 2>&1; echo "status $?")
like "without a seccomp list the self-test refuses and names the doors" \
	"*self-test: the sandbox is open:*unshare user, ptrace*keyctl*status 99" "$out"
[[ "$out" != *built* ]]
ok $? "and nothing ran"
out=$(as "$who" "$T/bin/sandbox_blind" --toolchain "$T/bin" -- 'escape try all' 2>&1)
names="namespaces ptrace process_vm_readv keyctl"
if python3 -c 'import socket; socket.socket(40, 1)' 2>/dev/null; then
	names="$names vsock-plain vsock-high-bits"
else
	skip "this kernel has no vsock to be found: see sandbox_vm.sh"
fi
for name in $names; do
	grep -q "^OPEN $name " <<<"$out"
	ok $? "the escape program finds $name where it is open"
done
out=$("$T/bin/escape" try all 2>&1; echo "status $?")
like "the escape program tries nothing on the host" "*not a sandbox*status 2" "$out"

# --- what killed runs leave -----------------------------------------------------
unified=$(awk '$3 == "cgroup2" {print $2; exit}' /proc/self/mounts)
memory=$(awk '$3 == "cgroup" && $4 ~ /,memory/ {print $2; exit}' /proc/self/mounts)
if [ "$(id -u)" = 0 ] && [ -w "${unified:-/nonexistent}" ]; then
	rt=crun ns=$(stat -L -c %i /proc/self/ns/pid)
	born=$(sed 's/.*) //' /proc/$$/stat | cut -d' ' -f20)
	for top in $unified $memory; do
		dead=$top/hallmark-4194303-1-$ns-0 reused=$top/hallmark-$$-1-$ns-0
		mine=$top/hallmark-$$-$born-$ns-0 foreign=$top/hallmark-4194303-1-1-0
		mkdir "$dead" "$dead/sandbox" "$reused" "$mine" "$foreign"
		sleep 600 &
		echo $! >"$dead/sandbox/cgroup.procs"
		box -- true
		kill -0 $! 2>/dev/null
		[ $? = 1 ]
		ok $? "$top: a process in the group of a dead run is killed"
		[ ! -d "$dead" ] && [ ! -d "$reused" ]
		ok $? "$top: groups of dead runs are removed, also when the pid is somebody else's now"
		[ -d "$mine" ] && [ -d "$foreign" ]
		ok $? "$top: groups of a living run, and of another pid namespace, stay"
		rmdir "$mine" "$foreign"
	done
	out=$(unshare -m sh -c 'umount -lR /sys/fs/cgroup; exec "$@"' sh "$T/bin/sandbox_run" --info -- 'echo built' 2>&1)
	like "a host that has cgroups mounted nowhere gets its limits all the same" "*limits: cgroup*built*" "$out"
else
	skip "reaping of cgroups: needs root and a writable cgroup2"
fi

# --- users with subordinate ids, and with cgroups of their own -----------------
if [ "$(id -u)" = 0 ] && command -v newuidmap >/dev/null; then
	printf 'nobody:300000:65536\n' >"$T/subid"
	out=$(unshare -m sh -c 'mount --bind "$1" /etc/subuid && mount --bind "$1" /etc/subgid &&
		exec setpriv --reuid 65534 --regid 65534 --clear-groups "$2" --info \
		--toolchain "$3" -- "id -u; escape try all"' sh "$T/subid" "$T/bin/sandbox_run" "$T/bin" 2>&1)
	like "a user with subordinate ids: the sandbox has ids of its own" "*ids: many*1000*" "$out"
	[ "$(grep -c ^closed <<<"$out")" = "$("$T/bin/escape" list | wc -l)" ]
	ok $? "and every way out is closed"
else
	skip "subordinate ids: needs root and newuidmap"
fi
done_testing
