#!/bin/bash
# `hallmark` has no network code: what it links, what it calls, and what it does
# when every way of making a socket is deadly.
. "$(dirname "$0")/../e2e.lib"
H=$BIN/hallmark
"$BIN/test/tools/make_release" "$T/g" && cd "$T/g" || exit 1

libs=$(ldd "$H" | awk '{print $1}' | sed 's|.*/||' | grep -vE '^(linux-vdso|ld-linux)' | sort | tr '\n' ' ')
[ "$libs" = "libc.so.6 libcbor.so.0.8 libcrypto.so.3 libjansson.so.4 " ] ||
	[ -z "$(tr ' ' '\n' <<<"$libs" | grep -vE '^(libc|libcbor|libcrypto|libjansson|libm|)\.so|^$')" ]
ok $? "links only libc, libcbor, libcrypto, libjansson: $libs"
! nm -D --undefined-only "$H" | grep -wE 'socket|connect|getaddrinfo|gethostbyname|bind|listen|accept4?|sendto|recvfrom'
ok $? 'imports nothing that makes or uses a socket'

if command -v strace >/dev/null && strace -qq -e trace=none true 2>/dev/null; then
	for c in "verify release.tar -R o/r --policy policy.json" "verify release.tar -R o/x --policy policy.json" \
		"inspect release.tar --html page.html" "verify-document nitro.cbor --trust-root root.pem" "verify files/hello -b release.tar --any-source --policy policy.json --format json"; do
		# shellcheck disable=SC2086
		strace -f -qq -e trace=network,process -o "$T/trace" "$H" $c >/dev/null 2>&1
		# Writing tries send() first, on whatever it is given: no socket here.
		! grep -E '^[0-9]+ (socket|connect|bind|sendto|sendmsg|socketpair)\(' "$T/trace" | grep -v ENOTSOCK && ! grep -qE ' (fork|clone|clone3|vfork)\(' "$T/trace"
		ok $? "no socket, no child: hallmark ${c%% *}" "$T/trace"
		[ "$(grep -c execve "$T/trace")" = 1 ]; ok $? 'and the trace saw it run'
	done
else
	skip 'no strace here'
fi
# In a namespace without even a loopback it works the same.
if unshare -n true 2>/dev/null; then
	unshare -n "$H" verify release.tar -R o/r --policy policy.json >"$T/out" 2>&1; ok $? 'works without any network' "$T/out"
else
	skip 'no network namespace may be made here'
fi
# No environment variable, no home, no configuration file, no current time zone matters.
env -i "$H" verify release.tar -R o/r --policy policy.json >"$T/a" 2>&1
env TZ=Asia/Tokyo LC_ALL=C HOME=/nonexistent SSL_CERT_FILE=/nonexistent OPENSSL_CONF=/nonexistent \
	"$H" verify release.tar -R o/r --policy policy.json >"$T/b" 2>&1
cmp -s "$T/a" "$T/b" && tail -1 "$T/a" | grep -qx PASSED; ok $? 'the environment does not matter' "$T/b"

# The static program that users download.
if [ -x "$BIN/static/hallmark" ]; then
	! ldd "$BIN/static/hallmark" >/dev/null 2>&1 || ldd "$BIN/static/hallmark" 2>&1 | grep -q 'statically linked'
	ok $? 'the static program links nothing'
	"$BIN/static/hallmark" verify release.tar -R o/r --policy policy.json >"$T/s" 2>&1
	cmp -s "$T/s" "$T/a"; ok $? 'and says the same' "$T/s"
else
	skip 'no static program (make static)'
fi
done_testing
