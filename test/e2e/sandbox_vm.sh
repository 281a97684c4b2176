#!/bin/bash
# suite: slow
# The sandbox where an enclave has it: a kernel of its own, an initramfs as root
# (pivot_root fails there), cgroup2 and nothing else. Under QEMU without KVM.
# HM_VM_KERNEL: directory of an unpacked Debian kernel package; by default one
# is fetched with apt and kept in the cache directory.
. "$(dirname "$0")/../e2e.lib"

for tool in qemu-system-x86_64 cpio busybox dpkg; do
	command -v $tool >/dev/null || { echo "SKIP: $tool is missing"; exit 77; }
done
kernel=${HM_VM_KERNEL:-${XDG_CACHE_HOME:-$HOME/.cache}/hallmark-test/kernel}
if ! ls "$kernel"/boot/vmlinuz-* >/dev/null 2>&1; then
	mkdir -p "$kernel"
	package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null |
		sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -1)
	(cd "$T" && apt-get -qq download "$package" && dpkg -x "$package"*.deb "$kernel") >/dev/null 2>&1 ||
		{ echo "SKIP: no kernel package ($package) could be fetched"; exit 77; }
fi
vmlinuz=$(ls "$kernel"/boot/vmlinuz-* | head -1)

# --- the initramfs -------------------------------------------------------------
r=$T/root
mkdir -p "$r"/{usr/bin,usr/sbin,usr/lib,usr/lib64,proc,sys,dev,etc,tmp,t/bin,modules,.hallmark}
for d in bin sbin lib lib64; do ln -s usr/$d "$r/$d"; done
cp "$(command -v busybox)" "$r/usr/bin/busybox"
for a in sh cat ls echo mount id sleep dd stat grep seq touch mkdir date true env insmod poweroff \
	mv rm nproc head wc sed; do ln -s busybox "$r/usr/bin/$a"; done
with_libs() { # with_libs PROGRAM DIR
	cp "$1" "$r/$2/"
	ldd "$1" 2>/dev/null | grep -o '/[^ ]*' | while read -r lib; do
		mkdir -p "$r$(dirname "$(realpath "$lib")")"
		cp -n "$(realpath "$lib")" "$r/usr/lib/$(basename "$lib")"
	done
}
for runtime in crun runc; do
	! command -v $runtime >/dev/null || with_libs "$(command -v $runtime)" usr/bin
done
for tool in sandbox_run sandbox_open sandbox_blind escape; do with_libs "$BIN/test/tools/$tool" t/bin; done
cp "$r"/usr/lib/ld-linux-x86-64.so.2 "$r/usr/lib64/"
printf '/usr/lib\n' >"$r/etc/ld.so.conf"
/sbin/ldconfig -r "$r" >/dev/null 2>&1
find "$kernel/lib/modules" -name vsock.ko -exec cp {} "$r/modules/" \;

cat >"$r/init" <<'INIT'
#!/bin/sh
export PATH=/usr/bin:/usr/sbin
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev
mount -t cgroup2 cgroup2 /sys/fs/cgroup
insmod /modules/vsock.ko
S=/t/bin/sandbox_run
say() { if [ "$1" = 0 ]; then echo "RESULT ok $2"; else echo "RESULT bad $2"; fi; }
for room in '' --move-root; do
for rt in crun runc; do
	[ -x /usr/bin/$rt ] || continue
	n="$rt${room:+, the room of an enclave}"
	$S $room --runtime $rt --info --toolchain /t/bin -- 'escape try all' >/tmp/out 2>&1
	cat /tmp/out
	grep -q '^limits: cgroup2' /tmp/out; say $? "$n: limits are held by cgroup2"
	[ "$(grep -c ^closed /tmp/out)" = "$(/t/bin/escape list | wc -l)" ]; say $? "$n: every way out is closed"
	$S $room --runtime $rt --memory 48 --toolchain /t/bin -- 'escape memory 300' >/tmp/out 2>&1
	grep -q out-of-memory /tmp/out; say $? "$n: memory"
	$S $room --runtime $rt --pids 30 --toolchain /t/bin -- 'escape pids' >/tmp/out 2>&1
	lived=$(sed -n 's/^lived //p' /tmp/out)
	[ "${lived:-0}" -gt 10 ] && [ "${lived:-99}" -le 30 ]; say $? "$n: processes ($lived)"
	$S $room --runtime $rt --cat out --settle 500 -- \
		"(while :; do date +%s%N >new; mv new out; done) & sleep 1; ls out >/dev/null" >/tmp/out 2>&1
	[ "$(sed -n 1p /tmp/out)" = "$(sed -n 2p /tmp/out)" ] && [ -s /tmp/out ]; say $? "$n: a daemon dies"
	$S $room --runtime $rt --cpus 1 -- 'cat /proc/self/cgroup; echo two' 'echo three' >/tmp/out 2>&1
	grep -q three /tmp/out; say $? "$n: a second command"
	[ -z "$(ls -d /sys/fs/cgroup/hallmark-* 2>/dev/null)" ]; say $? "$n: no cgroup is left"
done
done
/t/bin/sandbox_open --move-root -- 'echo built' >/tmp/out 2>&1
cat /tmp/out
grep -q 'the sandbox is open: .*AF_VSOCK, AF_VSOCK behind high bits, AF_VSOCK through 32-bit socketcall, AF_VSOCK through 32-bit socket,' /tmp/out
say $? "without the list the self-test finds vsock by every route of this kernel"
/t/bin/sandbox_blind --move-root --toolchain /t/bin -- 'escape try all' >/tmp/out 2>&1
for n in vsock-plain vsock-high-bits vsock-int80-socketcall vsock-int80-socket vsock-io-uring; do
	grep -q "^OPEN $n " /tmp/out; say $? "and so does the escape program: $n"
done
echo RESULT end
poweroff -f
INIT
chmod 755 "$r/init"
(cd "$r" && find . | cpio -o -H newc --quiet | gzip -1) >"$T/initrd"

timeout 900 qemu-system-x86_64 -nodefaults -no-reboot -m 1500 -smp 2 -display none -serial stdio \
	-accel tcg -kernel "$vmlinuz" -initrd "$T/initrd" \
	-append 'console=ttyS0 quiet panic=-1' </dev/null >"$T/console" 2>&1
tr -d '\r' <"$T/console" >"$T/log"
cp "$T/log" "${HM_VM_LOG:-/dev/null}" 2>/dev/null
grep -q '^RESULT end' "$T/log"
ok $? "the machine ran to its end" "$T/log"
while read -r _ verdict text; do
	[ "$verdict" = end ] || { [ "$verdict" = ok ]; ok $? "$text"; }
done < <(grep '^RESULT' "$T/log")
[ $bad = 0 ] || sed 's/^/# /' "$T/log"
done_testing
