/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stm32_pwm.c - hardware PWM on the family's timers. All pins of a timer have one cycle time. */
#include "board.h"
#include "stm32.h"

enum {
	CR1_CEN = 1 << 0,
	CR1_ARPE = 1 << 7,
	CCMR_PWM = 0x68, /* one channel: PWM mode 1, compare value taken at the end of a period */
	EGR_UG = 1 << 0, /* take the new values now */
	BDTR_MOE = 1 << 15, /* outputs on; other timers have no such register, and ignore it */
	PERIOD_MAX = 0xffff,
};

static const struct stm32_pwm *find(uint16_t pin)
{
	for (uint8_t i = 0; i < stm32_pwm_count; i++)
		if (stm32_pwm[i].pin == pin)
			return &stm32_pwm[i];
	return NULL;
}

static inline volatile uint32_t *reg(const struct stm32_pwm *ch, uint32_t offset)
{
	return &CM_REG(ch->timer + offset);
}

static inline uint32_t enable_bit(const struct stm32_pwm *ch)
{
	return 1u << 4 * ch->channel;
}

/* A period of so many ticks, as near as it can be. */
static void set_period(const struct stm32_pwm *ch, uint32_t ticks)
{
	uint32_t prescale;

	if (ticks > UINT32_MAX >> ch->shift)
		ticks = UINT32_MAX >> ch->shift;
	ticks <<= ch->shift;
	prescale = ticks / PERIOD_MAX + 1;
	if (prescale > 0x10000)
		prescale = 0x10000;
	ticks /= prescale;
	*reg(ch, TIM_PSC) = prescale - 1;
	*reg(ch, TIM_ARR) = ticks > 2 ? (ticks < PERIOD_MAX ? ticks : PERIOD_MAX) - 1 : 1;
}

bool board_pwm_setup(struct board *b, uint16_t pin, uint32_t cycle_ticks, uint16_t value)
{
	const struct stm32_pwm *ch = find(pin);
	uint32_t psc, arr;

	if (!ch)
		return false;
	psc = *reg(ch, TIM_PSC);
	arr = *reg(ch, TIM_ARR);
	set_period(ch, cycle_ticks);
	/* another pin of this timer has the say, if there is one */
	if (*reg(ch, TIM_CCER) & ~enable_bit(ch) &&
	    (*reg(ch, TIM_PSC) != psc || *reg(ch, TIM_ARR) != arr)) {
		*reg(ch, TIM_PSC) = psc;
		*reg(ch, TIM_ARR) = arr;
		return false;
	}
	board_pwm_write(b, pin, value);
	cm_modify(reg(ch, TIM_CCMR1 + ch->channel / 2 * 4u), 0xffu << ch->channel % 2 * 8,
		  (uint32_t)CCMR_PWM << ch->channel % 2 * 8);
	cm_modify(reg(ch, TIM_CCER), 0, enable_bit(ch));
	*reg(ch, TIM_BDTR) = BDTR_MOE;
	*reg(ch, TIM_EGR) = EGR_UG;
	*reg(ch, TIM_CR1) = CR1_CEN | CR1_ARPE;
	stm32_pin_to_peripheral(pin, ch->function);
	return true;
}

void board_pwm_write(struct board *b, uint16_t pin, uint16_t value)
{
	const struct stm32_pwm *ch = find(pin);
	uint32_t period = *reg(ch, TIM_ARR) + 1;

	(void)b;
	if (value > STM32_PWM_MAX)
		value = STM32_PWM_MAX;
	/* over the period at full scale: always on */
	*reg(ch, TIM_CCR1 + ch->channel * 4u) = (period * value) / STM32_PWM_MAX;
}

void stm32_pwm_release(uint16_t pin)
{
	const struct stm32_pwm *ch = find(pin);

	if (ch)
		cm_modify(reg(ch, TIM_CCER), enable_bit(ch), 0);
}
