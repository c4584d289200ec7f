/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* user.c - the user profile: objects in one piece, words that hold addresses,
 * no lock to read. Owns the table, and the profile's life.
 *
 * Kernel origin: none. docs/user-profile.md describes the protocol.
 * Locks: by function. Sleeps: no.
 */
#include "user/layout.h"

#include "compat/os.h"
#include "lock_order.h"
#include "user/audit.h"
#include "user/hand.h"
#include "user/handles.h"
#include "user/move.h"
#include "user/places.h"
#include "user/runs.h"
#include "user/settle.h"
#include "user/sizes.h"
#include "user/slots.h"

/* ---- life ---------------------------------------------------------------------- */

#define LINE 128ul

static size_t user_state_bytes(const struct zs_pool *pool)
{
	return ALIGN(sizeof(struct user_pool), LINE) +
	       ALIGN(uzs_hazards_bytes(), LINE) + uzs_slots_bytes(pool);
}

/* A section of the longest runs, and one such run. In hardened pools the heads of
 * sections stay: those of all other lengths may be there. */
static size_t user_least_bytes(const struct zs_pool *pool)
{
	struct run_length lengths[USER_LENGTHS];
	unsigned int n = uzs_user_lengths(pool, lengths);
	size_t bytes = uzs_runs_least(pool, &lengths[n - 1]);

	for (unsigned int i = 0; pool->hardened && i < n - 1; i++)
		bytes += uzs_runs_least(pool, &lengths[i]) -
			 ((size_t)lengths[i].pages << pool->page_shift);
	return bytes;
}

static void user_init(struct zs_pool *pool, void *state,
		      const struct zs_pool_options *o)
{
	struct user_pool *user = state;
	char *ended = (char *)state + ALIGN(sizeof(struct user_pool), LINE);

	pool->user = user;
	pool->head.room = user->room;
	/* Where misuse is looked for, no read goes without the check, nor an end. */
	uzs_hazards_init(&user->hazards, pool, !pool->hardened, ended);
	/* What an object's memory is for has to be told by a pin. */
	user->names_reads = !UZS_POISONS_OBJECTS && uzs_os_barrier_register();
	pool->head.slow_reads = !user->names_reads;
	user->runs.nr_lengths = uzs_user_lengths(pool, user->runs.lengths);
	uzs_user_set_tables(pool);
	uzs_runs_init(pool);
	/* Of larger pages a section wastes more at its end. */
	uzs_settle_init(pool, !(o->flags &
				(ZS_POOL_NO_WORKER | ZS_POOL_NO_HUGE_PAGES)) &&
				      pool->page_size <= 16384);
	uzs_slots_init(pool, ended + ALIGN(uzs_hazards_bytes(), LINE));
}

static bool user_free_kept(struct zs_pool *pool)
{
	bool kept = uzs_slots_flush(pool, NULL);

	return uzs_take_all_handed(pool) || kept;
}

static unsigned long user_destroy(struct zs_pool *pool)
{
	unsigned long live = 0;

	user_free_kept(pool);
	for (unsigned int i = 1; i < pool->nr_classes; i++)
		live += pool->size_class[i]->objs_inuse;
	uzs_runs_destroy(pool);
	return live;
}

/* ---- looks --------------------------------------------------------------------- */

static bool user_is_pinned(const struct compaction *c,
			   const struct zspage *zspage)
{
	return zspage->passed == c->nr;
}

static void user_copy_zspage(const struct zs_pool *pool,
			     const struct size_class *class,
			     struct zspage *zspage, unsigned long *handles,
			     unsigned int *free_list)
{
	unsigned int n = class->objs_per_zspage - zspage->inuse;
	unsigned int idx = zspage->freeobj;
	u64 kept[USER_MARKS];

	uzs_slots_mark_kept(pool, class, zspage, kept);
	for (unsigned int i = 0; i < class->objs_per_zspage; i++) {
		unsigned long head = 0;

		if (user_was_used(class, zspage, i) && !user_mark(kept, i))
			head = user_head(class, user_object(class, zspage, i));
		handles[i] =
			(unsigned long)user_owned_by(pool, class->index, head);
		if (user_has_map(class) && zspage->map >> i & 1)
			*free_list++ = i;
	}
	if (user_has_map(class))
		return;
	for (; n && idx != OBJ_NONE; n--) {
		*free_list++ = idx;
		idx = (user_head(class, user_object(class, zspage, idx)) >> 1) &
		      OBJ_NONE;
	}
	for (idx = zspage->mark; n; n--)
		*free_list++ = idx++;
}

