#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The harness itself: a failed case, a panic of the kernel and a hang each end tests/guest/boot with a status of their own.
#
#   STEPD_BUILD=build tests/guest/boot.sh
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
folder=${STEPD_BUILD:-build}/guest/boot
tests/guest/kernel "$folder/../kernel" || exit
mkdir -p "$folder"

# expect STATUS SCRIPT [OPTION...]
expect() {
	local want=$1 script=$2 got
	shift 2
	echo "$script" >"$folder/script"
	# Not as tests/run counts cases: this script is the case.
	tests/guest/boot "$@" "$folder" "$folder/script" >"$folder/log" 2>&1
	got=$?
	sed 's/^\[/(/' "$folder/log"
	[ "$got" != 77 ] || exit 77
	[ "$got" = "$want" ] && return
	echo "FAILED: exit status $got instead of $want of: $script"
	exit 1
}

expect 1 'cases 2; test_case good true; test_case bad false'
expect 3 'cases 1; test_case panic sh -c "echo c >/proc/sysrq-trigger"'
expect 4 'cases 1; test_case hang sleep 1000' -t 40
echo passed
