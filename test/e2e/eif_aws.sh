#!/bin/bash
# suite: slow
# AWS's own builder (crates.io: eif_build) and ours, given the same inputs: the same
# PCRs, with and without a signature; and each reads what the other writes.
. "$(dirname "$0")/../e2e.lib"
I="$BIN/runner-hook image"
VERSION=0.2.1
cache=$top/build/cache/eif
if [ ! -x "$cache/bin/eif_build" ]; then
	if ! command -v cargo >/dev/null; then
		echo "AWS's eif_build was NOT compared: there is no cargo"
		exit 77
	fi
	mkdir -p "$cache"
	if ! cargo install --quiet --locked --root "$cache" --version $VERSION eif_build >"$T/log" 2>&1; then
		echo "AWS's eif_build was NOT compared, it cannot be had: $(tail -n 1 "$T/log")"
		exit 77
	fi
fi
# AWS has no program that only reads: a few lines around its library.
if ! cargo build --quiet --locked --release --manifest-path "$top/test/interop/eif_read/Cargo.toml" \
	--target-dir "$cache/read" >"$T/log" 2>&1; then
	echo "AWS's reader was NOT compared, it cannot be built: $(tail -n 1 "$T/log")"
	exit 77
fi
D=$T/images
mkdir "$D" "$T/in"
"$BIN/test/tools/eif_tool" "$D" || exit 1
head -c 2500000 /dev/urandom >"$T/in/kernel"
head -c 700001 /dev/urandom >"$T/in/1"
head -c 65536 /dev/urandom >"$T/in/2"
: >"$T/in/3"
CMDLINE='reboot=k panic=30 pci=off nomodules console=ttyS0 i8042.noaux random.trust_cpu=on'

# compare NAME ARCH RAMDISKS [KEY CERTIFICATE]
compare() {
	local name=$1 arch=$2 disks=$3 key=${4:-} cert=${5:-} args=() aws=() ours=()
	for d in $disks; do args+=(--ramdisk "$T/in/$d"); done
	if [ -n "$key" ]; then
		aws=(--private-key "$D/$key" --signing-certificate "$D/$cert")
		ours=(--sign-key "$D/$key" --sign-cert "$D/$cert")
	fi
	"$cache/bin/eif_build" --kernel "$T/in/kernel" --cmdline "$CMDLINE" "${args[@]}" --arch "$arch" \
		--name n --version v --output "$T/$name.aws.eif" "${aws[@]}" >"$T/$name.aws" 2>&1
	ok $? "$name: AWS's builder" "$T/$name.aws"
	$I assemble --kernel "$T/in/kernel" --cmdline "$CMDLINE" "${args[@]}" --arch "$arch" \
		-o "$T/$name.eif" --format json "${ours[@]}" >"$T/$name.ours" 2>"$T/log"
	ok $? "$name: ours" "$T/log"
	for n in 0 1 2 8; do
		grep -oE "\"?PCR$n\"?: *\"[0-9a-f]{96}\"" "$T/$name.aws" | grep -oE '[0-9a-f]{96}' >"$T/a"
		jq -r ".PCR$n // empty" "$T/$name.ours" >"$T/b"
		lines=1
		if [ $n = 8 ] && [ -z "$key" ]; then lines=0; fi
		[ "$(wc -l <"$T/a")" = $lines ]
		ok $? "$name: AWS's builder prints PCR$n $lines times" "$T/$name.aws"
		cmp -s "$T/a" "$T/b"
		ok $? "$name: PCR$n is the same" "$T/b"
	done
	$I measure --format json "$T/$name.aws.eif" >"$T/measured" 2>"$T/log" && cmp -s "$T/measured" "$T/$name.ours"
	ok $? "$name: we read AWS's file, and measure the same" "$T/log"
	"$cache/read/release/eif_read" "$T/$name.eif" >"$T/a" 2>"$T/log"
	ok $? "$name: AWS's reader takes our file" "$T/log"
	$I measure "$T/$name.eif" | cmp -s - <(grep '^PCR' "$T/a")
	ok $? "$name: and measures the same" "$T/a"
	[ "$(grep -c 'signature: Some(true)' "$T/a")" = $lines ]
	ok $? "$name: and says of its signature what there is to say" "$T/a"
	# the metadata differ, nothing else does
	[ "$($I inspect --format json "$T/$name.aws.eif" | jq -c '[.arch, .version, .cmdline, [.sections[].type]]')" = \
	  "$($I inspect --format json "$T/$name.eif" | jq -c '[.arch, .version, .cmdline, [.sections[].type]]')" ]
	ok $? "$name: the same sections in the same order"
}
compare one x86_64 1
compare two x86_64 '1 2'
compare four x86_64 '1 2 3 1'
compare arm aarch64 '1 2'
compare signed384 x86_64 '1 2' key.pem cert.pem
compare signed256 x86_64 1 key-256.pem cert-256.pem

$I sign --sign-key "$D/key.pem" --sign-cert "$D/cert.pem" -o "$T/again.eif" "$T/signed256.aws.eif" >"$T/log" 2>&1
ok $? "AWS's signed image, signed again by us" "$T/log"
done_testing
