/* SPDX-License-Identifier: GPL-2.0-or-later */
/* run.h - the daemon: `stepd -c CONFIG`.
 *
 * The planner thread's loop: G-code FIFOs in, replies out, machine_poll() in between; beside it the
 * rt thread. Exit status: 0 ended by a signal, 1 could not start or failed, 2 usage.
 */
#ifndef DAEMON_RUN_H
#define DAEMON_RUN_H

int run_main(int argc, char **argv);

#endif
