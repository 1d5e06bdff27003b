/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stm32f1.c - clocks and pins of an STM32F103: 72 MHz from a crystal of 8 MHz, as nearly all boards have it. Without one, 64 MHz from
 * the internal oscillator would make every clock wrong: the chip waits, and its watchdog resets it. */
#include "board.h"
#include "stm32.h"

enum {
	RCC = 0x40021000,
	RCC_CR = RCC + 0x00,
	RCC_CFGR = RCC + 0x04,
	RCC_APB2ENR = RCC + 0x18,
	RCC_APB1ENR = RCC + 0x1c,
	CR_HSION = 1 << 0,
	CR_HSIRDY = 1 << 1,
	CR_HSEON = 1 << 16,
	CR_HSERDY = 1 << 17,
	CR_PLLON = 1 << 24,
	CR_PLLRDY = 1 << 25,
	CFGR_PLL = 2,
	CFGR_SWS = 3 << 2,
	CFGR_SWS_PLL = 2 << 2,
	CFGR_APB1_BY_2 = 4 << 8, /* 36 MHz, its timers 72 */
	CFGR_ADC_BY_6 = 2 << 14, /* 12 MHz, of at most 14 */
	CFGR_HSE_BY_9 = 1 << 16 | 7 << 18,
	FLASH_ACR = 0x40022000,
	ACR_2_WAITS = 2 | 1 << 4,
	APB1_TIM2_4 = 7,
	APB1_SPI2 = 1 << 14,
	APB1_I2C1_2 = 3 << 21,
	APB1_USB = 1 << 23,
	APB2_AFIO = 1 << 0,
	APB2_PORTS = 0x1f << 2,
	APB2_ADC1 = 1 << 9,
	APB2_TIM1 = 1 << 11,
	APB2_SPI1 = 1 << 12,
	APB2_USART1 = 1 << 14,
	AFIO_MAPR = 0x40010004,
	MAPR_NO_JTAG = 2 << 24, /* PA15, PB3 and PB4 are pins; SWD stays */
	DEMCR = 0xe000edfc,
	DEMCR_TRACE = 1 << 24,
	DWT_CTRL = 0xe0001000,
	ADC_CR2 = STM32_ADC + 0x08,
	CR2_CALIBRATE = 1 << 2,
};

/* Four bits a pin, in two registers from the port's first on. */
enum {
	PIN_ANALOG = 0,
	PIN_OUT = 2, /* 2 MHz slopes are enough for pulses of 100 ns and up */
	PIN_FLOATING = 4,
	PIN_PULLED = 8, /* up or down by the output register */
	PIN_PERIPHERAL = 0xb,
	PIN_OPEN_DRAIN = 0xe, /* of a peripheral */
};

static void await(uint32_t reg, uint32_t mask, uint32_t want)
{
	while ((CM_REG(reg) & mask) != want)
		;
}

static void clock_init(void)
{
	CM_REG(FLASH_ACR) = ACR_2_WAITS;
	/* a boot loader may have left another clock on */
	cm_modify(&CM_REG(RCC_CR), 0, CR_HSION);
	await(RCC_CR, CR_HSIRDY, CR_HSIRDY);
	CM_REG(RCC_CFGR) = 0;
	await(RCC_CFGR, CFGR_SWS, 0);
	cm_modify(&CM_REG(RCC_CR), CR_PLLON, 0);
	cm_modify(&CM_REG(RCC_CR), 0, CR_HSEON);
	await(RCC_CR, CR_HSERDY, CR_HSERDY);
	CM_REG(RCC_CFGR) = CFGR_APB1_BY_2 | CFGR_ADC_BY_6 | CFGR_HSE_BY_9;
	cm_modify(&CM_REG(RCC_CR), 0, CR_PLLON);
	await(RCC_CR, CR_PLLRDY, CR_PLLRDY);
	cm_modify(&CM_REG(RCC_CFGR), 0, CFGR_PLL);
	await(RCC_CFGR, CFGR_SWS, CFGR_SWS_PLL);
	CM_REG(RCC_APB1ENR) = APB1_TIM2_4 | APB1_SPI2 | APB1_I2C1_2 | APB1_USB;
	CM_REG(RCC_APB2ENR) = APB2_AFIO | APB2_PORTS | APB2_ADC1 | APB2_TIM1 | APB2_SPI1 |
			      APB2_USART1;
	CM_REG(AFIO_MAPR) = MAPR_NO_JTAG;
	cm_modify(&CM_REG(DEMCR), 0, DEMCR_TRACE);
	CM_REG(CHIP_CYCCNT) = 0;
	cm_modify(&CM_REG(DWT_CTRL), 0, 1);
}

