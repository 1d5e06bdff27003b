#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The MCU stands still for 2 s in the middle of a move (SIGSTOP), or is reset in it (SIGKILL, and started again, its device
# gone meanwhile): the real stepd and mcu-sim over a pty.
# Shown: the daemon says that motion is stopped and keeps the flight record; CLEAR_FAULT makes the machine ready again without
# a restart, moves go on (after homing, if the motors were let go of), another record is begun beside the kept one,
# and each further stop is recorded and recovered just so. At most 60 s.
#
#   STEPD_BUILD=build tests/live/recover.sh
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
# shellcheck source=tests/live/common.bash
. tests/live/common.bash

clears() {
	echo CLEAR_FAULT >"$dir/now"
	sleep 0.5
	grep -q 'ready again; positions read back' "$dir/replies"
}

stands_still() {
	kill -STOP "$mcu_pid"
	sleep 2
	kill -CONT "$mcu_pid"
}

is_reset() {
	kill -KILL "$mcu_pid"
	{ wait "$mcu_pid"; } 2>/dev/null
	sleep 1
	start_mcu --rt --printer "$dir/printer"
}

# stop_and_on N HOW: the Nth stop.
stop_and_on() {
	: >"$dir/replies"
	printf 'G1 X150 F1500\n' >"$dir/gcode"
	sleep 1
	"$2"
	await 5 grep -q 'motion is stopped until CLEAR_FAULT' "$dir/replies" || fail "stop $1 is not told"
	[ -e "$memory/flight.$1" ] || fail "no record of stop $1"
	await 2 clears || fail "stop $1: not ready again"
	[ -e "$memory/flight" ] || fail "no record after stop $1"
	"$build/stepd" dump "$memory/flight.$1" >"$dir/dump.$1" 2>&1
	grep -qi 'fault' "$dir/dump.$1" || fail "record $1 says nothing of the fault"
	: >"$dir/replies"
	printf 'G28\nG1 X20 F6000\nM400\nM118 arrived\n' >"$dir/gcode"
	await 20 grep -q arrived "$dir/replies" || fail "no motion after stop $1"
	grep '^!!' "$dir/replies" && fail "errors"
	return 0
}

"$build/stepd" model -c etc/sim-cartesian.cfg >"$dir/printer" || fail "no model"
start_mcu --rt --printer "$dir/printer"
: >"$dir/replies"
"$build/stepd" --seccomp -c etc/sim-cartesian.cfg -o mcu.serial="$dir/pty" -o stepd.gcode_fifo="$dir/gcode" \
	-o stepd.out_of_band_fifo="$dir/now" -o stepd.reply_file="$dir/replies" -o stepd.gcode_ack=none \
	-o stepd.flight_file="$memory/flight" >"$dir/stepd.log" 2>&1 &
stepd_pid=$!
await 15 grep -q 'stepd: ready' "$dir/stepd.log" || fail "stepd is not ready"
printf 'G28\nG1 X20 F6000\n' >"$dir/gcode"
sleep 8
stop_and_on 1 stands_still
stop_and_on 2 is_reset
stop_and_on 3 is_reset
kill -TERM "$stepd_pid"
wait "$stepd_pid" || fail "exit status $?"
echo "passed in $SECONDS s"
