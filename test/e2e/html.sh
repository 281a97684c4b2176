#!/bin/bash
# The HTML report in a real browser: it renders, loads nothing, logs nothing, and
# text from outside cannot become markup or script. Needs chromium.
. "$(dirname "$0")/../e2e.lib"
H=$BIN/hallmark
MR=$BIN/test/tools/make_release
CHROMIUM=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
if [ -z "$CHROMIUM" ]; then
	echo "SKIP html: no chromium (Debian: chromium)"
	[ "${HM_NO_SKIP:-0}" = 1 ] && exit 1
	exit 77
fi
OUT=${HM_SHOTS:-$T/shots}	# where the screenshots go, to be looked at
mkdir -p "$OUT"

browse() { # browse OUTPUT OPTIONS... PAGE: chromium with nothing of its own
	local out=$1; shift
	timeout 120 "$CHROMIUM" --headless --no-sandbox --disable-gpu --no-first-run \
		--disable-background-networking --disable-component-update --disable-sync \
		--disable-default-apps --disable-extensions --hide-scrollbars \
		--host-resolver-rules='MAP * ~NOTFOUND' --user-data-dir="$T/chrome-$RANDOM$RANDOM" \
		--enable-logging=stderr --v=0 "$@" >"$out" 2>"$out.err"
}
page() { # page NAME: $T/NAME.html is there; check it in the browser
	local name=$1
	browse "$T/$name.dom" --dump-dom "file://$T/$name.html"
	grep -q '<footer>' "$T/$name.dom"; ok $? "$name: the page renders" "$T/$name.dom.err"
	! grep -q 'CONSOLE' "$T/$name.dom.err"; ok $? "$name: nothing in the console" "$T/$name.dom.err"
	[ "$(grep -c '<svg' "$T/$name.dom")" = 1 ] && grep -q 'Attestation document' "$T/$name.dom"
	ok $? "$name: with the picture"
	browse "$T/shot.log" --window-size=1280,1500 --screenshot="$OUT/$name.png" "file://$T/$name.html"
	[ "$(stat -c %s "$OUT/$name.png" 2>/dev/null || echo 0)" -gt 20000 ]
	ok $? "$name: a screenshot that is not empty ($OUT/$name.png)" "$T/shot.log.err"
}

# --- good, development, refused -------------------------------------------------
"$MR" "$T/g" && "$MR" "$T/l" --back-end local && "$MR" "$T/b" --bend file-content
cp "$T/g/root-policy.json" "$T/p.json"
$H inspect "$T/g/release.tar" --html "$T/claims.html" >"$T/log" 2>&1; ok $? 'inspect --html' "$T/log"
$H inspect "$T/l/release.tar" --trust-root "$T/l/root.pem" --html "$T/development.html" >"$T/log" 2>&1
ok $? 'inspect --html of a development build' "$T/log"
page claims
page development
grep -q 'Not verified' "$T/claims.dom"; ok $? 'without a root: not verified'
grep -q 'no hardware vouches' "$T/development.dom"; ok $? 'development: no hardware vouches'

# --- self-contained ---------------------------------------------------------------
! grep -qE '<(script|link|img|iframe|object|embed|base|form)\b|\bon[a-z]+=|url\(|https?://[^ ]*"' "$T/claims.html" ||
	! grep -qE 'src=|href=' "$T/claims.html"
ok $? 'no script, no link, no image, no handler'
grep -q "default-src 'none'" "$T/claims.html"; ok $? 'a content security policy that allows nothing'
# The picture is styled only if the policy admits the style sheet by its digest.
browse "$T/probe" --dump-dom "data:text/html;base64,$(sed 's|</main>|<p id=probe>x</p></main>|' "$T/claims.html" | base64 -w0)"
grep -q 'id="probe"' "$T/probe"; ok $? 'the page stands on its own'
# Where there is no network at all, it is the same page.
if unshare -n true 2>/dev/null; then
	mv "$T/claims.dom" "$T/claims.online"
	CHROMIUM_WAS=$CHROMIUM
	printf '#!/bin/sh\nexec unshare -n %s "$@"\n' "$CHROMIUM_WAS" >"$T/offline"; chmod +x "$T/offline"
	CHROMIUM=$T/offline browse "$T/claims.dom" --dump-dom "file://$T/claims.html"
	cmp -s "$T/claims.dom" "$T/claims.online"; ok $? 'without a network: the same page' "$T/claims.dom.err"
else
	skip 'no network namespace may be made here'
fi

# --- attack: markup in every text that a host or a build can choose ------------------
X='<script>document.title="owned"</script><img src=x onerror=alert(1)>"><svg onload=alert(1)>'\''{{7*7}}'
printf 'x' >"$T/file"
"$MR" "$T/evil" --repository "https://github.com/o/r$(tr -d ' ' <<<"$X")" --ref "refs/tags/$X" \
	"$(tr -d / <<<"$X")$(printf '\342\200\256')exe.txt=$T/file" 2>"$T/log"
ok $? 'a release whose every name is markup' "$T/log"
if [ -f "$T/evil/release.tar" ]; then
	$H inspect "$T/evil/release.tar" --html "$T/evil.html" >"$T/log" 2>&1; ok $? 'is shown' "$T/log"
	page evil
	! grep -qE '<script|<img|<svg onload|onerror="' "$T/evil.dom"; ok $? 'evil: none of it became markup'
	! grep -q 'owned' <(sed -n 's/.*<title>\(.*\)<\/title>.*/\1/p' "$T/evil.dom"); ok $? 'evil: no script ran'
	grep -q '&lt;script&gt;' "$T/evil.html"; ok $? 'evil: and it is shown as it is'
	! grep -q "$(printf '\342\200\256')" "$T/evil.html"; ok $? 'evil: no text runs backwards'
fi
# And if escaping had a hole, the policy would still stop it.
sed 's|<main>|<main><script>document.title="owned"</script><img src="https://example.org/x.png" onerror="document.title=1">|' \
	"$T/claims.html" >"$T/hole.html"
browse "$T/hole.dom" --dump-dom "file://$T/hole.html"
grep -q '<title>release.tar' "$T/hole.dom"; ok $? 'a planted script does not run'
grep -q 'CONSOLE.*Content Security Policy' "$T/hole.dom.err"; ok $? 'the policy stops it, and the console check would have seen it'
done_testing
