// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/tmc/tmc_registers.h"

#define R TMC_READ
#define W TMC_WRITE

#define COOLCONF_220X "semin:0-3 seup:5-6 semax:8-11 sedn:13-14 seimin:15"
#define COOLCONF_SG2 COOLCONF_220X " sgt:16-22s sfilt:24"
#define PWMCONF_AUTO \
	"pwm_ofs:0-7 pwm_grad:8-15 pwm_freq:16-17 pwm_autoscale:18 pwm_autograd:19 freewheel:20-21 " \
	"pwm_reg:24-27 pwm_lim:28-31"
#define IHOLD_IRUN "ihold:0-4 irun:8-12 iholddelay:16-19"
#define GSTAT "reset:0 drv_err:1 uv_cp:2"
#define MSCURACT "cur_a:0-8s cur_b:16-24s"
#define CHOPPER "toff:0-3 hstrt:4-6 hend:7-10 "
#define DRV_STATUS_SG2 \
	"sg_result:0-9 fsactive:15 cs_actual:16-20 stallguard:24 ot:25 otpw:26 s2ga:27 s2gb:28 ola:29 " \
	"olb:30 stst:31"
#define WAVE \
	{ "MSLUT0", 0x60, W, "mslut0:0-31" }, { "MSLUT1", 0x61, W, "mslut1:0-31" }, \
		{ "MSLUT2", 0x62, W, "mslut2:0-31" }, { "MSLUT3", 0x63, W, "mslut3:0-31" }, \
		{ "MSLUT4", 0x64, W, "mslut4:0-31" }, { "MSLUT5", 0x65, W, "mslut5:0-31" }, \
		{ "MSLUT6", 0x66, W, "mslut6:0-31" }, { "MSLUT7", 0x67, W, "mslut7:0-31" }, \
		{ "MSLUTSEL", 0x68, W, "w0:0-1 w1:2-3 w2:4-5 w3:6-7 x1:8-15 x2:16-23 x3:24-31" }, \
	{ \
		"MSLUTSTART", 0x69, W, "start_sin:0-7 start_sin90:16-23" \
	}
#define POSITION \
	{ "MSCNT", 0x6a, R, "mscnt:0-9" }, \
	{ \
		"MSCURACT", 0x6b, R, MSCURACT \
	}
#define TIMES \
	{ "TPOWERDOWN", 0x11, W, "tpowerdown:0-7" }, { "TSTEP", 0x12, R, "tstep:0-19" }, \
	{ \
		"TPWMTHRS", 0x13, W, "tpwmthrs:0-19" \
	}
#define TIMES_SG \
	TIMES, \
	{ \
		"TCOOLTHRS", 0x14, W, "tcoolthrs:0-19" \
	}
#define GCONF_220X \
	"i_scale_analog:0 internal_rsense:1 en_spreadcycle:2 shaft:3 index_otpw:4 index_step:5 " \
	"pdn_disable:6 mstep_reg_select:7 multistep_filt:8 test_mode:9"
#define UART_220X \
	{ "GCONF", 0x00, R | W, GCONF_220X }, { "GSTAT", 0x01, R | W, GSTAT }, \
		{ "IFCNT", 0x02, R, "ifcnt:0-7" }, { "SLAVECONF", 0x03, W, "senddelay:8-11" }, \
	{ \
		"OTP_READ", 0x05, R, "otp_fclktrim:0-4 otp_ottrim:5 otp_internalrsense:6 otp_tbl:7" \
	}
#define POWER_220X \
	{ "FACTORY_CONF", 0x07, R | W, "fclktrim:0-4 ottrim:8-9" }, \
	{ \
		"IHOLD_IRUN", 0x10, W, IHOLD_IRUN \
	}
#define DRIVER_220X \
	POSITION, \
		{ "CHOPCONF", 0x6c, R | W, \
		  CHOPPER \
		  "tbl:15-16 vsense:17 mres:24-27 intpol:28 dedge:29 diss2g:30 diss2vs:31" }, \
		{ "DRV_STATUS", 0x6f, R, \
		  "otpw:0 ot:1 s2ga:2 s2gb:3 s2vsa:4 s2vsb:5 ola:6 olb:7 t120:8 t143:9 t150:10 t157:11 " \
		  "cs_actual:16-20 stealth:30 stst:31" }, \
		{ "PWMCONF", 0x70, R | W, PWMCONF_AUTO }, \
		{ "PWM_SCALE", 0x71, R, "pwm_scale_sum:0-7 pwm_scale_auto:16-24s" }, \
	{ \
		"PWM_AUTO", 0x72, R, "pwm_ofs_auto:0-7 pwm_grad_auto:16-23" \
	}

