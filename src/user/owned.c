/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* owned.c - the seldom part of owned.h: objects whose first words lie in the head of
 * their section. Owns no state.
 *
 * Locks: needs what user_names_own says. Sleeps: no.
 */
#include "user/owned.h"

__attribute__((noinline)) bool uzs_names_huge(const struct zs_pool *pool,
					      const u64 *ref, u64 word)
{
	const char *object = ref_address(word);
	const struct size_class *class = pool->size_class[ref_class(word)];
	const struct run_section *section = run_section(object);
	unsigned int nr, run, index;
	u64 offset, stride, inside;

	/* Or is this another section's memory? */
	if (section->pool != pool)
		return false;
	/* A wrong ref may lead to a section that is just made anew: each field that
	 * is read is 0 then, or has its value, which stays the same. All that is
	 * used here must lead to no place outside it. */
	nr = READ_ONCE(section->nr);
	stride = READ_ONCE(section->stride);
	offset = run_offset(section, object);
	if (offset >= nr * stride)
		return false;
	run = uzs_divide(offset, READ_ONCE(section->reciprocal));
	if (run >= nr)
		return false;
	inside = offset - run * stride;
	index = uzs_divide(inside, class->reciprocal);
	return zspage_class_index(&section->zspages[run]) == class->index &&
	       inside == (u64)index * class->size &&
	       uzs_peek_head(run_head(&section->zspages[run], index)) ==
		       user_owner(pool, class->index, ref);
}
