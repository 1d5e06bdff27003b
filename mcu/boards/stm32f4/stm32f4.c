/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stm32f4.c - clocks and pins of an STM32F405, F407 or F446: 168 MHz from a crystal of HSE_MHZ, or from the internal 16 MHz where
 * there is none. */
#include "board.h"
#include "stm32.h"

enum {
	RCC = 0x40023800,
	RCC_CR = RCC + 0x00,
	RCC_PLLCFGR = RCC + 0x04,
	RCC_CFGR = RCC + 0x08,
	RCC_AHB1ENR = RCC + 0x30,
	RCC_AHB2ENR = RCC + 0x34,
	RCC_APB1ENR = RCC + 0x40,
	RCC_APB2ENR = RCC + 0x44,
	CR_HSION = 1 << 0,
	CR_HSIRDY = 1 << 1,
	CR_HSEON = 1 << 16,
	CR_HSERDY = 1 << 17,
	CR_PLLON = 1 << 24,
	CR_PLLRDY = 1 << 25,
	PLL_HSE = 1 << 22,
	PLL_N = 336 << 6, /* times 336, of 1 MHz; by 2 for the processor, by 7 for USB */
	PLL_Q = 7 << 24,
	CFGR_PLL = 2,
	CFGR_SWS = 3 << 2,
	CFGR_SWS_PLL = 2 << 2,
	CFGR_BUSES = 5 << 10 | 4 << 13, /* APB1 42 MHz, APB2 84 MHz; their timers twice that */
	FLASH_ACR = 0x40023c00,
	ACR_5_WAITS = 5 | 7 << 8, /* and prefetch and caches */
	PWR_CR = 0x40007000,
	PWR_VOS = 3 << 14, /* the regulator for full speed */
	AHB2_USB = 1 << 7,
	APB1_TIM2_5 = 0xf,
	APB1_TIM12_14 = 7 << 6,
	APB1_SPI2 = 1 << 14,
	APB1_I2C1_2 = 3 << 21,
	APB1_CAN1 = 1 << 25,
	APB1_PWR = 1 << 28,
	APB2_TIM1_8 = 3,
	APB2_USART1 = 1 << 4,
	APB2_ADC1 = 1 << 8,
	APB2_SPI1 = 1 << 12,
	APB2_TIM9_11 = 7 << 16,
	ADC_COMMON = STM32_ADC + 0x304,
	ADC_BY_4 = 1 << 16, /* 21 MHz, of at most 36 */
	READY_TURNS = 0x8000,
};

/* Registers of a port. */
enum { MODER = 0x00, OTYPER = 0x04, OSPEEDR = 0x08, PUPDR = 0x0c, AFRL = 0x20 };
enum { MODE_IN, MODE_OUT, MODE_FUNCTION, MODE_ANALOG };

/* Wait until the bits of mask are as in want. Bounded. */
static bool ready(uint32_t reg, uint32_t mask, uint32_t want)
{
	for (uint32_t i = 0; i < READY_TURNS; i++)
		if ((CM_REG(reg) & mask) == want)
			return true;
	return false;
}

/* If the crystal does not start, the internal oscillator's 1 % has to do. */
static void clock_init(void)
{
	uint32_t source = 16;

	/* a boot loader may have left another clock on */
	cm_modify(&CM_REG(RCC_CR), 0, CR_HSION);
	(void)ready(RCC_CR, CR_HSIRDY, CR_HSIRDY);
	CM_REG(RCC_CFGR) = 0;
	(void)ready(RCC_CFGR, CFGR_SWS, 0);
	cm_modify(&CM_REG(RCC_CR), CR_PLLON, 0);
	(void)ready(RCC_CR, CR_PLLRDY, 0);
	CM_REG(RCC_APB1ENR) = APB1_PWR | APB1_SPI2 | APB1_I2C1_2 | APB1_CAN1 | APB1_TIM2_5 |
			      APB1_TIM12_14;
	CM_REG(RCC_APB2ENR) = APB2_TIM1_8 | APB2_USART1 | APB2_ADC1 | APB2_SPI1 | APB2_TIM9_11;
	CM_REG(RCC_AHB1ENR) = (1u << STM32_PORTS) - 1;
	CM_REG(RCC_AHB2ENR) = AHB2_USB;
	cm_modify(&CM_REG(PWR_CR), 0, PWR_VOS);
	cm_modify(&CM_REG(RCC_CR), 0, CR_HSEON);
	if (ready(RCC_CR, CR_HSERDY, CR_HSERDY))
		source = HSE_MHZ | PLL_HSE;
	CM_REG(RCC_PLLCFGR) = source | PLL_N | PLL_Q;
	cm_modify(&CM_REG(RCC_CR), 0, CR_PLLON);
	CM_REG(FLASH_ACR) = ACR_5_WAITS;
	(void)ready(RCC_CR, CR_PLLRDY, CR_PLLRDY);
	CM_REG(RCC_CFGR) = CFGR_BUSES | CFGR_PLL;
	(void)ready(RCC_CFGR, CFGR_SWS, CFGR_SWS_PLL);
}

/* ---- pins ---- */

/* A field of bits a pin in a register. */
static void set_field(uint16_t pin, uint32_t offset, uint32_t value)
{
	uint32_t at = pin % 16 * 2;

	cm_modify(&CM_REG(stm32_port(pin) + offset), 3u << at, value << at);
}

