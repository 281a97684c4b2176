#!/bin/bash
# `runner-hook image` as a program: images made by a tool that shares no code with
# the reader, every verb, every exit status; memory that stays flat; and the
# vectors of HM_VECTORS, where they can be had.
. "$(dirname "$0")/../e2e.lib"
I="$BIN/runner-hook image"
D=$T/images
mkdir "$D"
"$BIN/test/tools/eif_tool" "$D" || exit 1

run() { # run STATUS TEXT DESCRIPTION COMMAND...
	local want=$1 text=$2 what=$3; shift 3
	"$@" >"$T/out" 2>"$T/err"
	local got=$?
	cat "$T/err" >>"$T/out"
	[ $got = "$want" ] && grep -qF -- "$text" "$T/out"
	ok $? "$what: exit $want and '$text' (got $got)" "$T/out"
}
pcr() { $I measure --format json "$2" 2>/dev/null | jq -r ".PCR$1"; }

# An independent measurement: python walks the sections.
reference() {
	python3 - "$1" <<'P'
import hashlib, struct, sys
d = open(sys.argv[1], "rb").read()
at, m, disks = 548, [b"", b"", b""], 0
while at < len(d):
    kind, _, size = struct.unpack(">HHQ", d[at:at + 12])
    data = d[at + 12:at + 12 + size]
    at += 12 + size
    if kind == 3:
        disks += 1
    if kind in (1, 2, 3):
        m[0] += data
        m[2 if kind == 3 and disks > 1 else 1] += data
h = lambda b: hashlib.sha384(b).digest()
print(" ".join(h(bytes(48) + h(x)).hex() for x in m))
P
}

# --- measure -----------------------------------------------------------------------
for f in good one-ramdisk arm64 version-3 cmdline-first signed signed-256; do
	[ "$(pcr 0 "$D/$f.eif") $(pcr 1 "$D/$f.eif") $(pcr 2 "$D/$f.eif")" = "$(reference "$D/$f.eif")" ]
	ok $? "$f measures as python does"
done
[ "$($I measure --format json "$D/good.eif" | jq -c keys)" = '["PCR0","PCR1","PCR2"]' ]
ok $? 'JSON of an unsigned image: three keys'
[ "$($I measure --format json "$D/signed.eif" | jq -c keys)" = '["PCR0","PCR1","PCR2","PCR8"]' ]
ok $? 'JSON of a signed image: PCR8 too'
want=$(python3 - "$D/cert.pem" <<'P'
import hashlib, ssl, sys
h = lambda b: hashlib.sha384(b).digest()
print(h(bytes(48) + h(ssl.PEM_cert_to_DER_cert(open(sys.argv[1]).read()))).hex())
P
)
[ "$(pcr 8 "$D/signed.eif")" = "$want" ]; ok $? 'PCR8 is of the certificate'
run 0 "PCR0: $(pcr 0 "$D/good.eif")" 'text' $I measure "$D/good.eif"
$I measure <"$D/good.eif" /dev/stdin >"$T/a" && cat "$D/good.eif" | $I measure /dev/stdin | cmp -s - "$T/a"
ok $? 'from a pipe'
run 4 'section 2: the header says it is at byte' 'overlap' $I measure "$D/bad-overlap.eif"
run 4 'section 3: a second kernel' 'two kernels' $I measure "$D/bad-two-kernels.eif"
run 4 'the checksum is' 'wrong CRC' $I measure "$D/bad-crc.eif"
run 1 'it is not by this key' 'another key' $I measure "$D/bad-key.eif"
run 1 'it is for another image' 'another PCR0' $I measure "$D/bad-image.eif"
run 1 'it is for PCR8, not for PCR0' 'another register' $I measure "$D/bad-register.eif"
run 4 'not an enclave image' 'not an image' $I measure "$D/key.pem"
run 3 'No such file' 'no file' $I measure "$D/none"
mkfifo "$T/nobody"
run 130 'cancelled' 'a FIFO that nobody writes, and SIGTERM' timeout --preserve-status -k 10 0.5 $I measure "$T/nobody"
(sleep 0.3; cat "$D/good.eif") | $I measure /dev/stdin | cmp -s - "$T/a"
ok $? 'from a slow pipe'
run 3 'Is a directory' 'a directory' $I measure "$D"
run 2 'one FILE is needed' 'no operand' $I measure
run 2 '--format is text or json' 'a format' $I measure --format xml "$D/good.eif"
run 2 "there is no verb 'measures'" 'a verb' $I measures
run 2 'name a verb' 'no verb' $I
if $I measure "$D/good.eif" >/dev/full 2>/dev/null; then false; else [ $? = 3 ]; fi
ok $? 'a full disk: exit 3'

