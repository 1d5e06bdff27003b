#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# MCUs on SocketCAN: the daemon on a PREEMPT_RT kernel in a guest, with simulated MCUs on a virtual CAN interface.
# The interface has the rate of a bus of 1 Mbit/s and a queue of 10 frames, Linux' default, which the host's and the MCUs'
# frames share: it is full again and again. Shown: boards without an id are listed; a wrong UUID and one that two boards have
# end in a message that says so; a print of CAN_PRINT_S (20) s on two MCUs, with the rt thread's system calls filtered, while
# its queue is full again and again, has no late step, underrun or page fault and every step in its place;
# FIRMWARE_RESTART resets the boards, which get their ids again; error-passive is a message; bus-off, an interface that is shut
# down and one that vanishes each end the print with their name, and RESTART goes on where that is possible.
#
#   STEPD_BUILD=build tests/guest/can.sh
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
build=${STEPD_BUILD:-build}
folder=$build/guest/can
tests/guest/kernel "$folder/../kernel" || exit
for program in ip tc; do
	command -v $program >/dev/null || { echo "skipped: no $program (Debian: apt install iproute2)"; exit 77; }
done
files=("$build/stepd" "$build/mcu-sim" "$build/bench/bench_link" "$build/tests/guest/can_send" "$(command -v ip):bin/full-ip" "$(command -v tc):bin/full-tc"
	tests/guest/common:common etc/sim-corexy.cfg:sim-corexy.cfg etc/demo/demo.gcode:part.gcode)
for module in can can-raw can-dev vcan sch_netem; do
	files+=("$folder/../kernel/modules/$module.ko:$module.ko")
done
exec tests/guest/boot -t $((${CAN_PRINT_S:-20} + 460)) -e "PRINT_S=${CAN_PRINT_S:-20}" -e "HORIZON_MS=${HORIZON_MS:-1000}" -e "STRICT=${STRICT:-0}" "$folder" \
	tests/guest/in-can "${files[@]}"
