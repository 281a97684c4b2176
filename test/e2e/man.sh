#!/bin/bash
# The manual pages are well formed and say what the programs do: every option of
# every --help stands in the page and the other way round, and every exit status
# of a verdict stands with its reason.
set -u
O=${O:-build}
n=0 failed=0
ok() {	# status, name, lines to show on failure
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
	else
		failed=1
		echo "not ok $n - $2"
		[ -z "${3:-}" ] || printf '%s\n' "$3" | sed 's/^/# /'
	fi
}

if ! command -v mandoc >/dev/null; then
	echo "SKIP man: no mandoc (Debian: mandoc)"
	[ "${HM_NO_SKIP:-0}" = 1 ] && exit 1
	exit 77
fi

for page in man/*.[1-8]; do
	# a page of another package may be missing on this machine: no matter
	complaints=$(mandoc -T lint -W style "$page" 2>&1 |
		grep -v 'outdated mandoc.db\|referenced manual not found')
	[ -z "$complaints" ]
	ok $? "$page is clean" "$complaints"
	for section in NAME SYNOPSIS DESCRIPTION 'EXIT STATUS' EXAMPLES 'SEE ALSO'; do
		grep -qx ".Sh $section" "$page"
		ok $? "$page has $section"
	done
	for other in $(sed -n 's/^\.Xr \([a-z-]*\) \([18]\).*/\1.\2/p' "$page"); do
		case $other in
		hallmark*|runner-hook*|enclave-worker*)
			[ -f "man/$other" ]
			ok $? "$page refers to $other, which is there" ;;
		esac
	done
done

long_options() { grep -oE -- '--[a-z][a-z0-9-]*' | sort -u; }
# What a page documents: the options that begin a paragraph, and the synopsis.
page_options() {
	sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESCRIPTION/p; /^\.It Fl/p' "$1" |
		grep -oE 'Fl -[a-z][a-z0-9-]*' | sed 's/Fl /-/' | sort -u
}
compare() {	# page, program and command; verbs of the command are found
	local page=$1 help said documented verb
	shift
	help=$("$@" --help 2>/dev/null)
	ok $? "$* --help"
	if grep -q 'VERB' <<<"$help"; then
		for verb in $(sed -n 's/^  \([a-z-]*\)  .*/\1/p' <<<"$help"); do
			grep -q "^\.Ss ${1##*/} $2 $verb\b" "$page"
			ok $? "$page describes $verb"
			help+=$'\n'$("$@" "$verb" --help 2>/dev/null)
			ok $? "$* $verb --help"
		done
	fi
	said=$(long_options <<<"$help")
	documented=$(page_options "$page")
	missing=$(comm -23 <(echo "$said") <(echo "$documented"))
	[ -z "$missing" ]
	ok $? "$page has every option of $*" "$missing"
	[ "${2:-}" = "" ] && return
	extra=$(comm -13 <(echo "$said") <(echo "$documented") | grep -vx -e --version)
	[ -z "$extra" ]
	ok $? "$page has no option that $* does not know" "$extra"
}

compare man/enclave-worker.8 "$O/enclave-worker"
compare man/runner-hook.1 "$O/runner-hook"
commands=$("$O/runner-hook" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p')
[ -n "$commands" ]
ok $? "runner-hook has commands"
for command in $commands; do
	grep -q "^\.Ss runner-hook $command" man/runner-hook.1
	ok $? "man/runner-hook.1 describes $command"
	if [ -f "man/runner-hook-$command.1" ]; then
		compare "man/runner-hook-$command.1" "$O/runner-hook" "$command"
		continue
	fi
	# one page for all other commands: each is compared with its own section
	section=$O/runner-hook-$command.section
	sed -n -e '/^\.Sh SYNOPSIS/,/^\.Sh DESCRIPTION/p' \
		-e "/^\.Ss runner-hook $command/,/^\.S[sh] /p" man/runner-hook.1 >"$section"
	compare "$section" "$O/runner-hook" "$command"
done
compare man/hallmark.1 "$O/hallmark"
for command in $("$O/hallmark" --help | sed -n 's/^  \([a-z-]*\)  .*/\1/p'); do
	grep -q "^\.It Cm $command\$" man/hallmark.1
	ok $? "man/hallmark.1 names $command"
	# a program of its own may not be installed; then the command is refused
	if "$O/hallmark" "$command" --help >/dev/null 2>&1; then
		compare "man/hallmark-$command.1" "$O/hallmark" "$command"
	fi
done

# { "debug-mode", 14, ...: the table of verifier/verdict.c
reasons=$(sed -n 's/.*{ "\([a-z-]*\)", \([0-9]*\),.*/\2 \1/p' verifier/verdict.c | grep -v '^0 ')
[ "$(wc -l <<<"$reasons")" -ge 15 ]
ok $? "reasons with an exit status of their own"
while read -r status reason; do
	grep -A1 -x "\.It $status" man/hallmark-verify.1 | grep -q "^$reason: "
	ok $? "exit status $status is $reason"
done <<<"$reasons"

echo "1..$n"
exit $failed
