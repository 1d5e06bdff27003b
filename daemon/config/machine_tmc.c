/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_tmc.c - stepper drivers: see machine_load.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/machine_load.h"
#include "daemon/tmc/tmc_setup.h"

#define AT(member) offsetof(struct machine_tmc, member)
#define COUNT(fields) (sizeof(fields) / sizeof(*(fields)))

/* What follows from other options, in place of driver_…. */
static const char derived[] =
	" mres intpol vsense irun ihold cs globalscaler current_range tpwmthrs tcoolthrs thigh en_pwm_mode "
	"en_spreadcycle pdn_disable mstep_reg_select rdsel test_mode dedge ";

const struct machine_stepper *motor_named(const struct machine_config *mc, const char *name)
{
	const char *own = strchr(name, ' ') ? strchr(name, ' ') + 1 : name;

	for (size_t i = 0; i < mc->stepper_count; i++)
		if (!strcmp(mc->steppers[i].name, name))
			return &mc->steppers[i];
	for (size_t i = 0; i < mc->extruder_count; i++)
		if (mc->extruders[i].has_stepper && !strcmp(mc->extruders[i].name, name))
			return &mc->extruders[i].stepper;
	for (size_t i = 0; i < mc->extruder_stepper_count; i++)
		if (!strcmp(mc->extruder_steppers[i].stepper.name, own))
			return &mc->extruder_steppers[i].stepper;
	for (size_t i = 0; i < mc->manual_count; i++)
		if (!strcmp(mc->manuals[i].stepper.name, own))
			return &mc->manuals[i].stepper;
	return NULL;
}

static void driver_option(struct machine_load *l, struct config_section *s,
			  const struct config_option *o, struct machine_tmc *t)
{
	const char *name = o->name + 7;
	struct tmc_field f;
	char word[TMC_FIELD_NAME + 2];
	int64_t least, most;
	double value;

	snprintf(word, sizeof(word), " %.29s ", name);
	if (strstr(derived, word)) {
		value_error(l, s, o->name, "expected no such option: it follows from the others");
		return;
	}
	if (!tmc_field_find(t->chip, name, TMC_WRITE, &f)) {
		value_error(l, s, o->name, "expected a field that a %s has", t->chip->name);
		return;
	}
	tmc_field_range(&f, &least, &most);
	if (!strcasecmp(o->value, "true") || !strcasecmp(o->value, "false"))
		value = o->value[0] == 't' || o->value[0] == 'T';
	else if (!number_parse(o->value, &value) || value != floor(value) ||
		 value < (double)least || value > (double)most) {
		value_error(l, s, o->name, "expected a whole number from %lld to %lld",
			    (long long)least, (long long)most);
		return;
	}
	tmc_words_put(&t->words, &f, (int64_t)value);
}

static void currents_load(struct machine_load *l, struct config_section *s, struct machine_tmc *t)
{
	bool range = t->chip->current == TMC_CURRENT_RANGE;
	const struct field fields[] = {
		{ "run_current", FIELD_DOUBLE, FIELD_REQUIRED | FIELD_ABOVE, AT(current.run_a),
		  .hi = t->chip->current_max_a, .unit = "A" },
		{ "hold_current", FIELD_DOUBLE, FIELD_ABOVE, AT(current.hold_a),
		  .hi = t->chip->current_max_a, .fallback = NAN, .unit = "A" },
		{ range ? "rref" : "sense_resistor", FIELD_DOUBLE,
		  t->chip->sense_ohm > 0 ? FIELD_ABOVE : FIELD_REQUIRED | FIELD_ABOVE,
		  AT(current.sense_ohm), .lo = range ? 11999 : 0, .hi = range ? 60000 : 10,
		  .fallback = t->chip->sense_ohm, .unit = "Ohm" },
	};

	const struct field idle = { "idle_current_percent", FIELD_DOUBLE, FIELD_ABOVE,
				    AT(idle_share),         .hi = 100,    .fallback = 100,
				    .scale = 0.01,          .unit = "%" };

	fields_load(l, s, fields, COUNT(fields), t);
	if (!strcmp(t->chip->name, "tmc2660"))
		fields_load(l, s, &idle, 1, t);
	if (isnan(t->current.hold_a) || t->current.hold_a > t->current.run_a)
		t->current.hold_a = t->current.run_a;
}

static void speeds_load(struct machine_load *l, struct config_section *s, struct machine_tmc *t)
{
	const struct field fields[] = {
		{ "interpolate", FIELD_BOOL, 0, AT(interpolate), .fallback = 1 },
		{ "stealthchop_threshold", FIELD_DOUBLE, 0, AT(stealth_mm_s), .hi = 1e6,
		  .unit = "mm/s" },
		{ "coolstep_threshold", FIELD_DOUBLE, 0, AT(cool_mm_s), .hi = 1e6, .unit = "mm/s" },
		{ "high_velocity_threshold", FIELD_DOUBLE, 0, AT(high_mm_s), .hi = 1e6,
		  .unit = "mm/s" },
		{ "stall_detect_speed", FIELD_DOUBLE, FIELD_ABOVE, AT(stall_mm_s), .hi = 1e4,
		  .unit = "mm/s" },
	};

	fields_load(l, s, fields, COUNT(fields), t);
}

