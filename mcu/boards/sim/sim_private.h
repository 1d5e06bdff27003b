/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_private.h - the state of a simulated MCU; for the files of this board only. */
#ifndef SIM_PRIVATE_H
#define SIM_PRIVATE_H

#include "mcu.h"
#include "mcu_can.h"
#include "sim.h"

enum {
	SIM_TX_MAX = 65536,
	SIM_OIDS_MAX = 256,
	SIM_OBJECT_MAX = 256, /* bytes of the largest object, on average */
	SIM_ARENA = SIM_OIDS_MAX * SIM_OBJECT_MAX +
		    (MCU_MOVES_MAX + 1) * (int)sizeof(struct mcu_move),
	SIM_JSON_MAX = 64 * 1024,
};

enum sim_pin_mode { SIM_PIN_UNUSED, SIM_PIN_OUT, SIM_PIN_IN, SIM_PIN_ADC, SIM_PIN_PWM };

struct sim_pin {
	char name[SIM_PIN_NAME_MAX + 1];
	uint8_t mode; /* enum sim_pin_mode */
	bool pulled_up;
	uint16_t duty;
};

/* What the core knows as struct board. */
struct sim {
	struct mcu mcu;
	uint8_t levels[SIM_PINS_MAX];
	struct sim_hooks hooks;
	struct printer *printer;
	uint8_t mcu_index;
	bool started;
	bool reset_pending;

	/* base_clock is the sim's clock when the firmware's was base_clock32; renewed often enough
	 * that less than 2^32 ticks pass between */
	uint64_t base_clock;
	uint32_t base_clock32;
	uint64_t boot_clock; /* the sim's clock at 0 of the firmware's */

	uint64_t lights_clock; /* lights have pulses up to here; 0: never had any */

	struct mcu_can can;

	struct sim_cfg cfg;
	struct sim_pin pins[SIM_PINS_MAX];
	uint16_t pin_count;
	char bus_name[SIM_BUS_KINDS][SIM_BUSES_MAX][SIM_PIN_NAME_MAX + 1];
	uint8_t bus_count[SIM_BUS_KINDS];

	char *json;
	uint8_t *dict;
	size_t dict_len;

	uint64_t tx_lost;
	size_t tx_len;
	uint8_t tx[SIM_TX_MAX];
	_Alignas(max_align_t) uint8_t arena[SIM_ARENA];
};

/* The clock of the event being run, or reached. */
static inline uint64_t sim_event_clock(const struct sim *s)
{
	return s->base_clock + (uint32_t)(s->mcu.sched.clock - s->base_clock32);
}

/* The same as a time since power-on. */
static inline double sim_event_s(const struct sim *s)
{
	return (double)(sim_event_clock(s) - s->cfg.start_clock) / s->cfg.freq_hz;
}

/* Give the pins that always exist their numbers. */
void sim_pins_init(struct sim *s);

/* Make s->json and s->dict. Returns 0 or -errno. */
int sim_dict_build(struct sim *s);

/* Drive an output, telling printer and observers about a change. */
void sim_drive(struct sim *s, uint16_t pin, bool level);
#endif
