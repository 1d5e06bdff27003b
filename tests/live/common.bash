# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What scripts share that run a daemon and an MCU: sourced at the root of the tree, after cd.
# A folder of their own ($dir), one in memory for flight records ($memory), waiting with a limit, and an
# end that leaves no process behind ($stepd_pid, $mcu_pid).
build=${STEPD_BUILD:-build}
dir=$build/live-$(basename "$0" .sh)
rm -rf "$dir" && mkdir -p "$dir"
memory=$(mktemp -d /dev/shm/stepd-live.XXXXXX) || exit 77
stepd_pid='' mcu_pid=''

# shellcheck disable=SC2317,SC2329 # called by trap
clean_up() {
	local pid
	for pid in $stepd_pid $mcu_pid; do
		kill "$pid" 2>/dev/null
	done
	wait 2>/dev/null
	rm -rf "$memory"
}
trap clean_up EXIT

# fail TEXT...: and what daemon and MCU said last.
fail() {
	echo "FAILED: $*"
	tail -n 20 "$dir/stepd.log" "$dir/replies" "$dir/mcu.log"
	exit 1
}

# off_in_time PIN SECONDS: it went off, for good, within 3 s after that time of the kernel's clock, by the MCU's own clock in
# mcu.log and trace: however busy the machine is.
off_in_time() {
	local off_s
	off_s=$(awk -v pin="$1" -v killed_s="$2" 'FNR == NR { if ($1 == "clock") { t0_s = $4 * 1e-9; hz = $6 * 1e9 } next }
		$2 == pin { at = $1; level = $3 } END { print level ? "not" : t0_s + at / hz - killed_s }' "$dir/mcu.log" "$dir/trace")
	awk -v s="$off_s" 'BEGIN { exit !(s > 1 && s <= 3) }' ||
		fail "$1 was off $off_s s after the host was killed, expected 3 at most"
}

# await SECONDS COMMAND...: until it succeeds.
await() {
	local tries=$(($1 * 20))
	shift
	while ! "$@"; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.05
	done
}

# start_mcu [OPTION...]: a simulated one, its line at $dir/pty. LINE=--socket: that is a socket.
start_mcu() {
	rm -f "$dir/pty"
	"$build/mcu-sim" "${LINE:---pty}" "$dir/pty" "$@" >"$dir/mcu.log" 2>&1 &
	mcu_pid=$!
	await 5 test -e "$dir/pty" || fail "no pty"
}
