# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# The per-CPU buffers schedule their work at every push.
set(file deferred.c)
set(from [==[
	if (unlikely(full))
		schedule(pool);
]==])
set(to [==[
	schedule(pool);
]==])
set(proof proof_schedule)
set(says "per-CPU: work scheduled before the threshold")
