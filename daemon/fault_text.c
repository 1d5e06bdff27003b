// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/fault_text.h"

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
