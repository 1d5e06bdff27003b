/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stm32_cases.h - what of an STM32's board files is the same with each family, as cases: STM32_TESTS.
 *
 * Included after the family's chip_config.h, before its file. Threads: one.
 */
#ifndef CHIPFAKE_STM32_CASES_H
#define CHIPFAKE_STM32_CASES_H

#include "tests/chipfake/stm32_board.h"

static void test_watchdog(void **state)
{
	unsigned fed;

	(void)state;
	start_chip();
	assert_int_equal(chip.watchdog_starts, 1);
	/* 32 kHz by 32: 500 are half a second */
	assert_int_equal(*chipfake_peek(IWDG + IWDG_PRESCALE), 3);
	assert_int_equal(*chipfake_peek(IWDG + IWDG_RELOAD), 500);
	assert_true(chip.watchdog_fed > 0);
	fed = chip.watchdog_fed;
	chip_watchdog();
	chipfake_model(0);
	assert_int_equal(chip.watchdog_fed, fed + 1);
}

static void test_pins(void **state)
{
	(void)state;
	start_chip();
	for (uint16_t pin = 0; pin < STM32_PORTS * 16; pin++) {
		if (pin == 9 || pin == 10) /* the link's */
			continue;
		assert_true(board_gpio_setup_out(NULL, pin, pin % 3 == 0));
		assert_string_equal(pin_is(pin), "out");
		assert_int_equal(level_of(pin), pin % 3 == 0);
		board_gpio_write(NULL, pin, true);
		assert_true(level_of(pin));
		board_gpio_write(NULL, pin, false);
		assert_false(level_of(pin));
		assert_true(board_gpio_setup_in(NULL, pin, 1));
		assert_string_equal(pin_is(pin), "in up");
		assert_true(board_gpio_setup_in(NULL, pin, -1));
		assert_string_equal(pin_is(pin), "in down");
		assert_true(board_gpio_setup_in(NULL, pin, 0));
		assert_string_equal(pin_is(pin), "in");
		*chipfake_peek(stm32_port(pin) + STM32_GPIO_IDR) = 1u << pin % 16;
		assert_true(board_gpio_read(NULL, pin));
		*chipfake_peek(stm32_port(pin) + STM32_GPIO_IDR) = ~(1u << pin % 16);
		assert_false(board_gpio_read(NULL, pin));
	}
	assert_false(board_gpio_setup_out(NULL, STM32_PORTS * 16, true));
	assert_false(board_gpio_setup_in(NULL, STM32_PORTS * 16, 0));
}

/* Step pins: short pulses, falling ones, each edge a step. */
static void test_lines(void **state)
{
	struct board_line line;

	(void)state;
	start_chip();
	for (int level = 0; level < 2; level++) {
		assert_true(board_gpio_setup_out(NULL, 20, level));
		board_line_init(&line, 20, level, false);
		board_line_step(&line);
		assert_int_equal(level_of(20), !level);
		board_line_unstep(&line);
		assert_int_equal(level_of(20), level);
	}
	board_line_init(&line, 20, true, true);
	for (int i = 0; i < 5; i++) {
		board_line_step(&line);
		assert_int_equal(level_of(20), i % 2);
		board_line_unstep(&line);
		assert_int_equal(level_of(20), i % 2);
	}
}

/* Inputs of the converter: PA0-7, PB0-1, PC0-5. */
static void test_adc(void **state)
{
	uint16_t value;

	(void)state;
	start_chip();
	for (uint16_t pin = 0; pin < STM32_PORTS * 16; pin++) {
		int ch = pin < 8 ? pin : pin / 2 == 8 ? pin - 8 : pin / 16 == 2 ? pin - 22 : -1;

		if (ch < 0 || ch > 15 || pin > 37) {
			assert_false(board_adc_setup(NULL, pin));
			continue;
		}
		assert_true(board_adc_setup(NULL, pin));
		assert_string_equal(pin_is(pin), "analog");
		assert_int_equal(board_adc_sample(NULL, pin, &value), STM32_ADC_TICKS);
		/* it is under way: whoever else wants one waits */
		assert_int_equal(board_adc_sample(NULL, pin == 0 ? 1 : 0, &value), STM32_ADC_TICKS);
		chip.clock += STM32_ADC_TICKS;
		assert_int_equal(board_adc_sample(NULL, pin, &value), 0);
		assert_int_equal(value, 100 * ch);
	}
	assert_int_equal(chip.conversions, 16);
}

static double duty(const struct stm32_pwm *p)
{
	uint32_t compare = *chipfake_peek(p->timer + TIM_CCR1 + p->channel * 4u);
	double period = *chipfake_peek(p->timer + TIM_ARR) + 1.0;

	return compare < period ? compare / period : 1;
}

