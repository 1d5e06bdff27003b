#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The daemon on a PREEMPT_RT kernel, in a guest under QEMU with CPU 1 isolated.
# Shown: `stepd doctor` finds the kernel and the CPU fit; a print of 60 s (PRINT_S) on the simulated MCU over a socket, under
# stress-ng's load, with the rt thread at SCHED_FIFO on CPU 1 and its system calls filtered, comes to its end without a fault or a page
# fault, and every step is in its place; its wake-ups are printed beside cyclictest's of the same time, which wakes up as often.
# The horizon is a second (HORIZON_MS): the host may take a CPU from the guest for long, and that is not what is tested. With
# STRICT=1, for a machine that does nothing else, the horizon is 100 ms, there must be no late step and no underrun, and the wake-ups'
# p99.9 at most 1.2 times cyclictest's.
#
#   STEPD_BUILD=build STRICT=1 PRINT_S=120 tests/guest/rt.sh
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
folder=${STEPD_BUILD:-build}/guest/rt
tests/guest/kernel "$folder/../kernel" || exit
load=()
! command -v stress-ng >/dev/null || load=("$(command -v stress-ng)")
horizon_ms=${HORIZON_MS:-$([ "${STRICT:-0}" = 1 ] && echo 100 || echo 1000)}
command -v cyclictest >/dev/null || { echo "skipped: no cyclictest (Debian: apt install rt-tests)"; exit 77; }
exec tests/guest/boot -t $((${PRINT_S:-60} + 180)) -e "PRINT_S=${PRINT_S:-60}" -e "HORIZON_MS=$horizon_ms" -e "LOW_WATER_MS=$((horizon_ms * 3 / 4))" -e "STRICT=${STRICT:-0}" -e "LOOKAHEAD_S=${LOOKAHEAD_S:-5}" "$folder" tests/guest/in-rt \
	"${STEPD_BUILD:-build}/stepd" "${STEPD_BUILD:-build}/mcu-sim" "$(command -v cyclictest)" "${load[@]}" \
	tests/guest/common:common bench/cyclictest.awk:cyclictest.awk etc/sim-corexy.cfg:printer.cfg etc/demo/demo.gcode:part.gcode etc/sysctl/stepd.conf:etc/stepd.conf
