# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# The array schedules its work at every push.
set(file deferred.c)
set(from [==[
	if (unlikely(count + 1 == d->capacity / 2))
		schedule(pool);
]==])
set(to [==[
	schedule(pool);
]==])
set(proof proof_schedule)
set(says "array: work scheduled before the threshold")
