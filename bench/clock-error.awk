# SPDX-License-Identifier: GPL-2.0-or-later
# Errors of clock estimates: what `stepd --clock-trace` wrote against what the simulated MCUs say of their clocks.
#
#   awk -f bench/clock-error.awk [-v from_s=T] [-v to_s=T] TRUTH TRACE
#
# TRUTH has a line for each MCU: NAME, then what mcu-sim printed (clock C at N ns, R ticks per ns). Times are of
# CLOCK_MONOTONIC. Output, a line for each MCU: name, count, p50, p99.9 and max of |error| in us, largest change from one
# sample to the next, share of the samples that were by the sync line.
FNR == NR {
	clock[$1] = $3
	at[$1] = $5
	rate[$1] = $7
	order[n++] = $1
	next
}
# The last line may be a part of one, if stepd still runs.
NF < 4 || (from_s && $1 < from_s * 1e9) || (to_s && $1 > to_s * 1e9) || !($2 in rate) { next }
{
	error = ($3 - clock[$2] - ($1 - at[$2]) * rate[$2]) / rate[$2] / 1000
	size = error < 0 ? -error : error
	change = error - last[$2]
	change = change < 0 ? -change : change
	if (count[$2]++ && change > step[$2]) step[$2] = change
	last[$2] = error
	by_line[$2] += $4 == "line"
	if (size > max[$2]) max[$2] = size
	bin = int(size * 10) # of 0.1 us
	if (bin > 99999) bin = 99999
	bins[$2, bin]++
	if (bin > top[$2]) top[$2] = bin
}
function share(name, part, i, below) {
	for (i = 0; i <= top[name]; i++) {
		below += bins[name, i]
		if (below >= part * count[name]) return (i + 1) / 10 < max[name] ? (i + 1) / 10 : max[name]
	}
	return max[name]
}
END {
	for (i = 0; i < n; i++)
		if (count[order[i]])
			printf "%s %d %.1f %.1f %.1f %.1f %.3f\n", order[i], count[order[i]], share(order[i], 0.5), share(order[i], 0.999), max[order[i]], step[order[i]], by_line[order[i]] / count[order[i]]
}
