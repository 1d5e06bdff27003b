/* SPDX-License-Identifier: GPL-2.0-or-later */
/* piece.h - what the sources of a joint's motion give: quadratics, one after the other.
 *
 * Units: _s machine time; positions in steps. Any thread.
 */
#ifndef RTCORE_PIECE_H
#define RTCORE_PIECE_H

/* p + v * t + a/2 * t^2 for t in 0 .. dur_s; at the end the joint is at p_end (the anchor of what
 * follows; it differs from the polynomial's end by rounding only). */
struct joint_piece {
	double start_s, dur_s;
	double p, v, a;
	double p_end;
};

enum joint_result {
	JOINT_PIECE,   /* *out is the next piece in which the joint moves */
	JOINT_DRAINED, /* no more of its motion is known */
	JOINT_HORIZON, /* what follows starts at horizon_s or later */
	JOINT_LOST, /* phases were retired unread, or more boundaries in a window than there is room for */
};

#endif
