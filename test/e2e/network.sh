#!/bin/bash
# The build's network against honest and hostile servers, without the sandbox:
# test/network/servers.py is the world, client.py the build, check.py reads the
# record. Everything is in a network namespace of its own.
if [ "$(id -u)" != 0 ] || ! unshare -n -m true 2>/dev/null; then
	echo "network.sh: needs root and network namespaces: nothing was tested"
	exit 77
fi
here=$(cd "$(dirname "$0")/../network" && pwd)
top=$(cd "$here/../.." && pwd)
if [ "${1:-}" != inside ]; then exec unshare -n -m "$0" inside; fi

. "$top/test/e2e.lib"
run=$BIN/test/tools/net_run
# Documentation addresses: public as far as the policy goes, real nowhere.
address=203.0.113.10
python3 - <<'P'
import fcntl, socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
def ifreq(name, kind, *args):
    return struct.pack('16sH' + kind, name, *args)
fcntl.ioctl(s, 0x8916, struct.pack('16sHH4s8x', b'lo:1', socket.AF_INET, 0,
                                   socket.inet_aton('203.0.113.10')))
for name in (b'lo', b'lo:1'):
    fcntl.ioctl(s, 0x8914, struct.pack('16sH14x', name, 0x41))
P
{
	echo "127.0.0.1 localhost rebind.test"
	for n in good other cdn slowhead silent closes endlesshead endlessline manyheaders short \
		smuggle hugechunks hugelength hugeend slowbody telength twolengths coding upgrade \
		badchunk extensions trailers garbage fold barelf hints http10 escape tlscut stale \
		wrongname selfsigned h0 h1 h2 h3 h4 h5 h6; do echo "$address $n.test"; done
} >"$T/hosts"
echo "hosts: files" >"$T/nsswitch"
mount --bind "$T/hosts" /etc/hosts
mkdir "$T/certs" "$T/state"
python3 "$here/servers.py" "$T/certs" $address >"$T/servers.log" 2>"$T/servers.err" &
servers=$!
trap 'kill $servers 2>/dev/null; umount /etc/hosts "$T"/state*/network/netns 2>/dev/null; [ -n "${KEEP:-}" ] && cp "$T"/*.json "$T"/*.log "$KEEP"; rm -rf "$T"' EXIT
for _ in $(seq 100); do grep -qs ready "$T/servers.log" && break; sleep 0.1; done

# Inside, names come from the interceptor only.
cat >"$T/inside" <<'S'
mount --bind /dev/null /etc/hosts
exec python3 "$TEST_DIR/client.py"
S
TEST_ROOT=$T/certs/ca.pem TEST_DIR=$here "$run" --state "$T/state" --json "$T/network.json" \
	--ca "$T/certs/ca.pem" --body-max 50000000 --head-ms 2000 --window-ms 2000 --counts \
	-- bash "$T/inside" >"$T/client.log" 2>"$T/run.log"
status=$?
cat "$T/client.log"
[ $status = 0 ]
ok $? "the client is content" "$T/run.log"
grep -q CANARY "$T/run.log"
[ $? = 1 ]
ok $? "no secret in the log or the notices" "$T/run.log"
schema=
python3 -c 'import jsonschema' 2>/dev/null && schema=$top/schema/network.schema.json
[ -n "$schema" ] || skip "python3-jsonschema is not installed: the schema is not checked"
python3 "$here/check.py" "$T/network.json" $schema >"$T/check.log"
status=$?
cat "$T/check.log"
[ $status = 0 ]
ok $? "the record accounts for everything"

"$run" --state "$T/state2" --json "$T/none.json" --mode none -- python3 -c '
import os, socket
assert os.listdir("/sys/class/net") or True
s = socket.socket()
try:
    s.connect(("203.0.113.10", 443))
    raise SystemExit("connected")
except OSError as e:
    assert e.errno == 101, e
names = [n for _, n in socket.if_nameindex()]
assert names == ["lo"], names
' 2>"$T/none.log"
ok $? "mode none: loopback and nothing else" "$T/none.log"
[ "$(jq -c '[.recorded, .complete, .exchanges, .names]' "$T/none.json")" = '[true,true,[],[]]' ]
ok $? "its record is empty and complete" "$T/none.json"

# What the interceptor gave up.
"$run" --state "$T/state4" --uid 0 -- sleep 3 2>/dev/null &
pid=$!
sleep 1
status=/proc/$(pgrep -P $pid -f interceptor)/status
[ "$(awk '/^(Uid|CapEff|CapPrm|CapBnd|NoNewPrivs|Seccomp):/ {printf "%s ", $2}' "$status")" = \
	"993 0000000000000000 0000000000000000 0000000000000000 1 2 " ]
ok $? "the interceptor: own uid, no capability, no new privileges, a filter" "$status"
[ "$(ls "${status%status}root/" | wc -l)" = 0 ]
ok $? "its root directory is empty"
wait $pid

# Ends when the session does, however that ends.
"$run" --state "$T/state3" -- sleep 60 2>/dev/null &
pid=$!
sleep 1
child=$(pgrep -P $pid -f interceptor)
kill -KILL $pid
wait $pid 2>/dev/null
sleep 0.5
# Gone, or a zombie that nobody has collected yet.
[ -n "$child" ] && { [ ! -e "/proc/$child" ] || grep -q '^State:.Z' "/proc/$child/status"; }
ok $? "the interceptor ends with its session"
pkill -P $servers 2>/dev/null
done_testing
