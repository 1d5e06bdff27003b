#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Ctrl-C in the demo, as the terminal sends it: to all of its processes at once.
# Shown: the print ends early and at rest, with a summary of what was printed, no violation, and both pictures. About 10 s.
#
#   STEPD_BUILD=build tests/live/demo-stop.sh
set -muo pipefail # -m: a process group of its own, in which INT is not ignored
cd "$(dirname "$0")/../.." || exit 2
build=${STEPD_BUILD:-build}
dir=$build/live-demo-stop
rm -rf "$dir" && mkdir -p "$dir"
: >"$dir/out.txt"
unset FAST SECONDS_MAX

BUILD=$build NO_BUILD=1 DIR=$dir etc/demo/run-demo >"$dir/out.txt" 2>&1 &
demo=$!
for ((tries = 0; tries < 300; tries++)); do
	grep -q '^[0-9:]*  layer 1 of' "$dir/out.txt" && break
	sleep 0.1
done
sleep 2
kill -INT -- -$demo
for ((tries = 0; tries < 300; tries++)); do
	kill -0 $demo 2>/dev/null || break
	sleep 0.1
done
if kill -0 $demo 2>/dev/null; then
	kill -KILL -- -$demo
	echo 'it has not ended'
	exit 1
fi
wait $demo
status=$?
cat "$dir/out.txt"
[ $status = 0 ] || { echo "status $status"; exit 1; }
pictures=('picture: .*demo-error.png' 'picture: .*demo-path.png')
command -v gnuplot >/dev/null || pictures=('^gnuplot is missing')
for what in '^Printed for .*: layer 1 of .*late steps 0, underruns 0' ' 0 violations' "${pictures[@]}"; do
	grep -q "$what" "$dir/out.txt" || { echo "nothing of '$what'"; exit 1; }
done
