#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A print that comes through the FIFO (cat file) is paused by a fault in mid-move: the real stepd and mcu-sim over a pty.
# Shown: it stands at once, its lines wait in the pipe, jogs come out of band, RESUME goes on and the last line's place is
# reached; every step in its place (stepd verify). At most 60 s.
#
#   STEPD_BUILD=build tests/live/stream.sh
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
# shellcheck source=tests/live/common.bash
. tests/live/common.bash

# stands_at AXIS MM: STATUS or M114 said so last.
stands_at() {
	: >"$dir/replies"
	echo M114 >"$dir/now"
	sleep 0.2
	grep -q "$1:$2" "$dir/replies"
}

"$build/stepd" model -c etc/sim-cartesian.cfg >"$dir/printer" || fail "no model"
start_mcu --rt --printer "$dir/printer" --trace "$dir/edges"
: >"$dir/replies"
"$build/stepd" --seccomp --trace "$dir/plan" -c etc/sim-cartesian.cfg -o mcu.serial="$dir/pty" \
	-o stepd.gcode_fifo="$dir/gcode" -o stepd.out_of_band_fifo="$dir/now" -o stepd.reply_file="$dir/replies" \
	-o stepd.inject_faults=True -o stepd.flight_file="$memory/flight" >"$dir/stepd.log" 2>&1 &
stepd_pid=$!
await 15 grep -q 'stepd: ready' "$dir/stepd.log" || fail "stepd is not ready"
{
	echo G28
	for ((i = 0; i < 300; i++)); do
		echo "G1 X$((50 + i % 2 * 3)) Y$((20 + i / 10)) F3600"
	done
	for ((i = 0; i < 20000; i++)); do echo "G4 P0"; done
	echo 'M400'
	echo 'M118 the last line'
} >"$dir/part.gcode"
cat "$dir/part.gcode" >"$dir/gcode" &
sleep 9
echo 'INJECT_FAULT CLASS=filament COMPONENT=runout' >"$dir/now"
await 3 grep -q 'all other commands are taken out of band' "$dir/replies" || fail "the pause is not told"
sleep 0.5
printf 'G91\nG1 Z7 F600\nG90\nG1 X120 F6000\nM400\nM118 jogged\n' >"$dir/now"
await 10 grep -q jogged "$dir/replies" || fail "no jog"
stands_at X 120.000 || fail "not where it was moved to"
sleep 2
stands_at X 120.000 || fail "something moved it"
grep -q 'the last line' "$dir/replies" && fail "the print went on"
echo RESUME >"$dir/now"
await 30 grep -q 'the last line' "$dir/replies" || fail "the print does not come to its end"
stands_at X 53.000 || fail "not at the end"
stands_at Y 49.000 || fail "not at the end"
grep '^!!' "$dir/replies" && fail "errors"
kill -TERM "$stepd_pid"
wait "$stepd_pid" || fail "exit status $?"
kill -TERM "$mcu_pid"
wait "$mcu_pid"
"$build/stepd" verify "$dir/plan" "$dir/edges" || fail "verify"
echo "passed in $SECONDS s"
