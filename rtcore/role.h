/* SPDX-License-Identifier: GPL-2.0-or-later */
/* role.h - which thread may touch what, checked by clang's thread-safety analysis.
 *
 * A role is a capability that a thread holds for its whole life. Fields carry OWNED_BY(role),
 * functions RUNS_ON(role); `make lint` compiles with -Wthread-safety and reports a field read
 * or a call from the wrong thread. gcc sees nothing of it.
 *
 * Roles: role_plan = planner (main) thread; role_rt = the SCHED_FIFO thread. A test or the
 * batch mode, where one thread plays both, takes both with role_take().
 */
#ifndef RTCORE_ROLE_H
#define RTCORE_ROLE_H

#if defined(__clang__)
#define ROLE_ATTR(x) __attribute__((x))
#else
#define ROLE_ATTR(x)
#endif

struct ROLE_ATTR(capability("role")) role {
	char unused;
};

extern const struct role role_plan;
extern const struct role role_rt;

#define OWNED_BY(r) ROLE_ATTR(guarded_by(r))
#define RUNS_ON(r) ROLE_ATTR(requires_capability(r))

/* State that the calling thread acts in role r from here on. No code is generated. */
static inline void role_take(const struct role *r) ROLE_ATTR(assert_capability(*r));
static inline void role_take(const struct role *r)
{
	(void)r;
}

#endif
