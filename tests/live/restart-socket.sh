#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# As restart.sh, over a socket.
LINE=--socket exec "$(dirname "$0")/restart.sh"
