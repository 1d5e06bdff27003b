#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The real daemon prints a file of its virtual SD card: stepd and mcu-sim over a pty. Shown: M20, SDCARD_PRINT_FILE,
# PAUSE by the FIFO and by the out-of-band one, a jog and RESUME in between, a macro and SAVE_VARIABLE in the
# file, "Done printing file" at its end; no late step, every one in its place (stepd verify). At most 90 s.
#
#   STEPD_BUILD=build tests/live/sdcard.sh
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
# shellcheck source=tests/live/common.bash
. tests/live/common.bash

said() { # TEXT
	grep -q -- "$1" "$dir/replies"
}

mkdir -p "$dir/card/parts"
{
	printf 'START\nG90\nM83\nG1 X50 Y50 Z0.3 F9000\n'
	for ((i = 0; i < 60; i++)); do
		printf 'G1 X%d Y50 E0.3 F3000\nG1 Y60 E0.3\nG1 X50 E0.3\nG1 Y50 E0.3\n' $((60 + i % 10))
	done
	printf "SAVE_VARIABLE VARIABLE=Last VALUE='\"done\"'\nM118 end of file\n"
} >"$dir/card/parts/Cube.gcode"
{
	cat etc/sim-cartesian.cfg
	printf '[virtual_sdcard]\npath: %s\n' "$dir/card"
	printf '[save_variables]\nfilename: %s\n' "$dir/variables.cfg"
	printf '[gcode_macro START]\ngcode:\n  M118 begins\n  G1 X1 Y1 Z1 F6000\n  M400\n'
	printf '[gcode_macro PAUSE]\nrename_existing: PAUSE_BASE\ngcode:\n  PAUSE_BASE\n  M118 paused\n'
} >"$dir/printer.cfg"

"$build/stepd" model -c "$dir/printer.cfg" >"$dir/printer" || fail "no model"
start_mcu --rt --printer "$dir/printer" --trace "$dir/edges"
: >"$dir/replies"
"$build/stepd" -c "$dir/printer.cfg" -o mcu.serial="$dir/pty" -o stepd.gcode_fifo="$dir/gcode" \
	-o stepd.out_of_band_fifo="$dir/now" -o stepd.reply_file="$dir/replies" -o stepd.gcode_ack=none -o stepd.horizon_ms=500 \
	-o stepd.flight_file="$memory/flight" --trace "$dir/plan" >"$dir/stepd.log" 2>&1 &
stepd_pid=$!
await 15 grep -q 'stepd: ready' "$dir/stepd.log" || fail "stepd is not ready"

printf 'M20\n' >"$dir/gcode"
await 5 said '^parts/Cube.gcode ' || fail "no list"
printf 'SDCARD_PRINT_FILE FILENAME=PARTS/cube.gcode\n' >"$dir/gcode"
await 5 said 'echo: begins' || fail "no begin"
sleep 3
for fifo in gcode now; do
	: >"$dir/replies"
	echo PAUSE >"$dir/$fifo"
	await 10 said 'echo: paused' || fail "no pause by $fifo"
	printf 'G91\nG1 Z2 F600\nG1 X20 F6000\nG90\nM400\nM118 jogged\nRESUME\nM27\n' >"$dir/gcode"
	await 20 said 'echo: jogged' || fail "no jog after $fifo"
	await 5 said 'SD printing byte' || fail "no M27 after $fifo"
	sleep 2
done
await 60 said 'Done printing file' || fail "no end"
said 'echo: end of file' || fail "the end has not been run"
grep -q '^last = "done"$' "$dir/variables.cfg" || fail "no variable: $(cat "$dir/variables.cfg")"
printf 'STATUS\n' >"$dir/gcode"
await 5 said 'print: complete, parts/Cube.gcode' || fail "not complete"
said 'late 0, underruns 0' || fail "late steps"
! grep '^!!' "$dir/replies" || fail "errors"
kill "$stepd_pid"
await 15 test ! -d "/proc/$stepd_pid" || fail "stepd does not end"
stepd_pid=''
kill "$mcu_pid"
wait "$mcu_pid" 2>/dev/null
mcu_pid=''
"$build/stepd" verify "$dir/plan" "$dir/edges" >"$dir/verify.txt" 2>&1 ||
	fail "$(cat "$dir/verify.txt")"
cat "$dir/verify.txt"
