/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stm32f1_fast.h - for board.h. */
#ifndef STM32F1_STM32F1_FAST_H
#define STM32F1_STM32F1_FAST_H

#include "cm_fast.h"

#endif
