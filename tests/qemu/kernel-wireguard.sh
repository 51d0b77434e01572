#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# vpn.engine: kernel, seen once where a kernel has WireGuard: Debian 12's own kernel (6.1) under qemu. The
# guest is an initramfs with this build's programs and what they need; kernel-wireguard.guest is its init
# and the scenario, whose lines come over the console. TCG, so it takes minutes and no rights.
#
#   tests/qemu/kernel-wireguard.sh              SALLYPORT_BIN: where sallyport and sallyportd are (build/bin)
#   KERNEL_DEB=linux-image-….deb tests/qemu/kernel-wireguard.sh      instead of what apt would download
#
# Needs qemu-system-x86, cpio, and apt for the kernel (kept in build/qemu). Exit 0 all as expected, 1 not.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
bin=${SALLYPORT_BIN:-$top/build/bin}
store=${QEMU_STORE:-$top/build/qemu}
SECONDS_MAX=${QEMU_SECONDS:-1700}

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
root=$work/root

say() { echo "qemu: $*"; }
die() { say "$*"; exit 1; }

find_kernel() {
	local package
	mkdir -p "$store"
	if [ -z "${KERNEL_DEB:-}" ]; then
		package=$(apt-cache depends linux-image-amd64 | awk '/Depends: linux-image-/ {print $2; exit}')
		[ -n "$package" ] || die "apt knows no linux-image-amd64"
		KERNEL_DEB=$(compgen -G "$store/${package}_*.deb" | tail -n1) || {
			(cd "$store" && apt-get -q download "$package") || die "apt could not download $package"
			KERNEL_DEB=$(compgen -G "$store/${package}_*.deb" | tail -n1)
		}
	fi
	dpkg -x "$KERNEL_DEB" "$work/kernel"
	vmlinuz=$(compgen -G "$work/kernel/boot/vmlinuz-*")
	release=${vmlinuz##*/vmlinuz-}
}

# put FILE PLACE : a file of this machine into the guest, and the libraries it is linked to
put() {
	local library
	install -D "$1" "$root$2"
	for library in $(ldd "$1" 2>/dev/null | grep -o '/[^ ]*'); do
		[ -e "$root$library" ] || install -D "$library" "$root$library"
	done
}

program() { # program NAME… : as the shell finds them
	local name path
	for name in "$@"; do
		path=$(type -P "$name") || die "no $name on this machine"
		put "$path" "/usr/bin/$name"
	done
}

# module NAME… : with what it depends on, for the guest's modprobe, which the kernel calls by itself
module() {
	local name file
	depmod -b "$work/kernel" "$release"
	for name in "$@"; do
		modprobe -d "$work/kernel" -S "$release" --show-depends "$name" |
			awk '$1 == "insmod" {print $2}' >>"$work/modules" || die "no module $name"
	done
	sort -u "$work/modules" | while read -r file; do
		install -D -m 644 "$file" "$root/lib/modules/${file#*/lib/modules/}"
	done
	cp "$work/kernel/lib/modules/$release"/modules.{order,builtin,builtin.modinfo} "$root/lib/modules/$release/"
	depmod -b "$root" "$release"
}

make_root() {
	local dir
	mkdir -p "$root"/{usr/bin,usr/sbin,usr/lib,usr/lib64,proc,sys,dev,run,tmp,etc/sallyport,var/log}
	for dir in bin sbin lib lib64; do ln -s "usr/$dir" "$root/$dir"; done
	program bash cat cut date grep mkdir sed sleep sort tail touch timeout mount umount ip wg ping nft \
		nsenter
	put "$(type -P modprobe)" /usr/sbin/modprobe # where the kernel calls it
	put "$bin/sallyport" /usr/bin/sallyport
	put "$bin/sallyportd" /usr/bin/sallyportd
	module wireguard veth sch_ingress cls_bpf nf_tables nft_objref nft_limit nft_log nfnetlink_log
	install -m 755 "$top/tests/qemu/kernel-wireguard.guest" "$root/init"
	(cd "$root" && find . -print0 | cpio --null --quiet -o -H newc | gzip -1) >"$work/initrd.gz"
}

boot() {
	timeout --kill-after=10 "$SECONDS_MAX" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -m 1024 -smp 2 \
		-kernel "$vmlinuz" -initrd "$work/initrd.gz" \
		-append "console=ttyS0 quiet panic=-1 mitigations=off nokaslr tsc=reliable no_timer_check" \
		-vga none -nic none -nographic -no-reboot </dev/null |
		sed -u 's/\r$//; s/\x1b\[[0-9;?]*[A-Za-z]//g; s/\x1bc//g' | tee "$work/console"
}

for tool in qemu-system-x86_64 cpio depmod dpkg ldd; do
	type -P "$tool" >/dev/null || die "needs $tool (qemu-system-x86, cpio, kmod, dpkg)"
done
[ -x "$bin/sallyportd" ] || die "no $bin/sallyportd: run tools/build first"
find_kernel
make_root
say "booting $release with $(stat -c %s "$work/initrd.gz") bytes of initramfs"
boot || say "qemu ended with $?"
passed=$(grep -c '^ok: ' "$work/console" || true)
failed=$(grep -c '^NOT: ' "$work/console" || true)
grep -q '^the guest is done$' "$work/console" || { say "the guest did not come to its end"; failed=$((failed + 1)); }
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
