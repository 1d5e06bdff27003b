#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The clock estimates of stepd in a guest, where the true clocks of the simulated MCUs are known: four MCUs in one run, under
# load and while one of them prints; one by round trips alone, one with its bytes stamped by the module's line discipline, one
# with a sync line stamped by the kernel's GPIO device, one with a sync line stamped by the module. The lines are those of the kernel's
# GPIO simulator. Shown: each is as configured, and its error, p50, p99.9 and max, over CLOCK_S (30) seconds; with STRICT=1, that
# the module's sync line is five times better than the round trips. Then, in mid-print, the module is released and
# unloaded, the wire cut and mended: each time the next best takes over with a word, and the print goes on.
#
#   STEPD_BUILD=build CLOCK_S=300 STRICT=1 tests/guest/clock.sh
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
build=${STEPD_BUILD:-build}
folder=$build/guest/clock
tests/guest/kernel "$folder/../kernel" || exit
if ! files=$(tests/guest/module "$build"); then
	status=$?
	echo "$files"
	exit $status
fi
mapfile -t files <<<"$files"
if [[ ${files[*]} != *gpio-sim.ko* ]]; then
	echo "skipped: no gpio-sim"
	exit 77
fi
! command -v stress-ng >/dev/null || files+=("$(command -v stress-ng)")
exec tests/guest/boot -t $((${CLOCK_S:-30} + 500)) -e "CLOCK_S=${CLOCK_S:-30}" -e "HORIZON_MS=${HORIZON_MS:-1000}" -e "STRICT=${STRICT:-0}" -e "LOOKAHEAD_S=${LOOKAHEAD_S:-5}" \
	"$folder" tests/guest/in-clock "$build/stepd" "$build/mcu-sim" "${files[@]}" tests/guest/common:common \
	bench/clock-error.awk:clock-error.awk etc/sim-corexy.cfg:printer.cfg etc/demo/demo.gcode:part.gcode
