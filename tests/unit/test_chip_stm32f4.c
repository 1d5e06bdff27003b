/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_chip_stm32f4.c - the board files of the STM32F405, F407 and F446 on a model of their registers.
 *
 * Shown: 168 MHz by the crystal, by the internal oscillator where that does not start, each bus, USB and the converter within what they may
 * have, in an order that a chip bears; pins, step pins, PWM, converter, SPI, watchdog. How: tests/chipfake/stm32_board.h; what a register means is
 * written down here from RM0090. QEMU, in which the image runs (sim_conversation), has none of these clocks and pins. No chip was at hand: timing,
 * and what the model leaves out, is not shown.
 */
#include <stdio.h>
#include <string.h>

#define MCU_FREQ_HZ 84000000
#define HSE_MHZ 8
#include "mcu/boards/stm32f4/chip_config.h"
#include "tests/chipfake/stm32_cases.h"

#include "mcu/boards/stm32f4/stm32f4.c"

static void follow(uint32_t *reg, uint32_t ready, bool on)
{
	*reg = on ? *reg | ready : *reg & ~ready;
}

static void model_clocks(void)
{
	uint32_t *cr = chipfake_peek(0x40023800), *cfgr = chipfake_peek(0x40023808);
	uint32_t pll = *chipfake_peek(0x40023804), source = *cfgr & 3, old = *cfgr >> 2 & 3;

	follow(cr, 1 << 1, *cr & 1);
	follow(cr, 1 << 17, chip.crystal && *cr & 1 << 16);
	follow(cr, 1 << 25, *cr & 1 << 24);
	if (source == 2 && old != 2) { /* onto the PLL */
		uint32_t in_mhz = pll & 1 << 22 ? 8 : 16;

		assert_int_equal(!!(pll & 1 << 22), chip.crystal);
		assert_true(*cr & 1 << 25);
		assert_true((*chipfake_peek(0x40023c00) & 15) >= 5); /* from 150 MHz on */
		assert_int_equal(in_mhz / (pll & 63), 1);
		assert_int_equal(pll >> 6 & 0x1ff, 336);
		assert_int_equal(pll >> 16 & 3, 0);   /* by 2: 168 MHz */
		assert_int_equal(pll >> 24 & 15, 7);  /* 48 MHz for USB */
		assert_int_equal(*cfgr >> 4 & 15, 0); /* the processor: undivided */
		assert_int_equal(*cfgr >> 10 & 7, 5); /* APB1: by 4 */
		assert_int_equal(*cfgr >> 13 & 7, 4); /* APB2: by 2 */
	}
	*cfgr = (*cfgr & ~12u) | source << 2;
}

static bool clock_is_on(uint32_t address)
{
	uint32_t ahb1 = *chipfake_peek(0x40023830);
	uint32_t apb1 = *chipfake_peek(0x40023840), apb2 = *chipfake_peek(0x40023844);

	if (address >= 0x40020000 && address < 0x40022000) /* ports */
		return ahb1 >> (address - 0x40020000) / 0x400 & 1;
	switch (address & ~0x3ffu) {
	case 0x40010000:
		return apb2 & 1;
	case 0x40012000:
		return apb2 >> 8 & 1;
	case 0x40013000:
		return apb2 >> 12 & 1;
	case 0x40014000:
		return apb2 >> 16 & 1;
	case 0x40000000:
	case 0x40000400:
	case 0x40000800:
	case 0x40000c00:
		return apb1 >> (address >> 10 & 3) & 1;
	case 0x40001800:
		return apb1 >> 6 & 1;
	case 0x40003800:
		return apb1 >> 14 & 1;
	case 0x40007000:
		return apb1 >> 28 & 1;
	default:
		return true;
	}
}

static const char *pin_is(uint16_t pin)
{
	static const char *const pulls[] = { "in", "in up", "in down", "?" };
	static char function[32];
	uint32_t port = STM32_GPIO + pin / 16 * 0x400u, bit = pin % 16;
	uint32_t mode = *chipfake_peek(port) >> 2 * bit & 3;

	switch (mode) {
	case 0:
		return pulls[*chipfake_peek(port + 0x0c) >> 2 * bit & 3];
	case 1:
		return *chipfake_peek(port + 0x04) >> bit & 1 ? "?" : "out";
	case 2:
		snprintf(function, sizeof(function), "function %u",
			 (unsigned)(*chipfake_peek(port + 0x20 + bit / 8 * 4) >> bit % 8 * 4 & 15));
		return function;
	default:
		return "analog";
	}
}

static void function_is(unsigned number, char text[32])
{
	snprintf(text, 32, "function %u", number);
}

static void expect_clocks(void)
{
	assert_int_equal(*chipfake_peek(0x40023808) >> 2 & 3, 2);
	assert_int_equal(STM32_APB2_HZ, 168000000 / 2);
	assert_int_equal(STM32_APB1_HZ, 168000000 / 4);
	/* the clock: TIM5 at 84 MHz, 32 bits, from 0 */
	assert_int_equal(*chipfake_peek(0x40000c28), 0);
	assert_int_equal(*chipfake_peek(0x40000c2c), UINT32_MAX);
	assert_true(*chipfake_peek(0x40000c00) & 1);
	/* the converter's: APB2 by 4, 21 of at most 36 MHz */
	assert_int_equal(*chipfake_peek(0x40012304) >> 16 & 3, 1);
	assert_int_equal(*chipfake_peek(0x40007000) >> 14 & 3, 3);
}

static void test_clocks(void **state)
{
	(void)state;
	start_chip();
	expect_clocks();
	chipfake_clear();
	chip.crystal = false;
	chip_init();
	chipfake_model(0);
	expect_clocks();
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_clocks), STM32_TESTS };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
