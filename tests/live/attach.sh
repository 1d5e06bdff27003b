#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# An MCU with role: optional that comes late, dies and comes back while the daemon prints: the real stepd and two mcu-sim
# over ptys.
# Shown: the daemon starts without it and attaches it once it is there, its output as it was set meanwhile; killed (SIGKILL)
# in mid-print, its loss is told and the print goes on; started anew, at a device of the same name, it is attached again
# without a restart and its output is as it was set; the motion of the whole print comes to its end, the steppers are where
# they were told to be. At most 60 s.
#
#   STEPD_BUILD=build tests/live/attach.sh
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
# shellcheck source=tests/live/common.bash
. tests/live/common.bash

tool_pid=''
start_tool() {
	rm -f "$dir/tool"
	"$build/mcu-sim" --rt --pty "$dir/tool" --trace "$dir/tool.trace" >"$dir/tool.log" 2>&1 &
	tool_pid=$!
	await 5 test -e "$dir/tool" || fail "no pty of the second MCU"
}

# shellcheck disable=SC2317,SC2329 # called by trap
end() {
	[ -n "$tool_pid" ] && kill "$tool_pid" 2>/dev/null
	clean_up
}
trap end EXIT

lamp() { # LEVEL
	[ "$(awk '$2 == "PA1" { level = $3 } END { print level }' "$dir/tool.trace")" = "$1" ]
}

said() { # SECONDS TEXT
	await "$1" grep -q -- "$2" "$dir/replies" || fail "no '$2'"
}

{
	echo "[include $PWD/etc/sim-cartesian.cfg]"
	printf '[mcu tool]\nserial: %s\nrole: optional\n[output_pin lamp]\npin: tool:PA1\n' "$dir/tool"
} >"$dir/printer.cfg"
"$build/stepd" model -c "$dir/printer.cfg" >"$dir/printer" || fail "no model"
start_mcu --rt --printer "$dir/printer"
: >"$dir/replies"
"$build/stepd" --seccomp -c "$dir/printer.cfg" -o mcu.serial="$dir/pty" -o stepd.gcode_fifo="$dir/gcode" \
	-o stepd.out_of_band_fifo="$dir/now" -o stepd.reply_file="$dir/replies" -o stepd.gcode_ack=none \
	-o stepd.horizon_ms=500 -o stepd.flight_file="$memory/flight" >"$dir/stepd.log" 2>&1 &
stepd_pid=$!
await 15 grep -q 'stepd: ready' "$dir/stepd.log" || fail "stepd is not ready"
said 1 'goes on without it until it comes'
! grep -q RESTART "$dir/replies" || fail "RESTART is asked for, though it is not needed"
echo 'SET_PIN PIN=lamp VALUE=1' >"$dir/gcode"
sleep 1
start_tool
said 15 "mcu 'tool': attached again"
await 5 lamp 1 || fail "the lamp is not on as it was set before"
grep '^!!' "$dir/replies" && fail "errors"

{
	printf 'SET_PIN PIN=lamp VALUE=1\nG90\nG1 X50 Y50 F9000\n'
	for ((i = 0; i < 25; i++)); do
		printf 'G1 X60 F3000\nG1 Y60\nG1 X50\nG1 Y50\n'
	done
	printf 'G1 X33 Y44\nM400\nGET_POSITION\nM118 arrived\n'
} >"$dir/gcode" &
await 5 lamp 1 || fail "the lamp is not on"
: >"$dir/replies"
kill -KILL "$tool_pid"
{ wait "$tool_pid"; } 2>/dev/null
said 5 'tool: does not answer: the print goes on'
start_tool
said 15 "mcu 'tool': attached again"
await 5 lamp 1 || fail "the lamp is not on again"
grep -q arrived "$dir/replies" && fail "the print was over before"
said 40 arrived
grep '^!!' "$dir/replies" && fail "errors"
grep -q 'stepper: X:33.0000.* Y:44.0000' "$dir/replies" || fail "the steppers are elsewhere"
kill -TERM "$stepd_pid"
wait "$stepd_pid" || fail "exit status $?"
echo "passed in $SECONDS s"