/* ---- pins ---- */

static void set_mode(uint16_t pin, uint32_t mode)
{
	uint32_t at = pin % 8 * 4;

	cm_modify(&CM_REG(stm32_port(pin) + pin % 16 / 8 * 4u), 0xfu << at, mode << at);
}

bool board_gpio_setup_out(struct board *b, uint16_t pin, bool level)
{
	if (!stm32_pin_exists(pin))
		return false;
	stm32_pwm_release(pin);
	board_gpio_write(b, pin, level);
	set_mode(pin, PIN_OUT);
	return true;
}

bool board_gpio_setup_in(struct board *b, uint16_t pin, int8_t pull_up)
{
	if (!stm32_pin_exists(pin))
		return false;
	stm32_pwm_release(pin);
	board_gpio_write(b, pin, pull_up > 0);
	set_mode(pin, pull_up ? PIN_PULLED : PIN_FLOATING);
	return true;
}

void stm32_pin_to_peripheral(uint16_t pin, uint8_t function)
{
	(void)function;
	set_mode(pin, PIN_PERIPHERAL);
}

/* An input is one for peripherals, too. */
void stm32_pin_input_of_peripheral(uint16_t pin, uint8_t function)
{
	(void)function;
	board_gpio_setup_in(NULL, pin, 1);
}

/* The chip's own resistor is off at an output: that of the board has to do. */
void stm32_pin_open_drain(uint16_t pin, uint8_t function)
{
	(void)function;
	set_mode(pin, PIN_OPEN_DRAIN);
}

void stm32_pin_analog(uint16_t pin)
{
	set_mode(pin, PIN_ANALOG);
}

void chip_init(void)
{
	stm32_watchdog_init();
	clock_init();
	stm32_adc_init();
	cm_modify(&CM_REG(ADC_CR2), 0, CR2_CALIBRATE);
	while (CM_REG(ADC_CR2) & CR2_CALIBRATE)
		;
	stm32_link_init();
}

/* ---- timers' outputs, not remapped: data sheet, "pin definitions" ---- */

#define PIN(port, bit) (((port) - 'A') * 16 + (bit))
enum { TIM1 = 0x40012c00, TIM2 = 0x40000000, TIM3 = 0x40000400, TIM4 = 0x40000800 };

const struct stm32_pwm stm32_pwm[] = {
	{ PIN('A', 8), 0, 0, 0, TIM1 }, { PIN('A', 11), 3, 0, 0, TIM1 },
	{ PIN('A', 0), 0, 0, 0, TIM2 }, { PIN('A', 1), 1, 0, 0, TIM2 },
	{ PIN('A', 2), 2, 0, 0, TIM2 }, { PIN('A', 3), 3, 0, 0, TIM2 },
	{ PIN('A', 6), 0, 0, 0, TIM3 }, { PIN('A', 7), 1, 0, 0, TIM3 },
	{ PIN('B', 0), 2, 0, 0, TIM3 }, { PIN('B', 1), 3, 0, 0, TIM3 },
	{ PIN('B', 6), 0, 0, 0, TIM4 }, { PIN('B', 7), 1, 0, 0, TIM4 },
	{ PIN('B', 8), 2, 0, 0, TIM4 }, { PIN('B', 9), 3, 0, 0, TIM4 },
};
const uint8_t stm32_pwm_count = sizeof(stm32_pwm) / sizeof(stm32_pwm[0]);
