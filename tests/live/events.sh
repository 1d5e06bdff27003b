#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The printer of mcu-sim breaks, and the real daemon finds it: lines of --events at their times, lines of the FIFO of --commands at once.
# Shown: a chip that is silent (by time, and mended by time), a fan without a tachometer's edges, a driver that is hot, an analog button and a
# filament switch by name, lights that can't be sent and then are; wrong lines are said and change nothing. At most 90 s.
#
#   STEPD_BUILD=build tests/live/events.sh
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
# shellcheck source=tests/live/common.bash
. tests/live/common.bash

said() { # TEXT
	await 15 grep -q -- "$1" "$dir/replies" || fail "no '$1'"
}

out() {
	echo 'QUERY_FILAMENT_SENSOR SENSOR=runout' >"$dir/now"
	sleep 0.2
	grep -q 'filament not detected' "$dir/replies"
}

# The machine of the other test, with what that hasn't.
printf '%s\n' "[include $PWD/etc/sim-printer.cfg]" '[neopixel strip]' 'pin: PG7' 'chain_count: 3' \
	'[gcode_button up]' 'pin: PF6' 'analog_range: 900, 1100' 'press_gcode: M118 up' >"$dir/config"
printf '%s\n' '# by time' '3 enclosure chip silent' '6 enclosure chip ok' >"$dir/events"
"$build/stepd" model -c "$dir/config" >"$dir/printer" || fail "no model"
start_mcu --printer "$dir/printer" --events "$dir/events" --commands "$dir/break"
: >"$dir/replies"
: >"$dir/stepd.log"
"$build/stepd" -c "$dir/config" -o mcu.serial="$dir/pty" -o virtual_sdcard.path="$dir" -o virtual_sdcard.journal=none \
	-o save_variables.filename="$dir/variables.cfg" -o stepd.gcode_fifo="$dir/gcode" -o stepd.out_of_band_fifo="$dir/now" \
	-o stepd.reply_file="$dir/replies" -o stepd.rt_priority=0 -o stepd.gcode_ack=none -o stepd.flight_file="$memory/flight" >"$dir/stepd.log" 2>&1 &
stepd_pid=$!
await 15 grep -q 'stepd: ready' "$dir/stepd.log" || fail "stepd is not ready"

said 'enclosure: this temperature sensor counts as broken: BME280'
said 'enclosure is back'

echo 'up on' >"$dir/break"
said 'echo: up'

echo 'strip busy' >"$dir/break"
await 5 grep -q 'mcu-sim: strip busy' "$dir/mcu.log" || fail "not told"
echo 'SET_LED LED=strip RED=1' >"$dir/gcode"
said 'neopixel strip.: the MCU is too busy'
echo 'strip ok' >"$dir/break"

echo 'tmc2209_stepper_y hot' >"$dir/break"
said 'stepper_y: driver is near its limits: tmc2209: overtemperature warning'

printf 'M106 S255\nG4 P1500\nM118 turns\n' >"$dir/gcode"
said 'echo: turns'
echo 'fan tacho dead' >"$dir/break"
said 'fan below its least speed'

echo 'runout off' >"$dir/break"
await 5 grep -q 'mcu-sim: runout off' "$dir/mcu.log" || fail "not told"
await 10 out || fail "there is filament"

printf 'nose sensor open\nextruder burns\n' >"$dir/break"
await 5 grep -q "component 'nose': expected a heater" "$dir/mcu.log" || fail "nothing about a wrong component"
await 5 grep -q "action 'burns': expected blocked, slip or ok; sensor ok" "$dir/mcu.log" || fail "nothing about a wrong action"

kill "$mcu_pid"
wait "$mcu_pid" 2>/dev/null
mcu_pid=''
[ ! -e "$dir/break" ] || fail "the FIFO is still there"
echo '1 nose open' >"$dir/events"
! "$build/mcu-sim" --printer "$dir/printer" --events "$dir/events" >"$dir/mcu.log" 2>&1 || fail "wrong events were taken"
grep -q "events:1: component 'nose': expected a heater" "$dir/mcu.log" || fail "nothing about the line"
echo "passed"
