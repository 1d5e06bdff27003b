/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_config.c - load and check a whole configuration: see machine_config.h. */
#include "daemon/config/machine_config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/canbus.h"
#include "daemon/config/config.h"
#include "daemon/config/config_names.h"
#include "daemon/config/config_util.h"
#include "daemon/config/machine_load.h"
#include "daemon/kinematics/kinematics.h"

#define AT(type, member) offsetof(struct type, member)

int machine_config_mcu(const struct machine_config *mc, const char *name)
{
	for (size_t i = 0; i < mc->mcu_count; i++)
		if (!strcmp(mc->mcu[i].name, name))
			return (int)i;
	return -1;
}

int machine_config_fan(const struct machine_config *mc, enum machine_fan_kind kind, const char *name)
{
	for (size_t i = 0; i < mc->auto_fan_count; i++)
		if (mc->auto_fans[i].kind == kind && !strcmp(mc->auto_fans[i].name, name))
			return (int)i;
	return -1;
}

/* [stepd] unknown_option: what an unknown name is worth. */
static enum config_severity unknown_severity(struct machine_load *l)
{
	struct config_section *s = config_section(l->c, "stepd");
	struct config_option *o = s ? config_option(s, "unknown_option") : NULL;

	if (!o)
		return CONFIG_ERROR;
	o->used = true;
	if (!strcasecmp(o->value, "warn"))
		return CONFIG_WARNING;
	if (strcasecmp(o->value, "error") != 0)
		value_error(l, s, "unknown_option", "expected error or warn");
	return CONFIG_ERROR;
}

static void check_options(struct machine_load *l, const struct config_section *s,
			  const struct config_kind *kind, enum config_severity severity)
{
	char nearest[CONFIG_NEAREST_MAX], quote[CONFIG_QUOTE_MAX];

	for (size_t i = 0; i < s->option_count; i++) {
		struct config_option *o = s->options[i];

		if (config_kind_has(kind, o->name))
			continue;
		o->used = true; /* reported once is enough */
		const char *near = config_nearest_option(kind, o->name, nearest);

		config_report(l->c, severity, o->place, "[%s] %s: unknown option%s%s%s", s->name,
			      config_quote(quote, o->name), near ? ", did you mean '" : "",
			      near ? near : "", near ? "'?" : "");
	}
}

static void check_names(struct machine_load *l)
{
	enum config_severity severity = unknown_severity(l);
	char nearest[CONFIG_NEAREST_MAX], quote[CONFIG_QUOTE_MAX];

	for (size_t i = 0; i < l->c->section_count; i++) {
		struct config_section *s = l->c->sections[i];
		const struct config_kind *kind = config_kind_find(s->name);

		if (kind) {
			check_options(l, s, kind, severity);
			continue;
		}
		s->used = true;
		for (size_t j = 0; j < s->option_count; j++)
			s->options[j]->used = true;
		const char *near = config_nearest_section(s->name, nearest);

		config_report(l->c, severity, s->place, "[%s] unknown section%s%s%s",
			      config_quote(quote, s->name), near ? ", did you mean [" : "",
			      near ? near : "", near ? "]?" : "");
	}
}

/* The next MCU; NULL and an error if there can't be another of that name. */
static struct machine_mcu *mcu_add(struct machine_load *l, struct config_section *s,
				   const char *name)
{
	struct machine_config *mc = l->mc;
	struct machine_mcu *mcu = &mc->mcu[mc->mcu_count];

	if (!*name || strlen(name) >= MACHINE_NAME_MAX || machine_config_mcu(mc, name) >= 0) {
		config_report(l->c, CONFIG_ERROR, s->place,
			      "[%.80s] MCU name: expected one of its own of at most %d characters",
			      s->name, MACHINE_NAME_MAX - 1);
		return NULL;
	}
	if (mc->mcu_count == MACHINE_MCU_MAX) {
		config_report(l->c, CONFIG_ERROR, s->place,
			      "[%s] too many MCUs: expected at most %d", s->name, MACHINE_MCU_MAX);
		return NULL;
	}
	mc->mcu_count++;
	snprintf(mcu->name, sizeof(mcu->name), "%s", name);
	s->used = true;
	return mcu;
}

static void canbus_check(struct machine_load *l, const struct config_section *s,
			 struct machine_mcu *mcu)
{
	const char *name = mcu->canbus_interface;