/* Each output of the table: its pin, its channel's mode, period and duty. */
static void test_pwm(void **state)
{
	(void)state;
	for (unsigned i = 0; i < stm32_pwm_count; i++) {
		const struct stm32_pwm *p = &stm32_pwm[i];
		uint32_t ticks, mode;
		char function[32];

		start_chip();
		for (uint32_t cycle = 1000; cycle <= 84000000; cycle *= 7) {
			assert_true(board_pwm_setup(NULL, p->pin, cycle, 0x4000));
			ticks = (*chipfake_peek(p->timer + TIM_PSC) + 1) *
				(*chipfake_peek(p->timer + TIM_ARR) + 1);
			assert_in_range((uint64_t)ticks * 1000 >> p->shift, cycle * 990ull,
					cycle * 1002ull);
			assert_true(duty(p) > 0.499 && duty(p) < 0.501);
		}
		mode = *chipfake_peek(p->timer + TIM_CCMR1 + p->channel / 2 * 4u) >>
			       p->channel % 2 * 8 &
		       0xff;
		assert_int_equal(mode >> 4, 6); /* PWM mode 1 */
		assert_int_equal(mode & 3, 0);  /* an output */
		assert_int_equal(mode & 8, 8);  /* a new duty from the next period on */
		assert_int_equal(*chipfake_peek(p->timer + TIM_CCER), 1u << 4 * p->channel);
		assert_true(*chipfake_peek(p->timer + TIM_CR1) & 1);
		assert_true(*chipfake_peek(p->timer + TIM_BDTR) & 1 << 15);
		function_is(p->function, function);
		assert_string_equal(pin_is(p->pin), function);
		board_pwm_write(NULL, p->pin, 0);
		assert_true(duty(p) == 0);
		board_pwm_write(NULL, p->pin, STM32_PWM_MAX);
		assert_true(duty(p) == 1);
		/* the pin as something else */
		assert_true(board_gpio_setup_out(NULL, p->pin, true));
		assert_int_equal(*chipfake_peek(p->timer + TIM_CCER), 0);
		for (unsigned k = 0; k < i; k++) /* a pin is there once */
			assert_int_not_equal(stm32_pwm[k].pin, p->pin);
	}
	assert_false(board_pwm_setup(NULL, 9, 1000, 0)); /* the link's */
}

/* Two pins of a timer: the first has the say about the cycle time. */
static void test_pwm_shared(void **state)
{
	(void)state;
	start_chip();
	assert_true(board_pwm_setup(NULL, 6, 84000, 100));
	assert_false(board_pwm_setup(NULL, 7, 42000, 100));
	assert_true(board_pwm_setup(NULL, 7, 84000, 200));
	assert_true(board_gpio_setup_in(NULL, 6, 0));
	assert_true(board_pwm_setup(NULL, 7, 42000, 100));
}

/* Rates of 1 kHz to 40 MHz are never exceeded but by the slowest there is; modes; bytes both ways. */
static void test_spi(void **state)
{
	static const uint32_t base[] = { 0x40013000, 0x40003800 };
	static const uint8_t sck[] = { 5, 29 };

	(void)state;
	for (uint32_t bus = 0; bus < 2; bus++) {
		start_chip();
		for (uint32_t rate = 1000; rate < 40000000; rate = rate * 3 / 2) {
			uint8_t mode = (uint8_t)(rate / 7 % 4), bytes[] = { 0x01, 0x80, 0x5a };
			uint16_t handle = board_spi_setup(NULL, bus, mode, rate);
			uint32_t cr1, hz;

			assert_int_not_equal(handle, 0);
			chip.spi_looks = 0;
			board_spi_transfer(NULL, handle, bytes, 3);
			chipfake_model(0);
			assert_memory_equal(chip.spi_sent, ((uint8_t[]){ 0x01, 0x80, 0x5a }), 3);
			assert_memory_equal(bytes, ((uint8_t[]){ 0xfe, 0x7f, 0xa5 }), 3);
			cr1 = *chipfake_peek(base[bus]);
			assert_int_equal(cr1 & 3, mode);
			assert_int_equal(cr1 & 0x344,
					 0x344); /* on, master, its select line is not a pin */
			hz = (uint32_t)(bus ? STM32_APB1_HZ : STM32_APB2_HZ) >> ((cr1 >> 3 & 7) + 1);
			assert_true(hz <= rate || (cr1 >> 3 & 7) == 7);
			assert_true(hz * 2 > rate || (cr1 >> 3 & 7) == 0);
		}
		assert_true(!strncmp(pin_is(sck[bus]), "function", 8));
		assert_true(!strncmp(pin_is(sck[bus] + 2), "function", 8));
	}
	assert_int_equal(board_spi_setup(NULL, 2, 0, 1000000), 0);
}

#define STM32_TESTS \
	cmocka_unit_test(test_watchdog), cmocka_unit_test(test_pins), \
		cmocka_unit_test(test_lines), cmocka_unit_test(test_adc), \
		cmocka_unit_test(test_pwm), cmocka_unit_test(test_pwm_shared), \
		cmocka_unit_test(test_spi)

#endif
