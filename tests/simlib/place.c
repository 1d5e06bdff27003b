// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/simlib/place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

int place_sensor(const struct scene *s, const char *name)
{
	int i = heaters_find_sensor(s->b.m, name, strlen(name));

	assert_true(i >= 0);
	return i;
}

struct thermal_body *place_body(struct scene *s, int sensor)
{
	struct printer_body *b = &s->b.printer.bodies[s->b.body_of[sensor]];

	s->b.printer.now_s = batch_world_mcu_s(&s->b, b->sensor_mcu);
	printer_warm(&s->b.printer, b);
	return &b->thermal;
}

void place_put(struct scene *s, int sensor, double degc)
{
	struct thermal_body *b = place_body(s, sensor);

	b->ambient_degc = b->body_degc = b->sensor_degc = degc;
}

void place_act(struct scene *s, int sensor, const char *action)
{
	struct printer_chip *c = &s->b.printer.chips[s->b.chip_of[sensor]];

	assert_true(thermal_action(place_body(s, sensor), action) ||
		    c->ops->action(c, action, true));
}

const struct heat_sensor_status *place_status(const struct scene *s, int sensor)
{
	return &s->b.m->heaters.status.sensor[sensor];
}