# --- expired certificates ------------------------------------------------------------
run 0 'the signing certificate is expired' 'an expired certificate is warned about' $I measure "$D/expired.eif"
[ "$($I measure --format json "$D/expired.eif" 2>/dev/null | jq -r .PCR8)" != null ]; ok $? 'and measured'
run 0 'status       expired' 'inspect says so' $I inspect "$D/expired.eif"
run 0 'enclaves do not start' 'and what follows' $I inspect "$D/expired.eif"
run 0 'status       valid now' 'a valid one' $I inspect "$D/signed.eif"

# --- inspect ---------------------------------------------------------------------------
run 0 'command line: reboot=k panic=30' 'inspect: command line' $I inspect "$D/good.eif"
run 0 "sha256: $(sha256sum <"$D/good.eif" | cut -d' ' -f1)" 'inspect: digest of the file' $I inspect "$D/good.eif"
run 0 'signature: none' 'inspect: no signature' $I inspect "$D/good.eif"
run 0 'version 4, aarch64' 'inspect: architecture' $I inspect "$D/arm64.eif"
run 0 'version 3, x86_64' 'inspect: no metadata' $I inspect "$D/version-3.eif"
[ "$($I inspect --format json "$D/signed.eif" | jq -r '[.arch, .version, .sections[0].offset, .sections[-1].type, .cmdline, .metadata.ImageName, .signer.status, .signer.key, .measurements.PCR0] | join(" ")')" = \
	"x86_64 4 560 signature reboot=k panic=30 t valid now P-384 $(pcr 0 "$D/signed.eif")" ]
ok $? 'inspect as JSON'
[ "$($I inspect --format json "$D/fraction.eif" | jq -r .metadata)" = '{"ImageName":"f","CustomMetadata":1.5}' ]
ok $? 'metadata that our JSON cannot write are a string'
mkfifo "$T/piped1"
cat "$D/good.eif" >"$T/piped1" &
run 3 'seek' 'inspect reads twice: no pipe' $I inspect "$T/piped1"
run 4 'a second kernel' 'inspect refuses too' $I inspect "$D/bad-two-kernels.eif"

