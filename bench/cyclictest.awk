# SPDX-License-Identifier: GPL-2.0-or-later
# What cyclictest's --histfile says: count, and p50, p99, p99.9 and max in us.
#
#   awk -f bench/cyclictest.awk HISTFILE
#
# Its numbers have leading zeros, which some awks (busybox) read as octal.
function plain(number) {
	sub(/^0+/, "", number)
	return number + 0
}
BEGIN { n = 0 }
/^[0-9]/ && $2 ~ /[1-9]/ {
	at[n] = plain($1)
	count[n] = plain($2)
	total += count[n++]
}
/Max Latencies/ { max = plain($NF) }
function share(part, i, below) {
	below = 0
	for (i = 0; i < n; i++)
		if ((below += count[i]) >= part * total) return at[i]
	return max
}
END { print total + 0, share(0.5), share(0.99), share(0.999), max + 0 }
