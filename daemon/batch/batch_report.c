// SPDX-License-Identifier: GPL-2.0-or-later
/* The figures of a batch run, as JSON or for people. */
#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <sys/resource.h>

#include "daemon/batch/batch.h"
#include "daemon/print/print.h"

static double cpu_s(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	return (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
	       (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) * 1e-6;
}

static long peak_rss_kib(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	return ru.ru_maxrss;
}

static double sync_percentile_us(const struct batch_sync_error *e, double share)
{
	uint64_t seen = 0, want = (uint64_t)ceil(share * (double)e->samples);

	for (size_t i = 0; i < sizeof(e->bins) / sizeof(e->bins[0]); i++) {
		seen += e->bins[i];
		if (seen >= want && e->samples > 0)
			return (double)(i + 1) * 0.1;
	}
	return 0;
}

static struct json_object *error_json(const struct checker_error *e)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "rms", json_object_new_double(e->rms_us));
	json_object_object_add(o, "mean", json_object_new_double(e->mean_us));
	json_object_object_add(o, "p99", json_object_new_double(e->p99_us));
	json_object_object_add(o, "p999", json_object_new_double(e->p999_us));
	json_object_object_add(o, "max", json_object_new_double(e->max_us));
	return o;
}

static void add_u64(struct json_object *o, const char *key, uint64_t v)
{
	json_object_object_add(o, key, json_object_new_int64((int64_t)v));
}

static uint64_t bytes_sent(const struct batch *b)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < b->m->mcus; i++)
		sum += b->m->engine->mcu[i].link.stats.bytes_sent;
	return sum;
}

static uint64_t commands(const struct batch *b)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < b->m->mcus; i++)
		sum += b->m->engine->mcu[i].link.stats.messages_pushed;
	return sum;
}

static void add_steppers(const struct batch *b, struct json_object *root)
{
	struct json_object *steps = json_object_new_object(), *err = json_object_new_object();

	for (size_t i = 0; i < b->m->motors; i++) {
		const char *name = b->m->motor[i].cfg->name;

		add_u64(steps, name, b->result.executed[i]);
		json_object_object_add(err, name, error_json(&b->result.stepper[i]));
	}
	json_object_object_add(root, "steps", steps);
	if (!b->opt.no_mcu)
		json_object_object_add(root, "stepper_error_us", err);
}

static void add_links(const struct batch *b, struct json_object *root)
{
	struct json_object *list = json_object_new_object();

	for (size_t i = 0; i < b->m->mcus; i++) {
		const struct engine_mcu *em = &b->m->engine->mcu[i];
		struct json_object *o = json_object_new_object();

		add_u64(o, "bytes", em->link.stats.bytes_sent);
		add_u64(o, "frames", em->link.stats.frames_sent);
		add_u64(o, "commands", em->link.stats.messages_pushed);
		add_u64(o, "retransmits", em->link.stats.retransmits);
		add_u64(o, "naks", em->link.stats.naks);
		add_u64(o, "bad_frames", em->link.rx.bad_crc);
		add_u64(o, "wire_faults",
			b->mcu[i].to.stats.lost + b->mcu[i].to.stats.flipped +
				b->mcu[i].to.stats.repeated + b->mcu[i].from.stats.lost +
				b->mcu[i].from.stats.flipped + b->mcu[i].from.stats.repeated);
		add_u64(o, "queue_full", em->line_full);
		json_object_object_add(list, b->mc->mcu[i].name, o);
	}
	json_object_object_add(root, "links", list);
	list = json_object_new_object();
	for (size_t i = 0; i < b->cans; i++) {
		const struct vcanbus_stats *st = &b->can[i].bus.stats;
		struct json_object *o = json_object_new_object();

		add_u64(o, "frames", st->frames);
		add_u64(o, "bits", st->bits);
		add_u64(o, "stuff_bits", st->stuff_bits);
		add_u64(o, "faults", st->lost + st->repeated + st->delayed);
		json_object_object_add(
			o, "busy_share",
			json_object_new_double((double)st->busy_ns / (double)b->now_ns));
		json_object_object_add(list, b->can[i].name, o);
	}
	if (b->cans)
		json_object_object_add(root, "canbuses", list);
	else
		json_object_put(list);
}

