// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/rt/rt_grants.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

void rt_grants_missing(struct rt_grants *g, const char *fmt, ...)
{
	size_t used = strlen(g->text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(g->text + used, sizeof(g->text) - used, fmt, ap);
	va_end(ap);
}

void rt_grants_ask(struct rt_grants *g, int priority, int cpu)
{
	struct sched_param sp = { .sched_priority = priority };
	cpu_set_t set;
	int rc;

	if (cpu >= 0) {
		CPU_ZERO(&set);
		CPU_SET((size_t)cpu, &set);
		rc = pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
		g->pinned = rc == 0;
		if (rc)
			rt_grants_missing(g,
					  "not pinned to CPU %d: %s; choose an existing one with "
					  "[stepd] rt_cpu\n",
					  cpu, strerror(rc));
	}
	if (priority > 0) {
		rc = pthread_setschedparam(pthread_self(), SCHED_FIFO, &sp);
		g->fifo = rc == 0;
		if (rc)
			rt_grants_missing(
				g,
				"no SCHED_FIFO priority %d: %s; grant it with CAP_SYS_NICE or "
				"'ulimit -r %d'\n",
				priority, strerror(rc), priority);
	}
	/* Without it an ordinary thread's timers run up to 50 us late, and of some kernels a SCHED_FIFO one's, too. */
	prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
	/* ONFAULT keeps the planner's heap small; what RT needs is touched below. */
	g->locked = mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0;
	if (!g->locked)
		rt_grants_missing(g,
				  "memory not locked: %s; grant it with CAP_IPC_LOCK or "
				  "'ulimit -l unlimited'\n",
				  strerror(errno));
}

void rt_grants_filter(struct rt_grants *g)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	bool ok = ctx != NULL;

	/* exit ends the thread; the signal calls are the kernel's own way back from a stop; where the
	 * vDSO can't read the clock, reading it is a call. */
	static const int allowed[] = { SCMP_SYS(io_uring_enter),  SCMP_SYS(exit),
				       SCMP_SYS(exit_group),      SCMP_SYS(rt_sigreturn),
				       SCMP_SYS(restart_syscall), SCMP_SYS(clock_gettime),
				       SCMP_SYS(clock_gettime64) };

	for (size_t i = 0; ok && i < sizeof(allowed) / sizeof(allowed[0]); i++)
		ok = allowed[i] < 0 || /* not a call of this architecture */
		     seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0) == 0;
	ok = ok && seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 0) == 0;
	/* seccomp_release() frees memory through calls that the filter would forbid: the small
	 * context stays for the life of the process. */
	ok = ok && seccomp_load(ctx) == 0;
	if (!ok)
		rt_grants_missing(g, "no system call filter on the rt thread\n");
	g->seccomp = ok;
}