	if (!name || strpbrk(name, "/ \t") || name[0] == '.')
		value_error(l, s, "canbus_interface",
			    "expected the name of a CAN interface, such as can0");
	if (!canbus_uuid_parse(mcu->canbus_uuid, mcu->can_uuid)) {
		value_error(l, s, "canbus_uuid",
			    "expected 12 hexadecimal digits, as `stepd canbus-query` shows them");
		return;
	}
	for (const struct machine_mcu *other = l->mc->mcu; other < mcu; other++)
		if (other->canbus_uuid &&
		    memcmp(other->can_uuid, mcu->can_uuid, sizeof(mcu->can_uuid)) == 0)
			value_error(l, s, "canbus_uuid",
				    "expected one of its own, mcu '%s' has it already", other->name);
}

static void mcu_load(struct machine_load *l, struct config_section *s, const char *name)
{
	static const struct field fields[] = {
		{ "serial", FIELD_TEXT, 0, AT(machine_mcu, serial), .hi = 4095, .unit = "a path" },
		{ "canbus_uuid", FIELD_TEXT, 0, AT(machine_mcu, canbus_uuid), .hi = 4095,
		  .unit = "12 hexadecimal digits" },
		{ "canbus_interface", FIELD_TEXT, 0, AT(machine_mcu, canbus_interface), .hi = 15,
		  .unit = "the name of a CAN interface", .choices = "can0" },
		{ "baud", FIELD_INT, 0, AT(machine_mcu, baud), .lo = 2400, .hi = 4000000,
		  .fallback = 250000, .unit = "baud" },
		{ "restart_method", FIELD_CHOICE, 0, AT(machine_mcu, restart_method),
		  .choices = "auto arduino cheetah rpi_usb command" },
	};
	struct machine_mcu *mcu = mcu_add(l, s, name);

	if (!mcu)
		return;
	fields_load(l, s, fields, sizeof(fields) / sizeof(*fields), mcu);
	if (mcu->serial && mcu->canbus_uuid)
		value_error(l, s, "canbus_uuid", "expected either serial or canbus_uuid");
	else if (mcu->canbus_uuid)
		canbus_check(l, s, mcu);
	else if (!mcu->serial)
		config_report(l->c, CONFIG_ERROR, s->place,
			      "[%s] serial: missing: expected the path of a serial device, or "
			      "canbus_uuid",
			      s->name);
	if (mcu->serial && config_option(s, "canbus_interface"))
		value_error(l, s, "canbus_interface", "expected it beside canbus_uuid only");
	role_load(l, s, mcu);
	if (host_by_serial(mcu->serial))
		host_load(l, NULL, mcu);
}

/* A line leads to one MCU. */
static void serials_differ(struct machine_load *l)
{
	const struct machine_mcu *mcu = l->mc->mcu;
	char name[PIN_CHIP_MAX + 4];

	for (size_t i = 1; i < l->mc->mcu_count; i++)
		for (size_t k = 0; k < i; k++) {
			if (!mcu[i].serial || !mcu[k].serial ||
			    strcmp(mcu[i].serial, mcu[k].serial) != 0)
				continue;
			snprintf(name, sizeof(name), "mcu %s", mcu[i].name);
			value_error(l, config_section(l->c, name), "serial",
				    "expected a device of its own, [mcu%s%s] has it, too",
				    k ? " " : "", k ? mcu[k].name : "");
			break;
		}
}

static void mcus_load(struct machine_load *l)
{
	struct config_section *s = section_use(l, "mcu");

	if (s)
		mcu_load(l, s, "mcu");
	else
		config_report(l->c, CONFIG_ERROR, (struct config_place){ 0 },
			      "[mcu] missing: expected this section");
	for (size_t i = 0; i < l->c->section_count; i++) {
		s = l->c->sections[i];
		if (!strncmp(s->name, "mcu ", 4))
			mcu_load(l, s, s->name + 4);
	}
	serials_differ(l);
	for (size_t i = 0; i < l->c->section_count; i++) {
		struct machine_mcu *mcu = NULL;

		s = l->c->sections[i];
		if (!strcmp(s->name, "host"))
			mcu = mcu_add(l, s, "host");
		else if (!strncmp(s->name, "host ", 5))
			mcu = mcu_add(l, s, s->name + 5);
		if (mcu)
			host_load(l, s, mcu);
	}
}

static void kinematics_load(struct machine_load *l, struct config_section *s)
{
	struct config_option *o = config_option(s, "kinematics");
	char names[200];

	kinematics_names(names, sizeof(names));
	if (!o) {
		config_report(l->c, CONFIG_ERROR, s->place,
			      "[printer] kinematics: missing: expected %s", names);
		return;
	}
	o->used = true;
	l->mc->kinematics = kinematics_find(o->value);
	if (!l->mc->kinematics) {
		value_error(l, s, "kinematics", "expected %s", names);
		return;
	}
	kinematics_dual_refused(l);
	l->mc->kinematics->load(l, s);
	check_step_rates(l);
}

