#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The image for the atmega644p, in simavr at 16 MHz, at the step rates that it has to reach: 60,000 steps at 85 ticks with
# one stepper, and of each of three at 410, none missing, no shutdown. `make bench-mcu` finds the lowest. Virtual time.
#
#   STEPD_BUILD=build tests/live/step-rate.sh
cd "$(dirname "$0")/../.." || exit 2
exec "${STEPD_BUILD:-build}/bench/bench_mcu" limits
