#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The daemon is killed (SIGKILL) while it heats two heaters and prints: the real stepd and mcu-sim over a pty.
# Shown: both heater pins are low within 3 s and stay so; the motors stand still within that time; a new daemon comes up,
# says what was printed and up to which byte, does not go on by itself, and RECOVER_JOB says the steps and refuses to go on
# before they are taken. At most 60 s.
#
#   STEPD_BUILD=build tests/live/kill.sh
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
# shellcheck source=tests/live/common.bash
. tests/live/common.bash

start_stepd() {
	: >"$dir/replies"
	: >"$dir/stepd.log"
	"$build/stepd" -c "$dir/printer.cfg" -o mcu.serial="$dir/pty" -o stepd.gcode_fifo="$dir/gcode" \
		-o stepd.out_of_band_fifo="$dir/now" -o stepd.reply_file="$dir/replies" -o stepd.gcode_ack=none \
		-o stepd.horizon_ms=500 -o stepd.flight_file="$memory/flight" >"$dir/stepd.log" 2>&1 &
	stepd_pid=$!
	await 15 grep -q 'stepd: ready' "$dir/stepd.log" || fail "stepd is not ready"
}

level() { # PIN
	awk -v pin="$1" '$2 == pin { level = $3 } END { print level }' "$dir/trace"
}

is_off() { # PIN
	[ "$(level "$1")" = 0 ]
}

edges() {
	wc -l <"$dir/trace"
}

said() { # SECONDS TEXT
	await "$1" grep -q -- "$2" "$dir/replies" || fail "no '$2'"
}

mkdir -p "$dir/card"
{
	printf 'G90\nM83\nG1 X50 Y50 Z0.3 F9000\n'
	for ((i = 0; i < 400; i++)); do
		printf 'G1 X%d F3000\nG1 Y60\nG1 X50\nG1 Y50\n' $((60 + i % 10))
	done
} >"$dir/card/long.gcode"
{
	cat etc/sim-heated.cfg
	printf '[virtual_sdcard]\npath: %s\n' "$dir/card"
} | sed "s|\[include sim-cartesian.cfg\]|[include $PWD/etc/sim-cartesian.cfg]|" >"$dir/printer.cfg"

"$build/stepd" model -c "$dir/printer.cfg" >"$dir/printer" || fail "no model"
start_mcu --rt --printer "$dir/printer" --trace "$dir/trace"

start_stepd
printf 'M140 S60\nM104 S150\nSDCARD_PRINT_FILE FILENAME=long.gcode\n' >"$dir/gcode"
said 5 'File opened'
sleep 5
for pin in PG0 PG1; do
	[ "$(level $pin)" = 1 ] || fail "$pin is not on"
done
had=$(edges)
sleep 0.5
[ "$(edges)" -gt "$had" ] || fail "nothing moves"
read -r killed_s _ </proc/uptime
kill -KILL "$stepd_pid"
wait "$stepd_pid" 2>/dev/null
sleep 3
for pin in PG0 PG1; do
	await 5 is_off $pin
	off_in_time $pin "$killed_s"
done
had=$(edges)
sleep 1
[ "$(edges)" = "$had" ] || fail "something moves, or is switched, without a host"

start_stepd
said 5 'long.gcode has not been printed to its end: byte [1-9][0-9]* of [0-9]*; RECOVER_JOB says'
printf 'RECOVER_JOB\nRECOVER_JOB GO=1\nM27\n' >"$dir/gcode"
said 5 'step: SET_HEATER_TEMPERATURE HEATER=extruder TARGET=150'
said 5 'is at .* expected'
said 5 'Not SD printing'
printf 'RECOVER_JOB FORGET=1\nRECOVER_JOB\n' >"$dir/gcode"
said 5 'expected a print that did not come to its end'
echo "passed"
