// SPDX-License-Identifier: GPL-2.0-or-later
/* faults.c - see faults.h. */
#include "daemon/faults/faults.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

const struct fault_class fault_classes[FAULT_CLASSES] = {
#define FAULT_CLASS(id, name_, scope_, reaction_, weakest_, flags_, what_, advice_) \
	[FAULT_CLASS_##id] = { \
		name_,  FAULT_SCOPE_##scope_, FAULT_##reaction_, FAULT_##weakest_, flags_, what_, \
		advice_ \
	},
#include "daemon/faults/fault_classes.def"
#undef FAULT_CLASS
};

static const char *const reaction_names[FAULT_REACTIONS] = {
	"continue", "warn", "hold", "pause", "disable", "stop-motion", "shutdown",
};

/* What was done, for a message. */
static const char *const reaction_texts[FAULT_REACTIONS] = {
	"counted",
	"the print goes on",
	"motion is held on its path",
	"the print is paused",
	"it is off until CLEAR_FAULT; the rest works on",
	"motion is stopped",
	"everything is shut down",
};

enum fault_reaction fault_role_reaction(enum fault_role role)
{
	static const enum fault_reaction of_role[] = {
		[FAULT_ROLE_MOTION] = FAULT_STOP_MOTION,
		[FAULT_ROLE_HEATER] = FAULT_DISABLE,
		[FAULT_ROLE_OPTIONAL] = FAULT_WARN,
	};

	return role <= FAULT_ROLE_OPTIONAL ? of_role[role] : FAULT_STOP_MOTION;
}

const char *fault_reaction_name(enum fault_reaction r)
{
	return r < FAULT_REACTIONS ? reaction_names[r] : "?";
}

bool fault_reaction_find(const char *name, enum fault_reaction *out)
{
	for (unsigned i = 0; i < FAULT_REACTIONS; i++) {
		if (strcasecmp(name, reaction_names[i]) != 0)
			continue;
		*out = (enum fault_reaction)i;
		return true;
	}
	return false;
}

bool fault_class_find(const char *name, enum fault_class_id *out)
{
	for (unsigned i = 0; i < FAULT_CLASSES; i++) {
		if (strcasecmp(name, fault_classes[i].name) != 0)
			continue;
		*out = (enum fault_class_id)i;
		return true;
	}
	return false;
}

void faults_init(struct faults *f, const struct fault_rule *rule, size_t rules)
{
	memset(f, 0, sizeof(*f));
	f->rule = rule;
	f->rules = rules;
}

/* A part of the machine that can fail by itself, not what joins them. */
static bool scope_is_component(enum fault_scope scope)
{
	return scope == FAULT_SCOPE_HEATER || scope == FAULT_SCOPE_FAN ||
	       scope == FAULT_SCOPE_SENSOR || scope == FAULT_SCOPE_DRIVER;
}

static const struct fault_rule *rule_find(const struct faults *f, const struct fault_report *r)
{
	for (size_t i = 0; i < f->rules; i++)
		if (f->rule[i].class == r->class && strcmp(f->rule[i].component, r->component) == 0)
			return &f->rule[i];
	return NULL;
}

static struct fault_latched *latched_find(struct faults *f, const struct fault_report *r)
{
	for (size_t i = 0; i < f->latched_count; i++)
		if (f->latched[i].class == r->class &&
		    strcmp(f->latched[i].component, r->component) == 0)
			return &f->latched[i];
	return NULL;
}

static void latched_drop(struct faults *f, size_t i)
{
	memmove(&f->latched[i], &f->latched[i + 1],
		(f->latched_count - i - 1) * sizeof(f->latched[0]));
	f->latched_count--;
}

/* Room for one more: of those that don't stay the oldest goes. False: all stay. */
static bool latched_room(struct faults *f)
{
	if (f->latched_count < FAULT_LATCHED_MAX)
		return true;
	for (size_t i = 0; i < f->latched_count; i++) {
		if (fault_classes[f->latched[i].class].flags & FAULT_STAYS)
			continue;
		latched_drop(f, i);
		return true;
	}
	return false;
}

static bool another_component(const struct faults *f, const struct fault_report *r)
{
	for (size_t i = 0; i < f->latched_count; i++)
		if (scope_is_component(fault_classes[f->latched[i].class].scope) &&
		    f->latched[i].reaction >= FAULT_HOLD &&
		    strcmp(f->latched[i].component, r->component) != 0)
			return true;
	return false;
}

/* The entry of what was reported; the one that came longest ago makes room. */
static struct fault_recent *recent_find(struct faults *f, const struct fault_report *r)
{
	struct fault_recent *oldest = &f->recent[0];

	for (size_t i = 0; i < f->recent_count; i++) {
		struct fault_recent *q = &f->recent[i];

		if (q->class == r->class && strcmp(q->component, r->component) == 0)
			return q;
		if (q->since_s < oldest->since_s)
			oldest = q;
	}
	if (f->recent_count < FAULT_RECENT_MAX)
		oldest = &f->recent[f->recent_count++];
	*oldest = (struct fault_recent){ .class = r->class,
					 .since_s = r->now_s,
					 .told_s = r->now_s - FAULT_TELL_S };
	snprintf(oldest->component, sizeof(oldest->component), "%s", r->component);
	return oldest;
}

