/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rp2040_pwm.c - hardware PWM: eight counters with two outputs each, all pins have one. Data sheet 4.5.
 *
 * The two outputs of a counter have one cycle time; pins that are 16 apart have the same output.
 */
#include "board.h"
#include "rp2040.h"

#define PWM(pin, offset) CM_REG(0x40050000 + (uint32_t)(pin) / 2 % 8 * 0x14 + (offset))
enum { CSR = 0x00, DIV = 0x04, CC = 0x0c, TOP = 0x10 };
enum { CSR_ON = 1 << 0, DIV_ONE = 16, DIV_MAX = 0xfff, TOP_MAX = 0xfffe };

/* Does another pin use the counter; with the same output: same_output? */
static bool shared(uint16_t pin, bool same_output)
{
	for (uint16_t other = 0; other < RP2040_PINS; other++)
		if (other != pin && other / 2 % 8 == pin / 2 % 8 &&
		    (!same_output || other % 2 == pin % 2) && rp2040_function(other) == FUNCTION_PWM)
			return true;
	return false;
}

bool board_pwm_setup(struct board *b, uint16_t pin, uint32_t cycle_ticks, uint16_t value)
{
	uint32_t cycles, div, top;

	if (pin >= RP2040_PINS || shared(pin, true))
		return false;
	if (cycle_ticks > UINT32_MAX / RP2040_TICK_CYCLES)
		cycle_ticks = UINT32_MAX / RP2040_TICK_CYCLES;
	cycles = cycle_ticks * RP2040_TICK_CYCLES;
	/* 16ths of the divider: the least with which the counter can go so far */
	div = cycles / (TOP_MAX / DIV_ONE) + 1;
	div = div < DIV_ONE ? DIV_ONE : div > DIV_MAX ? DIV_MAX : div;
	top = (uint32_t)((uint64_t)cycles * DIV_ONE / div);
	top = top < 2 ? 1 : top > TOP_MAX + 1 ? TOP_MAX : top - 1;
	if (shared(pin, false) && (PWM(pin, DIV) != div || PWM(pin, TOP) != top))
		return false;
	PWM(pin, DIV) = div;
	PWM(pin, TOP) = top;
	board_pwm_write(b, pin, value);
	PWM(pin, CSR) = CSR_ON;
	rp2040_pin_to(pin, FUNCTION_PWM, 0);
	return true;
}

void board_pwm_write(struct board *b, uint16_t pin, uint16_t value)
{
	uint32_t at = pin % 2 * 16u, period = PWM(pin, TOP) + 1;

	(void)b;
	if (value > RP2040_PWM_MAX)
		value = RP2040_PWM_MAX;
	/* over TOP at full scale: always on */
	cm_modify(&PWM(pin, CC), 0xffffu << at, period * value / RP2040_PWM_MAX << at);
}