const struct tmc_register tmc2208_registers[] = {
	UART_220X,
	{ "IOIN", 0x06, R,
	  "enn:0 ms1:2 ms2:3 diag:4 pdn_uart:6 step:7 sel_a:8 dir:9 version:24-31" },
	POWER_220X,
	TIMES,
	{ "VACTUAL", 0x22, W, "vactual:0-23s" },
	DRIVER_220X,
	{ 0 },
};

const struct tmc_register tmc2209_registers[] = {
	UART_220X,
	{ "IOIN", 0x06, R,
	  "enn:0 ms1:2 ms2:3 diag:4 pdn_uart:6 step:7 spread_en:8 dir:9 version:24-31" },
	POWER_220X,
	TIMES_SG,
	{ "VACTUAL", 0x22, W, "vactual:0-23s" },
	{ "SGTHRS", 0x40, W, "sgthrs:0-7" },
	{ "SG_RESULT", 0x41, R, "sg_result:0-9" },
	{ "COOLCONF", 0x42, W, COOLCONF_220X },
	DRIVER_220X,
	{ 0 },
};

const struct tmc_register tmc2130_registers[] = {
	{ "GCONF", 0x00, R | W,
	  "i_scale_analog:0 internal_rsense:1 en_pwm_mode:2 enc_commutation:3 shaft:4 "
	  "diag0_error:5 diag0_otpw:6 diag0_stall:7 diag1_stall:8 diag1_index:9 "
	  "diag1_onstate:10 diag1_steps_skipped:11 diag0_int_pushpull:12 diag1_pushpull:13 "
	  "small_hysteresis:14 stop_enable:15 direct_mode:16 test_mode:17" },
	{ "GSTAT", 0x01, R | W, GSTAT },
	{ "IOIN", 0x04, R,
	  "step:0 dir:1 dcen_cfg4:2 dcin_cfg5:3 drv_enn_cfg6:4 dco:5 version:24-31" },
	{ "IHOLD_IRUN", 0x10, W, IHOLD_IRUN },
	TIMES_SG,
	{ "THIGH", 0x15, W, "thigh:0-19" },
	WAVE,
	POSITION,
	{ "CHOPCONF", 0x6c, R | W,
	  CHOPPER "fd3:11 disfdcc:12 rndtf:13 chm:14 tbl:15-16 vsense:17 vhighfs:18 vhighchm:19 "
		  "sync:20-23 mres:24-27 intpol:28 dedge:29 diss2g:30" },
	{ "COOLCONF", 0x6d, W, COOLCONF_SG2 },
	{ "DRV_STATUS", 0x6f, R, DRV_STATUS_SG2 },
	{ "PWMCONF", 0x70, W,
	  "pwm_ampl:0-7 pwm_grad:8-15 pwm_freq:16-17 pwm_autoscale:18 pwm_symmetric:19 "
	  "freewheel:20-21" },
	{ "PWM_SCALE", 0x71, R, "pwm_scale:0-7" },
	{ "LOST_STEPS", 0x73, R, "lost_steps:0-19" },
	{ 0 },
};

#define CHOPCONF_5160 \
	CHOPPER "fd3:11 disfdcc:12 chm:14 tbl:15-16 vhighfs:18 vhighchm:19 tpfd:20-23 mres:24-27 " \
		"intpol:28 dedge:29 diss2g:30 diss2vs:31"
#define DRV_STATUS_5160 "s2vsa:12 s2vsb:13 stealth:14 " DRV_STATUS_SG2

const struct tmc_register tmc5160_registers[] = {
	{ "GCONF", 0x00, R | W,
	  "recalibrate:0 faststandstill:1 en_pwm_mode:2 multistep_filt:3 shaft:4 diag0_error:5 "
	  "diag0_otpw:6 diag0_stall:7 diag1_stall:8 diag1_index:9 diag1_onstate:10 "
	  "diag1_steps_skipped:11 diag0_int_pushpull:12 diag1_pushpull:13 small_hysteresis:14 "
	  "stop_enable:15 direct_mode:16 test_mode:17" },
	{ "GSTAT", 0x01, R | W, GSTAT },
	{ "IOIN", 0x04, R,
	  "refl_step:0 refr_dir:1 encb_dcen_cfg4:2 enca_dcin_cfg5:3 drv_enn:4 enc_n_dco_cfg6:5 "
	  "sd_mode:6 swcomp_in:7 version:24-31" },
	{ "SHORT_CONF", 0x09, W, "s2vs_level:0-3 s2g_level:8-11 shortfilter:16-17 shortdelay:18" },
	{ "DRV_CONF", 0x0a, W,
	  "bbmtime:0-4 bbmclks:8-11 otselect:16-17 drvstrength:18-19 filt_isense:20-21" },
	{ "GLOBALSCALER", 0x0b, W, "globalscaler:0-7" },
	{ "OFFSET_READ", 0x0c, R, "offset_b:0-7s offset_a:8-15s" },
	{ "IHOLD_IRUN", 0x10, W, IHOLD_IRUN },
	TIMES_SG,
	{ "THIGH", 0x15, W, "thigh:0-19" },
	WAVE,
	POSITION,
	{ "CHOPCONF", 0x6c, R | W, CHOPCONF_5160 },
	{ "COOLCONF", 0x6d, W, COOLCONF_SG2 },
	{ "DRV_STATUS", 0x6f, R, DRV_STATUS_5160 },
	{ "PWMCONF", 0x70, W, PWMCONF_AUTO },
	{ "PWM_SCALE", 0x71, R, "pwm_scale_sum:0-7 pwm_scale_auto:16-24s" },
	{ "PWM_AUTO", 0x72, R, "pwm_ofs_auto:0-7 pwm_grad_auto:16-23" },
	{ "LOST_STEPS", 0x73, R, "lost_steps:0-19" },
	{ 0 },
};