/* The older way to say minimum_cruise_ratio. */
static void accel_to_decel(struct machine_load *l, struct config_section *s)
{
	double a = 0;
	const struct field field = { .option = "max_accel_to_decel",
				     .kind = FIELD_DOUBLE,
				     .flags = FIELD_ABOVE,
				     .hi = 1e7,
				     .unit = "mm/s²" };

	if (!config_option(s, field.option))
		return;
	fields_load(l, s, &field, 1, &a);
	if (config_option(s, "minimum_cruise_ratio")) {
		config_report(l->c, CONFIG_WARNING, place_of(s, field.option),
			      "[printer] max_accel_to_decel: ignored, minimum_cruise_ratio is set");
		return;
	}
	if (a > 0 && l->mc->max_accel_mm_s2 > 0)
		l->mc->minimum_cruise_ratio = 1 - fmin(1, a / l->mc->max_accel_mm_s2);
	config_report(l->c, CONFIG_WARNING, place_of(s, field.option),
		      "[printer] max_accel_to_decel: deprecated, write minimum_cruise_ratio: %.3g",
		      l->mc->minimum_cruise_ratio);
}

static void printer_load(struct machine_load *l, struct config_section *s)
{
	struct machine_config *mc = l->mc;
	const struct field basic[] = {
		{ "max_velocity", FIELD_DOUBLE, FIELD_REQUIRED | FIELD_ABOVE,
		  AT(machine_config, max_velocity_mm_s), .hi = 10000, .unit = "mm/s" },
		{ "max_accel", FIELD_DOUBLE, FIELD_REQUIRED | FIELD_ABOVE,
		  AT(machine_config, max_accel_mm_s2), .hi = 1e6, .unit = "mm/s²" },
		{ "square_corner_velocity", FIELD_DOUBLE, 0,
		  AT(machine_config, square_corner_velocity_mm_s), .hi = 1000, .fallback = 5,
		  .unit = "mm/s" },
		{ "minimum_cruise_ratio", FIELD_DOUBLE, FIELD_BELOW,
		  AT(machine_config, minimum_cruise_ratio), .hi = 1, .fallback = 0.5 },
	};

	fields_load(l, s, basic, sizeof(basic) / sizeof(*basic), mc);

	/* Z is never faster than the whole; a maximum that is wrong itself bounds nothing. */
	const struct field z[] = {
		{ "max_z_velocity", FIELD_DOUBLE, FIELD_ABOVE,
		  AT(machine_config, max_z_velocity_mm_s),
		  .hi = mc->max_velocity_mm_s > 0 ? mc->max_velocity_mm_s : 10000,
		  .fallback = mc->max_velocity_mm_s, .unit = "mm/s" },
		{ "max_z_accel", FIELD_DOUBLE, FIELD_ABOVE, AT(machine_config, max_z_accel_mm_s2),
		  .hi = mc->max_accel_mm_s2 > 0 ? mc->max_accel_mm_s2 : 1e6,
		  .fallback = mc->max_accel_mm_s2, .unit = "mm/s²" },
	};

	fields_load(l, s, z, sizeof(z) / sizeof(*z), mc);
	accel_to_decel(l, s);
}

/* The names of a section's options that nobody asked for, as many as fit. "" if there are none. */
static const char *unused_options(const struct config_section *s, char *buf, size_t size)
{
	static const char more[] = ", …";
	size_t n = 0;

	buf[0] = 0;
	for (size_t i = 0; i < s->option_count; i++) {
		const struct config_option *o = s->options[i];

		if (o->used)
			continue;
		if (n + strlen(o->name) + 2 + sizeof(more) > size) {
			strcpy(buf + n, more);
			break;
		}
		n += (size_t)sprintf(buf + n, "%s%s", n ? ", " : "", o->name);
	}
	return buf;
}

/* What is known and accepted, but does nothing in this version: one note a section. */
static void note_unused(struct machine_load *l)
{
	char buf[200];

	if (!l->mc->kinematics) /* nobody knows what axes and motors there are */
		return;
	for (size_t i = 0; i < l->c->section_count; i++) {
		const struct config_section *s = l->c->sections[i];

		if (!s->used && (!strncmp(s->name, "thermistor ", 11) ||
				 !strncmp(s->name, "adc_temperature ", 16)))
			config_report(l->c, CONFIG_NOTE, s->place,
				      "[%s] is accepted but not used yet: no sensor_type names it",
				      s->name);
		else if (!s->used)
			config_report(l->c, CONFIG_NOTE, s->place,
				      "[%s] is accepted but not used yet", s->name);
		else if (*unused_options(s, buf, sizeof(buf)))
			config_report(l->c, CONFIG_NOTE, s->place,
				      "[%s] accepted but not used yet: %s", s->name, buf);
	}
}