static void add_sync_error(const struct batch *b, struct json_object *root)
{
	const struct batch_sync_error *e = &b->sync_error;
	struct json_object *o;

	if (e->samples == 0)
		return;
	o = json_object_new_object();
	json_object_object_add(o, "rms",
			       json_object_new_double(sqrt(e->sum2_us2 / (double)e->samples)));
	json_object_object_add(o, "p99", json_object_new_double(sync_percentile_us(e, 0.99)));
	json_object_object_add(o, "max", json_object_new_double(e->max_us));
	json_object_object_add(root, "clock_sync_error_us", o);
}

static void add_violations(const struct batch *b, struct json_object *root)
{
	struct json_object *list = json_object_new_array();

	for (uint32_t i = 0; i < b->result.listed; i++)
		json_object_array_add(list, json_object_new_string(b->result.list[i].text));
	json_object_object_add(root, "violation_list", list);
}

/* The target of the heater on that sensor, 0 without one. */
static double target_of(const struct batch *b, size_t sensor)
{
	for (size_t i = 0; i < b->mc->heater_count; i++)
		if (b->mc->heaters[i].sensor == (int)sensor)
			return b->m->heaters.status.heater[i].target_degc;
	return 0;
}

/* Whether the sensor has said anything. */
static bool has_read(const struct batch *b, size_t sensor)
{
	return b->heat[sensor].min_degc <= b->heat[sensor].max_degc;
}

static void add_temperatures(const struct batch *b, struct json_object *root)
{
	struct json_object *list = json_object_new_object();

	for (size_t i = 0; i < b->mc->sensor_count; i++) {
		const struct heat_sensor_status *s = &b->m->heaters.status.sensor[i];
		struct json_object *o = json_object_new_object();

		if (has_read(b, i)) {
			json_object_object_add(o, "min",
					       json_object_new_double(b->heat[i].min_degc));
			json_object_object_add(o, "max",
					       json_object_new_double(b->heat[i].max_degc));
			json_object_object_add(o, "last", json_object_new_double(s->degc));
		}
		json_object_object_add(o, "target", json_object_new_double(target_of(b, i)));
		json_object_object_add(o, "overshoot", json_object_new_double(b->heat[i].over_degc));
		add_u64(o, "glitches", s->glitches);
		json_object_object_add(list, b->mc->sensors[i].name, o);
	}
	json_object_object_add(root, "temperatures_degc", list);
}

static void add_fans(const struct batch *b, struct json_object *root)
{
	struct json_object *list = json_object_new_object();

	for (size_t i = 0; i < b->m->tachos.count; i++) {
		const struct tachometer *t = &b->m->tachos.tacho[i];
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "last", json_object_new_double(t->rpm));
		json_object_object_add(o, "max", json_object_new_double(t->rpm_max));
		if (t->rpm_min <= t->rpm_max)
			json_object_object_add(o, "min", json_object_new_double(t->rpm_min));
		json_object_object_add(o, "stuck", json_object_new_boolean(t->stuck));
		json_object_object_add(list, t->name, o);
	}
	json_object_object_add(root, "fans_rpm", list);
}

/* Of the card, if there has been one. */
static void add_print(const struct batch *b, struct json_object *root)
{
	const struct print_stats *st = &b->m->print->stats;
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "state", json_object_new_string(print_stats_name(st)));
	json_object_object_add(o, "file", json_object_new_string(st->file));
	json_object_object_add(o, "filament_mm", json_object_new_double(st->filament_mm));
	json_object_object_add(root, "print", o);
}

static void print_json(const struct batch *b, bool ok)
{
	struct json_object *root = json_object_new_object();
	const struct engine_status *st = &b->m->engine->status;

	json_object_object_add(root, "file", json_object_new_string(b->opt.gcode));
	json_object_object_add(root, "ok", json_object_new_boolean(ok));
	add_u64(root, "seed", b->opt.seed);
	add_u64(root, "lines", b->lines);
	add_u64(root, "line_errors", b->errors);
	add_u64(root, "moves", b->moves);
	add_steppers(b, root);
	add_u64(root, "steps_total", st->steps);
	add_u64(root, "commands", commands(b));
	add_u64(root, "queue_steps", st->runs);
	add_u64(root, "bytes", bytes_sent(b));
	json_object_object_add(root, "print_time_s",
			       json_object_new_double(b->last_move_s - b->first_move_s));
	json_object_object_add(root, "cpu_s", json_object_new_double(cpu_s()));
	add_u64(root, "peak_rss_kib", (uint64_t)peak_rss_kib());
	if (!b->opt.no_mcu) {
		json_object_object_add(root, "step_error_us", error_json(&b->result.all));
		json_object_object_add(root, "position_error_steps",
				       json_object_new_int64(b->result.position_error_worst_steps));
		add_u64(root, "violations", b->result.violations);
		add_violations(b, root);
	}
	if (b->m->print->stats.file[0])
		add_print(b, root);
	add_temperatures(b, root);
	add_fans(b, root);
	add_sync_error(b, root);
	add_u64(root, "late", st->late);
	add_u64(root, "underruns", st->underruns);
	add_u64(root, "stalls", st->stalls);
	add_u64(root, "slowed", st->slowed);
	json_object_object_add(root, "lead_min_s", json_object_new_double(st->lead_min_s));
	add_links(b, root);
	puts(json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY));
	json_object_put(root);
}