const struct tmc_register tmc2240_registers[] = {
	{ "GCONF", 0x00, R | W,
	  "faststandstill:1 en_pwm_mode:2 multistep_filt:3 shaft:4 diag0_error:5 diag0_otpw:6 "
	  "diag0_stall:7 diag1_stall:8 diag1_index:9 diag1_onstate:10 diag0_int_pushpull:12 "
	  "diag1_pushpull:13 small_hysteresis:14 stop_enable:15 direct_mode:16" },
	{ "GSTAT", 0x01, R | W, GSTAT " register_reset:3 vm_uvlo:4" },
	{ "IFCNT", 0x02, R, "ifcnt:0-7" },
	{ "SLAVECONF", 0x03, W, "slaveaddr:0-7 senddelay:8-11" },
	{ "IOIN", 0x04, R,
	  "step:0 dir:1 encb:2 enca:3 drv_enn:4 encn:5 uart_en:6 comp_a:8 comp_b:9 "
	  "comp_a1_a2:10 comp_b1_b2:11 output:12 ext_res_det:13 ext_clk:14 adc_err:15 "
	  "silicon_rv:16-18 version:24-31" },
	{ "DRV_CONF", 0x0a, R | W, "current_range:0-1 slope_control:4-5" },
	{ "GLOBALSCALER", 0x0b, R | W, "globalscaler:0-7" },
	{ "IHOLD_IRUN", 0x10, R | W, IHOLD_IRUN " irundelay:24-27" },
	{ "TPOWERDOWN", 0x11, R | W, "tpowerdown:0-7" },
	{ "TSTEP", 0x12, R, "tstep:0-19" },
	{ "TPWMTHRS", 0x13, R | W, "tpwmthrs:0-19" },
	{ "TCOOLTHRS", 0x14, R | W, "tcoolthrs:0-19" },
	{ "THIGH", 0x15, R | W, "thigh:0-19" },
	{ "ADC_VSUPPLY_AIN", 0x50, R, "adc_vsupply:0-12 adc_ain:16-28" },
	{ "ADC_TEMP", 0x51, R, "adc_temp:0-12" },
	WAVE,
	POSITION,
	{ "CHOPCONF", 0x6c, R | W, CHOPCONF_5160 },
	{ "COOLCONF", 0x6d, R | W, COOLCONF_SG2 },
	{ "DRV_STATUS", 0x6f, R, DRV_STATUS_5160 },
	{ "PWMCONF", 0x70, R | W, PWMCONF_AUTO " pwm_meas_sd_enable:22 pwm_dis_reg_stst:23" },
	{ "PWM_SCALE", 0x71, R, "pwm_scale_sum:0-9 pwm_scale_auto:16-24s" },
	{ "PWM_AUTO", 0x72, R, "pwm_ofs_auto:0-7 pwm_grad_auto:16-23" },
	{ "SG4_THRS", 0x74, R | W, "sg4_thrs:0-7 sg4_filt_en:8 sg4_angle_offset:9" },
	{ "SG4_RESULT", 0x75, R, "sg4_result:0-9" },
	{ 0 },
};

/* Of 20 bits, with the address in the upper three; the others can't be read. READRSP is the answer to any of them, as
 * rdsel says. */
const struct tmc_register tmc2660_registers[] = {
	{ "DRVCONF", 7, W,
	  "rdsel:4-5 vsense:6 sdoff:7 ts2g:8-9 diss2g:10 slpl:12-13 slph:14-15 tst:16" },
	{ "SGCSCONF", 6, W, "cs:0-4 sgt:8-14s sfilt:16" },
	{ "SMARTEN", 5, W, COOLCONF_220X },
	{ "DRVCTRL", 0, W, "mres:0-3 dedge:8 intpol:9" },
	{ "CHOPCONF", 4, W, CHOPPER "hdec:11-12 rndtf:13 chm:14 tbl:15-16" },
	{ "READRSP", 0, R,
	  "stallguard:0 ot:1 otpw:2 s2ga:3 s2gb:4 ola:5 olb:6 stst:7 sg_result:10-19" },
	{ 0 },
};
