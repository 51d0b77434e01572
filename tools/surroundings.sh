# SPDX-License-Identifier: GPL-3.0-or-later
# What ./demo, ./check, the tools and the labs start from, whatever shell they are called from: sourced before anything
# else. What is made can be read by the users that the engine and the portal become, text is sorted and printed in
# one way, sbin is found, the three standard descriptors are open and temporary files have a place.

umask 022
unset CDPATH POSIXLY_CORRECT LANGUAGE SALLYPORT_ROOT
export LC_ALL=C.UTF-8 HOME="${HOME:-/root}"
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

# A descriptor that is closed would become the next file that is opened.
[ -e /proc/self/fd/0 ] || exec </dev/null
[ -e /proc/self/fd/2 ] || exec 2>/dev/null
[ -e /proc/self/fd/1 ] || exec >&2

if [ -n "${TMPDIR:-}" ]; then
	if ! { [ -d "$TMPDIR" ] && [ -w "$TMPDIR" ]; }; then
		echo "${0##*/}: TMPDIR is $TMPDIR, where nothing can be written; make that folder, or: unset TMPDIR" >&2
		exit 1
	fi
	TMPDIR=$(cd "$TMPDIR" && pwd)
elif ! [ -w /tmp ] && [ -w /var/tmp ]; then
	export TMPDIR=/var/tmp
fi
