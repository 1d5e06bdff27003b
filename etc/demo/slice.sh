#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Make etc/demo/demo.gcode again: build the model's STL, slice it with PrusaSlicer, leave the
# slicer's settings off its end. Needs Debian's prusa-slicer.
set -euo pipefail
cd "$(dirname "$0")/../.."

etc/install-packages slice
work=build/demo
mkdir -p $work
awk -f etc/demo/model.awk >$work/model.stl
prusa-slicer --export-gcode --load etc/demo/profile.ini --center 150,150 --scale 0.7 \
	--output $work/sliced.gcode $work/model.stl >$work/slice.log 2>&1 ||
	{ tail -n 20 $work/slice.log >&2; exit 1; }
# The date and the settings block would change with every run and version. (So does the order of some
# lines: the slicer works in parallel.)
sed -e '/^; prusaslicer_config = begin/,$d' -e '1s/ on .*//' -e 's/[[:blank:]]*$//' \
	$work/sliced.gcode >etc/demo/demo.gcode
ls -l etc/demo/demo.gcode
grep -c '^G1' etc/demo/demo.gcode | sed 's/$/ moves/'
grep -E 'estimated printing time|filament used \[mm\]' etc/demo/demo.gcode || true
