#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# An MCU that outlives the daemon, and the other way round: the real stepd and mcu-sim over a pty.
# Shown: a new daemon takes over a firmware that is configured already, also with another
# configuration (reset) and after M112 (RESTART, FIRMWARE_RESTART); a daemon whose MCU goes away says
# so, refuses motion, and works again after RESTART; and a hold in the middle of a move by a byte on either
# FIFO. At most 40 s.
#
#   STEPD_BUILD=build tests/live/restart.sh      LINE=--socket: over a socket
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
# shellcheck source=tests/live/common.bash
. tests/live/common.bash

start_stepd() { # [OPTION...]
	# The old log says ready, too.
	: >"$dir/replies"
	: >"$dir/stepd.log"
	"$build/stepd" -c etc/sim-corexy.cfg -o mcu.serial="$dir/pty" -o stepd.gcode_fifo="$dir/gcode" \
		-o stepd.out_of_band_fifo="$dir/now" -o stepd.reply_file="$dir/replies" \
		-o stepd.gcode_ack=none -o stepd.flight_file="$memory/flight" "$@" >"$dir/stepd.log" 2>&1 &
	stepd_pid=$!
	await 15 grep -q 'stepd: ready' "$dir/stepd.log" || fail "stepd is not ready: $*"
}

# print TEXT: home X, move, and a word at the end.
print() {
	printf 'SET_KINEMATIC_POSITION Y=10\nG28 X\nG1 X20 Y30 F6000\nM400\nGET_POSITION\nM118 %s\n' "$1" >"$dir/gcode"
	await 10 grep -q "$1" "$dir/replies" || fail "no '$1'"
	! grep '^!!' "$dir/replies" || fail "errors"
	# X within a microstep: homing knows fractions of them
	grep -qE 'stepper: X:(19[.]99|20[.]00).* Y:30[.]0000' "$dir/replies" || fail "the steppers are elsewhere"
}

# hold FIFO FIFO: in the middle of a move, by a byte on the one; and on by a byte on the other.
hold() {
	local at
	: >"$dir/replies"
	: >"$dir/all"
	printf 'G1 X80 F1200\nM118 arrived\n' >"$dir/gcode"
	sleep 0.7
	printf '!' >"$1"
	await 3 await_reply STATUS 'hold: at rest' || fail "no hold by $1"
	at=$(grep '^// position' "$dir/replies" | tail -n 1)
	sleep 0.5
	await 3 await_reply STATUS 'hold: at rest' || fail "the hold does not last"
	[ "$at" = "$(grep '^// position' "$dir/replies" | tail -n 1)" ] || fail "it moves in a hold"
	[[ $at != *X:80.0* ]] || fail "held at the end: $at"
	printf '~' >"$2"
	await 10 await_reply GET_POSITION 'stepper: X:\(79[.]99\|80[.]00\)' || fail "not there after the hold"
	! grep '^!!' "$dir/all" || fail "errors"
	printf 'G1 X20\nM400\n' >"$dir/gcode"
}

await_reply() { # COMMAND TEXT
	cat "$dir/replies" >>"$dir/all"
	: >"$dir/replies"
	echo "$1" >"$dir/now"
	sleep 0.1
	grep -q "$2" "$dir/replies"
}

await_state() { # WORD
	await_reply STATUS "state: $1"
}

# restart COMMAND: and wait until it is ready again.
restart() {
	: >"$dir/stepd.log"
	echo "$1" >"$dir/now"
	await 15 grep -q 'stepd: ready' "$dir/stepd.log" || fail "not ready after $1"
	: >"$dir/replies"
}

"$build/stepd" model -c etc/sim-corexy.cfg >"$dir/printer" || fail "no model"
start_mcu --printer "$dir/printer"

start_stepd
print 'first'
hold "$dir/gcode" "$dir/now"
hold "$dir/now" "$dir/gcode"
kill -KILL "$stepd_pid"
{ wait "$stepd_pid"; } 2>/dev/null

start_stepd
print 'taken over'
echo M112 >"$dir/now"
await 3 await_state shutdown || fail "M112 has no effect"
restart RESTART
print 'after RESTART'
echo M112 >"$dir/now"
await 3 await_state shutdown || fail "M112 has no effect"
restart FIRMWARE_RESTART
print 'after FIRMWARE_RESTART'
kill -TERM "$stepd_pid"
wait "$stepd_pid" || fail "exit status $?"

start_stepd -o fan.cycle_time=0.02
print 'another configuration'

kill -KILL "$mcu_pid"
{ wait "$mcu_pid"; } 2>/dev/null
await 5 await_state fault || fail "the lost MCU is not noticed"
grep -q 'does not answer any more' "$dir/replies" || fail "no clear word about it"
printf 'G1 X30\nM118 refused\n' >"$dir/gcode"
await 3 grep -q refused "$dir/replies" || fail "no answer"
grep -q '^!!.*does not answer' "$dir/replies" || fail "the move was not refused"
cpu_ticks=$(awk '{ print $14 + $15 }' "/proc/$stepd_pid/stat")
sleep 1
cpu_ticks=$(($(awk '{ print $14 + $15 }' "/proc/$stepd_pid/stat") - cpu_ticks))
[ "$cpu_ticks" -lt 30 ] || fail "$cpu_ticks ticks of CPU in a second with nothing to do"
rm -f "$dir/pty"
start_mcu --printer "$dir/printer"
restart RESTART
print 'with the new MCU'
kill -TERM "$stepd_pid"
wait "$stepd_pid" || fail "exit status $?"
echo "passed in $SECONDS s"
