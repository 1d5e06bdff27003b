/* SPDX-License-Identifier: GPL-2.0-or-later */
/* faults.h - what is done about a fault: the one place that decides it.
 *
 * Whoever detects something says so with fault_raise() and does what the decision says; nothing else in the
 * program weighs one reaction against another. The rules (docs/FAULTS.md):
 *   - a class has a reaction of its own and a weakest one; [fault CLASS COMPONENT] changes it within that;
 *   - a fault that stays is latched until fault_clear(), which its cause, still there, prevents;
 *   - glitches that come too often are a bad contact: a pause;
 *   - a fault of a component while another component's is latched is taken one level up;
 *   - at most FAULT_RECOVERIES automatic recoveries an hour.
 * Pure: no I/O, no clock; time comes in. Owner: the caller places struct faults. Threads: PLAN.
 */
#ifndef DAEMON_FAULTS_FAULTS_H
#define DAEMON_FAULTS_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	FAULT_NAME_MAX = 48,
	FAULT_TEXT_MAX = 480,
	FAULT_RULES_MAX = 64, /* configured */
	FAULT_LATCHED_MAX = 32,
	FAULT_RECENT_MAX = 32,
	FAULT_REPEATS_MAX = 20,
	FAULT_RECOVERIES = 3, /* automatic ones in FAULT_RECOVERY_S */
};

#define FAULT_RECOVERY_S 3600.0
#define FAULT_REPEAT_S \
	60.0 /* classes FAULT_REPEATS: more than FAULT_REPEATS_MAX in this time is a bad contact */
#define FAULT_TELL_S 10.0 /* what isn't latched is told again after this time at the earliest */

/* In rising order: what each does includes what those before it say. */
enum fault_reaction {
	FAULT_CONTINUE,    /* counted */
	FAULT_WARN,        /* told on every front end */
	FAULT_HOLD,        /* feed hold, on the path */
	FAULT_PAUSE,       /* hold, then the pause macro */
	FAULT_DISABLE,     /* the component is made safe at once; a job that needs it pauses */
	FAULT_STOP_MOTION, /* no further step; positions are read back */
	FAULT_SHUTDOWN,    /* all MCUs to their safe outputs */
	FAULT_REACTIONS,
};

enum fault_scope {
	FAULT_SCOPE_HEATER,
	FAULT_SCOPE_FAN,
	FAULT_SCOPE_SENSOR,
	FAULT_SCOPE_DRIVER,
	FAULT_SCOPE_AXIS,
	FAULT_SCOPE_LINK,
	FAULT_SCOPE_MCU,
	FAULT_SCOPE_HOST,
};

enum fault_flag {
	FAULT_STAYS = 1,     /* latched until it is cleared */
	FAULT_PAUSES = 2,    /* besides its reaction, a job that needs the component is paused */
	FAULT_UNHOMES = 4,   /* the axis' position is not known afterwards */
	FAULT_DOUBTS = 8,    /* it is only kept if it could be read back, or is marked uncertain */
	FAULT_BY_ROLE = 16,  /* the reaction is that of the MCU's role */
	FAULT_BOUNDED = 32,  /* the weakest reaction holds below severity 2 */
	FAULT_GOES_ON = 64,  /* over by itself */
	FAULT_REPEATS = 128, /* too many in a minute: paused */
};

enum fault_class_id {
#define FAULT_CLASS(id, ...) FAULT_CLASS_##id,
#include "daemon/faults/fault_classes.def"
#undef FAULT_CLASS
	FAULT_CLASSES,
};

struct fault_class {
	const char *name;
	enum fault_scope scope;
	enum fault_reaction reaction, weakest;
	unsigned flags; /* enum fault_flag */
	const char *what, *advice;
};

extern const struct fault_class fault_classes[FAULT_CLASSES];

/* What an MCU is for: [mcu NAME] role. */
enum fault_role { FAULT_ROLE_MOTION, FAULT_ROLE_HEATER, FAULT_ROLE_OPTIONAL };

/* Configured: [fault CLASS COMPONENT]. */
struct fault_rule {
	enum fault_class_id class;
	char component[FAULT_NAME_MAX];
	bool has_reaction;
	enum fault_reaction reaction;
	char *gcode; /* run once the machine is safe; NULL: none. The configuration owns it. */
};

