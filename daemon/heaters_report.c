// SPDX-License-Identifier: GPL-2.0-or-later
/* What M105 and STATUS say of heaters and sensors. See heaters.h. */
#include <stdio.h>

#include "daemon/heaters.h"
#include "daemon/machine/machine.h"
#include "daemon/sensors/sensors.h"

static int put(char *buf, size_t cap, int n, const char *id, double degc, double target_degc)
{
	int more;

	if (n < 0 || (size_t)n >= cap)
		return n;
	more = snprintf(buf + n, cap - (size_t)n, "%s%s:%.1f /%.1f", n ? " " : "", id, degc,
			target_degc);
	return more < 0 ? n : n + more;
}

/* The extruder in use as T; several also as T0, T1, …. */
void heaters_report(const struct machine *m, char *buf, size_t cap)
{
	const struct machine_config *mc = m->mc;
	const struct heat_status *st = &m->heaters.status;
	int n = 0, hotends = 0, active = mc->extruder_count ? mc->extruders[m->extruder].heater : -1;

	buf[0] = 0;
	for (size_t i = 0; i < mc->extruder_count; i++)
		hotends += mc->extruders[i].heater >= 0;
	if (active >= 0)
		n = put(buf, cap, n, "T", st->sensor[mc->heaters[active].sensor].degc,
			st->heater[active].target_degc);
	for (size_t i = 0; i < mc->heater_count; i++) {
		const char *id = mc->heaters[i].gcode_id;

		if (*id && (hotends > 1 || *id != 'T' || active < 0))
			n = put(buf, cap, n, id, st->sensor[mc->heaters[i].sensor].degc,
				st->heater[i].target_degc);
	}
	for (size_t i = 0; i < mc->sensor_count; i++)
		if (mc->sensors[i].gcode_id[0])
			n = put(buf, cap, n, mc->sensors[i].gcode_id, st->sensor[i].degc, 0);
}

static const char *sensor_text(const struct heat_sensor_status *s, char *buf, size_t cap)
{
	if (s->state == HEAT_SENSOR_GOOD)
		snprintf(buf, cap, "%.2f °C", s->degc);
	else
		snprintf(buf, cap, "%s",
			 s->state == HEAT_SENSOR_BROKEN ? "sensor broken" : "not known yet");
	return buf;
}

void heaters_status(const struct machine *m, char *buf, size_t cap)
{
	const struct heat_status *st = &m->heaters.status;
	char degc[40], beside[64];
	int n = 0;

	buf[0] = 0;
	for (size_t i = 0; i < m->mc->heater_count && n >= 0 && (size_t)n < cap; i++) {
		const struct machine_heater *cfg = &m->mc->heaters[i];
		const struct heat_heater_status *h = &st->heater[i];

		n += snprintf(buf + n, cap - (size_t)n,
			      "%s %s: %s, target %.1f °C, power %.0f %%%s%s%s, %u glitches\n",
			      cfg->param.cooling ? "temperature fan" : "heater", cfg->name,
			      sensor_text(&st->sensor[cfg->sensor], degc, sizeof(degc)),
			      h->target_degc, h->power * 100, h->tuning ? ", calibrating" : "",
			      h->fault ? ", fault: " : "",
			      h->fault ? heaters_fault_text(h->fault) : "",
			      st->sensor[cfg->sensor].glitches);
	}
	for (size_t i = 0; i < m->mc->sensor_count && n >= 0 && (size_t)n < cap; i++)
		if (m->mc->sensors[i].alone)
			n += snprintf(buf + n, cap - (size_t)n, "sensor %s: %s%s\n",
				      m->mc->sensors[i].name,
				      sensor_text(&st->sensor[i], degc, sizeof(degc)),
				      sensors_beside(m, i, beside, sizeof(beside)));
}
