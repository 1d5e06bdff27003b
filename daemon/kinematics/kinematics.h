/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kinematics.h - the kinds of machine: what their configuration says, where they can go, how they home.
 *
 * One file a kind (kinematics_NAME.c) behind one table of functions. A kind fills the rails, steppers and
 * geometry of struct machine_config; what is a weighted sum of carriages (machine_stepper.carriage)
 * needs nothing more, the others say which formula their joints follow (rtcore/kin.h) and bring forward
 * kinematics, reach, limits and homing of their own.
 * Threads: PLAN. Pure but for load(). Units: mm; joints in mm, or rad where they turn.
 */
#ifndef DAEMON_KINEMATICS_KINEMATICS_H
#define DAEMON_KINEMATICS_KINEMATICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/config/machine_config.h"
#include "move.h"

struct config_section;
struct machine_load;

enum { KINEMATICS_HOMING_MAX = 8 };

/* One approach: the rails' switches are closed on the way from far_mm to home_mm. */
struct kinematics_homing {
	uint32_t rails; /* mask; their switches each stop their own motors; 0: nothing moves */
	uint32_t axes;  /* mask of the axes known afterwards */
	int dual;       /* rail of dual carriages that must be the active one; -1: any */
	/* X, Y, Z when all switches are closed, and so far away that the way from there is long
	 * enough from anywhere; NAN: stays as it is. */
	double home_mm[MACHINE_AXES], far_mm[MACHINE_AXES];
};

/* What a move may do; INFINITY: no limit of its own. */
struct kinematics_limits {
	double velocity_mm_s, accel_mm_s2;
};

struct kinematics_ops {
	const char *name; /* [printer] kinematics */
	bool dual;        /* may have a [dual_carriage] */
	/* Read and check the sections. Reports through l and goes on. */
	void (*load)(struct machine_load *l, struct config_section *printer);
	/* The rest is NULL for kinds that are weighted sums of X, Y and Z carriages. */
	/* X, Y, Z with the joints there: joint[i] of mc->steppers[i]. False: impossible. */
	bool (*forward)(const struct machine_config *mc, const double *joint,
			double xyz_mm[MACHINE_AXES]);
	/* Whether a straight move may be made. 0, or -EINVAL and err names place, value and limit. */
	int (*reach)(const struct machine_config *mc, const double from_mm[MACHINE_AXES],
		     const double to_mm[MACHINE_AXES], char *err, size_t size);
	/* NULL, or for moves of commands that have no path of their own: whether the straight way is barred to a place that
	 * is not, and by which place it is open. */
	bool (*around)(const struct machine_config *mc, const double from_mm[MACHINE_AXES],
		       const double to_mm[MACHINE_AXES], double by_mm[MACHINE_AXES]);
	/* Steps of a G28 of these axes, in order. Returns their number. */
	size_t (*homing)(const struct machine_config *mc, uint32_t axes,
			 struct kinematics_homing steps[KINEMATICS_HOMING_MAX]);
};

/* NULL if there is none of that name. */
const struct kinematics_ops *kinematics_find(const char *name);

/* "cartesian, corexy, … or none" */
const char *kinematics_names(char *buf, size_t size);

/* Whether all joints are weighted sums of the axes. */
bool kinematics_linear(const struct machine_config *mc);

/* X, Y, Z from the joints of weighted sums: joint[i] = sum of weight[i][axis] * xyz[axis]. An axis that the
 * joints don't fix stays as it is. */
void kinematics_solve(size_t count, const double weight[][MACHINE_AXES], const double *joint,
		      double xyz_mm[MACHINE_AXES]);

/* Where the rod hangs (ROD, ELBOW) with the joint there. */
void kinematics_rod_end(const struct kin *k, double joint, double at_mm[MACHINE_AXES]);
/* The point at these distances from three centres: the lower one of two. False: there is none. */
bool kinematics_trilaterate(const double centre[3][3], const double distance[3],
			    double xyz_mm[MACHINE_AXES]);

