// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/simlib/place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/simlib/pinwatch.h"

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
	struct printer_chip *c;

	if (thermal_action(place_body(s, sensor), action))
		return;
	c = &s->b.printer.chips[s->b.chip_of[sensor]];
	assert_true(c->ops->action(c, action, true));
}

const struct heat_sensor_status *place_status(const struct scene *s, int sensor)
{
	return &s->b.m->heaters.status.sensor[sensor];
}

/* Whether the fan is as is wanted once the sensor has had its time: on, or off. */
static void fan_is(struct scene *s, double wait_s, bool on)
{
	double share;

	scene_pass(s, wait_s);
	share = pinwatch_share("PE5", 2);
	assert_true(on ? share > 0.99 : share == 0);
}

void place_test_fan(const char *sensor, double wait_s, double silent_s)
{
	char sections[400];
	struct scene *s;
	int i;

	snprintf(sections, sizeof(sections),
		 "[temperature_fan case]\npin: PE5\n%smin_temp: 0\nmax_temp: 80\n"
		 "control: watermark\nmax_delta: 1\ntarget_temp: 45\nmin_speed: 0\n"
		 "kick_start_time: 0\n",
		 sensor);
	s = pinwatch_open("etc/sim-heated.cfg", sections);
	i = place_sensor(s, "case");
	place_put(s, i, 40);
	fan_is(s, wait_s, false);
	place_put(s, i, 48);
	fan_is(s, wait_s, true);
	place_put(s, i, 40);
	fan_is(s, wait_s, false);
	place_act(s, i, "chip silent");
	fan_is(s, silent_s, true);
	assert_true(scene_exact(s));
	scene_close(s);
}
