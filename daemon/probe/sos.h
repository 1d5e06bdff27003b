/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sos.h - second-order sections of Butterworth and notch filters, and their words for an MCU. Pure.
 *
 * By the bilinear transform of the analog prototypes, warped so that the stated frequency is met: Oppenheim and Schafer, Discrete-Time Signal
 * Processing, section 7.1.2; the notch is (s^2 + 1) / (s^2 + s / quality + 1).
 * Threads: any. Units: share is frequency / sample rate, above 0 and below 0.5. Every coefficient is within -2 to 2.
 */
#ifndef DAEMON_PROBE_SOS_H
#define DAEMON_PROBE_SOS_H

#include <stdint.h>

/* Integer bits of the words, beside the sign: coefficients are Q1.30. */
enum { SOS_INT_BITS = 1 };

/* (b[0] + b[1] / z + b[2] / z^2) / (1 + a[0] / z + a[1] / z^2) */
struct sos_section {
	double b[3], a[2];
};

/* -3 dB at that share; order 1 or 2. */
struct sos_section sos_lowpass(double share, int order);
struct sos_section sos_highpass(double share, int order);
/* Nothing at that share; -3 dB at a distance of share / quality from one side to the other. */
struct sos_section sos_notch(double share, double quality);

/* As the MCU has it; what is beyond its range is the nearest that is within. */
int32_t sos_word(double coefficient);

#endif
