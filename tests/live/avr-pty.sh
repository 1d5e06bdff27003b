#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The real daemon and the image for the atmega644p, which simavr runs in real time behind a pty.
# Shown: dictionary, clock sync and configuration; a second daemon takes over the configured chip, and prints for half a
# minute: each step is an edge of its pin, off by no more than the tolerance and what the chip may be late (stepd verify).
# That is of the Benchy where ../shared has it, else of the demo.
# Skipped without simavr or an image, and where the simulator gets too little time to be a chip. At most 2
# minutes.
#
#   STEPD_BUILD=build tests/live/avr-pty.sh
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
# shellcheck source=tests/live/common.bash
. tests/live/common.bash
image=$build/firmware/avr-atmega644p.elf

fail() {
	kill -TERM "$mcu_pid" && wait "$mcu_pid"
	mcu_pid=''
	if awk '/^behind/ && $5 > 100 { found = 1 } END { exit !found }' "$dir/mcu.log"; then
		echo "skipped: $* ($(grep '^behind' "$dir/mcu.log"))"
		exit 77
	fi
	echo "FAILED: $*"
	tail -n 20 "$dir"/*.log "$dir/replies" 2>/dev/null
	exit 1
}

start_stepd() { # OPTION...
	: >"$dir/stepd.log" # the last one's says ready, too
	"$build/stepd" "$@" -c tests/data/avr.cfg -o mcu.serial="$dir/pty" -o stepd.gcode_fifo="$dir/gcode" \
		-o stepd.out_of_band_fifo="$dir/now" -o stepd.reply_file="$dir/replies" \
		-o stepd.gcode_ack=none -o stepd.flight_file="$memory/flight" >"$dir/stepd.log" 2>&1 &
	stepd_pid=$!
	await 30 grep -q 'stepd: ready' "$dir/stepd.log" || fail "stepd is not ready"
}

# The snapshot that STATUS reads may be a little older than the word "ready".
# shellcheck disable=SC2317,SC2329 # called by await
clock_known() {
	echo STATUS >"$dir/now"
	sleep 0.2
	grep -q 'mcu mcu: ready, 1[56]\.' "$dir/replies"
}

[ -e "$image" ] || { echo "skipped: there is no $image" && exit 77; }
"$build/tests/guest/run_simavr" atmega644p "$image" "$dir/pty" "$dir/edges" >"$dir/mcu.log" 2>&1 &
mcu_pid=$!
await 10 test -e "$dir/pty" || fail "no pty"
start_stepd
kill -TERM $stepd_pid && wait $stepd_pid
start_stepd --trace "$dir/plan"
await 5 test -p "$dir/now" || fail "no FIFO"
await 10 clock_known || fail "no status"
sliced=../shared/gcode/benchy_fast.gcode.gz
if [ -e $sliced ]; then
	gzip -dc $sliced | head -n 1550
else
	head -n 500 etc/demo/demo.gcode
fi >"$dir/print.gcode"
printf 'M400\nM118 printed\n' >>"$dir/print.gcode"
cat "$dir/print.gcode" >"$dir/gcode"
await 80 grep -q '^echo: printed' "$dir/replies" || fail "no end of the print"
grep '^!!' "$dir/replies" && fail "errors"
kill -TERM $stepd_pid
wait $stepd_pid || fail "exit status $?"
stepd_pid=''
kill -TERM $mcu_pid && wait $mcu_pid
mcu_pid=''
"$build/stepd" verify "$dir/plan" "$dir/edges" --tolerance 150 || fail "verify"
grep '^behind' "$dir/mcu.log"