/* Whether a joint is the angle around the Z axis, which can't be passed through. A place on it, or nearer than
 * reach allows, is moved aside by at most KINEMATICS_ASIDE_MM. */
#define KINEMATICS_ASIDE_MM 0.02
void kinematics_aside(const struct machine_config *mc, double xy_mm[2]);
bool kinematics_turns(const struct machine_config *mc);

/* How the move is limited by what its joints may do: a motor's pulses and, of rods, the speed of their
 * carriages. Only for joints that are no weighted sums. span_s: input shapers put each axis somewhere
 * between where it was told to be in the last so many seconds; 0: no shapers. */
void kinematics_limit(const struct machine_config *mc, double span_s,
		      const double from_mm[MACHINE_AXES], const double to_mm[MACHINE_AXES],
		      struct kinematics_limits *out);

/* The largest and smallest position of a joint along a straight line. */
void kinematics_extent(const struct kin *k, const double from_mm[MACHINE_AXES],
		       const double to_mm[MACHINE_AXES], double *least, double *most);

/* For the kinds: axis `axis` of a move within lo .. hi. */
int kinematics_check_axis(int axis, double value_mm, double lo_mm, double hi_mm, char *err,
			  size_t size);
/* Whether the axes of the mask stay where they are while others move: where homing has left them a little out of their
 * range, they may stay. Not so if nothing moves: that asks for a place. */
bool kinematics_stays(uint32_t axes, const double from_mm[MACHINE_AXES],
		      const double to_mm[MACHINE_AXES]);
/* Text and -EINVAL. */
int kinematics_refuse(char *err, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The approach of a rail that is a carriage along its axis. */
void kinematics_home_rail(const struct machine_config *mc, size_t rail,
			  struct kinematics_homing *step);

/* For the kinds' load(): a kind whose motors of [stepper_x], [stepper_y], [stepper_z] follow the sums in
 * weight[motor][axis]. second: that of a second X carriage's motor, NULL for its carriage alone. */
void kinematics_load_sums(struct machine_load *l, const double weight[3][3], const double *second);
/* The max_z_velocity and so on that all kinds have are read with [printer]. This one too: */
void kinematics_load_min_z(struct machine_load *l, struct config_section *printer, double max_mm);

/* kinematics_dual.c: [dual_carriage] of the kinds that have it with X, Y, Z carriages. */
void kinematics_load_dual(struct machine_load *l, const double *second);
/* An error if there is a [dual_carriage] that this kind can't have. */
void kinematics_dual_refused(struct machine_load *l);
/* Rail a is the second carriage beside rail number first. */
void kinematics_dual_pair(struct machine_load *l, struct config_section *s, struct machine_rail *a,
			  int first);

enum { KINEMATICS_MODEL_AXES = 12, KINEMATICS_MODEL_ENDSTOPS = 12 };

struct kinematics_model_endstop {
	const struct pin *pin;
	int axis;
	double trigger_mm;
	bool at_max;
};

/* kinematics_model.c: the machine for a printer model (mcu/boards/sim/printer.h): its axes 0 to 3 are
 * X, Y, Z, E, or joints that are no sums take the place of X, Y, Z; others follow. */
struct kinematics_model {
	double start_mm[KINEMATICS_MODEL_AXES];
	double weight[MACHINE_STEPPER_MAX][KINEMATICS_MODEL_AXES]; /* mm of the motor per mm */
	int manual_axis[MACHINE_MANUAL_MAX]; /* that it moves alone; its switch is at -30 mm */
	struct kinematics_model_endstop endstop[KINEMATICS_MODEL_ENDSTOPS];
	size_t endstops;
};

void kinematics_model(const struct machine_config *mc, struct kinematics_model *model);

extern const struct kinematics_ops kinematics_cartesian, kinematics_corexy, kinematics_corexz,
	kinematics_hybrid_corexy, kinematics_hybrid_corexz, kinematics_generic_cartesian,
	kinematics_delta, kinematics_deltesian, kinematics_polar, kinematics_rotary_delta,
	kinematics_winch, kinematics_none;

#endif
