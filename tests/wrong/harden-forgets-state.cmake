# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Takes a handle that was given to zs_free_deferred for a live one.
set(file harden.c)
set(from [==[
		if ((use & USE_STATE) != USE_LIVE || !pool->forked)
]==])
set(to [==[
		if (((use & USE_STATE) != USE_LIVE &&
		     (use & USE_STATE) != USE_DEFERRED) ||
		    (!pool->forked && (use & USE_PINS)))
]==])
set(test harden)
set(proof test_freed)
set(says "is told 0 times, not once")