/* Whether it comes too often. */
static bool repeats(struct fault_recent *q, double now_s)
{
	if (now_s - q->since_s > FAULT_REPEAT_S) {
		q->since_s = now_s;
		q->count = 0;
	}
	return ++q->count > FAULT_REPEATS_MAX;
}

static enum fault_reaction reaction_of(const struct fault_report *r, const struct fault_rule *rule)
{
	const struct fault_class *c = &fault_classes[r->class];
	enum fault_reaction least = c->weakest, own = c->reaction;

	if (c->flags & FAULT_BY_ROLE)
		least = own = fault_role_reaction(r->role);
	if ((c->flags & FAULT_BOUNDED) && !(r->severity < 2.0))
		least = own;
	if (rule && rule->has_reaction)
		own = rule->reaction;
	if (least < r->least)
		least = r->least;
	return own > least ? own : least;
}

/* What the user can do next. */
static const char *advice_of(const struct fault_class *c, enum fault_role role)
{
	if (!(c->flags & FAULT_BY_ROLE) || role == FAULT_ROLE_MOTION)
		return c->advice;
	return role == FAULT_ROLE_HEATER
		       ? "it is attached again once it answers; then CLEAR_FAULT, heat "
			 "up and RESUME"
		       : "it is attached again once it answers";
}

/* What is still as it was, where the reaction's words don't say so. */
static const char *survives(const struct fault_report *r, const struct fault_decision *d)
{
	const struct fault_class *c = &fault_classes[r->class];

	if (d->reaction >= FAULT_STOP_MOTION) /* that print has ended, whatever the advice says */
		return r->journal ? ", the job journal is kept (RECOVER_JOB, not RESUME)" : "";
	if (r->stopped || (d->reaction != FAULT_HOLD && d->reaction != FAULT_PAUSE))
		return "";
	return c->flags & (FAULT_UNHOMES | FAULT_DOUBTS) ? ", temperatures are kept"
							 : ", position and temperatures are kept";
}

static void decision_text(const struct fault_report *r, struct fault_decision *d)
{
	const struct fault_class *c = &fault_classes[r->class];
	const char *done = reaction_texts[d->reaction];

	if (r->stopped && (d->reaction == FAULT_HOLD || d->reaction == FAULT_PAUSE))
		done = "motion is stopped already";
	else if (d->reaction == FAULT_PAUSE && !r->prints)
		done = "motion is held, then PAUSE is run";

	snprintf(d->text, sizeof(d->text), "%.47s: %s%s%.120s: %s%s%s%s; %s", r->component, c->what,
		 r->detail ? ": " : "", r->detail ? r->detail : "", done, survives(r, d),
		 d->pause && !r->stopped ? ", a print that needs it is paused" : "",
		 d->escalated ? " (taken more seriously, as another fault is latched)" : "",
		 advice_of(c, r->role));
}

/* Latch it, or count it if it is. False: there is no room. */
static bool latch(struct faults *f, const struct fault_report *r, struct fault_latched *l,
		  enum fault_reaction reaction)
{
	if (!l && !latched_room(f))
		return false;
	if (!l) {
		l = &f->latched[f->latched_count++];
		*l = (struct fault_latched){ .class = r->class, .since_s = r->now_s };
		snprintf(l->component, sizeof(l->component), "%s", r->component);
	}
	snprintf(l->detail, sizeof(l->detail), "%s", r->detail ? r->detail : "");
	l->reaction = reaction;
	l->last_s = r->now_s;
	l->count++;
	return true;
}

void fault_raise(struct faults *f, const struct fault_report *r, struct fault_decision *out)
{
	const struct fault_class *c = &fault_classes[r->class];
	const struct fault_rule *rule = rule_find(f, r);
	struct fault_latched *l = latched_find(f, r);
	struct fault_recent *q = recent_find(f, r);
	enum fault_reaction reaction = reaction_of(r, rule);

	memset(out, 0, sizeof(*out));
	f->count[r->class]++;
	/* After a hold RESUME would go on as if no step were lost. */
	if (reaction == FAULT_HOLD && c->scope == FAULT_SCOPE_DRIVER &&
	    c->flags & (FAULT_UNHOMES | FAULT_DOUBTS))
		reaction = FAULT_PAUSE;
	if (repeats(q, r->now_s) && (c->flags & FAULT_REPEATS) && reaction < FAULT_PAUSE)
		reaction = FAULT_PAUSE;
	if (scope_is_component(c->scope) && reaction >= FAULT_HOLD && reaction < FAULT_SHUTDOWN &&
	    another_component(f, r)) {
		reaction++;
		out->escalated = true;
	}
	if (reaction < FAULT_HOLD)
		out->news = !l && reaction >= FAULT_WARN && r->now_s - q->told_s >= FAULT_TELL_S;
	else
		out->news = !l || l->reaction < reaction;
	if (l && l->reaction > reaction) /* not taken back by its coming again */
		reaction = l->reaction;
	if (out->news)
		q->told_s = r->now_s;
	if (reaction >= FAULT_HOLD && !latch(f, r, l, reaction)) {
		reaction = FAULT_SHUTDOWN; /* more than can be: nothing is right any more */
		out->news = true;
	}
	out->reaction = reaction;
	out->pause = (c->flags & (FAULT_PAUSES | FAULT_BY_ROLE)) && reaction == FAULT_DISABLE;
	out->unhome = (c->flags & FAULT_UNHOMES) != 0;
	out->doubt = (c->flags & FAULT_DOUBTS) != 0;
	out->gcode = out->news && rule ? rule->gcode : NULL;
	decision_text(r, out);
}

