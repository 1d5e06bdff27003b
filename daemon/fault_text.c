// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/fault_text.h"

#include <net/if.h>
#include <stdio.h>

#include "control.h"
#include "stepgen.h"

static const char *const fault_texts[] = {
	[FAULT_NONE] = "no fault",
	[FAULT_STEPGEN] = "steps can't be made",
	[FAULT_LATE] = "a step was too late to be sent",
	[FAULT_UNDERRUN] = "planned motion ran out at speed",
	[FAULT_LINK_FULL] = "the link to the MCU is full",
	[FAULT_MCU_SHUTDOWN] = "the MCU shut down",
	[FAULT_LINK_LOST] = "the MCU does not answer any more (unplugged, or without power?)",
	[FAULT_MCU_RESET] = "the MCU started anew by itself (power or watchdog?)",
};

const char *fault_text(unsigned fault)
{
	return fault < sizeof(fault_texts) / sizeof(fault_texts[0]) && fault_texts[fault]
		       ? fault_texts[fault]
		       : "an unknown fault";
}

const char *fault_stepgen_text(int result)
{
	switch (result) {
	case STEPGEN_CLOCK:
		return "a step's clock is out of range";
	case STEPGEN_TOO_FAST:
		return "steps would come closer than two step_pulse_duration";
	case STEPGEN_RANGE:
		return "the position is out of range";
	case STEPGEN_LOST:
		return "motion was forgotten before it was used";
	default:
		return "a run failed its check";
	}
}

const char *fault_line_name(unsigned state)
{
	static const char *const names[] = {
		[LINE_FINE] = "no errors known",  [LINE_CLOSED] = "closed",
		[LINE_DOWN] = "shut down",        [LINE_GONE] = "gone",
		[LINE_BUS_OFF] = "bus-off",       [LINE_STUCK] = "stuck",
		[LINE_PASSIVE] = "error-passive", [LINE_RESTARTED] = "restarted",
		[LINE_OVERRUN] = "overrun",
	};

	return state < sizeof(names) / sizeof(names[0]) ? names[state] : "?";
}

#define CHECK_BUS "check wiring, the two 120 ohm terminators, the boards' power and the bit rate"

void fault_line_text(unsigned state, const char *iface, char *text, size_t size)
{
	static const char *const texts[] = {
		[LINE_FINE] = "CAN interface %s is error-active again",
		[LINE_CLOSED] = "CAN interface %s does not work any more",
		[LINE_DOWN] = "CAN interface %s was shut down; `ip link set %s up`",
		[LINE_GONE] = "CAN interface %s has vanished (adapter unplugged?)",
		[LINE_BUS_OFF] =
			"CAN interface %s is bus-off, stopped after too many errors: " CHECK_BUS
			"; then `ip link set %s down` and `up`",
		[LINE_STUCK] =
			"CAN interface %s has sent nothing for 1 s, nobody acknowledges: " CHECK_BUS,
		[LINE_PASSIVE] = "CAN interface %s is error-passive, much is damaged or not "
				 "acknowledged: " CHECK_BUS,
		[LINE_RESTARTED] = "CAN interface %s was restarted after bus-off, frames may be "
				   "lost: " CHECK_BUS,
		[LINE_OVERRUN] =
			"CAN interface %s received more than it could hold, frames are lost",
	};

	/* Down comes before gone: a moment later it can be told apart. */
	if (state == LINE_DOWN && iface && !if_nametoindex(iface))
		state = LINE_GONE;
	if (!iface || state >= sizeof(texts) / sizeof(texts[0]))
		snprintf(text, size, "its device went away (unplugged?)");
	else
		snprintf(text, size, texts[state], iface, iface);
}
