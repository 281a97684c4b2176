#!/bin/bash
# suite: slow
# Three real projects in C from Debian's source packages: imported into Git,
# built with ./configure && make through runner-hook, verified, built again; the
# outputs of both builds must be the same bytes. Prints time and size of each.
. "$(dirname "$0")/../e2e.lib"

# Source packages need deb-src entries: a private copy of the system's sources.
A=$T/apt
mkdir -p "$A/lists/partial" "$A/src" "$A/parts"
chmod 755 "$T" "$A" "$A/src"
for f in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
	case $f in
	*.sources) sed 's/^Types:.*/Types: deb-src/' "$f" >"$A/parts/$(basename "$f")" ;;
	*.list) sed -n 's/^deb /deb-src /p' "$f" >"$A/parts/$(basename "$f")" ;;
	esac
done
apt_src() {
	apt-get -qq -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$A/parts" \
		-o Dir::State::Lists="$A/lists" "$@"
}
if ! apt_src update >"$A/log" 2>&1; then
	echo "no Debian source packages can be had here: $(tail -n 1 "$A/log")"
	exit 77
fi

ADD_FLAGS=-f	# upstream's .gitignore names files that its tar ships
real() { # real PACKAGE CMD OUTPUT...
	local name=$1 cmd=$2 start ms; shift 2
	if ! (cd "$A/src" && apt_src source --download-only "$name" >"$A/log" 2>&1); then
		skip "$name: its source package cannot be had: $(tail -n 1 "$A/log")"
		return
	fi
	mkdir "$T/$name"
	# Some upstream tars have a top directory, some have not.
	local tarball strip=1
	tarball=$(ls "$A"/src/"$name"_*.orig.tar.?z* | grep -v '\.asc$')
	tar -tf "$tarball" | grep -qx configure && strip=0
	tar -xf "$tarball" -C "$T/$name" --strip-components $strip
	project "$name" "$cmd" "$@"
	start=$(date +%s%N)
	build "$name"
	ok $? "$name builds" "$T/$name.log"
	ms=$((($(date +%s%N) - start) / 1000000))
	verify "$name"
	ok $? "$name verifies" "$T/$name.verify"
	mv "$T/$name.tar" "$T/$name.first.tar"
	build "$name"
	ok $? "$name builds again" "$T/$name.log"
	mkdir "$T/$name.1" "$T/$name.2"
	tar -xf "$T/$name.first.tar" -C "$T/$name.1"
	tar -xf "$T/$name.tar" -C "$T/$name.2"
	rm -rf "$T/$name".[12]/attestation
	[ -n "$(ls -A "$T/$name.1")" ] && diff -r "$T/$name.1" "$T/$name.2" >"$T/diff"
	ok $? "$name: both builds gave the same bytes" "$T/diff"
	echo "# $name: $ms ms, tar of $(stat -c %s "$T/$name.tar") bytes, $(find "$T/$name.1" -type f | wc -l) files"
}
real xz-utils './configure --disable-nls && make -j2' src/xz/.libs/xz src/liblzma/.libs/liblzma.a
real hello './configure && make -j2' hello
real tcc './configure && make -j2' tcc libtcc.a libtcc1.a
done_testing
