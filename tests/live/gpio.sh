#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# GPIO lines of this machine in real time: the real daemon and the real libgpiod, on a chip that a preloaded library makes
# (tests/preload/gpio_chip.c). Shown: Z homes by motor and switch on lines while the switch's line has short pulses, then moves,
# and every step of both motors is on its line once, in order and in its direction (stepd verify; how late they are is
# printed, not judged); X homes by a switch on a line, which stops the MCU's motor; a button on one runs its lines; lines that can't be had are named, with the place in
# the configuration and who has them; a chip that goes away in mid-move is a fault that says so, and the daemon goes on. At
# most 90 s, on a busy machine more.
#
#   STEPD_BUILD=build RT_PRIORITY=80 tests/live/gpio.sh
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
# shellcheck source=tests/live/common.bash
. tests/live/common.bash
chip=$build/tests/preload/gpio_chip.so
[ -e "$chip" ] || { echo "skipped: no $chip"; exit 77; }

# run_stepd [OPTION...]: with the lines as $dir/chip says.
run_stepd() {
	${replace-} env GPIO_CHIP="$dir" LD_PRELOAD="$(realpath "$chip")" "$build/stepd" --seccomp -c tests/data/gpio.cfg -o mcu.serial="$dir/pty" \
		-o stepd.gcode_fifo="$dir/gcode" -o stepd.out_of_band_fifo="$dir/now" -o stepd.reply_file="$dir/replies" \
		-o stepd.flight_file="$memory/flight" -o stepd.rt_priority="${RT_PRIORITY:-80}" -o stepd.horizon_ms=1000 --trace "$dir/plan.trace" --rt-report "$dir/report.json" "$@" >"$dir/stepd.log" 2>&1
}

start_stepd() {
	rm -f "$dir/replies" && : >"$dir/replies"
	: >"$dir/stepd.log"
	replace="exec" run_stepd "$@" &
	stepd_pid=$!
	await 15 grep -q 'stepd: ready' "$dir/stepd.log" || fail "stepd is not ready"
}

# refused WORD TEXT [OPTION...]: with that line in $dir/chip stepd does not start and says the text.
refused() {
	local word=$1 text=$2
	shift 2
	printf '%s\n' "$word" >"$dir/chip"
	run_stepd "$@" && fail "it starts with '$word' $*"
	grep -qF -- "$text" "$dir/stepd.log" || fail "no '$text' with '$word' $*"
}

mkdir "$dir/dev" && : >"$dir/dev/gpiochip0" && mkfifo "$dir/drive"
"$build/stepd" model -c tests/data/gpio.cfg >"$dir/printer" || fail "no model"
start_mcu --printer "$dir/printer" --trace "$dir/mcu.trace"

step=$(grep -n 'step_pin: rpi:gpio0' tests/data/gpio.cfg | cut -d: -f1)
refused 'used 0 spi0 CS0' "tests/data/gpio.cfg:$step: rpi:gpio0: line 0 of gpiochip0 is in use by spi0 CS0; expected one that nothing else uses"
refused 'name 9 ENDSTOP' 'rpi:gpio77: gpiochip0 (preloaded) has no line 77; expected 0 to 31' -o stepper_z.step_pin=rpi:gpio77
refused 'name 9 END' "rpi:ENDSTOP: no GPIO chip has a line 'ENDSTOP'"
refused 'name 3 ENDSTOP' "GPIO chip 'gpiochip7': No such file or directory; expected one of: gpiochip0 (preloaded, 32 lines)" \
	-o stepper_z.enable_pin=rpi:gpiochip7/gpio2
refused $'name 3 ENDSTOP\ndenied 1' '/dev/gpiochip0: permission denied; expected stepd to be in the group that it belongs to'
refused 'denied 1' "no GPIO chip has a line 'ENDSTOP_Z'; expected gpioN, CHIP/gpioN or a line's name. Chips: gpiochip0 (Permission denied)" \
	-o stepper_z.step_pin=rpi:ENDSTOP_Z
refused $'name 3 ENDSTOP\nnoirq 3' "line 3 'ENDSTOP' of gpiochip0 cannot be had with edge events: No such device or address"
refused $'name 3 ENDSTOP\nslow 0 400' 'line 0 of gpiochip0: driving it takes'

# stop: both, in order.
stop() {
	kill -TERM "$stepd_pid"
	wait "$stepd_pid" || fail "exit status $?"
	kill -TERM "$mcu_pid"
	wait "$mcu_pid"
}

