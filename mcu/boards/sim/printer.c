/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "printer.h"

#include <errno.h>
#include <string.h>

/* roles[][]: what is connected in the upper byte, its index in the lower. */
enum { ROLE_NONE, ROLE_STEP, ROLE_DIR, ROLE_ENDSTOP, ROLE_SENSOR };

static inline uint16_t role(unsigned int kind, unsigned int index)
{
	return (uint16_t)(kind << 8 | index);
}

void printer_init(struct printer *p, enum printer_kinematics kinematics, uint64_t seed)
{
	memset(p, 0, sizeof(*p));
	p->kinematics = kinematics;
	p->rng = seed ? seed : 1;
	memset(p->axis_stepper, -1, sizeof(p->axis_stepper));
}

int printer_add_stepper(struct printer *p, const struct printer_stepper *s)
{
	int index = p->stepper_count;

	if (s->mcu >= PRINTER_MCUS_MAX || s->axis >= PRINTER_AXES || !(s->steps_per_mm > 0) ||
	    s->step_pin == s->dir_pin)
		return -EINVAL;
	if (index == PRINTER_STEPPERS_MAX)
		return -ENOSPC;
	if (p->roles[s->mcu][s->step_pin] || p->roles[s->mcu][s->dir_pin])
		return -EBUSY;
	p->steppers[index] = *s;
	p->steppers[index].step_level = p->steppers[index].dir_level = 0;
	p->steppers[index].pos_steps = 0;
	p->steppers[index].edge_count = 0;
	p->roles[s->mcu][s->step_pin] = role(ROLE_STEP, (unsigned int)index);
	p->roles[s->mcu][s->dir_pin] = role(ROLE_DIR, (unsigned int)index);
	if (p->axis_stepper[s->axis] < 0)
		p->axis_stepper[s->axis] = (int8_t)index;
	p->stepper_count++;
	return index;
}

int printer_add_endstop(struct printer *p, const struct printer_endstop *e)
{
	int index = p->endstop_count;

	if (e->mcu >= PRINTER_MCUS_MAX || e->axis >= PRINTER_AXES || !(e->hysteresis_mm >= 0))
		return -EINVAL;
	if (index == PRINTER_ENDSTOPS_MAX)
		return -ENOSPC;
	if (p->roles[e->mcu][e->pin])
		return -EBUSY;
	p->endstops[index] = *e;
	p->endstops[index].pressed = false;
	p->roles[e->mcu][e->pin] = role(ROLE_ENDSTOP, (unsigned int)index);
	if (e->hysteresis_mm > 0)
		p->watch_axis[e->axis] = true;
	p->endstop_count++;
	return index;
}

int printer_add_sensor(struct printer *p, const struct printer_sensor *s)
{
	int index = p->sensor_count;

	if (s->mcu >= PRINTER_MCUS_MAX)
		return -EINVAL;
	if (index == PRINTER_SENSORS_MAX)
		return -ENOSPC;
	if (p->roles[s->mcu][s->pin])
		return -EBUSY;
	p->sensors[index] = *s;
	p->roles[s->mcu][s->pin] = role(ROLE_SENSOR, (unsigned int)index);
	p->sensor_count++;
	return index;
}

int printer_set_sensor(struct printer *p, uint8_t mcu, uint8_t pin, uint16_t value, uint16_t noise)
{
	struct printer_sensor s = { .mcu = mcu, .pin = pin, .value = value, .noise = noise };
	uint16_t r = mcu < PRINTER_MCUS_MAX ? p->roles[mcu][pin] : 0;

	if (r >> 8 == ROLE_SENSOR) {
		p->sensors[r & 0xff] = s;
		return 0;
	}
	return printer_add_sensor(p, &s) < 0 ? -EINVAL : 0;
}

static inline double motor_mm(const struct printer *p, enum printer_axis axis)
{
	const struct printer_stepper *s;

	if (p->axis_stepper[axis] < 0)
		return 0;
	s = &p->steppers[p->axis_stepper[axis]];
	return (double)s->pos_steps / s->steps_per_mm;
}

