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
