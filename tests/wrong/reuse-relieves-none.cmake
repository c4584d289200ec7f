# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Who needs memory does not get what is kept.
set(file deferred.c)
set(from [==[
	if (mode == ZS_DEFER_REUSE)
		return uzs_reuse_flush(pool);
]==])
set(to [==[
	if (mode == ZS_DEFER_REUSE)
		return false;
]==])
set(test reuse_pool)
set(proof test_limit)
set(says "gate_at(&h.done)")
