// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "daemon/run_private.h"

static void add_u64(struct json_object *root, const char *key, uint64_t v)
{
	json_object_object_add(root, key, json_object_new_int64((int64_t)v));
}

/* Percentiles, and the buckets that have something: [end in ns, count]. */
static struct json_object *histogram_json(const struct histogram *h)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();

	add_u64(o, "count", histogram_total(h));
	add_u64(o, "p50_ns", histogram_share_ns(h, 0.5));
	add_u64(o, "p99_ns", histogram_share_ns(h, 0.99));
	add_u64(o, "p999_ns", histogram_share_ns(h, 0.999));
	add_u64(o, "max_ns", h->max_ns);
	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		uint64_t upper = histogram_upper_ns(i);
		struct json_object *pair;

		if (!h->count[i])
			continue;
		pair = json_object_new_array();
		json_object_array_add(
			pair,
			json_object_new_int64((int64_t)(upper < h->max_ns ? upper : h->max_ns)));
		json_object_array_add(pair, json_object_new_int64(h->count[i]));
		json_object_array_add(list, pair);
	}
	json_object_object_add(o, "buckets", list);
	return o;
}

/* The GPIO lines of this machine, an entry for each MCU that is such. */
static void add_hosts(struct json_object *root, struct run *r)
{
	struct json_object *list = json_object_new_object(), *o;
	struct hostmcu_stats st;

	for (int i = 0; i < ENGINE_MCUS; i++) {
		if (!r->host[i] || !hostchip_stats(r->host[i], &st))
			continue;
		o = json_object_new_object();
		json_object_object_add(o, "fifo",
				       json_object_new_boolean(hostchip_fifo(r->host[i])));
		add_u64(o, "steps", st.steps);
		add_u64(o, "edges_in", st.edges_in);
		add_u64(o, "edges_out", st.edges_out);
		json_object_object_add(o, "step_late", histogram_json(&st.late));
		json_object_object_add(list, r->mc->mcu[i].name, o);
	}
	json_object_object_add(root, "host_lines", list);
}

void run_trace_clocks(struct run *r)
{
	const struct engine_status *st = &r->m->status;

	if (!r->clock_trace || st->now_ns == r->clock_traced_ns)
		return;
	r->clock_traced_ns = st->now_ns;
	for (size_t i = 0; i < r->m->mcus; i++)
		if (st->mcu[i].flags & ENGINE_MCU_CLOCK)
			fprintf(r->clock_trace, "%lld %s %.2f %s\n", (long long)st->now_ns,
				r->mc->mcu[i].name, st->mcu[i].clock_ticks,
				st->mcu[i].flags & ENGINE_MCU_EDGES ? "line" : "trips");
}

void run_report(struct run *r)
{
	struct rt_thread_stats st;
	struct rt_proc now;
	struct json_object *root;

	if (!r->opt.rt_report)
		return;
	if (!rt_thread_stats_read(&r->rt, &st) || !rt_proc_read(r->rt.tid, &now)) {
		run_log("no report of the rt thread: its figures can't be read");
		return;
	}
	root = json_object_new_object();
	json_object_object_add(root, "fifo", json_object_new_boolean(r->rt.grants.fifo));
	json_object_object_add(root, "priority",
			       json_object_new_int(r->rt.grants.fifo ? r->rt.cfg.priority : 0));
	json_object_object_add(root, "cpu",
			       json_object_new_int(r->rt.grants.pinned ? r->rt.cfg.cpu : -1));
	json_object_object_add(root, "locked", json_object_new_boolean(r->rt.grants.locked));
	json_object_object_add(root, "filtered", json_object_new_boolean(r->rt.grants.seccomp));
	add_u64(root, "cycles", st.cycles);
	add_u64(root, "io_uring_enter", st.enters);
	add_u64(root, "overrun", st.overrun);
	add_u64(root, "io_errors", st.io_errors);
	add_u64(root, "page_faults",
		now.minor_faults + now.major_faults - r->at_start.minor_faults -
			r->at_start.major_faults);
	add_u64(root, "voluntary_switches", now.voluntary_switches - r->at_start.voluntary_switches);
	add_u64(root, "involuntary_switches",
		now.involuntary_switches - r->at_start.involuntary_switches);
	add_hosts(root, r);
	json_object_object_add(root, "wake", histogram_json(&st.wake));
	json_object_object_add(root, "cycle", histogram_json(&st.cycle));
	if (json_object_to_file_ext(r->opt.rt_report, root, JSON_C_TO_STRING_PRETTY) < 0)
		fprintf(stderr, "stepd: --rt-report %s: %s\n", r->opt.rt_report, strerror(errno));
	json_object_put(root);
}
