/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stm32f4_fast.h - for board.h. */
#ifndef STM32F4_STM32F4_FAST_H
#define STM32F4_STM32F4_FAST_H

#include "cm_fast.h"

#endif
