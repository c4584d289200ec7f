# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Sees that a pool got full of gaps only when it looks for what is old.
set(file reuse.c)
set(from [==[
	if (unlikely(full && !(++slot->overflows % SPARSE_EVERY)))
		note_sparse(pool);
]==])
set(to [==[
]==])
set(test reuse)
set(proof test_sparse)
set(says "pool->reuse.sparse")
