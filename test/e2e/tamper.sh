#!/bin/bash
# A host, or anything between it and the enclave, that alters what passes: no
# alteration of the commit's objects ever yields a tar, and each is named. One
# real build per line, through a proxy in the place of the worker.
. "$(dirname "$0")/../e2e.lib"

mkdir -p "$T/t/sub/deep"
cp -r "$top/examples/c-hello/." "$T/t"
printf 'inner\n' >"$T/t/sub/deep/inner"
: >"$T/t/sub/empty"
ln -s deep/inner "$T/t/sub/link"
head -c 600000 /dev/urandom >"$T/t/sub/three-frames"
commit t
cp "$BIN/test/tools/tamper_proxy" "$T/proxy"

tampered() { # tampered ORDER: the build's status; its words in $T/t.log
	printf '%s\n%s\n' "$BIN/enclave-worker" "$1" >"$T/proxy.tamper"
	rm -f "$T"/t.tar*
	build t --worker "$T/proxy"
}
refused() { # refused ORDER TEXT
	tampered "$1"
	local got=$?
	[ $got != 0 ] && [ $got -lt 70 ] && [ -z "$(ls "$T" | grep '^t\.tar')" ] &&
		tail -n 1 "$T/t.log" | grep -qE "^runner-hook: error: .*($2)"
	ok $? "$1: $(tail -n 1 "$T/t.log" | cut -c 1-110)" "$T/t.log"
}

tampered none:object:0 && verify t
ok $? 'the proxy itself changes nothing: the tar verifies' "$T/t.log"

# commit, root tree, and each entry in tree order
objects=$((2 + $(git -C "$T/t" ls-tree -r -t HEAD | wc -l)))
last=$((objects - 1))
big=$((2 + $(git -C "$T/t" ls-tree -r -t HEAD | grep -n three-frames | cut -d: -f1) - 1))
wrong='expected, what came is'
for i in $(seq 0 $last); do
	size=$(git -C "$T/t" cat-file -s "$( (git -C "$T/t" rev-parse HEAD 'HEAD^{tree}'
		git -C "$T/t" ls-tree -r -t HEAD | awk '{print $3}') | sed -n "$((i + 1))p")")
	# without the last one the worker would wait for it (120 s)
	[ "$i" = $last ] || refused "drop:object:$i" 'source: '
	if [ "$size" -gt 0 ]; then
		refused "flip:object:$i:9" "source: .*($wrong|commit|tree|link)"
		refused "flip:object:$i:-1" "source: .*($wrong|tree|control)"
		refused "shorten:object:$i" 'source: .*fewer bytes than the object declared'
		refused "shrink:object:$i" "source: .*$wrong"
	fi
	refused "grow:object:$i" 'source: .*more bytes than the object declared'
done
for i in 0 1 2 $((last / 2)) $((last - 1)); do
	refused "swap:object:$i" 'source: '
	refused "repeat:object:$i" 'source: '
	refused "cut:object:$i" "closed the connection in state 'source'"
done
# kind, declared size, frame header
refused flip:object:2:0 'source: .*expected its blob'
refused flip:object:2:1 'source: .*(the source is larger|LFS|declared)'
refused flip:object:2:8 'source: .*(fewer|more) bytes than the object declared'
refused flags:object:2:1 'source: .*never began'
refused flags:object:2:2 'source: '
refused flags:object:2:8 'flags 0x'
refused type:object:2:99 'unknown frame type 99'
refused type:object:2:16 'from the wrong side'
refused type:object:2:5 "frame type 5 in state 'source'"
refused type:object:2:4 'cancelled|frame type 4'
refused length:object:2:1000000 'at most 262153'
refused "length:object:$big:-1" 'source: |frame'
# the last object twice: by then the source is complete
refused "repeat:object:$last" "frame type 3 in state"
# a file of three frames: its middle
refused "flip:object:$big:300000" "source: 'sub/three-frames': blob .*$wrong"

# What the host asks for: another commit than the one it sends
refused commit:config:0 "source: commit .*$wrong"
refused drop:config:0 'configuration: read: timed out'
refused repeat:config:0 "frame type 2 in state"
refused shorten:config:0 'config'
refused grow:config:0 'config'
refused repeat:hello:0 "frame type 1 in state"

# What comes back: the tar is what DONE says, or it is not kept
differs='the release tar is not what the worker announced'
refused flip:tar:0:20 "$differs"
refused drop:tar:0 "$differs: 0 of"
refused repeat:tar:0 "$differs"
refused shorten:tar:0 "$differs"
refused grow:tar:0 "$differs"
refused flip:done:0:-1 "$differs"
refused flip:done:0:5 'done message'
refused drop:done:0 "closed the connection in state 'packed'"
refused cut:tar:0 "closed the connection in state 'packed'"
refused drop:state:0 'state'
refused repeat:state:0 'state'

done_testing
