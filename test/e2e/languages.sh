#!/bin/bash
# Examples whose compiler lives outside the system directories or fetches from a
# registry. Skips by name what this machine cannot do.
. "$(dirname "$0")/../e2e.lib"

example() { # example NAME OUTPUT [OPTIONS]
	local name=$1 output=$2; shift 2
	cp -r "$top/examples/$name" "$T/$name"
	commit "$name"
	build "$name" "$@"
	ok $? "$name builds" "$T/$name.log"
	verify "$name" --source-digest "$(git -C "$T/$name" rev-parse HEAD)"
	ok $? "$name verifies" "$T/$name.verify"
	mkdir -p "$T/$name.out" && tar -xf "$T/$name.tar" -C "$T/$name.out" &&
		"$T/$name.out/$output" | grep -q Hello
	ok $? "$name: what came out runs"
}
reachable() { curl -sS --max-time 20 -o /dev/null "$1" 2>"$T/reach"; }

if ! command -v cargo >/dev/null; then
	skip 'rust-hello: no cargo here'
elif ! reachable https://index.crates.io/config.json; then
	skip "rust-hello: the registry cannot be reached: $(cat "$T/reach")"
else
	sysroot=$(rustc --print sysroot)
	case $sysroot in
	/usr | /usr/local) example rust-hello target/debug/rust-project ;;
	*) example rust-hello target/debug/rust-project --toolchain "$sysroot" ;;
	esac
fi
if ! command -v go >/dev/null; then
	skip 'go-hello: no go here'
else
	root=$(go env GOROOT)
	case $root in
	/usr/lib/*) example go-hello go-hello ;;
	*) example go-hello go-hello --toolchain "$root" ;;
	esac
fi
done_testing
