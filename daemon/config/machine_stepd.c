/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_stepd.c - stepd's own sections, [stepd] and [stepd_sim]: see machine_load.h. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/config_util.h"
#include "daemon/config/machine_load.h"

/* Of the horizon: nearer to it, runs are cut short. */
#define LOW_WATER_SHARE 0.8

#define AT(type, member) offsetof(struct type, member)
#define PATH(option_, member_, default_) \
	{ \
		option_, FIELD_TEXT, 0, AT(machine_stepd, member_), \
			.hi = PATH_MAX - 1, .unit = "a path", .choices = default_ \
	}

static const struct field stepd_fields[] = {
	PATH("gcode_fifo", gcode_fifo, "/run/stepd/gcode"),
	PATH("reply_fifo", reply_fifo, "/run/stepd/reply"),
	PATH("reply_file", reply_file, NULL),
	PATH("out_of_band_fifo", out_of_band_fifo, "/run/stepd/urgent"),
	{ "gcode_fifo_mode", FIELD_OCTAL, 0, AT(machine_stepd, gcode_fifo_mode), .fallback = 0660 },
	{ "gcode_ack", FIELD_CHOICE, 0, AT(machine_stepd, gcode_ack), .fallback = MACHINE_ACK_ALL,
	  .choices = "none numbered all" },
	{ "horizon_ms", FIELD_DOUBLE, 0, AT(machine_stepd, horizon_s), .lo = 20, .hi = 1000,
	  .fallback = 100, .scale = 1e-3, .unit = "ms" },
	{ "low_water_ms", FIELD_DOUBLE, FIELD_ABOVE, AT(machine_stepd, low_water_s), .lo = 0,
	  .hi = 1000, .fallback = NAN, .scale = 1e-3, .unit = "ms" },
	{ "lookahead_s", FIELD_DOUBLE, 0, AT(machine_stepd, lookahead_s), .lo = 0.05, .hi = 30,
	  .fallback = 1, .unit = "s" },
	{ "step_tolerance_us", FIELD_DOUBLE, 0, AT(machine_stepd, step_tolerance_s), .lo = 0.1,
	  .hi = 100, .fallback = 12.5, .scale = 1e-6, .unit = "µs" },
	{ "step_fractions", FIELD_BOOL, 0, AT(machine_stepd, step_fractions), .fallback = 1 },
	{ "reversal_filter_us", FIELD_DOUBLE, 0, AT(machine_stepd, reversal_filter_s), .lo = 0,
	  .hi = 1000, .fallback = 100, .scale = 1e-6, .unit = "µs" },
	{ "arc_tolerance_um", FIELD_DOUBLE, 0, AT(machine_stepd, arc_tolerance_mm), .lo = 0.1,
	  .hi = 1000, .fallback = 5, .scale = 1e-3, .unit = "µm" },
	{ "rt_priority", FIELD_INT, 0, AT(machine_stepd, rt_priority), .lo = 0, .hi = 99,
	  .fallback = 80 },
	{ "rt_cpu", FIELD_INT, 0, AT(machine_stepd, rt_cpu), .lo = 0, .hi = 1023, .fallback = -1,
	  .choices = "auto" },
	{ "startup_gcode", FIELD_TEXT, 0, AT(machine_stepd, startup_gcode), .hi = 1 << 20,
	  .unit = "G-code", .choices = "" },
	{ "inject_faults", FIELD_BOOL, 0, AT(machine_stepd, inject_faults), .hi = 1 },
	PATH("flight_file", flight_file, "auto"),
	{ "flight_mib", FIELD_DOUBLE, 0, AT(machine_stepd, flight_mib), .lo = 0.0625, .hi = 1024,
	  .fallback = 16, .unit = "MiB" },
	{ "flight_keep", FIELD_INT, 0, AT(machine_stepd, flight_keep), .lo = 1, .hi = 100,
	  .fallback = 3 },
};

