#!/bin/bash
# The main job end to end, local back end: every example that this machine has a
# compiler for, and what must fail with the right words.
. "$(dirname "$0")/../e2e.lib"

example() { # example NAME [OPTIONS]
	local name=$1; shift
	cp -r "$top/examples/$name" "$T/$name"
	commit "$name"
	build "$name" "$@"
	ok $? "$name builds" "$T/$name.log"
	verify "$name" --source-digest "$(git -C "$T/$name" rev-parse HEAD)"
	ok $? "$name verifies" "$T/$name.verify"
	tail -n 1 "$T/$name.verify" | grep -q '^PASSED$'
	ok $? "$name: the last line says PASSED" "$T/$name.verify"
	head -n 1 "$T/$name.verify" | grep -qi 'no hardware'
	ok $? "$name: the first line says that no hardware vouches" "$T/$name.verify"
}

example c-hello
mkdir "$T/out" && tar -xf "$T/c-hello.tar" -C "$T/out"
[ "$("$T/out/hello")" = 'Hello from a binary whose origin can be proved.' ]
ok $? 'the program that came out runs'
example python-wheel
if command -v npm >/dev/null; then example node-cli; else skip 'node-cli: no npm here'; fi

# The same commit again: everything but the attestation is the same bytes.
cp "$T/c-hello.tar" "$T/first.tar"
build c-hello && mkdir "$T/a" "$T/b" && tar -xf "$T/first.tar" -C "$T/a" && tar -xf "$T/c-hello.tar" -C "$T/b"
rm -rf "$T/a/attestation" "$T/b/attestation"
diff -r "$T/a" "$T/b" >"$T/diff"
ok $? 'a second build gives the same bytes' "$T/diff"

# What is refused, and how it is said.
refused() { # refused NAME STATUS TEXT [OPTIONS]
	local name=$1 status=$2 text=$3; shift 3
	rm -f "$T/$name.tar"
	build "$name" "$@"
	local got=$?
	[ $got = "$status" ] && grep -qF -- "$text" "$T/$name.log" && [ ! -e "$T/$name.tar" ]
	ok $? "$name: exit $status and '$text', no tar (got $got)" "$T/$name.log"
}
project fails 'echo before; exit 7' out
refused fails 1 "exit status 7"
project nothing 'true' missing.bin
refused nothing 1 'missing.bin'
project link 'ln -s /etc/passwd out' out
refused link 1 'out'
mkdir "$T/nojson"; commit nojson
refused nojson 1 'build.json'
mkdir "$T/badkey"; printf '{\n "language": "c",\n "input": {"cmd": "true", "comand": 1},\n "output": {"files": ["x"]}\n}\n' >"$T/badkey/build.json"; commit badkey
refused badkey 4 'build.json:3: '

mkdir "$T/norepo"
"$BIN/runner-hook" build --output "$T/norepo.tar" "$T/norepo" >"$T/norepo.log" 2>&1
[ $? != 0 ] && grep -qi 'repository' "$T/norepo.log"
ok $? 'outside a repository: said so' "$T/norepo.log"

# An enclave that dies without a word on the wire: its console is the reason.
printf '#!/bin/sh\necho "no memory for init" >&2\nexit 1\n' >"$T/worker"; chmod 755 "$T/worker"
"$BIN/runner-hook" build --enclave local --worker "$T/worker" --output "$T/dead.tar" "$T/c-hello" >"$T/dead.log" 2>&1
[ $? = 3 ] && grep -q 'no memory for init' "$T/dead.log" && [ ! -e "$T/dead.tar" ]
ok $? 'an enclave that dies: its last words are shown' "$T/dead.log"

# A dirty work tree is warned about and does not matter.
echo 'int main(void) { return 1; }' >"$T/c-hello/hello.c"
build c-hello && grep -q 'not part of this build' "$T/c-hello.log" && verify c-hello
ok $? 'a dirty work tree is warned about; the commit is built' "$T/c-hello.log"

# Nothing half-written when the output cannot be.
"$BIN/runner-hook" build --enclave local --output "$T/no/such/dir/x.tar" "$T/c-hello" >"$T/nodir.log" 2>&1
[ $? = 3 ] && grep -q 'no/such/dir' "$T/nodir.log"
ok $? 'an output directory that is missing is named at once' "$T/nodir.log"

# A nonce is bound, a time limit holds, an operator can take the network away.
build c-hello --nonce 00112233445566778899aabbccddeeff && verify c-hello --nonce 00112233445566778899aabbccddeeff
ok $? 'the nonce that was given verifies' "$T/c-hello.verify"
! verify c-hello --nonce 00112233445566778899aabbccddeef0
ok $? 'another nonce does not' "$T/c-hello.verify"
mkdir "$T/net" && cat >"$T/net/build.json" <<'J'
{"language":"c","input":{"cmd":"cat /proc/net/dev | tee out; ! grep -v -e lo: -e '|' out"},"output":{"files":["out"]}}
J
commit net; build net --network none
ok $? '--network none leaves loopback only, whatever build.json says' "$T/net.log"

# The host says which file of the commit is the build file; any but build.json
# must be expected by name.
mkdir -p "$T/other/fixtures"; printf '{"language":"c","input":{"cmd":"echo evil >out","network":"none"},"output":{"files":["out"]}}' >"$T/other/fixtures/b.json"
project other 'echo good >out' out
build other --config fixtures/b.json && ! verify other && grep -q 'build file' "$T/other.verify"
ok $? 'another build file of the same commit is refused' "$T/other.verify"
verify other --config-path fixtures/b.json
ok $? 'unless it is expected by name' "$T/other.verify"

# Everything that Git can hold: links, modes, odd names, an empty tree, SHA-256.
mkdir -p "$T/odd/sub dir"; printf 'x' >"$T/odd/sub dir/fi le"; ln -s 'sub dir/fi le' "$T/odd/ln"
printf '#!/bin/sh\necho run\n' >"$T/odd/run.sh"; chmod 755 "$T/odd/run.sh"
touch "$T/odd/$(printf 'caf\351')"
project odd 'test -L ln; ./run.sh >out; cat ln >>out; ls | od -c | grep -q 351' out
build odd && verify odd
ok $? 'links, modes and a name that is not UTF-8' "$T/odd.log"
mkdir "$T/sha256"; git -C "$T/sha256" init -q -b main --object-format=sha256
project sha256 'echo hi >out' out
build sha256 && verify sha256 --source-digest "$(git -C "$T/sha256" rev-parse HEAD)"
ok $? 'a SHA-256 repository' "$T/sha256.log"
mkdir "$T/vendor"; printf '{"language":"c","input":{"vendor":"echo cached >$HOME/cache; cp $HOME/cache v","cmd":"cat $HOME/cache v >out; ! grep -v -e lo: -e \u007c /proc/net/dev"},"output":{"files":["out"]}}' >"$T/vendor/build.json"
commit vendor; build vendor && verify vendor
ok $? 'input.vendor runs first, keeps its home, and the build has no network' "$T/vendor.log"
done_testing
