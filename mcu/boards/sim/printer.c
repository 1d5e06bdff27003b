/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "printer.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* roles[][]: what is connected in the upper byte, its index in the lower. */
enum {
	ROLE_NONE,
	ROLE_STEP,
	ROLE_DIR,
	ROLE_ENDSTOP,
	ROLE_SENSOR,
	ROLE_PROBE,
	ROLE_CONTROL,
	ROLE_BUS,
	ROLE_CHIP,
	ROLE_INPUT,
	ROLE_WARM,
	ROLE_TACHO,
	/* the time matters from here on */
	ROLE_LIGHT,
	ROLE_HEATER,
	ROLE_FAN,
	ROLE_ROTOR,
};

static inline uint16_t role(unsigned int kind, unsigned int index)
{
	return (uint16_t)(kind << 8 | index);
}

void printer_init(struct printer *p, enum printer_kinematics kinematics, uint64_t seed)
{
	memset(p, 0, sizeof(*p));
	p->kinematics = kinematics;
	p->rng = seed ? seed : 1;
}

int printer_add_stepper(struct printer *p, const struct printer_stepper *s)
{
	int index = p->stepper_count;

	if (s->mcu >= PRINTER_MCUS_MAX || (unsigned int)s->axis >= PRINTER_AXES ||
	    !(s->steps_per_mm > 0) || s->step_pin == s->dir_pin)
		return -EINVAL;
	if (index == PRINTER_STEPPERS_MAX)
		return -ENOSPC;
	if (p->roles[s->mcu][s->step_pin] || p->roles[s->mcu][s->dir_pin])
		return -EBUSY;
	p->steppers[index] = *s;
	p->steppers[index].step_level = p->steppers[index].dir_level = 0;
	p->steppers[index].pos_steps = p->steppers[index].behind_steps = 0;
	p->steppers[index].blocked = false;
	p->steppers[index].edge_count = 0;
	p->roles[s->mcu][s->step_pin] = role(ROLE_STEP, (unsigned int)index);
	p->roles[s->mcu][s->dir_pin] = role(ROLE_DIR, (unsigned int)index);
	p->stepper_count++;
	printer_set_kinematics(p, p->kinematics);
	return index;
}