static const struct field sim_fields[] = {
	{ "clock_hz", FIELD_DOUBLE, FIELD_KEEP, AT(machine_mcu, sim_clock_hz), .lo = 1e6, .hi = 1e9,
	  .unit = "Hz" },
	{ "clock_ppm", FIELD_DOUBLE, FIELD_KEEP, AT(machine_mcu, sim_clock_ppm), .lo = -1000,
	  .hi = 1000, .unit = "ppm" },
	{ "move_count", FIELD_INT, FIELD_KEEP, AT(machine_mcu, sim_move_count), .lo = 8,
	  .hi = 65535 },
	{ "canbus_bitrate", FIELD_INT, FIELD_KEEP, AT(machine_mcu, sim_canbus_hz), .lo = 10000,
	  .hi = 1000000, .unit = "bit/s" },
	{ "extensions", FIELD_BOOL, FIELD_KEEP, AT(machine_mcu, sim_extensions), .lo = 0 },
	{ "without", FIELD_TEXT, FIELD_KEEP, AT(machine_mcu, sim_without), .hi = 200,
	  .unit = "words with commas between" },
};

static void sim_load_section(struct machine_load *l, struct config_section *s,
			     struct machine_mcu *mcu)
{
	fields_load(l, s, sim_fields, sizeof(sim_fields) / sizeof(*sim_fields), mcu);
}

/* The seed may be any 64-bit number, so it can't go through a double. */
static void sim_seed(struct machine_load *l, struct config_section *s)
{
	struct config_option *o = s ? config_option(s, "seed") : NULL;
	char *end;

	l->mc->stepd.sim_seed = 1;
	if (!o)
		return;
	o->used = true;
	l->mc->stepd.sim_seed = strtoull(o->value, &end, 0);
	if (o->value[0] < '0' || o->value[0] > '9' || *end)
		value_error(l, s, "seed", "expected a whole number of at least 0");
}

static void sim_bed_load(struct machine_load *l, struct config_section *s)
{
	static const struct field fields[] = {
		{ "bed_height", FIELD_DOUBLE, 0, AT(machine_sim_bed, height_mm), .lo = -100,
		  .hi = 100, .unit = "mm" },
		{ "bed_slope_x", FIELD_DOUBLE, 0, AT(machine_sim_bed, slope_x), .lo = -0.1,
		  .hi = 0.1 },
		{ "bed_slope_y", FIELD_DOUBLE, 0, AT(machine_sim_bed, slope_y), .lo = -0.1,
		  .hi = 0.1 },
		{ "bed_shape", FIELD_DOUBLE, 0, AT(machine_sim_bed, shape_mm), .hi = 10,
		  .unit = "mm" },
		{ "probe_noise", FIELD_DOUBLE, 0, AT(machine_sim_bed, probe_noise_mm), .hi = 10,
		  .unit = "mm" },
		{ "probe_hysteresis", FIELD_DOUBLE, 0, AT(machine_sim_bed, probe_hysteresis_mm),
		  .hi = 10, .unit = "mm" },
		{ "endstop_noise", FIELD_DOUBLE, 0, AT(machine_sim_bed, endstop_noise_mm), .hi = 10,
		  .unit = "mm" },
		{ "endstop_hysteresis", FIELD_DOUBLE, 0, AT(machine_sim_bed, endstop_hysteresis_mm),
		  .hi = 10, .unit = "mm" },
	};

	fields_load(l, s, fields, sizeof(fields) / sizeof(*fields), &l->mc->sim_bed);
}

