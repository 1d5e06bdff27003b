#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Clock estimates on a machine without the kernel module and without a usable GPIO line, though the configuration has a sync
# line: the daemon says so, goes by round trips and prints; what it writes with --clock-trace is close to the simulated MCU's
# own clock; RELEASE_STAMPS is refused. Where the module is loaded, it is used and released.
#
#   STEPD_BUILD=build tests/live/stamps.sh
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
# shellcheck source=tests/live/common.bash
. tests/live/common.bash

"$build/mcu-sim" --ppm -30 --pty "$dir/pty" >"$dir/mcu.log" 2>&1 &
mcu_pid=$!
await 5 grep -q ^clock "$dir/mcu.log" || fail "no MCU"
sed -n 's/^clock/mcu clock/p' "$dir/mcu.log" >"$dir/truth"
"$build/stepd" -c etc/sim-corexy.cfg -o mcu.serial="$dir/pty" -o mcu.sync_pin=PG0 -o mcu.sync_line=no-such-chip/gpio3 \
	-o stepd.gcode_fifo="$dir/gcode" -o stepd.out_of_band_fifo="$dir/now" -o stepd.reply_file="$dir/replies" \
	-o stepd.gcode_ack=none -o stepd.flight_file="$memory/flight" --clock-trace "$dir/clocks" >"$dir/stepd.log" 2>&1 &
stepd_pid=$!
await 15 grep -q 'stepd: ready' "$dir/stepd.log" || fail "not ready"
grep -q "mcu 'mcu': its sync line can't be used: GPIO chip 'no-such-chip': No such file" "$dir/stepd.log" || fail "nothing about the line"
grep -q "mcu 'mcu': clock by round trips, bytes stamped by" "$dir/stepd.log" || fail "nothing about the clock"
printf 'SET_KINEMATIC_POSITION X=10 Y=10 Z=5\nG1 X60 Y30 F3000\nM400\nM118 arrived\n' >"$dir/gcode"
await 15 grep -q arrived "$dir/replies" || fail "it does not print"
echo RELEASE_STAMPS >"$dir/now"
if [ -w /dev/stepd-stamp ]; then
	await 5 grep -q 'stepd_stamp is released' "$dir/stepd.log" || fail "the module is not released"
else
	await 5 grep -q '^!! .*stepd_stamp is not in use' "$dir/replies" || fail "RELEASE_STAMPS without a module"
fi
echo STATUS >"$dir/now"
await 5 grep -qE 'clock of mcu: by round trips; 0 edges; [0-9]+ bytes stamped by stepd_stamp, [1-9][0-9]* by their reader' "$dir/replies" ||
	fail "STATUS"
kill -TERM "$stepd_pid"
wait "$stepd_pid" || fail "exit status $?"
stepd_pid=''
row=$(awk -f bench/clock-error.awk "$dir/truth" "$dir/clocks")
echo "clock error, us: name, count, p50, p99.9, max, largest change, share by line: $row"
# Whatever this machine is up to: a quarter of a second is no clock.
awk '{ exit !($1 == "mcu" && $2 > 20 && $3 < 250000 && $7 == 0) }' <<<"$row" || fail "the estimate"
echo passed
