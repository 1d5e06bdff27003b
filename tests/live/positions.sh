#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The daemon is killed (SIGKILL) in the middle of a move, or restarted at rest; the MCU lives on: the real stepd and mcu-sim.
# Shown: the new daemon reads the counters and knows where the axes are, which is where the edges on the step pins put them;
# they are homed and move without G28. After M84, after a shutdown that let go of the motors, and with an MCU that has
# started anew, nothing is taken to be known. With dual carriages the modes are known again too, and nothing if the daemon
# ended between a change of them and its taking place. At most 100 s.
#
#   STEPD_BUILD=build tests/live/positions.sh
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
# shellcheck source=tests/live/common.bash
. tests/live/common.bash
config=etc/sim-cartesian.cfg

start_own_mcu() {
	"$build/stepd" model -c "$config" >"$dir/printer" || fail "no model"
	start_mcu --rt --printer "$dir/printer" --trace "$dir/trace"
}

start_stepd() {
	: >"$dir/replies"
	: >"$dir/stepd.log"
	"$build/stepd" -c "$config" -o mcu.serial="$dir/pty" -o stepd.gcode_fifo="$dir/gcode" \
		-o stepd.out_of_band_fifo="$dir/now" -o stepd.reply_file="$dir/replies" -o stepd.gcode_ack=none \
		-o stepd.startup_gcode= -o stepd.flight_file="$memory/flight" >"$dir/stepd.log" 2>&1 &
	stepd_pid=$!
	await 15 grep -q 'stepd: ready' "$dir/stepd.log" || fail "stepd is not ready"
}

stop_stepd() { # SIGNAL
	kill -"$1" "$stepd_pid"
	{ wait "$stepd_pid"; } 2>/dev/null
	sleep 0.8
}

replace_mcu() {
	kill -KILL "$mcu_pid"
	{ wait "$mcu_pid"; } 2>/dev/null
	start_own_mcu
}

# say LINES: and wait until they have been carried out.
say() {
	: >"$dir/replies"
	printf '%b\nM400\nM118 arrived\n' "$1" >"$dir/gcode"
	await 30 grep -q arrived "$dir/replies" || fail "no end of '$1'"
}

# net STEP DIR: rising edges of that pin so far, those with the other pin high counted down.
net() {
	awk -v step="$1" -v dir="$2" '$2 == dir { down = $3 } $2 == step && $3 == 1 { n += down ? -1 : 1 }
		END { print n + 0 }' "$dir/trace"
}

steps() {
	echo "$(net PA0 PA1) $(net PB0 PB1) $(net PC0 PC1)"
}

refused() {
	say 'G1 X60 F3000'
	grep -q '^!!.*has no known position' "$dir/replies" || fail "$1: moved without homing"
}

position() { # of the steppers
	say GET_POSITION
	grep -o 'stepper: .*' "$dir/replies"
}

start_own_mcu
start_stepd
refused 'a new MCU'
say 'G28\nG1 X20 Y30 Z5 F6000'
sleep 1 # the trace is written now and then
read -r x0 y0 z0 <<<"$(steps)"
printf 'G1 X150 Y95.5 Z7 F3000\n' >"$dir/gcode"
sleep 1.5
stop_stepd KILL
sleep 0.5
read -r x1 y1 z1 <<<"$(steps)"
start_stepd
grep -q 'positions read back' "$dir/replies" || fail "nothing is known after a kill"
sleep 0.3 # what STATUS and GET_POSITION know is 25 ms old
# shellcheck disable=SC2046 # three numbers
set -- $(position | tr -c '0-9.\n-' ' ')
awk -v x="$1" -v y="$2" -v z="$3" -v dx=$((x1 - x0)) -v dy=$((y1 - y0)) -v dz=$((z1 - z0)) '
	function far(a, b) { return a - b > 0.02 || b - a > 0.02 }
	BEGIN { sx = dx < 0 ? -dx : dx; sy = dy < 0 ? -dy : dy; sz = dz < 0 ? -dz : dz
		if (sx < 1000 || far(x, 20 + sx / 80) || far(y, 30 + sy / 80) || far(z, 5 + sz / 400)) {
			print "at", x, y, z, "after", dx, dy, dz, "steps"; exit 1 } }' || fail "the axes are elsewhere"
say 'G1 X30 Y30 F6000'
grep '^!!' "$dir/replies" && fail "errors"
echo RESTART >"$dir/now"
# within a microstep: homing knows fractions of them
await 15 grep -Eq 'back: X(29[.]9[89]|30[.]0[01]). Y(29[.]9[89]|30[.]0[01]).' "$dir/replies" || fail "nothing is known after RESTART"
say 'G1 X31'
grep '^!!' "$dir/replies" && fail "errors"
say 'M84'
stop_stepd KILL
start_stepd
refused 'after M84'
say 'G28\nG1 X20 F6000'
echo M112 >"$dir/now"
sleep 0.5
stop_stepd TERM
start_stepd
refused 'after a shutdown'
say 'G28\nG1 X20 F6000'
sleep 0.5
stop_stepd KILL
replace_mcu
start_stepd
refused 'an MCU that started anew'

# dual carriages: X0 and X1 are the positions of both
carriages() { # X0 X1 WHEN
	say 'SET_DUAL_CARRIAGE CARRIAGE=0\nM114\nSET_DUAL_CARRIAGE CARRIAGE=1\nM114'
	grep '^!!' "$dir/replies" && fail "$3: errors"
	grep -o '^X:[0-9.]*' "$dir/replies" | tr -d X: | awk -v a="$1" -v b="$2" '
		function far(a, b) { return a - b > 0.02 || b - a > 0.02 }
		{ x[NR] = $1 } END { exit NR != 2 || far(x[1], a) || far(x[2], b) }' || {
		cat "$dir/replies"
		fail "$3: the carriages are elsewhere than at $1 and $2"
	}
}

stop_stepd KILL
config=etc/sim-dual_carriage.cfg
replace_mcu
start_stepd
say 'G28\nSET_DUAL_CARRIAGE CARRIAGE=0\nG1 X50 Y30 Z5 F6000\nSET_DUAL_CARRIAGE CARRIAGE=1\nG1 X250'
sleep 1
x0=$(net PF0 PF1)
printf 'G1 X120 F3000\n' >"$dir/gcode"
sleep 1.2
stop_stepd KILL
sleep 0.5
moved=$(($(net PF0 PF1) - x0))
[ "${moved#-}" -gt 1000 ] || fail "$moved steps of the second carriage"
start_stepd
grep -q 'positions read back' "$dir/replies" || fail "nothing is known of the second carriage"
carriages 50 "$(awk -v n="${moved#-}" 'BEGIN { print 250 - n / 80 }')" 'on the second carriage'
say 'G1 X250\nSET_DUAL_CARRIAGE CARRIAGE=0\nSET_DUAL_CARRIAGE CARRIAGE=1 MODE=MIRROR\nG1 X70'
sleep 0.5
stop_stepd KILL
start_stepd
grep -q 'positions read back' "$dir/replies" || fail "nothing is known of a mirror"
say 'G1 X60' # it is one still
carriages 60 240 'after a mirror'
say 'SET_DUAL_CARRIAGE CARRIAGE=0'
sleep 0.5
printf 'G1 X180 F1500\nSET_DUAL_CARRIAGE CARRIAGE=1\nG1 X300\n' >"$dir/gcode"
sleep 0.5
stop_stepd KILL
start_stepd
refused 'between a change of carriages and its taking place'
echo "passed in $SECONDS s"
