/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cortexm.h"

#include <stdlib.h>
#include <string.h>

enum { REGS_MAX = 512 };

static struct {
	uint32_t address, value;
} regs[REGS_MAX];
static unsigned count;

uint32_t *chipfake_peek(uint32_t address)
{
	for (unsigned i = 0; i < count; i++)
		if (regs[i].address == address)
			return &regs[i].value;
	if (count == REGS_MAX)
		abort();
	regs[count].address = address;
	regs[count].value = 0;
	return &regs[count++].value;
}

volatile uint32_t *chipfake_reg(uint32_t address)
{
	chipfake_model(address);
	return chipfake_peek(address);
}

void chipfake_clear(void)
{
	count = 0;
}
