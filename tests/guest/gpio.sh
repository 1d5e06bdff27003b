#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# GPIO lines of a real kernel (PREEMPT_RT, in a guest), of a chip that its simulator makes: the daemon with its threads at SCHED_FIFO and
# motors and a switch on lines. Shown: a line that somebody has is named; Z homes by a switch that the test closes, and what it
# believes to have gone on since is what the kernel's trace says of its steps; every step of a move is on its line
# once, in order and direction, by that trace (stepd verify); a button runs its lines; a chip that is taken away is a fault that says so; the kernel complains of
# nothing. How late steps are is printed: under emulation that is for function only.
#
#   STEPD_BUILD=build tests/guest/gpio.sh
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
build=${STEPD_BUILD:-build}
folder=$build/guest/gpio
tests/guest/kernel "$folder/../kernel" || exit
if ! files=$(tests/guest/module "$build"); then
	status=$?
	echo "$files"
	exit $status
fi
mapfile -t files <<<"$files"
command -v gpiomon >/dev/null || { echo "skipped: no gpiomon (Debian: apt install gpiod)"; exit 77; }
exec tests/guest/boot -t 300 "$folder" tests/guest/in-gpio "$build/stepd" "$build/mcu-sim" "$(command -v gpiomon)" "${files[@]}" \
	tests/guest/common:common tests/data/gpio.cfg:printer.cfg
