/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tmc_chip.h - registers and fields of Trinamic stepper drivers, and what their data sheets say of currents and times.
 *
 * Constant tables and pure functions. Names are the data sheets', in lower case. Threads: any. Units: _a rms, _ohm, _v, _hz.
 * Sources: data sheets of TMC2130, TMC2208, TMC2209, TMC2240, TMC2660, TMC5160 ("register map", "motor current
 * control", "stealthChop", "stallGuard").
 */
#ifndef DAEMON_TMC_TMC_CHIP_H
#define DAEMON_TMC_TMC_CHIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	TMC_REGISTERS_MAX = 40,
	TMC_FIELD_NAME = 32,
	TMC_READ = 1,
	TMC_WRITE = 2,
	TMC_NO_REGISTER = -1,
	TMC_TSTEP_REST = 0xfffff, /* TSTEP of a motor that stands still */
};

/* fields: "name:first-last" or "name:bit", "s" after it if it is signed, with blanks between. */
struct tmc_register {
	const char *name;
	uint8_t address, access; /* TMC_READ, TMC_WRITE */
	const char *fields;
};

struct tmc_field {
	char name[TMC_FIELD_NAME];
	int reg; /* index in tmc_chip.registers */
	uint8_t shift, bits;
	bool is_signed;
};

/* How a current is set. */
enum tmc_current_kind {
	TMC_CURRENT_VSENSE, /* current scale 0..31 and two full-scale voltages */
	TMC_CURRENT_GLOBAL, /* current scale and a global scaler, one voltage */
	TMC_CURRENT_RANGE, /* the same without a sense resistor: a reference resistor and a range */
};

struct tmc_chip {
	const char *name; /* "tmc2209" */
	bool uart, spi;
	bool short_words; /* TMC2660: 20 bits, no addresses to read */
	const struct tmc_register *registers;
	double clock_hz; /* of its own oscillator */
	enum tmc_current_kind current;
	double full_scale_v[2]; /* TMC_CURRENT_VSENSE: vsense 0 and 1 */
	double inner_ohm;       /* beside the sense resistor */
	double sense_ohm;       /* 0: must be configured */
	double current_max_a;
	const char *defaults; /* "field=value", with blanks between */
};

const struct tmc_chip *tmc_chip_find(const char *name);

/* Index of a register by name (any case), TMC_NO_REGISTER: none. */
int tmc_register_find(const struct tmc_chip *c, const char *name);

/* Fields of a register one after the other. at: NULL first, then what was returned. Returns NULL at the end. */
const char *tmc_field_next(const struct tmc_chip *c, int reg, const char *at, struct tmc_field *out);
/* The field of that name (any case). access: the register must have all of these. */
bool tmc_field_find(const struct tmc_chip *c, const char *name, unsigned access,
		    struct tmc_field *out);

/* Range of a field's values. */
void tmc_field_range(const struct tmc_field *f, int64_t *least, int64_t *most);
/* The field's value in a word, and the word with another one. */
int64_t tmc_field_get(const struct tmc_field *f, uint32_t word);
uint32_t tmc_field_put(const struct tmc_field *f, uint32_t word, int64_t value);

/* ---- currents ---- */

struct tmc_currents {
	double run_a, hold_a; /* rms */
	double sense_ohm;     /* or the reference resistor, of TMC_CURRENT_RANGE */
};
struct tmc_scales {
	int run, hold; /* current scale, 0..31 */
	bool vsense;   /* the lower voltage */
	int global;    /* 32..256 */
	int range;     /* of TMC_CURRENT_RANGE */
};
/* The nearest scales that there are. */
struct tmc_scales tmc_scales_of(const struct tmc_chip *c, const struct tmc_currents *cur);
/* And which current a scale is, rms. */
double tmc_current_of(const struct tmc_chip *c, const struct tmc_scales *s, int scale,
		      double sense_ohm);

/* mres of 1, 2, … 256 microsteps; -1: no such number. */
int tmc_mres(int microsteps);
/* TSTEP at that speed: clock periods for a 256th of a full step, 0..0xfffff. step_mm: of one microstep. */
uint32_t tmc_tstep(const struct tmc_chip *c, double speed_mm_s, double step_mm, int microsteps);
/* And the speed of a TSTEP above 0, mm/s. */
double tmc_tstep_mm_s(const struct tmc_chip *c, uint32_t tstep, double step_mm, int microsteps);

#endif
