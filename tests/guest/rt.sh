#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The daemon on a PREEMPT_RT kernel, in a guest under QEMU with CPU 1 isolated.
# Shown: `stepd doctor` finds the kernel and the CPU fit; a print of 60 s (PRINT_S) on the simulated MCU over a pty, with
# the rt thread at SCHED_FIFO on CPU 1 and its system calls filtered, has no late step, no underrun and no page
# fault, and every step is in its place; its wake-ups are printed beside cyclictest's of the same time. The horizon is a
# second (HORIZON_MS): the host may take a CPU from the guest for long, and that is not what is tested.
#
#   STEPD_BUILD=build tests/guest/rt.sh
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
folder=${STEPD_BUILD:-build}/guest/rt
tests/guest/kernel "$folder/../kernel" || exit
command -v cyclictest >/dev/null || { echo "skipped: no cyclictest (Debian: apt install rt-tests)"; exit 77; }
exec tests/guest/boot -t $((${PRINT_S:-60} + 180)) -e "PRINT_S=${PRINT_S:-60}" -e "HORIZON_MS=${HORIZON_MS:-1000}" "$folder" tests/guest/in-rt \
	"${STEPD_BUILD:-build}/stepd" "${STEPD_BUILD:-build}/mcu-sim" "$(command -v cyclictest)" \
	tests/guest/common:common etc/sim-corexy.cfg:printer.cfg etc/demo/demo.gcode:part.gcode etc/sysctl/stepd.conf:etc/stepd.conf
