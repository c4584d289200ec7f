/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* scenarios.c - the list of scenarios for our library. */
#include "scenario.h"

#include <stddef.h>

#include "scenarios.h"

#define ENTRY(name) &lab_scenario_##name,
const struct lab_scenario *const lab_scenarios[] = {
	LAB_FREE_SCENARIOS(ENTRY) LAB_LOOK_SCENARIOS(ENTRY) LAB_MOVE_SCENARIOS(
		ENTRY) LAB_DEFER_SCENARIOS(ENTRY) LAB_REUSE_SCENARIOS(ENTRY)
		LAB_LIMIT_SCENARIOS(ENTRY) LAB_REF_SCENARIOS(ENTRY)
			LAB_HARD_SCENARIOS(ENTRY) LAB_SETTLE_SCENARIOS(ENTRY)
				LAB_LOCK_SCENARIOS(ENTRY) NULL
};