static void sim_load(struct machine_load *l)
{
	struct machine_mcu common = { .sim_clock_hz = 50e6,
				      .sim_move_count = 1024,
				      .sim_canbus_hz = 1000000,
				      .sim_extensions = true };
	struct config_section *s = section_use(l, "stepd_sim");
	char name[MACHINE_NAME_MAX + 16];

	sim_load_section(l, s, &common);
	sim_seed(l, s);
	sim_bed_load(l, s);
	for (size_t i = 0; i < l->mc->mcu_count; i++) {
		struct machine_mcu *mcu = &l->mc->mcu[i];

		mcu->sim_clock_hz = common.sim_clock_hz;
		mcu->sim_clock_ppm = common.sim_clock_ppm;
		mcu->sim_move_count = common.sim_move_count;
		mcu->sim_extensions = common.sim_extensions;
		mcu->sim_without = common.sim_without ? config_strdup(common.sim_without) : NULL;
		mcu->sim_canbus_hz = common.sim_canbus_hz;
		snprintf(name, sizeof(name), "stepd_sim %s", mcu->name);
		sim_load_section(l, section_use(l, name), mcu);
	}
	free(common.sim_without);
	for (size_t i = 0; i < l->c->section_count; i++) {
		s = l->c->sections[i];
		if (!s->used && !strncmp(s->name, "stepd_sim ", 10))
			config_report(l->c, CONFIG_ERROR, s->place,
				      "[%s] unknown MCU: expected the name of a configured one",
				      s->name);
	}
}

static void stepd_replies(struct machine_load *l, const struct config_section *s)
{
	struct machine_stepd *d = &l->mc->stepd;

	if (!d->reply_file)
		return;
	if (config_option(s, "reply_fifo") && d->reply_fifo)
		value_error(l, s, "reply_file", "expected either reply_fifo or reply_file");
	free(d->reply_fifo);
	d->reply_fifo = NULL;
}

/* No two of the paths may be the same. */
static void stepd_paths(struct machine_load *l, const struct config_section *s)
{
	static const char *const options[] = { "gcode_fifo", "out_of_band_fifo", "reply_fifo",
					       "reply_file", "flight_file" };
	const struct machine_stepd *d = &l->mc->stepd;
	const char *const paths[] = { d->gcode_fifo, d->out_of_band_fifo, d->reply_fifo,
				      d->reply_file, d->flight_file };

	for (int i = 1; i < 5; i++)
		for (int j = 0; j < i; j++)
			if (paths[i] && paths[j] && !strcmp(paths[i], paths[j]))
				value_error(l, s,
					    config_option(s, options[i]) ? options[i] : options[j],
					    "expected a path of its own, %s and %s are the same",
					    options[j], options[i]);
}

/* There was such an option. No configuration lets an axis move whose position is not known. */
static void stepd_homing(struct machine_load *l, const struct config_section *s)
{
	struct config_option *o = config_option(s, "require_homing");

	if (!o)
		return;
	o->used = true;
	value_error(
		l, s, "require_homing",
		"expected no such option, an axis without a known position never moves: home it "
		"(G28), say where it is (SET_KINEMATIC_POSITION, also in startup_gcode), or force "
		"it (FORCE_MOVE)");
}

void stepd_load(struct machine_load *l)
{
	struct machine_stepd *d = &l->mc->stepd;
	struct config_section *s = section_use(l, "stepd");

	fields_load(l, s, stepd_fields, sizeof(stepd_fields) / sizeof(*stepd_fields), d);
	if (isnan(d->low_water_s))
		d->low_water_s = LOW_WATER_SHARE * d->horizon_s;
	if (!d->startup_gcode)
		d->startup_gcode = config_strdup("");
	if (s) {
		if (!d->gcode_fifo)
			value_error(l, s, "gcode_fifo", "expected a path");
		if (d->low_water_s >= d->horizon_s)
			value_error(l, s,
				    config_option(s, "low_water_ms") ? "low_water_ms" : "horizon_ms",
				    "expected low_water_ms to be less than horizon_ms, which is %g",
				    d->horizon_s * 1e3);
		stepd_homing(l, s);
		stepd_replies(l, s);
		stepd_paths(l, s);
	}
	sim_load(l);
}