# --- assemble ----------------------------------------------------------------------------
mkdir "$T/in" "$T/else"
head -c 300000 /dev/urandom >"$T/in/kernel"
head -c 70000 /dev/urandom >"$T/in/disk1"; head -c 65536 /dev/urandom >"$T/in/disk2"; : >"$T/in/disk3"
cp "$T"/in/* "$T/else"; touch -d 2001-01-01 "$T"/else/*
assemble() { # assemble DIR OUT [OPTIONS]
	local dir=$1 out=$2; shift 2
	$I assemble --kernel "$dir/kernel" --cmdline 'reboot=k é' --ramdisk "$dir/disk1" \
		--ramdisk "$dir/disk2" --ramdisk "$dir/disk3" -o "$out" "$@"
}
run 0 'PCR0: ' 'assemble' assemble "$T/in" "$T/1.eif"
[ "$(pcr 0 "$T/1.eif") $(pcr 1 "$T/1.eif") $(pcr 2 "$T/1.eif")" = "$(reference "$T/1.eif")" ]
ok $? 'measures as python does'
(cd "$T/else" && TZ=Asia/Tokyo LC_ALL=C umask 077 && assemble . ../2.eif >/dev/null); cmp "$T/1.eif" "$T/2.eif"
ok $? 'another directory, other times: the same bytes'
[ "$($I inspect --format json "$T/1.eif" | jq -c '[[.sections[].type], .metadata.BuildMetadata.BuildTime]')" = \
	'[["kernel","cmdline","metadata","ramdisk","ramdisk","ramdisk"],"1970-01-01T00:00:00Z"]' ]
ok $? 'order of the sections, and the time'
SOURCE_DATE_EPOCH=1700000000 assemble "$T/in" "$T/3.eif" --name c --version 14 --arch aarch64 >/dev/null
[ "$($I inspect --format json "$T/3.eif" | jq -c '[.arch, .metadata.ImageName, .metadata.ImageVersion, .metadata.BuildMetadata.BuildTime]')" = \
	'["aarch64","c","14","2023-11-14T22:13:20Z"]' ]
ok $? 'architecture, name, version, SOURCE_DATE_EPOCH'
[ "$(pcr 0 "$T/3.eif")" = "$(pcr 0 "$T/1.eif")" ]; ok $? 'none of which is measured'
run 2 'SOURCE_DATE_EPOCH: not seconds' 'a bad time' env SOURCE_DATE_EPOCH=now $I assemble --kernel "$T/in/kernel" --cmdline x --ramdisk "$T/in/disk1" -o "$T/x"
run 2 'are needed' 'no ramdisk' $I assemble --kernel "$T/in/kernel" --cmdline x -o "$T/x"
run 2 'go together' 'a key alone' assemble "$T/in" "$T/x" --sign-key "$D/key.pem"
run 2 '--cmdline: control characters' 'a newline' $I assemble --kernel "$T/in/kernel" --cmdline $'a\nb' --ramdisk "$T/in/disk1" -o "$T/x"
run 2 'Linux cuts it at 2047' 'a long command line' $I assemble --kernel "$T/in/kernel" --cmdline "$(printf 'x%.0s' {1..2048})" --ramdisk "$T/in/disk1" -o "$T/x"
run 2 '--arch is' 'an architecture' assemble "$T/in" "$T/x" --arch riscv
run 2 '--name, --version: control' 'a name' assemble "$T/in" "$T/x" --name $'a\e'
run 2 'there are no operands' 'an operand' assemble "$T/in" "$T/x" more
run 4 'section 0 (kernel): it is empty' 'an empty kernel' $I assemble --kernel "$T/in/disk3" --cmdline x --ramdisk "$T/in/disk1" -o "$T/x"
mkfifo "$T/fifo"
run 1 'not a regular file' 'a FIFO' $I assemble --kernel "$T/fifo" --cmdline x --ramdisk "$T/in/disk1" -o "$T/x"
run 3 'No such file' 'no kernel' $I assemble --kernel "$T/none" --cmdline x --ramdisk "$T/in/disk1" -o "$T/x"
run 3 'No such file' 'no directory' assemble "$T/in" "$T/none/x"
run 1 'exists and is not a regular file' 'output to a directory' assemble "$T/in" "$D"
[ ! -e "$T/x" ] && [ -z "$(ls "$T" | grep partial)" ]; ok $? 'nothing is left of what failed'

# --- sign ------------------------------------------------------------------------------------
run 0 'PCR8: ' 'assemble and sign' assemble "$T/in" "$T/s.eif" --sign-key "$D/key.pem" --sign-cert "$D/cert.pem"
run 0 "PCR0: $(pcr 0 "$T/1.eif")" 'sign' $I sign --sign-key "$D/key.pem" --sign-cert "$D/cert.pem" -o "$T/t.eif" "$T/1.eif"
[ "$(pcr 8 "$T/t.eif")" = "$(pcr 8 "$T/s.eif")" ]; ok $? 'the same PCR8 both ways'
run 0 'PCR8: ' 'sign again, in place' $I sign --sign-key "$D/key-256.pem" --sign-cert "$D/cert-256.pem" -o "$T/t.eif" "$T/t.eif"
[ "$($I inspect --format json "$T/t.eif" | jq -c '[.signer.key, ([.sections[] | select(.type == "signature")] | length)]')" = '["P-256",1]' ]
ok $? 'one signature, by the new key'
cp "$T/t.eif" "$T/before"
run 1 'the signing certificate is expired' 'an expired certificate' $I sign --sign-key "$D/old-key.pem" --sign-cert "$D/old-cert.pem" -o "$T/t.eif" "$T/t.eif"
run 1 'the certificate is not for this key' 'somebody else’s certificate' $I sign --sign-key "$D/key.pem" --sign-cert "$D/old-cert.pem" -o "$T/t.eif" "$T/t.eif"
run 4 '--sign-key: ' 'a certificate for a key' $I sign --sign-key "$D/cert.pem" --sign-cert "$D/cert.pem" -o "$T/t.eif" "$T/t.eif"
run 4 'PEM' 'a key for a certificate' $I sign --sign-key "$D/key.pem" --sign-cert "$D/key.pem" -o "$T/t.eif" "$T/t.eif"
run 3 '--sign-cert: ' 'no certificate' $I sign --sign-key "$D/key.pem" --sign-cert "$T/none" -o "$T/t.eif" "$T/t.eif"
run 4 'a second kernel' 'a bad image is not signed' $I sign --sign-key "$D/key.pem" --sign-cert "$D/cert.pem" -o "$T/t.eif" "$D/bad-two-kernels.eif"
mkfifo "$T/piped"
cat "$D/good.eif" >"$T/piped" &
run 3 'kernel: seek' 'sign reads twice: no pipe' $I sign --sign-key "$D/key.pem" --sign-cert "$D/cert.pem" -o "$T/t.eif" "$T/piped"
run 2 'are needed' 'no key' $I sign -o "$T/t.eif" "$T/t.eif"
cmp -s "$T/t.eif" "$T/before"; ok $? 'the image is untouched by what failed'

# --- flat memory: 200 MiB in 60 MiB of address space -------------------------------------------
truncate -s 200M "$T/in/huge"
# a sanitizer's shadow alone is larger than that
limit=61440
if ldd "$BIN/runner-hook" | grep -q libasan; then limit=unlimited; fi
(ulimit -v $limit; $I assemble --kernel "$T/in/kernel" --cmdline x --ramdisk "$T/in/huge" -o "$T/huge.eif" >"$T/a" &&
	$I measure "$T/huge.eif" >"$T/b") 2>"$T/err"
ok $? 'an image larger than memory' "$T/err"
cmp -s "$T/a" "$T/b"; ok $? 'measured as made'
rm -f "$T/huge.eif" "$T/in/huge"

# --- vectors ---------------------------------------------------------------------------------------
V=${HM_VECTORS:-$top/../shared/vectors}/eif
if [ ! -f "$V/pcrs.json" ]; then
	skip "NO VECTORS: $V/pcrs.json is not there; images of others were not tried (HM_VECTORS)"
	done_testing
fi
for name in $(jq -r 'keys[]' "$V/pcrs.json"); do
	expect=$(jq -r ".[\"$name\"].expect" "$V/pcrs.json")
	case $expect in
	accept*)
		$I measure --format json "$V/$name.eif" >"$T/got" 2>"$T/err"
		ok $? "vector $name: taken" "$T/err"
		[ "$(jq -cS . "$T/got")" = "$(jq -cS ".[\"$name\"] | with_entries(select(.key | startswith(\"PCR\")))" "$V/pcrs.json")" ]
		ok $? "vector $name: PCRs" "$T/got" ;;
	*)	# what is "policy" there is refused here
		! $I measure "$V/$name.eif" >"$T/got" 2>"$T/err" && [ ! -s "$T/got" ] && [ -s "$T/err" ]
		ok $? "vector $name: refused" "$T/err"
		echo "# $(cut -d: -f5- "$T/err")" ;;
	esac
done
done_testing
