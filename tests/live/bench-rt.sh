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

mkdir -p "$out"
OUT=$out SECONDS_EACH=3 LATENCY_COUNT=2 bench/bench-rt | tee "$out/table" || fail "bench-rt"
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
    latency = d[phase]["latency"]  # none where the machine was too busy: the table says what happened
    links = d[phase]["links"]
    for l in [latency[name] for name in ("wire", "step", "acts", "rest") if latency] + [links["trip pty"], links["trip socket"]]:
        assert l["count"] > 1 and 0 < l["p50_us"] <= l["p99_us"] <= l["p999_us"] <= l["max_us"], d[phase]
    assert not latency or latency["wire"]["p50_us"] < latency["step"]["p50_us"], latency
trips = d["clock"]["trips"]
assert trips["count"] > 10 and 0 < trips["p50_us"] <= trips["p999_us"] <= trips["max_us"], trips
'
if command -v python3 >/dev/null; then
	python3 -c "$python" "$out/bench-rt.json" || fail "the figures"
fi
# Its numbers have leading zeros, which are no octal ones.
printf '%06d %d\n' 10 500 20 450 30 40 40 5 50 4 60 1 >"$out/histogram"
echo '# Max Latencies: 00060' >>"$out/histogram"
for awk in awk "busybox awk"; do
	command -v "${awk%% *}" >/dev/null || continue
	[ "$($awk -f bench/cyclictest.awk "$out/histogram")" = '1000 10 30 50 60' ] || fail "cyclictest.awk with $awk"
done
grep -qE '^(alone|loaded) +(trip vcan|skipped: trip vcan)' "$out/table" || fail "CAN is not mentioned"
grep -q 'fit for real time' "$out/report.html" || fail "no doctor in the report"
if command -v gnuplot >/dev/null; then
	[ "$(grep -c '<svg' "$out/report.html")" -ge 3 ] || fail "pictures are missing"
fi
! grep -E '(src|href)="?https?:' "$out/report.html" || fail "the page needs a network"
echo passed