struct fault_report {
	enum fault_class_id class;
	const char *component; /* "extruder", "mcu zboard", "stepper_x" */
	const char *detail; /* of the instant: "reads -54 °C, expected 0 to 300 °C"; may be NULL */
	enum fault_role role;      /* of classes FAULT_BY_ROLE */
	double severity;           /* of classes FAULT_BOUNDED: in multiples of the bound */
	enum fault_reaction least; /* of this very report: no option makes it weaker */
	bool prints;               /* there is a print, which a pause is one of */
	bool journal;              /* ... of a file, with a job journal */
	bool stopped;              /* motion is already: nothing is left to hold or to pause */
	double now_s;
};

/* What the caller has to do. */
struct fault_decision {
	enum fault_reaction reaction;
	bool pause;         /* FAULT_DISABLE: also pause a job that needs the component */
	bool unhome, doubt; /* see enum fault_flag */
	bool news;          /* false: this very fault is latched already, all has been done */
	bool escalated;     /* because another component's fault is latched */
	const char *gcode;  /* to run once the machine is safe, or NULL */
	char text[FAULT_TEXT_MAX]; /* for all front ends and the record: what, reaction, advice */
};

struct fault_latched {
	enum fault_class_id class;
	char component[FAULT_NAME_MAX];
	char detail[FAULT_TEXT_MAX / 2];
	enum fault_reaction reaction;
	double since_s, last_s;
	uint64_t count;
};

/* Of what isn't latched: how often of late, and when it was told. */
struct fault_recent {
	enum fault_class_id class;
	char component[FAULT_NAME_MAX];
	double since_s, told_s;
	unsigned count;
};

struct faults {
	const struct fault_rule *rule;
	size_t rules;
	struct fault_latched latched[FAULT_LATCHED_MAX]; /* in the order of their coming */
	size_t latched_count;
	struct fault_recent recent[FAULT_RECENT_MAX];
	size_t recent_count;
	uint64_t count[FAULT_CLASSES]; /* of all reports */
	double recovery_s[FAULT_RECOVERIES];
	unsigned recoveries;
};

/* rules stay the caller's. */
void faults_init(struct faults *f, const struct fault_rule *rule, size_t rules);

void fault_raise(struct faults *f, const struct fault_report *r, struct fault_decision *out);

/* One that was latched by a process before this one: as FAULT_DISABLE, all else has been done. */
void fault_restore(struct faults *f, enum fault_class_id class, const char *component,
		   const char *detail, double since_s);

/* Whether its cause is still there; then why[] says what. */
typedef bool fault_cause_fn(void *ctx, const struct fault_latched *l, char why[FAULT_TEXT_MAX]);

/* Clear the latched faults of that class (FAULT_CLASSES: any) and component (NULL: any) whose cause is gone.
 * Returns how many were cleared; *kept how many were not, with the reasons of the first in why[]. */
size_t faults_clear(struct faults *f, enum fault_class_id class, const char *component,
		    fault_cause_fn *cause, void *ctx, size_t *kept, char why[FAULT_TEXT_MAX]);

/* A fault that doesn't stay is over (RESUME, or it went by itself). */
void fault_over(struct faults *f, enum fault_class_id class, const char *component);
/* The same of all that had this reaction. */
void faults_over(struct faults *f, enum fault_reaction reaction);

/* The latched fault of that component, of any class from FAULT_DISABLE up; NULL: it may be used. */
const struct fault_latched *fault_of(const struct faults *f, enum fault_scope scope,
				     const char *component);

/* One that RESUME would end, but for its having been taken more seriously: it is not told again while it is latched.
 * NULL: none. */
const struct fault_latched *faults_kept(const struct faults *f);

/* Whether the machine may recover by itself now; counts it if so. */
bool fault_recover(struct faults *f, double now_s);

/* FAULTS: a line for each that is latched, and the counts of the rest. All of it fits into FAULTS_TEXT_MAX, however
 * many there are; with less it is cut. */
enum { FAULTS_TEXT_MAX = FAULT_LATCHED_MAX * 640 + FAULT_CLASSES * 64 };
void faults_text(const struct faults *f, double now_s, char *buf, size_t cap);

/* What is done about an MCU of that role, and the weakest that can be configured. */
enum fault_reaction fault_role_reaction(enum fault_role role);

const char *fault_reaction_name(enum fault_reaction r);
/* False: there is none of that name. */
bool fault_reaction_find(const char *name, enum fault_reaction *out);
bool fault_class_find(const char *name, enum fault_class_id *out);

#endif
