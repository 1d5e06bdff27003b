/* SPDX-License-Identifier: GPL-2.0-or-later */
/* place.h - temperature sensors of a scene, and the places that they are at.
 *
 * sensor: its number in the configuration. Units: _degc.
 */
#ifndef TESTS_SIMLIB_PLACE_H
#define TESTS_SIMLIB_PLACE_H

#include "tests/simlib/scene.h"

int place_sensor(const struct scene *s, const char *name);
struct thermal_body *place_body(struct scene *s, int sensor);
/* All of that place has this temperature now. */
void place_put(struct scene *s, int sensor, double degc);
/* Break or mend place or chip, in the words of an events file. */
void place_act(struct scene *s, int sensor, const char *action);
const struct heat_sensor_status *place_status(const struct scene *s, int sensor);
/* [temperature_fan case] at PE5 of etc/sim-heated.cfg, with 45 °C to keep and the sensor of these lines, which says something new
 * within wait_s: it is off below, on above, and on silent_s after its chip fell silent. */
void place_test_fan(const char *sensor, double wait_s, double silent_s);

#endif