static void print_text(const struct batch *b)
{
	const struct checker_error *e = &b->result.all;
	const struct engine_status *st = &b->m->engine->status;
	double print_s = b->last_move_s - b->first_move_s, used_s = cpu_s();

	printf("%s: %llu lines (%llu with errors), %llu moves\n", b->opt.gcode,
	       (unsigned long long)b->lines, (unsigned long long)b->errors,
	       (unsigned long long)b->moves);
	printf("print time %.1f s in %.2f CPU s (%.0f x), peak memory %ld KiB\n", print_s, used_s,
	       used_s > 0 ? print_s / used_s : 0, peak_rss_kib());
	printf("%llu steps in %llu queue_step (%.1f per 1000), %llu commands, %llu bytes\n",
	       (unsigned long long)st->steps, (unsigned long long)st->runs,
	       st->steps ? 1000.0 * (double)st->runs / (double)st->steps : 0,
	       (unsigned long long)commands(b), (unsigned long long)bytes_sent(b));
	if (!b->opt.no_mcu) {
		printf("step error us: rms %.2f p99 %.2f max %.2f; final position error %lld steps; "
		       "%llu violations\n",
		       e->rms_us, e->p99_us, e->max_us,
		       (long long)b->result.position_error_worst_steps,
		       (unsigned long long)b->result.violations);
		for (uint32_t i = 0; i < b->result.listed; i++)
			printf("  violation: %s\n", b->result.list[i].text);
	}
	if (b->m->print->stats.file[0])
		printf("print: %s, %s, %.1f mm of filament\n", print_stats_name(&b->m->print->stats),
		       b->m->print->stats.file, b->m->print->stats.filament_mm);
	if (b->sync_error.samples)
		printf("clock sync error of the other MCUs, us: rms %.2f p99 %.1f max %.2f\n",
		       sqrt(b->sync_error.sum2_us2 / (double)b->sync_error.samples),
		       sync_percentile_us(&b->sync_error, 0.99), b->sync_error.max_us);
	for (size_t i = 0; i < b->mc->sensor_count; i++)
		if (!has_read(b, i))
			printf("%s: no reading\n", b->mc->sensors[i].name);
		else
			printf("%s: %.1f to %.1f °C, last %.1f, target %.1f, overshoot %.2f, %u glitches\n",
			       b->mc->sensors[i].name, b->heat[i].min_degc, b->heat[i].max_degc,
			       b->m->heaters.status.sensor[i].degc, target_of(b, i),
			       b->heat[i].over_degc, b->m->heaters.status.sensor[i].glitches);
	for (size_t i = 0; i < b->m->tachos.count; i++) {
		const struct tachometer *t = &b->m->tachos.tacho[i];

		printf("fan %s: last %.0f rpm, most %.0f%s\n", t->name, t->rpm, t->rpm_max,
		       t->stuck ? ", stuck" : "");
	}
	printf("late %llu, underruns %llu, smallest lead %.1f ms\n", (unsigned long long)st->late,
	       (unsigned long long)st->underruns, st->lead_min_s * 1e3);
}

int batch_report(struct batch *b)
{
	const struct engine_status *st = &b->m->engine->status;
	bool ok = b->errors == 0 && st->late == 0 && st->underruns == 0 && !b->error[0] &&
		  b->m->state == MACHINE_READY && b->result.violations == 0 &&
		  b->result.position_error_worst_steps == 0;

	if (b->opt.json)
		print_json(b, ok);
	else
		print_text(b);
	return ok ? 0 : 1;
}
