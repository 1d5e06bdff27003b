#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The kernel module builds without a warning against Debian's 6.1 headers, RT and not, and against newer ones where they can
# be had (their differences are found by feature tests: kmod/Kbuild).
#
#   STEPD_BUILD=build tests/guest/kmod-build.sh
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
build=${STEPD_BUILD:-build}
tests/guest/kernel "$build/guest/kernel" || exit
for package in "linux-headers-$(<"$build/guest/kernel/release")" linux-headers-amd64 linux-headers-6.12-rt-amd64; do
	if ! kdir=$(tests/guest/headers "$build/guest/headers" "$package" 2>&1); then
		echo "$kdir"
		# The newer ones are not in every Debian's sources.
		[ "$package" = linux-headers-6.12-rt-amd64 ] && continue
		exit 77
	fi
	out=$build/kmod-for/${kdir##*/linux-headers-}
	rm -rf "$out"
	if ! nice -n 5 make -s kmod BUILD="$out" KDIR="$kdir" KCFLAGS=-Werror </dev/null >"$build/guest/kmod.log" 2>&1; then
		cat "$build/guest/kmod.log"
		echo "FAILED: does not build against $kdir"
		exit 1
	fi
	if grep -i warning "$build/guest/kmod.log"; then
		echo "FAILED: warnings with $kdir"
		exit 1
	fi
	echo "built: $(strings "$out/kmod/stepd_stamp.ko" | grep ^vermagic=)"
done