int printer_add_endstop(struct printer *p, const struct printer_endstop *e)
{
	int index = p->endstop_count;

	if (e->mcu >= PRINTER_MCUS_MAX || (unsigned int)e->axis >= PRINTER_AXES ||
	    !(e->hysteresis_mm >= 0))
		return -EINVAL;
	if (index == PRINTER_ENDSTOPS_MAX)
		return -ENOSPC;
	if (p->roles[e->mcu][e->pin])
		return -EBUSY;
	p->endstops[index] = *e;
	p->endstops[index].pressed = false;
	p->roles[e->mcu][e->pin] = role(ROLE_ENDSTOP, (unsigned int)index);
	if (e->hysteresis_mm > 0)
		p->watched = true;
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

static bool shares_pin(const struct printer *p, const struct printer_input *in)
{
	uint16_t r = p->roles[in->mcu][in->pin];

	return r >> 8 == ROLE_INPUT && in->share > 0 && p->inputs[r & 0xff].share > 0;
}

/* Of the switches at an analog input, the first that is on. */
static double input_share(const struct printer *p, const struct printer_input *at)
{
	for (int i = 0; i < p->input_count; i++) {
		const struct printer_input *in = &p->inputs[i];

		if (in->on && in->share > 0 && in->mcu == at->mcu && in->pin == at->pin)
			return in->share;
	}
	return 1;
}

int printer_add_input(struct printer *p, const struct printer_input *in)
{
	int index = p->input_count;

	if (in->mcu >= PRINTER_MCUS_MAX || in->stepper >= (int)p->stepper_count ||
	    (in->stepper >= 0 && !(in->edge_mm > 0)))
		return -EINVAL;
	if (index == PRINTER_INPUTS_MAX)
		return -ENOSPC;
	if (p->roles[in->mcu][in->pin] && !shares_pin(p, in))
		return -EBUSY;
	p->inputs[index] = *in;
	p->inputs[index].on = p->inputs[index].blocked = false;
	p->roles[in->mcu][in->pin] = role(ROLE_INPUT, (unsigned int)index);
	p->input_count++;
	return index;
}

static double input_mm(const struct printer *p, const struct printer_input *in)
{
	const struct printer_stepper *s = &p->steppers[in->stepper];

	return in->blocked ? in->blocked_mm : (double)s->pos_steps / s->steps_per_mm;
}

void printer_input_block(struct printer *p, struct printer_input *in, bool blocked)
{
	in->blocked_mm = input_mm(p, in);
	in->blocked = blocked;
}

static bool input_level(const struct printer *p, const struct printer_input *in)
{
	bool on = in->on;

	if (in->stepper >= 0)
		on = (int64_t)floor(input_mm(p, in) / in->edge_mm) & 1;
	return on != in->invert;
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

int printer_add_probe(struct printer *p, const struct printer_probe *pr)
{
	if (pr->mcu >= PRINTER_MCUS_MAX || pr->control_mcu >= PRINTER_MCUS_MAX ||
	    !(pr->hysteresis_mm >= 0) || !(pr->noise_mm >= 0))
		return -EINVAL;
	if (p->roles[pr->mcu][pr->pin] || (pr->servo && p->roles[pr->control_mcu][pr->control_pin]))
		return -EBUSY;
	p->probe = *pr;
	p->probe.present = true;
	p->roles[pr->mcu][pr->pin] = role(ROLE_PROBE, 0);
	if (pr->servo)
		p->roles[pr->control_mcu][pr->control_pin] = role(ROLE_CONTROL, 0);
	return 0;
}

void printer_set_role(struct printer *p, uint8_t mcu, uint16_t pin, bool bus, unsigned index)
{
	p->roles[mcu][pin] = role(bus ? ROLE_BUS : ROLE_CHIP, index);
}

bool printer_bus_pin(const struct printer *p, uint8_t mcu, uint16_t pin)
{
	return pin < PRINTER_PINS && p->roles[mcu][pin] >> 8 == ROLE_BUS;
}

/* xorshift64*: any fixed generator will do. */
static uint32_t random32(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (uint32_t)((*state * UINT64_C(0x2545f4914f6cdd1d)) >> 32);
}

/* Bring a switch up to date with its axis. */
static void update_endstop(struct printer *p, struct printer_endstop *e)
{
	/* how far beyond the trigger the axis is */
	double in_mm = printer_axis_mm(p, e->axis) - e->trigger_mm - e->off_mm;

	if (!e->at_max)
		in_mm = -in_mm;
	if (in_mm >= 0) {
		e->pressed = true;
	} else if (in_mm < -e->hysteresis_mm && e->pressed) {
		e->pressed = false;
		e->off_mm = e->noise_mm * printer_noise(p);
	}
}

/* A switch with hysteresis remembers, so that it must follow each step. */
static void follow_step(struct printer *p, int motor)
{
	for (int i = 0; i < p->endstop_count; i++) {
		struct printer_endstop *e = &p->endstops[i];

		if (e->hysteresis_mm > 0 && p->inverse[e->axis][motor] != 0)
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
	if (r >> 8 == ROLE_CONTROL)
		printer_probe_control(p, level);
	if (r >> 8 == ROLE_BUS)
		printer_bus_edge(p, r & 0xff, pin, level);
	if (r >> 8 == ROLE_CHIP)
		printer_chip_edge(p, mcu, pin, level);
	if (r >> 8 != ROLE_STEP) {
		if (r >> 8 == ROLE_LIGHT)
			printer_light_edge(p, &p->lights[r & 0xff], pin, level);
		else if (r >> 8 >= ROLE_HEATER)
			printer_duty(p, mcu, pin, level);
		return;
	}
	s->step_level = level;
	if (!(s->driver_edges ? *s->driver_edges : s->both_edges) && level == s->invert_step)
		return;
	s->edge_count++;
	if (s->blocked)
		s->behind_steps += s->dir_level != s->invert_dir ? 1 : -1;
	else
		s->pos_steps += s->dir_level != s->invert_dir ? 1 : -1;
	s->step_s[0] = s->step_s[1];
	s->step_s[1] = p->now_s;
	if (p->watched)
		follow_step(p, r & 0xff);
}

static bool in_glitch(const struct printer_endstop *e)
{
	double s = e->read_s - e->glitch_from_s;

	if (!(e->glitch_s > 0) || s < 0)
		return false;
	return (e->glitch_every_s > 0 ? fmod(s, e->glitch_every_s) : s) < e->glitch_s;
}

static bool endstop_level(struct printer *p, struct printer_endstop *e)
{
	update_endstop(p, e);
	e->read_s = p->now_s;
	if (in_glitch(e)) {
		e->glitches_read++;
		return !e->invert;
	}
	return (e->pressed && (!e->watched || *e->watched)) != e->invert;
}

int printer_read(struct printer *p, uint8_t mcu, uint8_t pin)
{
	uint16_t r = p->roles[mcu][pin];

	if (r >> 8 == ROLE_PROBE)
		return printer_probe_read(p);
	if (r >> 8 == ROLE_BUS)
		return printer_bus_read(p, r & 0xff, pin);
	if (r >> 8 == ROLE_CHIP && p->chips[r & 0xff].ops->level)
		return p->chips[r & 0xff].ops->level(&p->chips[r & 0xff], pin);
	if (r >> 8 == ROLE_INPUT)
		return input_level(p, &p->inputs[r & 0xff]);
	if (r >> 8 == ROLE_TACHO)
		return printer_rotor_read(p, &p->rotors[r & 0xff]);
	if (r >> 8 != ROLE_ENDSTOP)
		return -1;
	return endstop_level(p, &p->endstops[r & 0xff]);
}

double printer_noise(struct printer *p)
{
	return random32(&p->rng) / 2147483648.0 - 1;
}

uint16_t printer_adc(struct printer *p, uint8_t mcu, uint8_t pin, uint16_t adc_max)
{
	uint16_t r = p->roles[mcu][pin], noise;
	int32_t value;

	if (r >> 8 == ROLE_SENSOR) {
		value = p->sensors[r & 0xff].value;
		noise = p->sensors[r & 0xff].noise;
	} else if (r >> 8 == ROLE_WARM) {
		printer_warm(p, &p->bodies[r & 0xff]);
		value = (int32_t)lround(thermal_reading(&p->bodies[r & 0xff].thermal) * adc_max);
		noise = p->bodies[r & 0xff].noise;
	} else if (r >> 8 == ROLE_INPUT) {
		value = (int32_t)lround(input_share(p, &p->inputs[r & 0xff]) * adc_max);
		noise = 1;
	} else {
		return adc_max / 2;
	}
	if (noise)
		value += (int32_t)(random32(&p->rng) % (2u * noise + 1)) - noise;
	if (value < 0)
		return 0;
	return value > adc_max ? adc_max : (uint16_t)value;
}

/* ---- warm parts ---- */

static bool connect(struct printer *p, uint8_t mcu, uint16_t pin, unsigned kind, int index)
{
	if (pin >= PRINTER_PINS)
		return true;
	if (mcu >= PRINTER_MCUS_MAX || p->roles[mcu][pin])
		return false;
	p->roles[mcu][pin] = role(kind, (unsigned)index);
	return true;
}

bool printer_claim_rotor(struct printer *p, const struct printer_rotor *r, unsigned index)
{
	uint16_t *driven = &p->roles[r->mcu][r->pin];

	if (!connect(p, r->tacho_mcu, r->tacho_pin, ROLE_TACHO, (int)index))
		return false;
	if (*driven == ROLE_NONE)
		*driven = role(ROLE_ROTOR, index);
	return *driven >> 8 >= ROLE_HEATER;
}

bool printer_claim_light(struct printer *p, const struct printer_light *l, unsigned index)
{
	return connect(p, l->mcu, l->pin, ROLE_LIGHT, (int)index) &&
	       (!l->clocked || connect(p, l->mcu, l->clock_pin, ROLE_LIGHT, (int)index));
}

int printer_add_body(struct printer *p, const struct printer_body *b)
{
	int index = p->body_count;

	if (!(b->thermal.capacity_j_k > 0) || !(b->thermal.loss_w_k > 0) ||
	    !(b->thermal.lag_s > 0) || b->stepper >= p->stepper_count)
		return -EINVAL;
	if (index == PRINTER_BODIES_MAX)
		return -ENOSPC;
	if (!connect(p, b->sensor_mcu, b->sensor_pin, ROLE_WARM, index) ||
	    !connect(p, b->heater_mcu, b->heater_pin, ROLE_HEATER, index) ||
	    !connect(p, b->fan_mcu, b->fan_pin, ROLE_FAN, index))
		return -EBUSY;
	p->bodies[index] = *b;
	p->bodies[index].filament_mm = 0;
	thermal_start(&p->bodies[index].thermal);
	if (b->heater_invert) /* pins start low */
		p->bodies[index].thermal.duty = 1;
	p->body_count++;
	return index;
}

void printer_warm(struct printer *p, struct printer_body *b)
{
	double mm = b->filament_mm;

	if (b->stepper >= 0)
		mm = (double)p->steppers[b->stepper].pos_steps /
		     p->steppers[b->stepper].steps_per_mm;
	thermal_advance(&b->thermal, p->now_s, mm - b->filament_mm);
	b->filament_mm = mm;
}

bool printer_timed(const struct printer *p, uint8_t mcu, uint8_t pin)
{
	uint16_t r = p->roles[mcu][pin], kind = r >> 8;

	if (kind == ROLE_STEP)
		return p->steppers[r & (PRINTER_STEPPERS_MAX - 1)].driver_edges;
	return (kind >= ROLE_CONTROL && kind <= ROLE_CHIP) || kind >= ROLE_LIGHT;
}

void printer_duty(struct printer *p, uint8_t mcu, uint8_t pin, double share)
{
	uint16_t r = p->roles[mcu][pin];
	struct printer_body *b = &p->bodies[r & (PRINTER_BODIES_MAX - 1)];

	if (r >> 8 < ROLE_HEATER)
		return;
	printer_rotors_drive(p, mcu, pin, share);
	if (r >> 8 == ROLE_ROTOR)
		return;
	printer_warm(p, b);
	if (r >> 8 == ROLE_HEATER)
		b->thermal.duty = b->heater_invert ? 1 - share : share;
	else
		b->thermal.fan = b->fan_invert ? 1 - share : share;
}
