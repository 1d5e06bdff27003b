// SPDX-License-Identifier: GPL-2.0-or-later
/* The daemon's MCUs that are this machine's own GPIO lines: which lines, their thread, their figures. */
#include <stdio.h>
#include <string.h>

#include "daemon/print/print.h"
#include "daemon/run_private.h"

struct uses {
	int mcu;
	struct hostchip_use use[HOSTMCU_LINES + 1];
	int count; /* one too many: there is no room */
};

/* A pin that is used twice is one line. */
static void add(struct uses *u, const struct pin *pin, const struct hostchip_use *use)
{
	if (!pin->set || pin->mcu != u->mcu || u->count > HOSTMCU_LINES)
		return;
	for (int i = 0; i < u->count; i++)
		if (pin_same(u->use[i].pin, pin))
			return;
	u->use[u->count] = *use;
	u->use[u->count++].pin = pin;
}

/* All lines of one MCU, as machine_configure_mcu() will ask for them. */
static void collect(const struct machine *m, struct uses *u)
{
	for (size_t i = 0; i < m->motors; i++) {
		const struct machine_stepper *cfg = m->motor[i].cfg;

		/* Half of the pulse is what lateness may leave of it. */
		add(u, &cfg->step_pin,
		    &(struct hostchip_use){ .output = true,
					    .level = cfg->step_pin.invert,
					    .gap_ns = (int64_t)(cfg->step_pulse_s * 0.5e9) });
		add(u, &cfg->dir_pin, &(struct hostchip_use){ .output = true });
	}
	for (size_t i = 0; i < m->outputs; i++)
		add(u, m->output[i].pin,
		    &(struct hostchip_use){ .output = true, .level = m->output[i].pin->invert });
	for (size_t i = 0; i < m->mc->static_count; i++)
		add(u, &m->mc->statics[i].pin,
		    &(struct hostchip_use){ .output = true,
					    .level = !m->mc->statics[i].pin.invert });
	for (size_t i = 0; i < m->endstops; i++)
		add(u, m->endstop[i].pin, &(struct hostchip_use){ .output = false });
	for (size_t i = 0; i < m->print->buttons.inputs; i++)
		add(u, m->print->buttons.input[i].pin, &(struct hostchip_use){ .output = false });
}

bool run_host_start(struct run *r, int mcu, char *err, size_t err_size)
{
	const struct machine_mcu *cfg = &r->mc->mcu[mcu];
	int priority = r->mc->stepd.rt_priority;
	struct uses uses = { .mcu = mcu };
	struct hostchip_config hc = { .name = cfg->name,
				      .priority = priority > 1 ? priority - 1 : priority,
				      .cpu = cfg->host_cpu,
				      .late_max_ns = (int64_t)(cfg->host_late_max_s * 1e9),
				      .use = uses.use };

	collect(r->m, &uses);
	hc.uses = uses.count;
	r->host[mcu] = hostchip_start(&hc, err, err_size);
	if (!r->host[mcu])
		return false;
	r->line[mcu].fd = hostchip_fd(r->host[mcu]);
	fprintf(stderr, "stepd: mcu '%s': %d GPIO lines of this machine, scheduling %s\n",
		cfg->name, uses.count, hostchip_fifo(r->host[mcu]) ? "SCHED_FIFO" : "SCHED_OTHER");
	return true;
}

void run_host_stop(struct run *r)
{
	for (int i = 0; i < ENGINE_MCUS; i++) {
		if (!r->host[i])
			continue;
		hostchip_stop(r->host[i]);
		r->host[i] = NULL;
		r->line[i].fd = -1;
	}
}

const char *run_host_fault(void *ctx, int mcu)
{
	struct run *r = ctx;

	return r->host[mcu] ? hostchip_fault(r->host[mcu]) : NULL;
}

void run_host_status(struct run *r, char *buf, size_t cap)
{
	size_t used = 0;
	struct hostmcu_stats st;

	for (int i = 0; i < ENGINE_MCUS && used < cap; i++)
		if (r->host[i] && hostchip_stats(r->host[i], &st))
			used += (size_t)snprintf(
				buf + used, cap - used,
				"host lines %s: %s, edges in %llu, out %llu, steps %llu, late p50 %.1f "
				"p99.9 %.1f worst %.1f us\n",
				r->mc->mcu[i].name,
				hostchip_fifo(r->host[i]) ? "SCHED_FIFO" : "SCHED_OTHER",
				(unsigned long long)st.edges_in, (unsigned long long)st.edges_out,
				(unsigned long long)st.steps,
				(double)histogram_share_ns(&st.late, 0.5) * 1e-3,
				(double)histogram_share_ns(&st.late, 0.999) * 1e-3,
				(double)st.late.max_ns * 1e-3);
}