/* Why no stall can be looked for from that speed on, or NULL. */
static const char *stall_trouble(const struct config_section *s, const struct machine_tmc *t)
{
	const struct tmc_words *w = &t->words;
	struct tmc_stall_tell tell;
	bool tells = tmc_setup_tells(t, w, &tell);

	if (!strcmp(t->chip->name, "tmc2208"))
		return "no such option: this driver has no stallGuard";
	if (t->chip->short_words)
		return "no such option: this driver does not say how fast it steps";
	if (!strcmp(t->chip->name, "tmc2209") && !tell.value_most)
		return "driver_sgthrs above 0 beside it, which says what a stall is";
	if (!tell.four && !config_option(s, "driver_sgt"))
		return !strcmp(t->chip->name, "tmc2240")
			       ? "driver_sgt or driver_sg4_thrs beside it, which says what a stall is"
			       : "driver_sgt beside it, which says what a stall is";
	if (tell.four && t->stealth_mm_s <= t->stall_mm_s)
		return "a stealthchop_threshold above it: this stallGuard is stealthChop's";
	if (!tell.four && t->stealth_mm_s > t->stall_mm_s)
		return "a stealthchop_threshold of at most that: this stallGuard is spreadCycle's";
	if (!tell.four && tmc_words_get(t->chip, w, "chm"))
		return "driver_chm 0: this stallGuard is spreadCycle's";
	if (!tell.four && t->cool_mm_s > t->stall_mm_s)
		return "a coolstep_threshold of at most that: it is the least speed of both";
	return tells ? NULL
		     : "a speed that TSTEP tells from 0, from stealthchop_threshold and from a "
		       "high_velocity_threshold above it";
}

/* Its stall has one pin of its own: DIAG, or SG_TST of a TMC2660. */
static bool one_pin(const struct tmc_chip *c)
{
	return !strcmp(c->name, "tmc2209") || c->short_words;
}

static void diag_load(struct machine_load *l, struct config_section *s, struct machine_tmc *t)
{
	const bool one = one_pin(t->chip);
	const struct field fields[] = {
		{ one ? "diag_pin" : "diag0_pin", FIELD_PIN, 0, AT(diag[0]),
		  .lo = PIN_ALLOW_INVERT | PIN_ALLOW_PULL, .hi = PIN_SHARED_ENDSTOP },
		{ "diag1_pin", FIELD_PIN, 0, AT(diag[1]), .lo = PIN_ALLOW_INVERT | PIN_ALLOW_PULL,
		  .hi = PIN_SHARED_ENDSTOP },
	};

	if (strcmp(t->chip->name, "tmc2208") != 0)
		fields_load(l, s, fields, one ? 1 : 2, t);
}

static bool connection_load(struct machine_load *l, struct config_section *s, struct machine_tmc *t)
{
	const bool addressed = strcmp(t->chip->name, "tmc2208") != 0;
	const struct field uart[] = {
		{ "uart_address", FIELD_INT, 0, AT(uart_address),
		  .hi = !addressed                         ? 0
			: strcmp(t->chip->name, "tmc2240") ? 3
							   : 7 },
	};
	const struct field chain[] = {
		{ "chain_length", FIELD_INT, 0, AT(chain_length), .lo = 2, .hi = 8, .fallback = 0 },
		{ "chain_position", FIELD_INT, 0, AT(chain_position), .lo = 1, .hi = 8,
		  .fallback = 0 },
	};

	if (t->chip->uart && (!t->chip->spi || config_option(s, "uart_pin"))) {
		fields_load(l, s, uart, 1, t);
		return bus_uart_load(l, s, &t->bus);
	}
	if (!bus_spi_load(l, s, "cs_pin", 3, 4000000, &t->bus))
		return false;
	if (t->chip->short_words)
		return true;
	fields_load(l, s, chain, 2, t);
	if (t->chain_position <= t->chain_length && (t->chain_length > 0) == (t->chain_position > 0))
		return true;
	config_report(
		l->c, CONFIG_ERROR, s->place,
		"[%s] chain_position and chain_length: expected both, and a position of at most the "
		"length",
		s->name);
	return false;
}

/* Two that answer on one line. */
static void address_check(struct machine_load *l, struct config_section *s,
			  const struct machine_tmc *t)
{
	for (const struct machine_tmc *was = l->mc->tmc; was < t; was++) {
		if (!was->motor || was->bus.kind != MACHINE_BUS_UART ||
		    t->bus.kind != MACHINE_BUS_UART || !pin_same(&was->bus.pin[1], &t->bus.pin[1]) ||
		    was->uart_address != t->uart_address || was->bus.selects || t->bus.selects)
			continue;
		value_error(l, s, config_option(s, "uart_address") ? "uart_address" : "uart_pin",
			    "expected an address of its own on that line, [%s] has %d, too",
			    was->section, was->uart_address);
		return;
	}
}

