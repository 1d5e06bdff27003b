/* SPDX-License-Identifier: GPL-2.0-or-later */
/* doctor.h - `stepd doctor [-c CONFIG] [-o …] [--json]`: is this machine fit for real time?
 *
 * Looks at the kernel, its command line, CPUs, interrupts, limits and devices, and says for each what is
 * there, what is wanted, and how to change it. Changes nothing itself.
 * Threads: planner (main), before anything runs.
 * Exit status: 0 fit, 1 something costs deadlines, 2 usage, a broken configuration or a broken root.
 */
#ifndef DAEMON_DOCTOR_DOCTOR_H
#define DAEMON_DOCTOR_DOCTOR_H

#include <stdio.h>

int doctor_main(int argc, char **argv);

/* The same, written to out. */
int doctor_run(int argc, char **argv, FILE *out);

#endif
