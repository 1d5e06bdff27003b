#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The real daemon prints for over a minute: G-code FIFO, rt thread, pty, mcu-sim in a process of its
# own. Shows: no late step, no underrun, every executed step in its place (stepd verify).
# LOAD=n keeps n other processes busy meanwhile (print-under-load.sh).
#
#   STEPD_BUILD=build tests/live/print.sh
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
build=${STEPD_BUILD:-build}
dir=$build/live-${LOAD:-0}
mkdir -p "$dir"
load_pids=()
trap '[ ${#load_pids[@]} = 0 ] || kill "${load_pids[@]}"' EXIT

# The first layer is slow on purpose: these lines take over a minute.
head -n 1900 etc/demo/demo.gcode >"$dir/part.gcode"
for ((i = 0; i < ${LOAD:-0}; i++)); do
	while :; do :; done &
	load_pids+=($!)
done

export BUILD=$build NO_BUILD=1 DIR=$dir GCODE=$dir/part.gcode SECONDS_MAX=180
unset FAST
etc/demo/run-demo >"$dir/out.txt" 2>&1
status=$?
cat "$dir/out.txt"
if [ "${LOAD:-0}" -gt 0 ] && ! grep -q 'scheduling SCHED_FIFO' "$dir/out.txt"; then
	echo "without SCHED_FIFO nothing can be promised under load"
	exit 77
fi
grep -q 'late steps 0, underruns 0' "$dir/out.txt" || { echo "late steps or underruns"; exit 1; }
exit $status
