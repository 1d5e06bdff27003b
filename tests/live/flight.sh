#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The flight recorder of the real daemon, with the rt thread's system calls filtered.
# Shown: while it prints, `stepd dump` reads a record that is going round, nothing torn, each step near its
# segment, and the rt thread has no page fault; after SIGKILL in mid-print the file has the moves of the
# last moment and is put aside by the next start; M112 and a lost MCU freeze it, are named as the
# cause, and the message names the file, which no later start touches. At most 60 s.
#
#   STEPD_BUILD=build tests/live/flight.sh
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
# shellcheck source=tests/live/common.bash
. tests/live/common.bash
record=$memory/record

fail() {
	echo "FAILED: $*"
	tail -n 20 "$dir/stepd.log" "$dir/replies" "$dir/mcu.log" "$dir/dump.txt"
	exit 1
}

start_stepd() {
	: >"$dir/replies"
	: >"$dir/stepd.log"
	# A small ring goes round soon; a long horizon, since nothing is asked of the scheduler here.
	"$build/stepd" --seccomp -c etc/sim-corexy.cfg -o mcu.serial="$dir/pty" -o stepd.gcode_fifo="$dir/gcode" \
		-o stepd.out_of_band_fifo="$dir/now" -o stepd.reply_file="$dir/replies" -o stepd.gcode_ack=none \
		-o stepd.rt_priority=0 -o stepd.horizon_ms=500 -o stepd.flight_file="$record" \
		-o stepd.flight_mib=0.0625 >>"$dir/stepd.log" 2>&1 &
	stepd_pid=$!
	await 15 grep -q 'stepd: ready' "$dir/stepd.log" || fail "stepd is not ready"
}

# Forth and back for half a minute, with a limit changed each time.
part() {
	local i
	echo 'M118 printing'
	for ((i = 0; i < 400; i++)); do
		echo "SET_VELOCITY_LIMIT ACCEL=$((3000 + i * 10))"
		echo "G1 X$((20 + i % 7)) Y$((20 + i % 11)) F6000"
		echo "G1 X$((30 + i % 5)) Y$((30 + i % 3)) E$i"
	done
}

print() {
	part >"$dir/gcode"
	await 5 grep -q printing "$dir/replies" || fail "it does not print"
	sleep "$1"
}

dump() { # FILE WORD...: it must say all these
	local word
	"$build/stepd" dump --window 0.5 "$1" >"$dir/dump.txt" 2>&1 || fail "stepd dump $1"
	shift
	for word; do
		grep -q -- "$word" "$dir/dump.txt" || fail "no '$word' in the dump"
	done
	! grep -E 'exact time|nowhere near|before the one before|steps from where|DAMAGED' "$dir/dump.txt" ||
		fail "steps, segments or records are not as they should be"
}

await_reply() { # WORD
	await 5 grep -q -- "$1" "$dir/replies" || fail "no '$1'"
}

# shellcheck disable=SC2119 # no options
start_mcu
start_stepd
print 5
dump "$record" ', recording' '^10[0-2][0-9] records of' 'stepper_y: segments' 'acceleration limit: ' '^  *[0-9]* line [0-9]'
[ "$(sed -n 's/.*; \([0-9]*\) steps compared.*/\1/p' "$dir/dump.txt")" -gt 1000 ] || fail "few steps compared"
echo STATUS >"$dir/now"
await_reply 'flight recorder: '
if grep -q 'memory locked' "$dir/replies"; then
	grep -q 'system calls filtered.*page faults since start 0,' "$dir/replies" || fail "page faults"
else
	echo 'memory could not be locked: page faults are not looked at'
fi
kill -KILL "$stepd_pid"
{ wait "$stepd_pid"; } 2>/dev/null
dump "$record" 'not there any more' 'records of' 'no fault in the record' '^  *[0-9]* line [0-9]' '^  [0-9.]* .. [0-9.]* s  [+-]'
before=$(cksum <"$record")

start_stepd
[ "$before" = "$(cksum <"$record.1")" ] || fail "the record of the killed daemon was not put aside"
print 1
echo M112 >"$dir/now"
await_reply "emergency stop.*stepd dump $record.2"
sleep 1.5 # its tail
dump "$record.2" 'frozen after an emergency stop' 'CAUSE' 'move [0-9]* line'
before=$(tail -c +4097 "$record.2" | cksum)
: >"$dir/stepd.log"
echo FIRMWARE_RESTART >"$dir/now"
await 15 grep -q 'stepd: ready' "$dir/stepd.log" || fail "not ready after FIRMWARE_RESTART"
[ "$before" = "$(tail -c +4097 "$record.2" | cksum)" ] || fail "a frozen record was changed"

print 1
kill -KILL "$mcu_pid"
{ wait "$mcu_pid"; } 2>/dev/null
await_reply "does not answer.*stepd dump $record.3"
sleep 0.3
dump "$record.3" 'frozen after a fault' 'CAUSE' 'the MCU does not answer any more' 'mcu mcu: link lost'

# Another fault: of four, three are kept.
# shellcheck disable=SC2119 # no options
start_mcu
: >"$dir/stepd.log"
echo RESTART >"$dir/now"
await 15 grep -q 'stepd: ready' "$dir/stepd.log" || fail "not ready after RESTART"
echo M112 >"$dir/now"
await_reply "stepd dump $record.4"
[ "$(echo "$record".[0-9]*)" = "$record.2 $record.3 $record.4" ] || fail "the wrong records are kept"
kill -TERM "$stepd_pid"
wait "$stepd_pid"
echo "passed in $SECONDS s"