static void load_sections(struct machine_load *l)
{
	struct config_section *printer = section_use(l, "printer");

	check_names(l);
	mcus_load(l);
	pins_init(l);
	sync_lines_load(l);
	stepd_load(l);
	if (printer) {
		printer_load(l, printer);
		kinematics_load(l, printer);
	} else {
		config_report(l->c, CONFIG_ERROR, (struct config_place){ 0 },
			      "[printer] missing: expected this section");
	}
	extruders_load(l);
	extruder_steppers_load(l);
	heaters_load(l);
	manuals_load(l);
	tmcs_load(l);
	angles_load(l);
	shapers_load(l);
	fans_load(l);
	sensors_combine(l);
	outputs_load(l);
	leds_load(l);
	gcode_load(l);
	bed_kinds_check(l);
	probes_load(l);
	phases_load(l);
	delta_load(l);
	levels_load(l);
	twist_load(l);
	mesh_load(l);
	print_load(l);
	faults_load(l);
	roles_check(l);
	pins_claim_unused(l);
	note_unused(l);
	pins_free(l);
}

/* Load and print; notes only for those who want the numbers of findings in *counts. */
static struct machine_config *load(const char *const *paths, size_t path_count,
				   const char *const *overrides, size_t override_count, FILE *diag,
				   struct config *counts)
{
	struct machine_config *mc = config_alloc(sizeof(*mc));
	struct machine_load l = { .c = config_new(), .mc = mc };
	bool readable = path_count > 0;

	mc->store = l.c;
	for (size_t i = 0; i < path_count; i++) {
		size_t files = l.c->section_count;

		if (config_read_file(l.c, paths[i]) && l.c->section_count == files)
			readable = false; /* nothing came of it: don't list all that is missing */
	}
	for (size_t i = 0; i < override_count; i++)
		config_override(l.c, overrides[i]);
	if (!path_count)
		config_report(l.c, CONFIG_ERROR, (struct config_place){ 0 },
			      "expected a configuration file");
	if (readable)
		load_sections(&l);
	if (diag)
		config_print(l.c, counts ? CONFIG_NOTE : CONFIG_WARNING, diag);
	if (counts) {
		counts->errors = l.c->errors;
		counts->warnings = l.c->warnings;
		counts->notes = l.c->notes;
	}
	if (!l.c->errors)
		return mc;
	machine_config_free(mc);
	return NULL;
}

struct machine_config *machine_config_load(const char *const *paths, size_t path_count,
					   const char *const *overrides, size_t override_count,
					   FILE *diag)
{
	return load(paths, path_count, overrides, override_count, diag, NULL);
}

void machine_config_free(struct machine_config *mc)
{
	if (!mc)
		return;
	for (size_t i = 0; i < mc->mcu_count; i++) {
		free(mc->mcu[i].serial);
		free(mc->mcu[i].canbus_uuid);
		free(mc->mcu[i].canbus_interface);
		free(mc->mcu[i].sim_without);
	}
	free(mc->stepd.gcode_fifo);
	free(mc->stepd.reply_fifo);
	free(mc->stepd.reply_file);
	free(mc->stepd.out_of_band_fifo);
	free(mc->stepd.startup_gcode);
	free(mc->stepd.flight_file);
	lines_free(&mc->probe.activate);
	lines_free(&mc->probe.deactivate);
	mesh_free(&mc->gcode);
	sensors_free(mc);
	print_config_free(mc->print);
	faults_free(&mc->faults);
	config_free(mc->store);
	free(mc);
}

int config_check(const char *const *paths, size_t path_count, const char *const *overrides,
		 size_t override_count, FILE *out)
{
	struct config n = { 0 };
	struct machine_config *mc = load(paths, path_count, overrides, override_count, out, &n);

	fprintf(out, "%s: %zu error%s, %zu warning%s, %zu note%s: ",
		path_count ? paths[path_count - 1] : "stepd check", n.errors,
		n.errors == 1 ? "" : "s", n.warnings, n.warnings == 1 ? "" : "s", n.notes,
		n.notes == 1 ? "" : "s");
	if (mc)
		fprintf(out, "ok, %s, %zu MCU%s, %zu steppers, %zu extruder%s\n",
			mc->kinematics->name, mc->mcu_count, mc->mcu_count == 1 ? "" : "s",
			mc->stepper_count, mc->extruder_count, mc->extruder_count == 1 ? "" : "s");
	else
		fputs("can't be used\n", out);
	machine_config_free(mc);
	return mc ? 0 : 1;
}
