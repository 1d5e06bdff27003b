#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Heating in real time: the real stepd and mcu-sim over a pty, with the model of the warm parts.
# Shown: M109 reaches its target and reports on the way; STATUS and a sensor of the host's are there; M108 ends a
# wait; a daemon that is killed (SIGKILL) is followed by a heater pin that is low within 3 s, for good; a new
# daemon takes over and heats again; its orderly end switches the heater off at once. A heater's fault stays latched over
# SIGKILL, RESTART and FIRMWARE_RESTART, and CLEAR_FAULT ends that for the daemons to come as well. At most 60 s.
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
		-o stepd.gcode_ack=none -o stepd.inject_faults=True -o stepd.flight_file="$memory/flight" >"$dir/stepd.log" 2>&1 &
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
start_mcu --printer "$dir/printer" --trace "$dir/trace"

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

# A fault of a heater outlives the daemon.
ask() { # REPLY LINES
	: >"$dir/replies"
	printf '%b\n' "$2" >"$dir/gcode"
	said 5 "$1"
}

latched() { # AFTER
	said 15 'extruder: its fault heater_sensor of .* is still latched: it is off until CLEAR_FAULT'
	await 15 grep -q '// ready' "$dir/replies" || fail "not ready after $1"
	ask 'extruder is switched off for a fault: sensor out of range' 'M104 S100'
}

clears() { # once the sensor has read something
	echo CLEAR_FAULT >"$dir/gcode"
	sleep 0.5
	grep -q '1 cleared, 0 latched' "$dir/replies"
}

start_stepd
echo 'INJECT_FAULT CLASS=heater_sensor COMPONENT=extruder' >"$dir/now"
said 5 'until CLEAR_FAULT'
sleep 0.5
kill -KILL "$stepd_pid"
wait "$stepd_pid" 2>/dev/null
start_stepd
latched 'a kill'
for word in RESTART FIRMWARE_RESTART; do
	: >"$dir/replies"
	echo $word >"$dir/now"
	latched $word
done
await 5 clears || fail "CLEAR_FAULT does not clear it"
sleep 0.5
kill -KILL "$stepd_pid"
wait "$stepd_pid" 2>/dev/null
start_stepd
ask 'echo: set' 'M104 S100\nM118 set'
! grep -Eq '^!!|is still latched' "$dir/replies" || fail "it is latched, though it was cleared"
echo "passed"
