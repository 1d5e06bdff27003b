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
if ! kdir=$(tests/guest/headers "$build/guest/headers" "linux-headers-$(<"$folder/../kernel/release")" 2>&1); then
	echo "$kdir"
	exit 77
fi
if ! nice -n 5 make -s kmod BUILD="$folder" KDIR="$kdir" KCFLAGS=-Werror </dev/null >"$folder.log" 2>&1; then
	cat "$folder.log"
	echo "FAILED: the module does not build"
	exit 1
fi
# A GPIO chip that the test drives, and gpiomon, which stamps through libgpiod; without them those cases skip.
more=()
if tests/guest/gpio-sim "$folder/../gpio-sim" "$(<"$folder/../kernel/release")" "$kdir" && command -v gpiomon >/dev/null; then
	more=("$folder/../gpio-sim/gpio-sim.ko:gpio-sim.ko" "$folder/../kernel/modules/configfs.ko:configfs.ko" "$(command -v gpiomon)")
fi
# Two serial ports of the guest, connected with each other.
wire=$(mktemp -u /tmp/stepd-guest.XXXXXX)
trap 'rm -f "$wire"' EXIT
tests/guest/boot -t $((180 + ${CYCLES:-100} / 2)) -k slub_debug=FZPU -e "CYCLES=${CYCLES:-100}" -e "FUZZ_CALLS=${FUZZ_CALLS:-20000}" \
	-e "EDGES=${EDGES:-1000}" -e "SEED=${STEPD_SEED:-20261125}" "$folder" tests/guest/in-kmod "$folder/kmod/stepd_stamp.ko:stepd_stamp.ko" \
	"$build/tests/guest/kmod_test" "$build/tests/guest/sync_test" "${more[@]}" -- -chardev "socket,id=a,path=$wire,server=on,wait=off" \
	-chardev "socket,id=b,path=$wire" -serial chardev:a -serial chardev:b