static void set_function(uint16_t pin, uint32_t function)
{
	uint32_t at = pin % 8 * 4;

	cm_modify(&CM_REG(stm32_port(pin) + AFRL + pin % 16 / 8 * 4u), 0xfu << at, function << at);
	set_field(pin, MODER, MODE_FUNCTION);
}

bool board_gpio_setup_out(struct board *b, uint16_t pin, bool level)
{
	if (!stm32_pin_exists(pin))
		return false;
	stm32_pwm_release(pin);
	board_gpio_write(b, pin, level);
	set_field(pin, OSPEEDR, 2);
	cm_modify(&CM_REG(stm32_port(pin) + OTYPER), 1u << pin % 16, 0);
	set_field(pin, PUPDR, 0);
	set_field(pin, MODER, MODE_OUT);
	return true;
}

bool board_gpio_setup_in(struct board *b, uint16_t pin, int8_t pull_up)
{
	(void)b;
	if (!stm32_pin_exists(pin))
		return false;
	stm32_pwm_release(pin);
	set_field(pin, PUPDR, pull_up < 0 ? 2 : (uint32_t)(pull_up > 0));
	set_field(pin, MODER, MODE_IN);
	return true;
}

void stm32_pin_to_peripheral(uint16_t pin, uint8_t function)
{
	set_function(pin, function);
}

void stm32_pin_input_of_peripheral(uint16_t pin, uint8_t function)
{
	set_field(pin, PUPDR, 1);
	set_function(pin, function);
}

void stm32_pin_open_drain(uint16_t pin, uint8_t function)
{
	cm_modify(&CM_REG(stm32_port(pin) + OTYPER), 0, 1u << pin % 16);
	stm32_pin_input_of_peripheral(pin, function);
}

void stm32_pin_analog(uint16_t pin)
{
	set_field(pin, PUPDR, 0);
	set_field(pin, MODER, MODE_ANALOG);
}

void chip_init(void)
{
	stm32_watchdog_init();
	clock_init();
	CM_REG(CHIP_TIM5 + TIM_PSC) = CHIP_PRESCALE - 1;
	CM_REG(CHIP_TIM5 + TIM_ARR) = UINT32_MAX;
	CM_REG(CHIP_TIM5 + TIM_EGR) = 1; /* from 0 */
	CM_REG(CHIP_TIM5 + TIM_CR1) = 1;
	CM_REG(ADC_COMMON) = ADC_BY_4;
	stm32_adc_init();
	stm32_link_init();
}

/* ---- timers' outputs: data sheets, "alternate function mapping" ---- */

#define PIN(port, bit) (((port) - 'A') * 16 + (bit))
enum {
	TIM1 = 0x40010000,
	TIM2 = 0x40000000,
	TIM3 = 0x40000400,
	TIM4 = 0x40000800,
	TIM9 = 0x40014000,
	TIM12 = 0x40001800
};
#define TIMER_PIN(port, bit, channel, function, fast, timer) \
	{ \
		PIN(port, bit), (channel)-1, function, fast, timer \
	}
#define TIM1_PIN(port, bit, channel) TIMER_PIN(port, bit, channel, 1, 1, TIM1)
#define TIM2_PIN(port, bit, channel) TIMER_PIN(port, bit, channel, 1, 0, TIM2)
#define TIM3_PIN(port, bit, channel) TIMER_PIN(port, bit, channel, 2, 0, TIM3)
#define TIM4_PIN(port, bit, channel) TIMER_PIN(port, bit, channel, 2, 0, TIM4)
#define TIM9_PIN(port, bit, channel) TIMER_PIN(port, bit, channel, 3, 1, TIM9)
#define TIM12_PIN(port, bit, channel) TIMER_PIN(port, bit, channel, 9, 0, TIM12)

const struct stm32_pwm stm32_pwm[] = {
	TIM1_PIN('A', 8, 1),   TIM1_PIN('A', 11, 4), TIM1_PIN('E', 9, 1),  TIM1_PIN('E', 11, 2),
	TIM1_PIN('E', 13, 3),  TIM1_PIN('E', 14, 4), TIM2_PIN('A', 0, 1),  TIM2_PIN('A', 1, 2),
	TIM2_PIN('A', 2, 3),   TIM2_PIN('A', 3, 4),  TIM2_PIN('A', 5, 1),  TIM2_PIN('A', 15, 1),
	TIM2_PIN('B', 3, 2),   TIM2_PIN('B', 10, 3), TIM2_PIN('B', 11, 4), TIM3_PIN('A', 6, 1),
	TIM3_PIN('A', 7, 2),   TIM3_PIN('B', 0, 3),  TIM3_PIN('B', 1, 4),  TIM3_PIN('B', 4, 1),
	TIM3_PIN('B', 5, 2),   TIM3_PIN('C', 6, 1),  TIM3_PIN('C', 7, 2),  TIM3_PIN('C', 8, 3),
	TIM3_PIN('C', 9, 4),   TIM4_PIN('B', 6, 1),  TIM4_PIN('B', 7, 2),  TIM4_PIN('B', 8, 3),
	TIM4_PIN('B', 9, 4),   TIM4_PIN('D', 12, 1), TIM4_PIN('D', 13, 2), TIM4_PIN('D', 14, 3),
	TIM4_PIN('D', 15, 4),  TIM9_PIN('E', 5, 1),  TIM9_PIN('E', 6, 2),  TIM12_PIN('B', 14, 1),
	TIM12_PIN('B', 15, 2),
};
const uint8_t stm32_pwm_count = sizeof(stm32_pwm) / sizeof(stm32_pwm[0]);
