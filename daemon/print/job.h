/* SPDX-License-Identifier: GPL-2.0-or-later */
/* job.h - work on a disk, which may take any time, beside the planner's thread.
 *
 * The planner never waits for a disk: it starts a job and asks now and then whether it has ended. A job that
 * is not wanted any more is dropped; one that hangs in the kernel stays there, and cleans up after itself.
 * Owner:   job_start() to job_finish() or job_drop(). arg is the job's until it has ended.
 * Threads: all of it from the planner's; run() and drop() in one of their own, or (threaded false) at once
 *          in job_start().
 */
#ifndef DAEMON_PRINT_JOB_H
#define DAEMON_PRINT_JOB_H

#include <stdbool.h>

struct job;

/* Begin run(arg). drop(arg) releases it after job_drop(). NULL: no thread or no memory; arg is the caller's. */
struct job *job_start(void (*run)(void *arg), void (*drop)(void *arg), void *arg, bool threaded);
/* Whether run() has returned. */
bool job_done(struct job *j);
/* After job_done(): arg is the caller's again. */
void job_finish(struct job *j);
/* At any time: nobody wants the result. */
void job_drop(struct job *j);

#endif