void fault_restore(struct faults *f, enum fault_class_id class, const char *component,
		   const char *detail, double since_s)
{
	struct fault_report r = {
		.class = class, .component = component, .detail = detail, .now_s = since_s
	};

	latch(f, &r, latched_find(f, &r), FAULT_DISABLE);
}

size_t faults_clear(struct faults *f, enum fault_class_id class, const char *component,
		    fault_cause_fn *cause, void *ctx, size_t *kept, char why[FAULT_TEXT_MAX])
{
	size_t cleared = 0;

	*kept = 0;
	why[0] = '\0';
	for (size_t i = 0; i < f->latched_count;) {
		struct fault_latched *l = &f->latched[i];
		char reason[FAULT_TEXT_MAX] = "";

		if ((class != FAULT_CLASSES && l->class != class) ||
		    (component && strcmp(l->component, component) != 0)) {
			i++;
			continue;
		}
		if (cause && cause(ctx, l, reason)) {
			if ((*kept)++ == 0)
				snprintf(why, FAULT_TEXT_MAX, "%s", reason);
			i++;
			continue;
		}
		latched_drop(f, i);
		cleared++;
	}
	return cleared;
}

void fault_over(struct faults *f, enum fault_class_id class, const char *component)
{
	struct fault_latched *l =
		latched_find(f, &(struct fault_report){ .class = class, .component = component });

	if (l && !(fault_classes[class].flags & FAULT_STAYS))
		latched_drop(f, (size_t)(l - f->latched));
}

void faults_over(struct faults *f, enum fault_reaction reaction)
{
	for (size_t i = f->latched_count; i-- > 0;)
		if (f->latched[i].reaction == reaction &&
		    !(fault_classes[f->latched[i].class].flags & FAULT_STAYS))
			latched_drop(f, i);
}

const struct fault_latched *fault_of(const struct faults *f, enum fault_scope scope,
				     const char *component)
{
	for (size_t i = 0; i < f->latched_count; i++)
		if (f->latched[i].reaction >= FAULT_DISABLE &&
		    fault_classes[f->latched[i].class].scope == scope &&
		    strcmp(f->latched[i].component, component) == 0)
			return &f->latched[i];
	return NULL;
}

const struct fault_latched *faults_kept(const struct faults *f)
{
	for (size_t i = 0; i < f->latched_count; i++)
		if (f->latched[i].reaction == FAULT_DISABLE &&
		    !(fault_classes[f->latched[i].class].flags & FAULT_STAYS))
			return &f->latched[i];
	return NULL;
}

bool fault_recover(struct faults *f, double now_s)
{
	double *oldest = &f->recovery_s[f->recoveries % FAULT_RECOVERIES];

	if (f->recoveries >= FAULT_RECOVERIES && now_s - *oldest < FAULT_RECOVERY_S)
		return false;
	*oldest = now_s;
	f->recoveries++;
	return true;
}

/* Append; what doesn't fit is cut. */
static void add(char *buf, size_t cap, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void add(char *buf, size_t cap, const char *format, ...)
{
	size_t len = strlen(buf);
	va_list args;

	va_start(args, format);
	vsnprintf(buf + len, cap - len, format, args);
	va_end(args);
}

void faults_text(const struct faults *f, double now_s, char *buf, size_t cap)
{
	buf[0] = '\0';
	for (size_t i = 0; i < f->latched_count; i++) {
		const struct fault_latched *l = &f->latched[i];
		const struct fault_class *c = &fault_classes[l->class];

		add(buf, cap, "%s %s: %s%s%s; %s, for %.0f s, %llu times; %s\n", c->name,
		    l->component, c->what, l->detail[0] ? ": " : "", l->detail,
		    fault_reaction_name(l->reaction), now_s - l->since_s,
		    (unsigned long long)l->count,
		    advice_of(c, l->reaction < FAULT_STOP_MOTION ? FAULT_ROLE_HEATER
								 : FAULT_ROLE_MOTION));
	}
	if (f->latched_count == 0)
		add(buf, cap, "no fault is latched\n");
	for (unsigned i = 0; i < FAULT_CLASSES; i++)
		if (f->count[i])
			add(buf, cap, "%s: %llu since start\n", fault_classes[i].name,
			    (unsigned long long)f->count[i]);
}