static void tmc_load(struct machine_load *l, struct config_section *s, struct machine_tmc *t)
{
	const char *trouble;

	t->section = s->name;
	t->name = strchr(s->name, ' ') + 1;
	t->motor = motor_named(l->mc, t->name);
	if (!t->motor) {
		if (l->mc->kinematics) /* else no axis has a motor */
			config_report(
				l->c, CONFIG_ERROR, s->place,
				"[%s] expected the section of its motor, [%s]%s", s->name, t->name,
				config_section(l->c, t->name) ? ": this machine has no such motor"
							      : "");
		return;
	}
	if (tmc_mres(t->motor->microsteps) < 0) {
		value_error(l, config_section(l->c, t->name), "microsteps",
			    "expected 1, 2, 4, … 256 with its driver, [%s]", s->name);
		t->motor = NULL;
		return;
	}
	if (!connection_load(l, s, t)) {
		t->motor = NULL;
		return;
	}
	address_check(l, s, t);
	tmc_setup_defaults(t->chip, &t->words);
	for (size_t i = 0; i < s->option_count; i++) {
		if (strncmp(s->options[i]->name, "driver_", 7) != 0)
			continue;
		s->options[i]->used = true;
		driver_option(l, s, s->options[i], t);
	}
	currents_load(l, s, t);
	speeds_load(l, s, t);
	diag_load(l, s, t);
	tmc_setup(t);
	trouble = t->stall_mm_s > 0 ? stall_trouble(s, t) : NULL;
	if (trouble)
		value_error(l, s, "stall_detect_speed", "expected %s", trouble);
}

/* An endstop that is a driver's stall: "tmc2209_stepper_x:virtual_endstop". */
static void stall_endstop(struct machine_load *l, struct machine_endstop *e,
			  const struct config_section *s, size_t index)
{
	struct machine_tmc *t = &l->mc->tmc[index];

	if (strcmp(e->pin.name, "virtual_endstop") != 0 || e->pin.invert ||
	    e->pin.pull != PIN_PULL_NONE) {
		value_error(l, s, "endstop_pin", "expected %s:virtual_endstop as it is",
			    e->pin.chip);
		return;
	}
	t->stall_at_diag1 = !t->diag[0].set;
	if (!t->diag[0].set && !t->diag[1].set) {
		value_error(l, s, "endstop_pin",
			    "expected a %s in [%s], and a driver that has one, for its stall",
			    one_pin(t->chip) ? "diag_pin" : "diag0_pin or diag1_pin", t->section);
		return;
	}
	e->pin = t->diag[t->stall_at_diag1];
	e->driver = (int)index + 1;
}

static void stall_endstops(struct machine_load *l)
{
	struct machine_config *mc = l->mc;
	char chip[PIN_CHIP_MAX];

	for (size_t r = 0; r < mc->rail_count; r++)
		for (size_t i = 0; i < mc->rails[r].endstop_count; i++)
			for (size_t k = 0; k < mc->tmc_count; k++) {
				struct machine_endstop *e = &mc->rails[r].endstop[i];

				if (!mc->tmc[k].motor)
					continue;
				/* "tmc2226 stepper_x": tmc2226_stepper_x */
				snprintf(chip, sizeof(chip), "%s", mc->tmc[k].section);
				chip[strcspn(chip, " ")] = '_';
				if (!strcmp(e->pin.chip, chip))
					stall_endstop(l, e, config_section(l->c, mc->rails[r].name),
						      k);
			}
}

void tmcs_load(struct machine_load *l)
{
	struct machine_config *mc = l->mc;
	char kind[16];

	for (size_t i = 0; i < l->c->section_count; i++) {
		struct config_section *s = l->c->sections[i];
		const char *blank = strchr(s->name, ' ');
		const struct tmc_chip *chip;

		if (!blank || (size_t)(blank - s->name) >= sizeof(kind))
			continue;
		snprintf(kind, sizeof(kind), "%.*s", (int)(blank - s->name), s->name);
		/* pin for pin and register for register the same */
		chip = tmc_chip_find(!strcmp(kind, "tmc2225")   ? "tmc2208"
				     : !strcmp(kind, "tmc2226") ? "tmc2209"
								: kind);
		if (!chip)
			continue;
		s->used = true;
		if (mc->tmc_count == MACHINE_TMC_MAX) {
			config_report(l->c, CONFIG_ERROR, s->place,
				      "[%s] too many: expected at most %d drivers", s->name,
				      MACHINE_TMC_MAX);
			return;
		}
		mc->tmc[mc->tmc_count].chip = chip;
		tmc_load(l, s, &mc->tmc[mc->tmc_count++]);
	}
	stall_endstops(l);
}
