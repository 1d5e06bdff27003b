#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The daemon prints on the image for the atmega644p, in simavr, under the virtual clock: a small file, the first
# layers of the demo, and of the Benchy where ../shared has it.
# Shown: each step is an edge of the chip's pin, the machine ends exactly where it should, nothing is
# late or lost, and steps differ from their exact time by no more than the tolerance and what the chip
# may be late. Skipped without simavr or an image. About 10 s of processor time.
#
#   STEPD_BUILD=build tests/live/avr.sh
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
build=${STEPD_BUILD:-build}
dir=$build/live-avr
image=$build/firmware/avr-atmega644p.elf
error_max_us=150 p99_max_us=30
rm -rf "$dir" && mkdir -p "$dir"

fail() {
	echo "FAILED: $*"
	tail -n 20 "$dir"/*.log 2>/dev/null
	exit 1
}

# The number after a key of the JSON report; "step_error_us.max" is max in that object.
number() {
	awk -v path="$1" 'BEGIN { n = split(path, key, "."); at = 1 }
		index($0, "\"" key[at] "\":") {
			if (at < n) { at++; next }
			sub(/.*:/, ""); sub(/,$/, ""); print; exit
		}' "$dir/print.json"
}

at_most() { # VALUE MOST
	awk -v v="$1" -v most="$2" 'BEGIN { exit !(v != "" && v + 0 <= most) }'
}

print_virtually() { # GCODE
	local key
	# Its exit status speaks of the tolerance, which a chip's lateness comes on top of.
	timeout 150 "$build/tests/guest/stepd_avr" batch --json --quiet --seed 0 -c tests/data/avr.cfg "$1" \
		2>"$dir/print.log" | sed -n '/^{/,$p' >"$dir/print.json"
	for key in position_error_steps late underruns line_errors; do
		[ "$(number $key)" = 0 ] || fail "$1: $key is '$(number $key)'"
	done
	at_most 10000 "$(number steps_total)" || fail "$1: only $(number steps_total) steps"
	at_most "$(number step_error_us.max)" $error_max_us ||
		fail "$1: a step is off by $(number step_error_us.max) us"
	at_most "$(number step_error_us.p99)" $p99_max_us ||
		fail "$1: one step in a hundred is off by $(number step_error_us.p99) us"
	echo "$1: $(number steps_total) steps in $(number print_time_s) s, off by" \
		"rms $(number step_error_us.rms), p99 $(number step_error_us.p99), max $(number step_error_us.max) us"
}

[ -e "$image" ] || { echo "skipped: there is no $image" && exit 77; }
print_virtually tests/data/small.gcode
head -n 1400 etc/demo/demo.gcode >"$dir/demo.gcode"
print_virtually "$dir/demo.gcode"
at_most 30 "$(number print_time_s)" || fail "only $(number print_time_s) s of print"
sliced=../shared/gcode/benchy_fast.gcode.gz
if [ -e $sliced ]; then
	gzip -dc $sliced | head -n 2400 >"$dir/benchy.gcode"
	print_virtually "$dir/benchy.gcode"
	at_most 30 "$(number print_time_s)" || fail "only $(number print_time_s) s of print"
else
	echo "skipped: there is no $sliced"
fi
