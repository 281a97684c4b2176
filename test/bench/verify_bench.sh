#!/bin/bash
# `hallmark verify`: a 1 GB release against sha256sum of the same file, a small
# one against cosign (where it is), time and peak memory, all in one run.
top=$(cd "$(dirname "$0")/../.." && pwd)
BIN=$top/${O:-build}
H=$BIN/hallmark
C=${HM_CACHE:-$top/build/cache}/bin/cosign
T=$(mktemp -d "${TMPDIR:-/tmp}/hm-bench-XXXXXX")
trap 'rm -rf "$T"' EXIT
export HOME=$T
SIZE=${HM_BENCH_BYTES:-1000000000}

best() { "$BIN/test/tools/timed" "$@"; }	# N COMMAND: microseconds, peak KiB
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }

# --- 1 GB ---------------------------------------------------------------------------
head -c "$SIZE" /dev/zero | openssl enc -aes-128-ctr -nosalt -K 00 -iv 00 >"$T/big" 2>/dev/null
"$BIN/test/tools/make_release" "$T/b" --back-end local "big.bin=$T/big" && rm "$T/big" || exit 1
cat "$T/b/release.tar" >/dev/null	# into the page cache, for both
read -r sum_us sum_kb < <(best 3 sha256sum "$T/b/release.tar")
read -r ver_us ver_kb < <(best 3 "$H" verify "$T/b/release.tar" -R o/r --trust-root "$T/b/root.pem")
read -r sum2_us _ < <(best 3 sha256sum "$T/b/release.tar")
[ "$sum2_us" -lt "$sum_us" ] && sum_us=$sum2_us
read -r ssl_us _ < <(best 3 openssl dgst -sha256 "$T/b/release.tar")
printf '%-34s %8d ms %6d KiB\n' "sha256sum, $((SIZE / 1000000)) MB release" $((sum_us / 1000)) "$sum_kb" \
	"openssl dgst -sha256" $((ssl_us / 1000)) 0 "hallmark verify" $((ver_us / 1000)) "$ver_kb"
echo "time: $(ratio "$ver_us" "$sum_us") x sha256sum (bar: 1.1), $(ratio "$ver_us" "$ssl_us") x openssl dgst"
rm -r "$T/b"

# --- 1 MB ---------------------------------------------------------------------------
head -c 1000000 /dev/urandom >"$T/small"
"$BIN/test/tools/make_release" "$T/s" --back-end local "small.bin=$T/small" || exit 1
read -r us kb < <(best 20 "$H" verify "$T/s/release.tar" -R o/r --trust-root "$T/s/root.pem")
printf '%-34s %8.1f ms %6d KiB (bars: 10 ms, 16384 KiB)\n' 'hallmark verify, 1 MB release' "$(ratio "$us" 1000)" "$kb"
if [ -x "$BIN/static/hallmark" ]; then
	read -r sus skb < <(best 20 "$BIN/static/hallmark" verify "$T/s/release.tar" -R o/r --trust-root "$T/s/root.pem")
	printf '%-34s %8.1f ms %6d KiB\n' 'the same, static program' "$(ratio "$sus" 1000)" "$skb"
fi
if [ -x "$C" ]; then
	"$H" verify "$T/s/release.tar" -R o/r --trust-root "$T/s/root.pem" --export-key "$T/key.pem" -q
	read -r cus ckb < <(best 10 "$C" verify-blob-attestation --key "$T/key.pem" --bundle "$T/s/provenance.sigstore.json" \
		--type slsaprovenance1 --insecure-ignore-tlog "$T/small")
	printf '%-34s %8.1f ms %6d KiB\n' 'cosign verify-blob-attestation' "$(ratio "$cus" 1000)" "$ckb"
	echo "time: cosign takes $(ratio "$cus" "$us") x ours (bar: 3); memory: ours is $(ratio "$kb" "$ckb") of cosign's (bar: 0.33)"
else
	echo "cosign is not there: test/e2e/interop.sh fetches it"
fi
