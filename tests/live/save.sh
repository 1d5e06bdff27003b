#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# SAVE_CONFIG by the real daemon, under its own seccomp filter: what can be changed while it runs is written and nothing
# starts anew, what a start is needed for is written and one comes by itself; each time the old file is kept beside it.
# At most 30 s.
#
#   STEPD_BUILD=build tests/live/save.sh
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
# shellcheck source=tests/live/common.bash
. tests/live/common.bash
config=$dir/printer.cfg

# tell LINES WORD: and wait for the word behind them.
tell() {
	: >"$dir/replies"
	printf '%s\nM400\nM118 %s\n' "$1" "$2" >"$dir/gcode"
	await 20 grep -q "$2" "$dir/replies" || fail "no '$2'"
	! grep '^!!' "$dir/replies" || fail "errors"
}

starts() {
	[ "$(grep -c 'stepd: ready' "$dir/stepd.log")" = "$1" ]
}

# kept BACKUPS FILE: so many, and one of them is as the file was.
kept() {
	local backup
	[ "$(find "$dir" -name 'printer-*.cfg' | wc -l)" = "$1" ] || fail "not $1 backups"
	for backup in "$dir"/printer-*.cfg; do
		cmp -s "$backup" "$2" && return
	done
	fail "no backup is as $2"
}

cp etc/sim-corexy.cfg "$config"
"$build/stepd" model -c "$config" >"$dir/printer" || fail "no model"
start_mcu --printer "$dir/printer"
"$build/stepd" --seccomp -c "$config" -o mcu.serial="$dir/pty" -o stepd.gcode_fifo="$dir/gcode" \
	-o stepd.out_of_band_fifo="$dir/now" -o stepd.reply_file="$dir/replies" \
	-o stepd.gcode_ack=none -o stepd.flight_file="$memory/flight" >"$dir/stepd.log" 2>&1 &
stepd_pid=$!
await 15 starts 1 || fail "stepd is not ready"

# A skew is in use at once.
cp "$config" "$dir/before"
tell $'G28 X Y\nSET_SKEW XY=100,101,70\nSKEW_PROFILE SAVE=mine\nSAVE_CONFIG' 'kept it'
grep -q '^// saved in .*printer[.]cfg; as it was before: ' "$dir/replies" || fail "no word of what was saved"
grep -q '^#\*# \[skew_correction mine\]' "$config" || fail "the skew is not in the file"
kept 1 "$dir/before"
sleep 1
starts 1 || fail "it has started anew"
tell $'G1 X30 Y30 F6000\nSAVE_CONFIG' 'is homed still'
grep -q 'nothing to save' "$dir/replies" || fail "there was something to save"

# Where Z's switch is counts from a start on.
cp "$config" "$dir/before"
tell $'G28 Z\nSET_GCODE_OFFSET Z=0.25\nZ_OFFSET_APPLY_ENDSTOP' 'taken over'
echo SAVE_CONFIG >"$dir/gcode"
await 15 starts 2 || fail "it does not start anew"
[ "$(find "$dir" -name '*.new' | wc -l)" = 0 ] || fail "something is left over"
grep -q '^#\*# position_endstop = -0[.]25' "$config" || fail "the switch's position is not in the file"
grep -q '^#\*# \[skew_correction mine\]' "$config" || fail "the skew is gone from the file"
kept 2 "$dir/before"
tell $'SKEW_PROFILE LOAD=mine\nG28\nG1 X30 F6000' 'and works'
kill -TERM "$stepd_pid"
wait "$stepd_pid" || fail "exit status $?"
echo "passed in $SECONDS s"
