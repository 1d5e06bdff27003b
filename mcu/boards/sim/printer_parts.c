/* SPDX-License-Identifier: GPL-2.0-or-later */
/* printer_parts.c - fans that turn, with tachometers, and lights that decode what they are sent. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "printer.h"
#include "printer_parts.h"

/* ---- fans ---- */

int printer_add_rotor(struct printer *p, const struct printer_rotor *r)
{
	if (p->rotor_count == PRINTER_ROTORS_MAX)
		return -ENOSPC;
	if (!(r->rpm > 0) || !(r->lag_s > 0) || r->ppr < 1)
		return -EINVAL;
	if (!printer_claim_rotor(p, r, p->rotor_count))
		return -EBUSY;
	p->rotors[p->rotor_count] = *r;
	p->rotors[p->rotor_count].drive = r->invert ? 1 : 0; /* pins start low */
	return p->rotor_count++;
}

/* Speed goes to that of the drive, exponentially; the angle is its integral. */
static void turn(struct printer_rotor *r, double now_s)
{
	double dt_s = now_s - r->at_s, to_hz = r->stuck ? 0 : r->drive * r->rpm / 60;
	double decay = exp(-dt_s / r->lag_s);

	if (dt_s <= 0)
		return;
	if (r->stuck)
		r->hz = 0;
	r->turns += to_hz * dt_s + (r->hz - to_hz) * r->lag_s * (1 - decay);
	r->hz = to_hz + (r->hz - to_hz) * decay;
	r->at_s = now_s;
}

void printer_rotor_stick(struct printer *p, struct printer_rotor *r, bool stuck)
{
	turn(r, p->now_s);
	r->stuck = stuck;
}

const char printer_rotor_actions[] = "fan stuck, fan ok, tacho dead or tacho ok";

bool printer_rotor_action(struct printer *p, struct printer_rotor *r, const char *action, bool do_it)
{
	bool stuck = !strcmp(action, "fan stuck"), dead = !strcmp(action, "tacho dead");

	if (stuck || !strcmp(action, "fan ok")) {
		if (do_it)
			printer_rotor_stick(p, r, stuck);
		return true;
	}
	if (!dead && strcmp(action, "tacho ok") != 0)
		return false;
	if (do_it)
		r->tacho_dead = dead;
	return true;
}

void printer_rotors_drive(struct printer *p, uint8_t mcu, uint8_t pin, double share)
{
	for (int i = 0; i < p->rotor_count; i++) {
		struct printer_rotor *r = &p->rotors[i];

		if (r->mcu != mcu || r->pin != pin)
			continue;
		turn(r, p->now_s);
		r->drive = r->invert ? 1 - share : share;
	}
}

int printer_rotor_read(struct printer *p, struct printer_rotor *r)
{
	turn(r, p->now_s);
	if (r->tacho_dead)
		return 1; /* pulled up */
	return (int64_t)floor(r->turns * 2 * r->ppr) & 1;
}

/* ---- lights ---- */

/* WS2812: a pulse longer than this is a 1; a rest longer than that ends the chain's bytes. Data sheet: 0.35 and 0.7 us
 * ± 0.15, 50 us. */
static const double ONE_S = 0.55e-6, RESET_S = 50e-6;

int printer_add_light(struct printer *p, const struct printer_light *l)
{
	if (p->light_count == PRINTER_LIGHTS_MAX)
		return -ENOSPC;
	if (!printer_claim_light(p, l, p->light_count))
		return -EBUSY;
	p->lights[p->light_count] = *l;
	return p->light_count++;
}

const char printer_light_actions[] = "busy or ok";

bool printer_light_action(struct printer_light *l, const char *action, bool do_it)
{
	bool busy = !strcmp(action, "busy");

	if (!busy && strcmp(action, "ok") != 0)
		return false;
	if (do_it)
		l->busy = busy;
	return true;
}

bool printer_light_busy(const struct printer *p, uint8_t mcu, uint16_t pin)
{
	for (int i = 0; i < p->light_count; i++)
		if (p->lights[i].mcu == mcu && p->lights[i].pin == pin)
			return p->lights[i].busy;
	return false;
}

static void take_bit(struct printer_light *l, bool bit)
{
	l->shift = (uint8_t)(l->shift << 1 | bit);
	if (++l->bits % 8 == 0 && l->bits / 8 <= PRINTER_LIGHT_BYTES)
		l->byte[l->bits / 8 - 1] = l->shift;
}

static void pixel_edge(struct printer_light *l, bool level, double now_s)
{
	if (level && (l->frames == 0 || now_s - l->edge_s > RESET_S)) {
		l->bits = 0;
		l->frames++;
	}
	if (!level)
		take_bit(l, now_s - l->edge_s > ONE_S);
	l->edge_s = now_s;
}

/* APA102: bits with the rising clock; a frame begins with the first 1 after 32 zeros. */
static void clocked_edge(struct printer_light *l, bool clock_pin, bool level)
{
	if (!clock_pin)
		l->data = level;
	if (!clock_pin || !level)
		return;
	if (l->lit) {
		take_bit(l, l->data);
		l->lit = l->bits < l->frame_bits;
	} else if (!l->data) {
		l->zeros++;
	} else {
		l->lit = l->zeros >= 32;
		l->zeros = l->bits = 0;
		l->frames += l->lit;
		if (l->lit)
			take_bit(l, true);
	}
}

void printer_light_edge(struct printer *p, struct printer_light *l, uint8_t pin, bool level)
{
	if (l->clocked)
		clocked_edge(l, pin == l->clock_pin, level);
	else
		pixel_edge(l, level, p->now_s);
}

/* ---- motors ---- */

const char printer_motor_actions[] = "blocked, slip or ok";

bool printer_motor_action(struct printer_stepper *s, const char *action, bool do_it)
{
	bool slip = !strcmp(action, "slip"), blocked = !strcmp(action, "blocked");
	int64_t lock = s->lock_steps ? s->lock_steps : 1;

	if (!slip && !blocked && strcmp(action, "ok") != 0)
		return false;
	if (!do_it)
		return true;
	if (slip)
		s->pos_steps -= lock;
	else if (!blocked)
		s->pos_steps += s->behind_steps -
				lock * llround((double)s->behind_steps / (double)lock);
	if (!slip) {
		s->blocked = blocked;
		s->behind_steps = 0;
	}
	return true;
}
