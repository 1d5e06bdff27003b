#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The kernel module stepd_stamp on a PREEMPT_RT kernel in a guest, with the debugging of the kernel's memory on.
# Shown: what is sent to a pty and to a serial port is read unchanged and stamped byte for byte, each stamp between the
# write and the read; each edge of a simulated GPIO line is stamped once, in its time, by the module and through libgpiod, and
# the delays are printed side by side; wrong requests get the error that the UAPI header names; a fuzzer on all calls, and CYCLES (100)
# cycles of load, attach, detach and unload under traffic, leave no warning in the kernel's log.
#
#   STEPD_BUILD=build CYCLES=1000 FUZZ_CALLS=200000 tests/guest/kmod.sh
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
build=${STEPD_BUILD:-build}
folder=$build/guest/kmod
tests/guest/kernel "$folder/../kernel" || exit
if ! files=$(tests/guest/module "$build"); then
	status=$?
	echo "$files"
	exit $status
fi
mapfile -t files <<<"$files"
# gpiomon stamps through libgpiod; without it, or the chip, those cases skip.
! command -v gpiomon >/dev/null || files+=("$(command -v gpiomon)")
# Two serial ports of the guest, connected with each other.
wire=$(mktemp -u /tmp/stepd-guest.XXXXXX)
trap 'rm -f "$wire"' EXIT
tests/guest/boot -t $((180 + ${CYCLES:-100} / 2)) -k slub_debug=FZPU -e "CYCLES=${CYCLES:-100}" -e "FUZZ_CALLS=${FUZZ_CALLS:-20000}" \
	-e "EDGES=${EDGES:-1000}" -e "SEED=${STEPD_SEED:-20261125}" "$folder" tests/guest/in-kmod "${files[@]}" \
	"$build"/tests/guest/{kmod_test,kmod_unload,kmod_fuzz,sync_test} -- -chardev "socket,id=a,path=$wire,server=on,wait=off" \
	-chardev "socket,id=b,path=$wire" -serial chardev:a -serial chardev:b