static void user_copy_pfns(const struct zs_pool *pool,
			   const struct zspage *zspage, unsigned int pages,
			   unsigned long *pfns)
{
	for (unsigned int i = 0; i < pages; i++)
		pfns[i] = user_pfn(pool, zspage) + i;
}

/* ---- locks --------------------------------------------------------------------- */

static void user_lock_upper(struct zs_pool *pool)
{
	uzs_slots_lock(pool);
	uzs_follow_all(pool, true);
}

static void user_unlock_upper(struct zs_pool *pool)
{
	uzs_follow_all(pool, false);
	uzs_slots_unlock(pool);
}

static void user_lock_lower(struct zs_pool *pool)
{
	spin_lock(&pool->user->runs.lock);
}

static void user_unlock_lower(struct zs_pool *pool)
{
	spin_unlock(&pool->user->runs.lock);
}

/* The threads that were moving objects do not exist in the child. */
static void user_renew(struct zs_pool *pool)
{
	for (unsigned int i = 1; i < pool->nr_classes; i++)
		pool->user->class[i].moving = 0;
	if (pool->user->names_reads) {
		pool->head.slow_reads =
			uzs_hazards_are_shared(&pool->user->hazards);
		uzs_hazards_fork_child(&pool->user->hazards);
	}
	uzs_follow_all(pool, false);
	spin_lock_renew(&pool->user->runs.lock);
	uzs_slots_renew(pool);
}

const struct profile uzs_user_profile = {
	.id = ZS_PROFILE_USER,
	.name = "user",
	.chain_size = 16,
	.max_overhead = 2,
	.defer = ZS_DEFER_NONE,
	.writes_rows = true,

	.set_geometry = uzs_user_set_geometry,
	.walk_classes = uzs_user_walk_classes,
	.class_index = uzs_user_class_index,
	.state_bytes = user_state_bytes,
	.least_bytes = user_least_bytes,
	.init = user_init,
	.destroy = user_destroy,

	.malloc = uzs_user_malloc,
	.free = uzs_user_free,
	.free_many = uzs_user_free_many,
	.fetch_many = uzs_user_fetch_many,
	.read_begin = uzs_user_read_begin,
	.read_sg_begin = uzs_user_read_sg_begin,
	.read_end = uzs_user_read_end,
	.write = uzs_user_write,
	.room = uzs_user_room,
	.place = uzs_user_place,

	.compact_begin = uzs_user_compact_begin,
	.compact_lock = uzs_user_compact_lock,
	.compact_unlock = uzs_user_compact_unlock,
	.compact_end = uzs_user_compact_end,
	.pass_over = true,
	.take_source = uzs_user_take_source,
	.take_target = uzs_user_take_target,
	.may_move = uzs_user_may_move,
	.is_pinned = user_is_pinned,
	.move = uzs_user_move,
	.free_source = uzs_user_free_source,
	.should_break = uzs_user_should_break,

	.free_kept = user_free_kept,
	.trim = uzs_user_trim,
	.give_back = uzs_runs_give_back,
	.is_held = uzs_runs_are_held,
	.split = uzs_runs_split,
	.settle = uzs_settle,

	.nr_kept = uzs_slots_nr_kept,
	.memory = uzs_runs_memory,
	.check_zspage = uzs_user_check_zspage,
	.check_rest = uzs_user_check_rest,
	.copy_lock = uzs_slots_lock,
	.copy_unlock = uzs_slots_unlock,
	.copy_zspage = user_copy_zspage,
	.copy_pfns = user_copy_pfns,
	.lock_upper = user_lock_upper,
	.unlock_upper = user_unlock_upper,
	.lock_lower = user_lock_lower,
	.unlock_lower = user_unlock_lower,
	.renew = user_renew,
};
