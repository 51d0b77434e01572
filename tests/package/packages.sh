#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The Debian packages: made, looked at by lintian, and lived with on a bare Debian under its own systemd (installed.sh).
#
#   packages.sh [FOLDER]     of packages that tools/deb made; without: it makes them, in minutes
#
# Exit code 77: skipped, the last line says why.
set -u
cd "$(dirname "$(readlink -f "$0")")/../.." || exit
source tests/support/expect.sh
folder=${1:-build/deb}
LAB_DIR=$(mktemp -d /var/tmp/sallyport-packages-XXXXXX) # a boot empties /tmp
trap 'rm -rf "$LAB_DIR"' EXIT

command -v dh >/dev/null && command -v lintian >/dev/null ||
	DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq -y --no-install-recommends install debhelper lintian >/dev/null ||
	{ echo "skip: debhelper and lintian are not there, and apt does not bring them"; exit 77; }
[ $# -gt 0 ] || tools/deb "$folder" || exit
expect "there are three packages" cp "$folder"/sallyport_*.deb "$folder"/sallyport-client_*.deb "$folder"/sallyport-bench_*.deb "$LAB_DIR"
expect "lintian finds nothing" same "$(lintian --allow-root --fail-on none "$LAB_DIR"/*.deb)" ""
holds() { dpkg-deb -c "$LAB_DIR/$1"_*.deb | grep "$2" >/dev/null; }
expect "the engine without a cipher is of the benchmarks" holds sallyport-bench vpnd-null
expect "and of nothing else" fails holds sallyport vpnd-null
needs() { dpkg-deb -f "$LAB_DIR/$1"_*.deb Depends | grep -q "$2"; }
expect "a laptop needs no BPF" fails needs sallyport-client 'libbpf\|libnftables\|libsqlite'
tools/bare --boot --copy "$LAB_DIR" --before "bash tests/package/installed.sh --fetch '$LAB_DIR'" \
	bash -c 'code=0; for part in installed readme; do bash "tests/package/$part.sh" "$1" || code=$?; done; exit $code' \
	bash "$LAB_DIR" 2>&1 | tee "$LAB_DIR/installed.log"
code=${PIPESTATUS[0]}
[ $code -ne 75 ] || { echo "skip: $(sed -n 's/^bare: skipped: //p' "$LAB_DIR/installed.log" | tail -n 1)"; exit 77; }
expect "they are lived with" same $code 0
expect_done
