/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tmc_registers.h - the register maps, see tmc_chip.h. Constant; any thread. Each ends with a register without a name. */
#ifndef DAEMON_TMC_TMC_REGISTERS_H
#define DAEMON_TMC_TMC_REGISTERS_H

#include "daemon/tmc/tmc_chip.h"

extern const struct tmc_register tmc2208_registers[], tmc2209_registers[], tmc2130_registers[],
	tmc5160_registers[], tmc2240_registers[], tmc2660_registers[];

#define TMC_DEFAULTS_220X \
	"multistep_filt=1 toff=3 hstrt=5 hend=0 tbl=2 iholddelay=8 tpowerdown=20 pwm_ofs=36 pwm_grad=14 " \
	"pwm_freq=1 pwm_autoscale=1 pwm_autograd=1 pwm_reg=8 pwm_lim=12 senddelay=2 pdn_disable=1 " \
	"mstep_reg_select=1"
/* The sine table that the chips have after a reset. */
#define TMC_DEFAULT_WAVE \
	"mslut0=2863314260 mslut1=1251300522 mslut2=608774441 mslut3=269500962 mslut4=4227858431 " \
	"mslut5=3048961917 mslut6=1227445590 mslut7=4211234 w0=2 w1=1 w2=1 w3=1 x1=128 x2=255 x3=255 " \
	"start_sin=0 start_sin90=247"

#endif
