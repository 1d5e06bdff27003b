#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The real daemon makes a whole print on a whole printer: stepd and mcu-sim, which has the drivers, the converter, the
# fans, the filament sensors and the button of etc/sim-printer.cfg behind its pins. Shown: the sliced file heats, homes by stall
# and with the probe, primes, pauses for another colour, goes on, and ends with motors and heaters off; the drivers' registers
# are read back; no late step, every one in its place (stepd verify), at both edges of the step pins. At most 200 s.
#
#   STEPD_BUILD=build tests/live/whole-print.sh
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
# shellcheck source=tests/live/common.bash
. tests/live/common.bash

said() { # TEXT
	grep -q -- "$1" "$dir/replies"
}

mkdir -p "$dir/card"
cp tests/data/whole-print.gcode "$dir/card"
# Warm parts with less mass: the same print in less time.
light=(-o stepd_sim_heater\ heater_bed.capacity_j_k=100 -o stepd_sim_heater\ extruder.capacity_j_k=5)
"$build/stepd" model -c etc/sim-printer.cfg "${light[@]}" >"$dir/printer" || fail "no model"
"$build/mcu-sim" --rt --socket "$dir/mcu" --printer "$dir/printer" --trace "$dir/edges" >"$dir/mcu.log" 2>&1 &
mcu_pid=$!
await 5 test -e "$dir/mcu" || fail "no socket"
: >"$dir/replies"
"$build/stepd" -c etc/sim-printer.cfg "${light[@]}" -o mcu.serial="$dir/mcu" -o virtual_sdcard.path="$dir/card" \
	-o save_variables.filename="$dir/variables.cfg" -o stepd.gcode_fifo="$dir/gcode" -o stepd.out_of_band_fifo="$dir/now" \
	-o stepd.reply_file="$dir/replies" -o stepd.gcode_ack=none -o stepd.horizon_ms=500 \
	-o stepd.flight_file="$memory/flight" --trace "$dir/plan" >"$dir/stepd.log" 2>&1 &
stepd_pid=$!
await 15 grep -q 'stepd: ready' "$dir/stepd.log" || fail "stepd is not ready"

printf 'DUMP_TMC STEPPER=stepper_y REGISTER=CHOPCONF\n' >"$dir/gcode"
await 10 said 'CHOPCONF .* dedge=1' || fail "no register of a driver"
printf 'SDCARD_PRINT_FILE FILENAME=whole-print.gcode\n' >"$dir/gcode"
await 5 said 'File selected' || fail "no file"
paused() {
	echo STATUS >"$dir/now"
	sleep 0.3
	said 'print: paused'
}
await 130 paused || fail "no pause"
said 'T:20[45]' || fail "the hotend has not been hot"
said 'enclosure: 2[45]' || fail "no word of the sensor on I2C: $(grep enclosure "$dir/replies")"
said 'fan hotend: [56][0-9]*' || fail "the hotend's fan does not turn"
echo RESUME >"$dir/now"
await 60 said 'Done printing file' || fail "no end"
await 10 grep -q '^last = "done"$' "$dir/variables.cfg" || fail "the end code has not been run"
: >"$dir/replies"
printf 'M400\nSTATUS\nM105\n' >"$dir/gcode"
await 10 said 'print: complete, whole-print.gcode' || fail "not complete"
await 5 said 'T:.* /0.0 B:.* /0.0' || fail "heaters are on"
said 'late 0, underruns 0' || fail "late steps"
! grep '^!!' "$dir/replies" || fail "errors"
kill "$stepd_pid"
await 15 test ! -d "/proc/$stepd_pid" || fail "stepd does not end"
stepd_pid=''
kill "$mcu_pid"
wait "$mcu_pid" 2>/dev/null
mcu_pid=''
"$build/stepd" verify "$dir/plan" "$dir/edges" >"$dir/verify.txt" 2>&1 || fail "$(cat "$dir/verify.txt")"
cat "$dir/verify.txt"
