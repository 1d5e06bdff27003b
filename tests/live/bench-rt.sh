#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# bench/bench-rt in a short form: it ends, its figures are whole, and the page has pictures and no links to elsewhere.
# What the figures are is not judged here.
#
#   STEPD_BUILD=build tests/live/bench-rt.sh
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
build=${STEPD_BUILD:-build}
out=$build/live-bench-rt
rm -rf "$out"

fail() {
	echo "FAILED: $*"
	exit 1
}

OUT=$out SECONDS_EACH=3 bench/bench-rt || fail "bench-rt"
python='import json, sys
d = json.load(open(sys.argv[1]))
for phase in ("alone", "loaded"):
    s = d[phase]["stepd"]
    assert s["wake"]["count"] > 100 and s["cycle"]["count"] > 100, s
    line = s["host_lines"]["host"]
    assert line["steps"] > 0 and line["step_late"]["count"] == line["steps"], line
    for h in (s["wake"], s["cycle"], line["step_late"]):
        assert h["p50_ns"] <= h["p99_ns"] <= h["p999_ns"] <= h["max_ns"], h
        assert sum(n for _, n in h["buckets"]) == h["count"], h
    assert not s["locked"] or s["page_faults"] == 0, s
'
if command -v python3 >/dev/null; then
	python3 -c "$python" "$out/bench-rt.json" || fail "the figures"
fi
grep -q 'fit for real time' "$out/report.html" || fail "no doctor in the report"
if command -v gnuplot >/dev/null; then
	[ "$(grep -c '<svg' "$out/report.html")" = 2 ] || fail "two pictures are expected"
fi
! grep -E '(src|href)="?https?:' "$out/report.html" || fail "the page needs a network"
echo passed
