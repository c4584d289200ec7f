# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Scope held: drops pool->lock before it has class->lock.
set(file scope.c)
set(from [==[
	spin_lock(&class->lock); /* from here on this keeps it there: L1 */
	read_unlock(&pool->lock);
]==])
set(to [==[
	read_unlock(&pool->lock);
	spin_lock(&class->lock);
]==])
set(proof proof_moved_object)
set(says "at once: the object could move before its class was locked")