# clean: no errors in the replies. Where there is no SCHED_FIFO, or the machine is given to others for long, a command may come too
# late: then the case ends with status 2.
clean() {
	if grep -E '^!!.*(Timer too close|was not heard of within the time-out|too late to be sent|ms late; expected)' "$dir/replies"; then
		stop
		return 2
	fi
	! grep '^!!' "$dir/replies" || fail "errors"
}

# patient CASE: once more, if that is why it failed.
patient() {
	local try status
	for try in 1 2 3 4 5; do
		start_mcu --printer "$dir/printer" --trace "$dir/mcu.trace"
		"$@"
		status=$?
		[ "$status" = 2 ] || return "$status"
		echo "try $try: this machine was away for too long"
	done
	fail "this machine is never there for long enough"
}

pressed_again() {
	[ "$(grep -c pressed "$dir/replies")" -gt "$before" ]
}

home() {
	start_stepd -o stepper_x.homing_retract_dist=0
	echo '6 1' >"$dir/drive"
	printf 'G28 Z\nM118 at home\n' >"$dir/gcode"
	await 30 grep -q 'at home' "$dir/replies" || fail "no end of homing Z"
	clean || return
	printf 'G28 X\nM118 x is home\n' >"$dir/gcode"
	sleep 1
	echo '6 0' >"$dir/drive" # ^!: pressed
	await 20 grep -q 'x is home' "$dir/replies" || fail "no end of homing X"
	echo '8 1' >"$dir/drive"
	sleep 0.5
	before=$(grep -c pressed "$dir/replies") # lines are low at first: once
	echo '8 0' >"$dir/drive"
	await 5 pressed_again || fail "nothing of the button"
	echo 'QUERY_BUTTON BUTTON=green' >"$dir/now"
	await 5 grep -qE "green: PRESSED, at [0-9.]+ s by the kernel's stamp" "$dir/replies" || fail "when it was pressed is not known"
	[ "$before" -le 1 ] || fail "a button is pressed that was let go"
	printf 'G1 X10 Z2\nM400\nGET_POSITION\nM118 all moved\n' >"$dir/gcode"
	await 20 grep -q "all moved" "$dir/replies" || fail "no end of the moves"
	clean || return
	stop
	# The motor's own count of its switch: 500 down to it, 200 up from there; what it believes, and what was on its lines.
	grep -q 'stepper_z:-300 stepper_z1:-300' "$dir/replies" || fail "Z is elsewhere: $(grep '^// mcu:' "$dir/replies")"
	grep -qE 'stepper: X:(9.99|10.00)' "$dir/replies" || fail "X is elsewhere"
	count=$(awk '$2 == "gpio1" { up = $3 } $2 == "gpio0" && $3 { n += up ? 1 : -1 } END { print n }' "$dir/edges.trace")
	[ "$count" = -300 ] || fail "$count steps on the lines of Z"
}

move() {
	start_stepd
	printf 'SET_KINEMATIC_POSITION X=10 Y=10 Z=10\nG1 X30 Y20 Z5 F600\nG1 Z1\nG1 X10 Z9.37\nG1 Z2 F300\nG1 X50 Z2.5\nM400\nM118 printed\n' >"$dir/gcode"
	await 40 grep -q printed "$dir/replies" || fail "no end of the moves"
	clean || return
	echo STATUS >"$dir/now"
	await 5 grep 'host lines rpi' "$dir/replies" || fail "nothing about lines in STATUS"
	stop
	grep -q '"step_late"' "$dir/report.json" || fail "no lateness in the report"
	"$build/stepd" verify "$dir/plan.trace" "$dir/mcu.trace" "$dir/edges.trace" --tolerance 500000 || fail "verify"
}

kill -TERM "$mcu_pid"
wait "$mcu_pid"
printf '%s\n' 'name 3 ENDSTOP' 'axis 0 1 1 3 -500' 'glitch 3 37 30' >"$dir/chip"
patient home
patient move

# The chip goes away while Z moves.
start_mcu --printer "$dir/printer" --trace "$dir/mcu.trace"
printf '%s\n' 'name 3 ENDSTOP' 'vanish 0 400' >"$dir/chip"
start_stepd
printf 'SET_KINEMATIC_POSITION X=10 Y=10 Z=10\nG1 Z50 F600\nM400\n' >"$dir/gcode"
await 10 grep -q '^!! .*the MCU shut down: line [03].* of gpiochip0 .*: No such device' "$dir/replies" || fail "no word of the chip that went"
echo STATUS >"$dir/now"
await 5 grep -q 'state: fault: ' "$dir/replies" || fail "no fault in STATUS"
kill -TERM "$stepd_pid"
wait "$stepd_pid" || fail "exit status $?"
echo "passed in $SECONDS s"
