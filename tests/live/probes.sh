#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Probes that measure, at the real daemon and mcu-sim over a pty: first the coil of an eddy-current probe on I2C, then load
# cells at an HX711 and at an ADS1220 on SPI.
# Shown: the coil is calibrated by the commands of an owner, the load cell is tared and read; PROBE finds the bed of the model
# (a plane here) within limits; a mesh is probed (the coil's in rapid scans), each point within limits; a chip that falls silent, by
# the name of its section, is told of, and after it is mended the probe works. At most 200 s.
#
#   STEPD_BUILD=build tests/live/probes.sh
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
# shellcheck source=tests/live/common.bash
. tests/live/common.bash

# The bed: 0.2 + 0.0007 x - 0.0004 y.
bed='function bed(x, y) { return 0.2 + 0.0007 * x - 0.0004 * y }'
# Within so many mm: a microstep of Z and the noise of the samples.
limit_mm=0.006

start() { # NAME LINES...
	local name=$1
	shift
	{
		cat etc/sim-cartesian.cfg
		printf '%s\n' "$@" '[bed_mesh]' 'mesh_min: 60,60' 'mesh_max: 160,140' 'probe_count: 3' \
			'speed: 200' 'horizontal_move_z: 1'
	} >"$dir/$name.cfg"
	set -- -o stepd_sim.bed_height=0.2 -o stepd_sim.bed_slope_x=0.0007 -o stepd_sim.bed_slope_y=-0.0004
	rm -f "$dir/pty" "$dir/break" "$dir/stepd.log"
	"$build/stepd" model -c "$dir/$name.cfg" "$@" >"$dir/printer" || fail "no model"
	start_mcu --rt --printer "$dir/printer" --commands "$dir/break"
	: >"$dir/replies"
	"$build/stepd" -c "$dir/$name.cfg" "$@" -o mcu.serial="$dir/pty" -o stepd.gcode_fifo="$dir/gcode" \
		-o stepd.reply_file="$dir/replies" -o stepd.gcode_ack=none -o stepd.horizon_ms=500 \
		-o stepd.flight_file="$memory/flight" >"$dir/stepd.log" 2>&1 &
	stepd_pid=$!
	await 15 grep -q 'stepd: ready' "$dir/stepd.log" || fail "stepd is not ready"
}

said() {
	grep -q -- "$1" "$dir/replies"
}

# ask SECONDS LINES: until all of it is done; what was said is in replies.
ask() {
	: >"$dir/replies"
	printf '%bM118 done\n' "$2" >"$dir/gcode"
	await "$1" said '^echo: done' || fail "'$2' is not done"
	! grep '^!!' "$dir/replies" || fail "errors"
}

# near Z_OFFSET X Y: the result of PROBE at X100 Y80, with the probe at X Y from the nozzle.
near() {
	awk -v z="$1" -v x="$2" -v y="$3" -v limit="$limit_mm" -F 'z=' "$bed"'
		/Result is z=/ { off = $2 - z - bed(100 + x, 80 + y); off = off < 0 ? -off : off; found = 1 }
		END { printf "PROBE is off by %.4f mm\n", off; exit !(found && off <= limit) }' "$dir/replies" ||
		fail "expected at most $limit_mm mm"
}

# mesh WORDS: probe it, and look at each point.
mesh() {
	ask 40 "BED_MESH_CALIBRATE $1\nBED_MESH_OUTPUT\n"
	awk -v limit="$limit_mm" "$bed"'
		NF == 4 && $2 ~ /^-?[0-9.]+$/ {
			for (i = 2; i <= 4; i++) {
				off = $i - bed(60 + 50 * (i - 2), 140 - 40 * rows)
				off = off < 0 ? -off : off
				worst = off > worst ? off : worst
			}
			rows++
		}
		END { printf "mesh is off by up to %.4f mm\n", worst; exit !(rows == 3 && worst <= limit) }' "$dir/replies" ||
		fail "expected 3 rows, each point within $limit_mm mm"
}

silent() { # COMPONENT LINE
	echo "$1 silent" >"$dir/break"
	sleep 0.3
	: >"$dir/replies"
	echo "$2" >"$dir/gcode"
	await 5 grep -q '^!! .*gives no samples' "$dir/replies" || fail "no word of the silent chip"
	echo "$1 ok" >"$dir/break"
	sleep 0.3
}

stop() {
	kill "$stepd_pid"
	await 15 test ! -d "/proc/$stepd_pid" || fail "stepd does not end"
	kill "$mcu_pid"
	wait 2>/dev/null
	stepd_pid='' mcu_pid=''
}

start eddy '[probe_eddy_current coil]' 'sensor_type: ldc1612' 'z_offset: 1' 'x_offset: 20' 'y_offset: -7' \
	'intb_pin: PE5'
ask 120 'G28\nG1 Z8 F900\nG1 X100 Y80 F12000\nLDC_CALIBRATE_DRIVE_CURRENT CHIP=coil\nPROBE_EDDY_CURRENT_CALIBRATE\nTESTZ Z=-7.762\nACCEPT\n'
said 'reg_drive_current: 15' || fail "no drive current"
said 'calibrated from' || fail "not calibrated"
ask 20 'G1 Z5 F900\nG1 X100 Y80 F12000\nPROBE\n'
near 1 20 -7
mesh 'METHOD=rapid_scan HORIZONTAL_MOVE_Z=2'
silent probe_eddy_current_coil PROBE
stop

cell=('[load_cell_probe]' 'z_offset: 0' 'speed: 3' 'counts_per_gram: 210' 'reference_tare_counts: -31000')
touch='G28\nG1 Z1 F900\nG1 X100 Y80 F12000\nM400\nLOAD_CELL_TARE\nLOAD_CELL_READ\nPROBE\n'
start hx717 "${cell[@]}" 'sensor_type: hx717' 'dout_pin: PE5' 'sclk_pin: PE6'
ask 30 "$touch"
said 'load cell tare value' || fail "no tare"
near 0 0 0
mesh ''
silent load_cell_probe PROBE
ask 20 "$touch"
near 0 0 0
stop

start ads1220 "${cell[@]}" 'sensor_type: ads1220' 'cs_pin: PE5' 'data_ready_pin: PE6'
ask 30 "$touch"
near 0 0 0
stop
echo "passed in $SECONDS s"
