#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Heating in real time: the real stepd and mcu-sim over a pty, with the model of the warm parts.
# Shown: M109 reaches its target and reports on the way; STATUS and a sensor of the host's are there; M108 ends a
# wait; a daemon that is killed (SIGKILL) is followed by a heater pin that is low within 3 s, for good; a new
# daemon takes over and heats again; its orderly end switches the heater off at once. At most 60 s.
#
#   STEPD_BUILD=build tests/live/heat.sh
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
# shellcheck source=tests/live/common.bash
. tests/live/common.bash

start_stepd() {
	: >"$dir/replies"
	: >"$dir/stepd.log"
	"$build/stepd" -c etc/sim-heated.cfg -o mcu.serial="$dir/pty" -o stepd.gcode_fifo="$dir/gcode" \
		-o stepd.out_of_band_fifo="$dir/now" -o stepd.reply_file="$dir/replies" \
		-o stepd.gcode_ack=none -o stepd.flight_file="$memory/flight" >"$dir/stepd.log" 2>&1 &
	stepd_pid=$!
	await 15 grep -q 'stepd: ready' "$dir/stepd.log" || fail "stepd is not ready"
}

# The heater's pin as the trace has it.
level() {
	awk '$2 == "PG0" { level = $3 } END { print level }' "$dir/trace"
}

is_off() {
	[ "$(level)" = 0 ]
}

said() {
	await "$1" grep -q "$2" "$dir/replies" || fail "no '$2'"
}

"$build/stepd" model -c etc/sim-heated.cfg >"$dir/printer" || fail "no model"
"$build/mcu-sim" --pty "$dir/pty" --printer "$dir/printer" --trace "$dir/trace" >"$dir/mcu.log" 2>&1 &
mcu_pid=$!
await 5 test -e "$dir/pty" || fail "no pty"

start_stepd
printf 'M109 S45\nM118 hot\nTEMPERATURE_WAIT SENSOR=extruder MINIMUM=200\nM118 ended\n' >"$dir/gcode"
said 30 'echo: hot'
grep -q 'T:[34][0-9.]* /45.0 B:25' "$dir/replies" || fail "no report on the way"
sleep 0.3
echo STATUS >"$dir/now"
said 5 'heater extruder: 4[3-6]'
printf 'M108\n' >"$dir/now"
said 5 'echo: ended'
! grep '^!!' "$dir/replies" || fail "errors"

# The host is gone while the heater is full on.
printf 'M104 S150\n' >"$dir/gcode"
sleep 1.5
[ "$(level)" = 1 ] || fail "the heater is not on"
read -r killed_s _ </proc/uptime
kill -KILL "$stepd_pid"
wait "$stepd_pid" 2>/dev/null
sleep 3
await 5 is_off || fail "the heater is on though the host was killed"
off_in_time PG0 "$killed_s"
sleep 1
[ "$(level)" = 0 ] || fail "the heater is on again, without a host"

start_stepd
printf 'M109 S60\nM118 again\nM104 S150\nG4 P100\n' >"$dir/gcode"
said 30 'echo: again'
sleep 1.5
[ "$(level)" = 1 ] || fail "the heater is not on"
kill "$stepd_pid"
wait "$stepd_pid" 2>/dev/null
stepd_pid=''
await 1 is_off || fail "the heater is on after an orderly end"
echo "passed"