double printer_axis_mm(const struct printer *p, enum printer_axis axis)
{
	double mm = p->start_mm[axis];

	if (p->kinematics == PRINTER_COREXY && axis == PRINTER_X)
		return mm + (motor_mm(p, PRINTER_X) + motor_mm(p, PRINTER_Y)) / 2;
	if (p->kinematics == PRINTER_COREXY && axis == PRINTER_Y)
		return mm + (motor_mm(p, PRINTER_X) - motor_mm(p, PRINTER_Y)) / 2;
	return mm + motor_mm(p, axis);
}

/* Bring a switch up to date with its axis. */
static void update_endstop(const struct printer *p, struct printer_endstop *e)
{
	/* how far beyond the trigger the axis is */
	double in_mm = printer_axis_mm(p, e->axis) - e->trigger_mm;

	if (!e->at_max)
		in_mm = -in_mm;
	if (in_mm >= 0)
		e->pressed = true;
	else if (in_mm < -e->hysteresis_mm)
		e->pressed = false;
}

/* Does a motor of this name-giving axis move the other axis too? */
static bool motor_moves(const struct printer *p, enum printer_axis motor, enum printer_axis axis)
{
	if (p->kinematics == PRINTER_COREXY && motor <= PRINTER_Y && axis <= PRINTER_Y)
		return true;
	return motor == axis;
}

/* A switch with hysteresis remembers, so that it must follow each step. */
static void follow_step(struct printer *p, enum printer_axis motor)
{
	for (int i = 0; i < p->endstop_count; i++) {
		struct printer_endstop *e = &p->endstops[i];

		if (e->hysteresis_mm > 0 && motor_moves(p, motor, e->axis))
			update_endstop(p, e);
	}
}

void printer_edge(struct printer *p, uint8_t mcu, uint8_t pin, bool level)
{
	uint16_t r = p->roles[mcu][pin];
	struct printer_stepper *s = &p->steppers[r & (PRINTER_STEPPERS_MAX - 1)];

	if (r >> 8 == ROLE_DIR) {
		s->dir_level = level;
		return;
	}
	if (r >> 8 != ROLE_STEP)
		return;
	s->step_level = level;
	if (!s->both_edges && level == s->invert_step)
		return;
	s->edge_count++;
	s->pos_steps += s->dir_level != s->invert_dir ? 1 : -1;
	if (p->watch_axis[s->axis] || (p->kinematics == PRINTER_COREXY && s->axis <= PRINTER_Y &&
				       (p->watch_axis[PRINTER_X] || p->watch_axis[PRINTER_Y])))
		follow_step(p, s->axis);
}

int printer_read(struct printer *p, uint8_t mcu, uint8_t pin)
{
	uint16_t r = p->roles[mcu][pin];
	struct printer_endstop *e;

	if (r >> 8 != ROLE_ENDSTOP)
		return -1;
	e = &p->endstops[r & 0xff];
	update_endstop(p, e);
	return e->pressed != e->invert;
}

/* xorshift64*: any fixed generator will do. */
static uint32_t random32(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (uint32_t)((*state * UINT64_C(0x2545f4914f6cdd1d)) >> 32);
}

uint16_t printer_adc(struct printer *p, uint8_t mcu, uint8_t pin, uint16_t adc_max)
{
	uint16_t r = p->roles[mcu][pin];
	const struct printer_sensor *s;
	int32_t value;

	if (r >> 8 != ROLE_SENSOR)
		return adc_max / 2;
	s = &p->sensors[r & 0xff];
	value = s->value;
	if (s->noise)
		value += (int32_t)(random32(&p->rng) % (2u * s->noise + 1)) - s->noise;
	if (value < 0)
		return 0;
	return value > adc_max ? adc_max : (uint16_t)value;
}
