/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* hooks.c - owns the hooks, and for each thread whether it is in a hook.
 *
 * Locks: none. Sleeps: no.
 */
#include "hooks.h"

static const struct uzs_hooks *hooks_set; /* atomic */
static __thread bool inside;

void uzs_set_hooks(const struct uzs_hooks *hooks)
{
	smp_store_release(&hooks_set, hooks);
}

const struct uzs_hooks *uzs_hooks_enter(void)
{
	const struct uzs_hooks *hooks = smp_load_acquire(&hooks_set);

	if (likely(!hooks) || inside)
		return NULL;
	inside = true;
	return hooks;
}

void uzs_hooks_leave(void)
{
	inside = false;
}
