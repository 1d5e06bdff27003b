/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_chip_stm32f1.c - the STM32F103's board files on a model of its registers.
 *
 * Shown: 72 MHz by the crystal, each bus and the converter within what they may have, in an order that a chip bears; pins, step pins, PWM,
 * converter, SPI, watchdog. How: tests/chipfake/stm32_board.h; what a register means is written down here from RM0008. No chip was at hand: timing,
 * and what the model leaves out, is not shown.
 */
#include <stdio.h>
#include <string.h>

#define MCU_FREQ_HZ 72000000
#include "mcu/boards/stm32f1/chip_config.h"
#include "tests/chipfake/stm32_cases.h"

#include "mcu/boards/stm32f1/stm32f1.c"

static void follow(uint32_t *reg, uint32_t ready, bool on)
{
	*reg = on ? *reg | ready : *reg & ~ready;
}

static void model_clocks(void)
{
	uint32_t *cr = chipfake_peek(0x40021000), *cfgr = chipfake_peek(0x40021004);
	uint32_t *adc = chipfake_peek(0x40012408), source = *cfgr & 3, old = *cfgr >> 2 & 3;

	follow(cr, 1 << 1, *cr & 1);
	follow(cr, 1 << 17, chip.crystal && *cr & 1 << 16);
	follow(cr, 1 << 25, *cr & 1 << 24);
	if (source == 2 && old != 2) { /* onto the PLL */
		assert_true(*cr & 1 << 25);
		assert_true((*chipfake_peek(0x40022000) & 7) >= 2); /* from 48 MHz on */
		assert_int_equal(*cfgr & 1 << 16, 1 << 16);         /* of the crystal */
		assert_int_equal((*cfgr >> 18 & 15) + 2, 9);
		assert_int_equal(*cfgr >> 4 & 15, 0); /* the processor: undivided */
		assert_int_equal(*cfgr >> 8 & 7, 4);  /* APB1: by 2 */
		assert_true((*cfgr >> 11 & 7) < 4);   /* APB2: undivided */
		assert_int_equal(*cfgr >> 14 & 3, 2); /* ADC: by 6 */
	}
	*cfgr = (*cfgr & ~12u) | source << 2;
	*adc &= ~4u; /* calibrated */
}

static bool clock_is_on(uint32_t address)
{
	uint32_t apb2 = *chipfake_peek(0x40021018), apb1 = *chipfake_peek(0x4002101c);

	if (address >= 0x40010800 && address < 0x40011c00) /* ports */
		return apb2 >> (2 + (address - 0x40010800) / 0x400) & 1;
	switch (address & ~0x3ffu) {
	case 0x40010000:
		return apb2 & 1;
	case 0x40012400:
		return apb2 >> 9 & 1;
	case 0x40012c00:
		return apb2 >> 11 & 1;
	case 0x40013000:
		return apb2 >> 12 & 1;
	case 0x40000000:
	case 0x40000400:
	case 0x40000800:
		return apb1 >> (address >> 10 & 3) & 1;
	case 0x40003800:
		return apb1 >> 14 & 1;
	default:
		return true;
	}
}

static const char *pin_is(uint16_t pin)
{
	uint32_t port = STM32_GPIO + pin / 16 * 0x400u;
	uint32_t four = *chipfake_peek(port + pin % 16 / 8 * 4u) >> pin % 8 * 4 & 15;

	chipfake_model(0);
	if (four == 0)
		return "analog";
	if (four == 4)
		return "in";
	if (four == 8)
		return chip.levels[pin / 16] >> pin % 16 & 1 ? "in up" : "in down";
	if ((four & 3) == 0)
		return "?";
	return four >> 2 == 0   ? "out"
	       : four >> 2 == 2 ? "function"
	       : four >> 2 == 3 ? "open drain"
				: "?";
}

static void function_is(unsigned number, char text[32])
{
	(void)number;
	strcpy(text, "function");
}

static void test_clocks(void **state)
{
	(void)state;
	start_chip();
	assert_int_equal(*chipfake_peek(0x40021004) >> 2 & 3, 2);
	assert_int_equal(STM32_APB2_HZ, 8000000 * 9);
	assert_int_equal(STM32_APB1_HZ, STM32_APB2_HZ / 2);
	/* the clock is the cycle counter, from 0 */
	assert_true(*chipfake_peek(0xe000edfc) & 1 << 24);
	assert_true(*chipfake_peek(0xe0001000) & 1);
	assert_int_equal(*chipfake_peek(0xe0001004), 0);
	/* PB3, PB4 and PA15 are pins, and the debugger's two are its */
	assert_int_equal(*chipfake_peek(0x40010004) >> 24 & 7, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_clocks), STM32_TESTS };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
