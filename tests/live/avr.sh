#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The real daemon prints on the image for the atmega644p, which runs in simavr in real time behind a pty.
# Shown: dictionary, configuration and clock sync of stepd's own firmware on a chip; every step of the
# print comes from a pin of the chip, in its place, and within the tolerance plus what the chip may be
# late (stepd verify). Skipped without simavr or an image. At most 90 s.
#
#   STEPD_BUILD=build tests/live/avr.sh
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
build=${STEPD_BUILD:-build}
dir=$build/live-avr
image=$build/firmware/avr-atmega644p.elf
gcode=${GCODE:-tests/data/small.gcode}
late_max_us=60
rm -rf "$dir" && mkdir -p "$dir"
memory=$(mktemp -d /dev/shm/stepd-live.XXXXXX) || exit 77
stepd_pid='' mcu_pid=''

# shellcheck disable=SC2317,SC2329 # called by trap
clean_up() {
	local pid
	for pid in $stepd_pid $mcu_pid; do
		kill "$pid" 2>/dev/null
	done
	wait 2>/dev/null
	rm -rf "$memory"
}
trap clean_up EXIT

fail() {
	echo "FAILED: $*"
	tail -n 20 "$dir/stepd.log" "$dir/replies" "$dir/mcu.log" "$dir/verify.txt" 2>/dev/null
	exit 1
}

# await SECONDS COMMAND...: until it succeeds.
await() {
	local tries=$(($1 * 20))
	shift
	while ! "$@"; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.05
	done
}

[ -e "$image" ] || { echo "skipped: there is no $image" && exit 77; }
"$build/tests/guest/run_simavr" atmega644p "$image" "$dir/pty" "$dir/edges.trace" >"$dir/mcu.log" 2>&1 &
mcu_pid=$!
await 5 test -e "$dir/pty" || { cat "$dir/mcu.log" && echo "skipped: no simavr" && exit 77; }
"$build/stepd" -c tests/data/avr.cfg -o mcu.serial="$dir/pty" -o stepd.gcode_fifo="$dir/gcode" \
	-o stepd.out_of_band_fifo="$dir/now" -o stepd.reply_file="$dir/replies" -o stepd.gcode_ack=none \
	-o stepd.flight_file="$memory/flight" --trace "$dir/plan.trace" >"$dir/stepd.log" 2>&1 &
stepd_pid=$!
await 20 grep -q 'stepd: ready' "$dir/stepd.log" || fail "stepd is not ready"
{
	cat "$gcode"
	echo M400
	echo M118 all done
} >"$dir/gcode"
await 60 grep -q 'all done' "$dir/replies" || fail "the print does not end"
echo STATUS >"$dir/now"
sleep 0.5
kill -TERM $stepd_pid && wait $stepd_pid
kill -TERM $mcu_pid && wait $mcu_pid
stepd_pid='' mcu_pid=''
grep -q 'late 0, underruns 0' "$dir/replies" || fail "late steps or underruns"
"$build/stepd" verify "$dir/plan.trace" "$dir/edges.trace" --json >"$dir/verify.json" 2>"$dir/verify.txt"
cat "$dir/verify.txt"
awk -v most=$((12 + late_max_us)) '
	/"steps_total"/ { steps = $0; gsub(/[^0-9.]/, "", steps) }
	/"position_error_steps"/ { gsub(/[^0-9.]/, ""); position = $0 }
	/"step_error_us"/ { inside = 1 }
	inside && /"max"/ { gsub(/[^0-9.]/, ""); max = $0; inside = 0 }
	END {
		printf "%d steps, position error %s, at most %s us off\n", steps, position, max
		exit !(steps > 1000 && position == 0 && max != "" && max <= most)
	}' "$dir/verify.json" || fail "not the steps that were planned"
