/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_host.c - this machine's own GPIO lines as an MCU of the configuration: see machine_load.h. */
#include <math.h>
#include <string.h>

#include "daemon/config/machine_load.h"

#define AT(member) offsetof(struct machine_mcu, member)

/* What other hosts run beside themselves for the same purpose listens here. */
static const char other_host[] = "/tmp/klipper_host_mcu";

static const struct field fields[] = {
	{ "max_step_rate", FIELD_DOUBLE, 0, AT(host_step_rate_hz), .lo = 1, .hi = 20000,
	  .fallback = 5000, .unit = "steps/s" },
	{ "late_max_ms", FIELD_DOUBLE, 0, AT(host_late_max_s), .lo = 0.1, .hi = 1000,
	  .fallback = 10, .scale = 1e-3, .unit = "ms" },
	{ "cpu", FIELD_INT, 0, AT(host_cpu), .lo = 0, .hi = 1023, .fallback = -1, .choices = "auto",
	  .unit = "a CPU's number" },
};

void host_load(struct machine_load *l, struct config_section *s, struct machine_mcu *mcu)
{
	mcu->host = true;
	mcu->baud = 0;
	fields_load(l, s, fields, sizeof(fields) / sizeof(*fields), mcu);
}

bool host_by_serial(const char *serial)
{
	return serial && !strcmp(serial, other_host);
}

void host_motor(struct machine_load *l, struct config_section *s, struct machine_stepper *m)
{
	const struct machine_mcu *mcu;
	double half_s;

	if (!m->step_pin.set || m->step_pin.mcu < 0)
		return;
	mcu = &l->mc->mcu[m->step_pin.mcu];
	if (m->dir_pin.set && m->dir_pin.mcu != m->step_pin.mcu)
		value_error(l, s, "dir_pin", "expected a pin of the MCU of step_pin, which is '%s'",
			    mcu->name);
	if (!mcu->host)
		return;
	/* Both halves of a step are as long: the thread that makes them may be late. */
	half_s = 0.5 / mcu->host_step_rate_hz;
	m->step_pulse_s = fmax(m->step_pulse_s, half_s);
}

void host_step_rate(struct machine_load *l, const struct config_section *s, const char *option,
		    const struct machine_stepper *m, double speed_mm_s)
{
	const struct machine_mcu *mcu;

	if (!m->step_pin.set || m->step_pin.mcu < 0 || !(m->step_distance_mm > 0))
		return;
	mcu = &l->mc->mcu[m->step_pin.mcu];
	if (!mcu->host || speed_mm_s / m->step_distance_mm <= mcu->host_step_rate_hz)
		return;
	config_report(
		l->c, CONFIG_ERROR, place_of(s, option),
		"[%s] at %.6g mm/s it makes %.0f steps/s, and its step_pin is a GPIO line of this machine: "
		"expected at most max_step_rate %.6g of '%s': a lower speed, or fewer microsteps",
		s->name, speed_mm_s, speed_mm_s / m->step_distance_mm, mcu->host_step_rate_hz,
		mcu->name);
}
