/* SPDX-License-Identifier: GPL-2.0-or-later */
/* verify.h - `stepd verify PLAN_TRACE EDGE_TRACE… [--plot PREFIX] [--json]`.
 *
 * Checks a finished run from the daemon's plan trace and the simulated MCUs' edge traces (one for
 * each MCU, in the order of the plan trace). Exit status: 0 all exact, 1 violations or a position
 * error, 2 usage or unreadable input.
 */
#ifndef VERIFY_H
#define VERIFY_H

int verify_main(int argc, char **argv);

#endif
