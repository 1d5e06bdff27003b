/* SPDX-License-Identifier: GPL-2.0-or-later */
/* printer_bed.h - the bed of the simulated printer, and the probe that feels it.
 *
 * The bed is a plane with waves on it. The probe is a switch beside the nozzle that closes a fixed height over
 * the surface, give or take its noise; with a control pin it is a BLTouch, whose pin goes by servo pulses.
 * What Z motors there are may each carry a corner of their own: the height of the nozzle is then that of
 * the plane through them.
 * Part of struct printer (printer.h): owner and threads are its. Units: _mm, _s of the MCU at the pin.
 */
#ifndef SIM_PRINTER_BED_H
#define SIM_PRINTER_BED_H

#include <stdbool.h>
#include <stdint.h>

struct printer;

enum { PRINTER_WAVES = 4, PRINTER_CORNERS = 4 };

struct printer_wave {
	double amplitude_mm;
	double per_x, per_y; /* rad per mm */
	double phase;        /* rad */
};

/* Where a motor holds the gantry or the bed, and how far off it was at the start. */
struct printer_corner {
	uint8_t stepper;
	double x_mm, y_mm, off_mm;
};

struct printer_bed {
	double height_mm, slope_x, slope_y; /* of the plane: at the origin; mm per mm */
	struct printer_wave wave[PRINTER_WAVES];
	uint8_t corners; /* 0, or 2 and more */
	struct printer_corner corner[PRINTER_CORNERS];
};

/* Of a BLTouch. */
enum printer_pin {
	PRINTER_PIN_UP,    /* stowed */
	PRINTER_PIN_DOWN,  /* deployed: the switch is live */
	PRINTER_PIN_TEST,  /* self test: down and up again and again */
	PRINTER_PIN_ALARM, /* blinks, signal on, until it is reset */
};

/* How a BLTouch drives its signal: V3 can do either, and keeps what it is told to store. */
enum printer_signal { PRINTER_SIGNAL_OD, PRINTER_SIGNAL_5V };

struct printer_probe {
	bool present;
	uint8_t mcu, pin;
	bool invert; /* reads 0 while triggered */
	double x_mm, y_mm,
		z_mm;         /* from the nozzle; triggers with the nozzle z_mm over the surface */
	double hysteresis_mm; /* releases so much higher than it triggers */
	double noise_mm;      /* each approach triggers up to so much too high or low */
	double twist_x, twist_y; /* z_mm grows by so much for each mm of the axis */
	bool stuck_open, stuck_closed;
	bool servo; /* it is a BLTouch with this control pin: */
	uint8_t control_mcu, control_pin;
	bool jammed; /* its pin does not come out or go in */
	/* state */
	bool pressed;
	double off_mm; /* of this approach */
	enum printer_pin state;
	enum printer_signal signal, stored; /* now; after power has come */
	bool storing;                       /* the last pulse was STORE: the next one says what */
	unsigned tests;                     /* self tests so far */
	bool touch_mode; /* the pin stays out when it touches; the signal says that it is in */
	double high_s,
		triggered_s; /* since when the control pin is high; when the pin was pushed in */
	double pulse_s;      /* the last pulse */
	uint32_t pulses, deployments; /* counted */
};

/* Connect the probe as *pr says, its state left out. Returns 0, -EINVAL or -EBUSY. */
int printer_add_probe(struct printer *p, const struct printer_probe *pr);

/* Waves on the bed, so high from the lowest to the highest; 0: none. */
void printer_bed_shape(struct printer_bed *b, double shape_mm);
/* Height of the surface. */
double printer_bed_mm(const struct printer *p, double x_mm, double y_mm);
/* Where the nozzle is over the bed's zero: X, Y, and Z there, by the motors. */
void printer_nozzle_mm(const struct printer *p, double xyz_mm[3]);
/* Where Z would be with the nozzle at the place x, y and the corners as they are. */
double printer_height_mm(const struct printer *p, double x_mm, double y_mm);
/* Z of the nozzle at x, y where the probe triggers, noise apart. */
double printer_trigger_mm(const struct printer *p, double x_mm, double y_mm);

/* For printer.c: the level of the probe's pin; an edge of its control pin. */
bool printer_probe_read(struct printer *p);
void printer_probe_control(struct printer *p, bool level);

#endif
