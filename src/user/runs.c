/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* runs.c - owns the sections of runs, the free runs, and what memory the OS has
 * filled in them.
 *
 * Kernel origin: none.
 * Locks: takes runs->lock; zone->lock to count memory for the limit; gate while
 * runs are out of the lists to be given back. Sleeps: uzs_run_get maps sections;
 * giving back.
 *
 *   section, 4 MiB, aligned to 4 MiB
 *   +--------+-------------------------+--------+--------+-- ... --+------+
 *   | header | struct zspage [nr], *   | run 0  | run 1  |         | rest |
 *   +--------+-------------------------+--------+--------+-- ... --+------+
 *                                      |<stride>|
 *   * first words of the objects, if these are whole pages
 *
 * A run's memory is filled from its beginning, page by page, as its zspage is
 * used for the first time: its first `warm` pages. A run that becomes free keeps
 * its memory, and is the next to be given out. A section of huge pages has memory
 * for all its runs from its beginning.
 * Guarantees:
 *  V1 object -> zspage is arithmetic.
 *  V2 a section is unmapped, or made anew, only when none of its runs is in use.
 *     Nobody reads its head then: who has an object's address keeps its run in
 *     use. In hardened pools, which unmap none, wrong refs lead there:
 *     uzs_names_huge takes whatever it reads.
 *  V3 warm_bytes and the heads are never less than what the OS has filled.
 *  V4 only growing needs memory.
 */
#include "user/runs.h"

#include <stdio.h>

#include "compat/os.h"
#include "jobs.h"
#include "lock_order.h"

/* The settle job is asked for when so much of a section has been taken. */
#define SETTLE_SHARE 4u

/* ---- life -------------------------------------------------------------------- */

unsigned int uzs_runs_fit(size_t stride, unsigned int heads, size_t page,
			  size_t *first)
{
	size_t each = sizeof(struct zspage) + heads * sizeof(unsigned long);
	size_t nr = UZS_SECTION_SIZE / stride;
	/* Under AddressSanitizer no object begins just behind something that is
	 * not poisoned. */
	size_t gap = heads && UZS_POISONS_OBJECTS ? USER_HEAD : 0;

	do
		*first = ALIGN(sizeof(struct run_section) + nr * each + gap,
			       page);
	while (*first + nr * stride > UZS_SECTION_SIZE && nr--);
	return (unsigned int)nr;
}

unsigned int uzs_runs_in_section(const struct zs_pool *pool,
				 unsigned int length)
{
	const struct run_length *l = &pool->user->runs.lengths[length];
	size_t first;

	return uzs_runs_fit((size_t)l->pages << pool->page_shift, l->heads,
			    pool->page_size, &first);
}

size_t uzs_runs_least(const struct zs_pool *pool,
		      const struct run_length *length)
{
	size_t first, stride = (size_t)length->pages << pool->page_shift;

	uzs_runs_fit(stride, length->heads, pool->page_size, &first);
	return first + stride;
}

void uzs_runs_init(struct zs_pool *pool)
{
	struct runs *runs = &pool->user->runs;

	spin_lock_init(&runs->lock);
	lock_set_rank(&runs->lock, RANK_RUNS);
	INIT_LIST_HEAD(&runs->sections);
	for (unsigned int i = 0; i < runs->nr_lengths; i++) {
		INIT_LIST_HEAD(&runs->lengths[i].warm);
		INIT_LIST_HEAD(&runs->lengths[i].cold);
		INIT_LIST_HEAD(&runs->lengths[i].fresh);
	}
}

void uzs_runs_destroy(struct zs_pool *pool)
{
	struct run_section *section, *next;

	list_for_each_entry_safe(section, next, &pool->user->runs.sections,
				 list)
		uzs_os_release(section, UZS_SECTION_SIZE);
}

/* Writes the head of a section whose memory is zeroed. */
static void init_section(struct zs_pool *pool, struct run_section *section,
			 unsigned int length, bool huge)
{
	const struct run_length *l = &pool->user->runs.lengths[length];
	size_t stride = (size_t)l->pages << pool->page_shift, first;
	unsigned int nr =
		uzs_runs_fit(stride, l->heads, pool->page_size, &first);

	section->pool = pool;
	section->nursery = !huge;
	section->reciprocal = uzs_reciprocal(stride);
	section->first = (u32)first;
	section->stride = (u32)stride;
	section->length = (u16)length;
	section->nr = (u16)nr;
	section->heads = l->heads;
	INIT_LIST_HEAD(&section->fresh);
	if (UZS_POISONS_OBJECTS) {
		char *end = (char *)&section->zspages[nr] +
			    nr * l->heads * sizeof(unsigned long);

		uzs_poison(end,
			   (size_t)((char *)section + UZS_SECTION_SIZE - end));
	}
}

/* Maps a section; a huge one has memory everywhere. Return: NULL without
 * memory. */
static struct run_section *map_section(struct zs_pool *pool,
				       unsigned int length, bool huge)
{
	const struct run_length *l = &pool->user->runs.lengths[length];
	struct zone *zone = &pool->zone;
	struct run_section *section;
	size_t first, filled;

	uzs_runs_fit((size_t)l->pages << pool->page_shift, l->heads,
		     pool->page_size, &first);
	filled = huge ? UZS_SECTION_SIZE : first;
	if (!uzs_zone_charge(zone, filled))
		return NULL;
	section = huge ? uzs_os_map_huge(UZS_SECTION_SIZE, UZS_SECTION_SIZE)
		       : uzs_os_map(UZS_SECTION_SIZE, UZS_SECTION_SIZE);
	if (section &&
	    ((((uintptr_t)section + UZS_SECTION_SIZE - 1) >>
	      USER_ADDRESS_BITS) ||
	     (zone->keep &&
	      !uzs_zone_keep_prepare(zone, (struct section *)section)))) {
		uzs_os_release(section, UZS_SECTION_SIZE);
		section = NULL;
	}
	if (!section) {
		uzs_zone_uncharge(zone, filled);
		return NULL;
	}
	init_section(pool, section, length, huge);
	if (zone->keep)
		uzs_zone_keep(zone, section);
	return section;
}

/* What is filled beside the runs. Locks: needs runs->lock. */
static size_t head_bytes(const struct run_section *section)
{
	return (size_t)section->first + section->tail;
}

/* Locks: needs runs->lock. */
static void add_section(struct runs *runs, struct run_section *section)
{
	list_add(&section->list, &runs->sections);
	WRITE_ONCE(runs->nr_sections, runs->nr_sections + 1);
	WRITE_ONCE(runs->head_bytes, runs->head_bytes + head_bytes(section));
}

/* Runs of a section come into use, or go out of it. Locks: needs runs->lock. */
static void count_used(struct runs *runs, const struct run_section *section,
		       int by)
{
	struct run_length *length = &runs->lengths[section->length];

	if (section->nursery)
		WRITE_ONCE(length->nursery, length->nursery + (unsigned int)by);
}

/* ---- taking and giving back one run ------------------------------------------ */

static size_t warm_bytes(const struct zs_pool *pool,
			 const struct zspage *zspage)
{
	return (size_t)zspage->warm << pool->page_shift;
}

/* Takes a free run out of its list. Locks: needs runs->lock. */
static void take_out(struct zs_pool *pool, struct zspage *zspage)
{
	struct run_section *section = run_section(zspage);
	struct runs *runs = &pool->user->runs;

	list_del(&zspage->list);
	section->nr_free--;
	count_used(runs, section, 1);
	WRITE_ONCE(runs->free_bytes,
		   runs->free_bytes - warm_bytes(pool, zspage));
}

/* Locks: needs runs->lock. */
static struct zspage *take_free(struct zs_pool *pool, struct run_length *length)
{
	struct list_head *list = !list_empty(&length->warm) ? &length->warm
							    : &length->cold;
	struct zspage *zspage;

	zspage = list_first_entry_or_null(list, struct zspage, list);
	if (!zspage)
		return NULL;
	take_out(pool, zspage);
	return zspage;
}

/* Locks: needs runs->lock. */
static struct zspage *take_fresh(struct runs *runs, struct run_length *length)
{
	struct run_section *section = list_first_entry_or_null(
		&length->fresh, struct run_section, fresh);
	struct zspage *zspage;

	if (!section)
		return NULL;
	zspage = &section->zspages[section->nr_used++];
	count_used(runs, section, 1);
	if (section->nr_used == section->nr)
		list_del_init(&section->fresh);
	return zspage;
}

/* May there be enough full zspages in nurseries to fill a section of huge pages?
 * True once for some runs taken. Locks: needs runs->lock. */
static bool want_settle(const struct zs_pool *pool, struct run_length *length,
			const struct zspage *zspage)
{
	const struct settle *settle = &pool->user->settle;
	unsigned int nr = run_section(zspage)->nr;

	if (!settle->on || !length->shared || pool->forked)
		return false;
	if (length->until_settle) {
		length->until_settle--;
		return false;
	}
	length->until_settle = nr / SETTLE_SHARE;
	return length->nursery >= nr &&
	       __atomic_load_n(&pool->user->runs.warm_bytes,
			       __ATOMIC_RELAXED) >= settle->from;
}

void uzs_runs_settle_later(struct zs_pool *pool, unsigned int length,
			   unsigned int nr)
{
	struct run_length *l = &pool->user->runs.lengths[length];

	spin_lock(&pool->user->runs.lock);
	l->until_settle = max(l->until_settle, nr);
	spin_unlock(&pool->user->runs.lock);
}

struct zspage *uzs_run_get(struct zs_pool *pool, unsigned int length, gfp_t gfp)
{
	struct runs *runs = &pool->user->runs;
	struct run_length *l = &runs->lengths[length];
	struct run_section *section;
	struct zspage *zspage;
	bool settle;

	for (;;) {
		spin_lock(&runs->lock);
		zspage = take_free(pool, l);
		if (!zspage)
			zspage = take_fresh(runs, l);
		settle = zspage && want_settle(pool, l, zspage);
		spin_unlock(&runs->lock);
		if (unlikely(settle))
			queue_work(&pool->wq, &pool->settle_work);
		if (zspage || gfp == GFP_NOWAIT)
			return zspage;
		/* Others may map one at the same time. Then both are used
		 * sooner or later. */
		section = map_section(pool, length, false);
		if (!section)
			return NULL;
		spin_lock(&runs->lock);
		add_section(runs, section);
		list_add_tail(&section->fresh, &l->fresh);
		spin_unlock(&runs->lock);
	}
}

void uzs_run_put(struct zs_pool *pool, struct zspage *zspage)
{
	struct runs *runs = &pool->user->runs;
	struct run_section *section = run_section(zspage);
	struct run_length *length = &runs->lengths[section->length];

	if (UZS_POISONS_OBJECTS)
		uzs_poison(run_address(zspage), section->stride);
	spin_lock(&runs->lock);
	list_add(&zspage->list, zspage->warm ? &length->warm : &length->cold);
	section->nr_free++;
	count_used(runs, section, -1);
	WRITE_ONCE(runs->free_bytes,
		   runs->free_bytes + warm_bytes(pool, zspage));
	if (runs->free_bytes > uzs_zone_retained_left(&pool->zone))
		uzs_zone_want_give_back(&pool->zone);
	spin_unlock(&runs->lock);
}

/* ---- memory of a run ---------------------------------------------------------- */

bool uzs_run_warm(struct zs_pool *pool, struct zspage *zspage,
		  unsigned int pages)
{
	struct runs *runs = &pool->user->runs;
	size_t bytes;

	if (likely(pages <= zspage->warm))
		return true;
	bytes = (size_t)(pages - zspage->warm) << pool->page_shift;
	if (!uzs_zone_charge(&pool->zone, bytes))
		return false;
	__atomic_fetch_add(&runs->warm_bytes, bytes, __ATOMIC_RELAXED);
	zspage_set(zspage, warm, pages);
	return true;
}

/* Before the first piece of a section of huge pages is given back. Threads with
 * different runs may do it at the same time. Return: false if the OS refuses.
 * Locks: takes runs->lock. */
static bool end_huge(struct zs_pool *pool, struct run_section *section)
{
	struct runs *runs = &pool->user->runs;
	size_t tail = 0,
	       at = section->first + (size_t)section->nr * section->stride;

	if (!uzs_os_end_huge(section, UZS_SECTION_SIZE))
		return false;
	if (at == UZS_SECTION_SIZE ||
	    uzs_os_discard((char *)section + at, UZS_SECTION_SIZE - at))
		tail = UZS_SECTION_SIZE - at;
	spin_lock(&runs->lock);
	tail = min(tail, (size_t)section->tail); /* by one thread */
	WRITE_ONCE(section->tail, section->tail - (u32)tail);
	WRITE_ONCE(runs->head_bytes, runs->head_bytes - tail);
	if (section->huge == RUN_HUGE) {
		WRITE_ONCE(section->huge, RUN_SPLIT);
		runs->nr_huge--;
	}
	spin_unlock(&runs->lock);
	uzs_zone_uncharge(&pool->zone, tail);
	uzs_count(&pool->zone.bytes_given_back, tail);
	return true;
}

/* A piece of huge pages was given back. When a quarter was, in all, what is left is
 * worth to be moved into whole ones: so no more is moved than four times what was
 * given back. Locks: takes runs->lock. */
static void count_cooled(struct zs_pool *pool, struct run_section *section,
			 size_t bytes)
{
	struct runs *runs = &pool->user->runs;
	bool first;

	spin_lock(&runs->lock);
	first = !runs->nr_held;
	if (!section->held)
		WRITE_ONCE(runs->nr_held, runs->nr_held + 1);
	section->held = true;
	section->cooled += (u32)bytes;
	if (!section->nursery && section->cooled >= UZS_SECTION_SIZE / 4) {
		WRITE_ONCE(section->nursery, true);
		count_used(runs, section, section->nr_used - section->nr_free);
	}
	if (section->nursery)
		section->cooled = 0; /* it is counted no more */
	spin_unlock(&runs->lock);
	if (first)
		uzs_look_at_held_later(pool);
}

static bool discard(struct zs_pool *pool, struct run_section *section,
		    char *from, size_t bytes)
{
	if (likely(READ_ONCE(section->huge) == RUN_SMALL))
		return uzs_os_discard(from, bytes);
	/* Also if the OS kept the tail the last time. */
	if ((READ_ONCE(section->huge) == RUN_HUGE ||
	     READ_ONCE(section->tail)) &&
	    !end_huge(pool, section))
		return false;
	if (!uzs_os_discard(from, bytes))
		return false;
	count_cooled(pool, section, bytes);
	return true;
}

void uzs_run_cool(struct zs_pool *pool, struct zspage *zspage,
		  unsigned int pages)
{
	struct runs *runs = &pool->user->runs;
	size_t bytes;

	if (pages >= zspage->warm)
		return;
	bytes = (size_t)(zspage->warm - pages) << pool->page_shift;
	if (!discard(pool, run_section(zspage),
		     run_address(zspage) + ((size_t)pages << pool->page_shift),
		     bytes))
		return;
	uzs_zone_uncharge(&pool->zone, bytes);
	__atomic_fetch_sub(&runs->warm_bytes, bytes, __ATOMIC_RELAXED);
	uzs_count(&pool->zone.bytes_given_back, bytes);
	zspage_set(zspage, warm, pages);
}

/* ---- giving back --------------------------------------------------------------- */

/* Runs that are out of the lists at once. Limits how long others wait for
 * gate. */
#define BATCH 64u
#define BATCH_BYTES ((size_t)16 << 20)

/* Takes warm free runs out of the lists. Return: how many. Locks: takes
 * runs->lock. */
static unsigned int take_warm(struct zs_pool *pool, size_t target,
			      struct zspage *batch[])
{
	struct runs *runs = &pool->user->runs;
	unsigned int n = 0;
	size_t bytes = 0;

	spin_lock(&runs->lock);
	for (unsigned int i = 0; i < runs->nr_lengths; i++) {
		struct run_length *length = &runs->lengths[i];

		while (n < BATCH && bytes < BATCH_BYTES &&
		       runs->free_bytes > target &&
		       !list_empty(&length->warm)) {
			/* the ones that were free longest */
			struct zspage *zspage = list_entry(length->warm.prev,
							   struct zspage, list);

			take_out(pool, zspage);
			bytes += warm_bytes(pool, zspage);
			batch[n++] = zspage;
		}
	}
	spin_unlock(&runs->lock);
	return n;
}

#define ANY_LENGTH (~0u)

/* Takes out a section without runs in use, of that length; `used`: which has runs
 * that were used. Locks: needs gate, takes runs->lock. */
static struct run_section *take_empty(struct zs_pool *pool, unsigned int length,
				      bool used)
{
	struct runs *runs = &pool->user->runs;
	struct run_section *section, *found = NULL;

	spin_lock(&runs->lock);
	list_for_each_entry(section, &runs->sections, list)
		if (section->nr_free == section->nr_used &&
		    (section->nr_used || !used) &&
		    (length == ANY_LENGTH || section->length == length)) {
			found = section;
			break;
		}
	if (found) {
		for (unsigned int i = 0; i < found->nr_used; i++) {
			struct zspage *zspage = &found->zspages[i];

			list_del(&zspage->list);
			WRITE_ONCE(runs->free_bytes,
				   runs->free_bytes - warm_bytes(pool, zspage));
		}
		list_del(&found->list);
		list_del(&found->fresh);
		WRITE_ONCE(runs->nr_sections, runs->nr_sections - 1);
		WRITE_ONCE(runs->head_bytes,
			   runs->head_bytes - head_bytes(found));
		if (found->huge == RUN_HUGE)
			runs->nr_huge--;
		if (found->held)
			WRITE_ONCE(runs->nr_held, runs->nr_held - 1);
	}
	spin_unlock(&runs->lock);
	return found;
}

/* The other way. Locks: takes runs->lock. */
static void put_empty(struct zs_pool *pool, struct run_section *section)
{
	struct runs *runs = &pool->user->runs;
	struct run_length *length = &runs->lengths[section->length];

	spin_lock(&runs->lock);
	for (unsigned int i = 0; i < section->nr_used; i++) {
		struct zspage *zspage = &section->zspages[i];

		list_add_tail(&zspage->list,
			      zspage->warm ? &length->warm : &length->cold);
		WRITE_ONCE(runs->free_bytes,
			   runs->free_bytes + warm_bytes(pool, zspage));
	}
	add_section(runs, section);
	/* Who looks for one that is empty looks here last. */
	list_move_tail(&section->list, &runs->sections);
	INIT_LIST_HEAD(&section->fresh);
	if (section->nr_used < section->nr)
		list_add_tail(&section->fresh, &length->fresh);
	if (section->huge == RUN_HUGE)
		runs->nr_huge++;
	if (section->held)
		WRITE_ONCE(runs->nr_held, runs->nr_held + 1);
	spin_unlock(&runs->lock);
}

static size_t warm_in_section(const struct zs_pool *pool,
			      const struct run_section *section)
{
	size_t warm = 0;

	for (unsigned int i = 0; i < section->nr_used; i++)
		warm += warm_bytes(pool, &section->zspages[i]);
	return warm;
}

/* Return: bytes given back. */
static size_t unmap_section(struct zs_pool *pool, struct run_section *section)
{
	size_t head = head_bytes(section),
	       warm = warm_in_section(pool, section);

	uzs_os_release(section, UZS_SECTION_SIZE);
	uzs_zone_uncharge(&pool->zone, warm + head);
	__atomic_fetch_sub(&pool->user->runs.warm_bytes, warm,
			   __ATOMIC_RELAXED);
	uzs_count(&pool->zone.bytes_given_back, warm + head);
	return warm + head;
}

/* Makes an empty section that was taken out a new one, in its place, and counts what
 * is given back. *huge: of huge pages; is set to false, and it is in the lists, if
 * that cannot be done. Return: false: the OS keeps what is there, or there is too
 * little room; it is in the lists as before. */
static bool renew_section(struct zs_pool *pool, struct run_section *section,
			  bool *huge, size_t *given)
{
	size_t warm = warm_in_section(pool, section), tail = section->tail;
	size_t more = *huge ? UZS_SECTION_SIZE - section->first : 0;
	unsigned int length = section->length;
	struct zone *zone = &pool->zone;
	bool is_lost = false;

	if (more && !uzs_zone_charge(zone, more)) {
		*huge = false;
		put_empty(pool, section);
		return false;
	}
	if (*huge)
		*huge = uzs_os_make_huge(section, UZS_SECTION_SIZE, &is_lost);
	else if (section->huge != RUN_HUGE ||
		 uzs_os_end_huge(section, UZS_SECTION_SIZE))
		is_lost = uzs_os_discard(section, UZS_SECTION_SIZE);
	if (!*huge)
		uzs_zone_uncharge(zone, more);
	if (is_lost) {
		uzs_zone_uncharge(zone, warm + tail);
		__atomic_fetch_sub(&pool->user->runs.warm_bytes, warm,
				   __ATOMIC_RELAXED);
		uzs_count(&zone->bytes_given_back, warm + tail);
		*given += warm + tail;
		init_section(pool, section, length, *huge);
	}
	if (!*huge)
		put_empty(pool, section);
	return is_lost;
}

size_t uzs_runs_give_back(struct zs_pool *pool, size_t target)
{
	struct zone *zone = &pool->zone;
	struct zspage *batch[BATCH];
	struct run_section *section;
	/* Others may free as fast as this gives back. */
	size_t most = READ_ONCE(pool->user->runs.free_bytes), given = 0;
	unsigned long sections;
	unsigned int n;

	uzs_assert_held(&zone->trim_lock);
	mutex_lock(&zone->gate);
	/* Those that are made new ones may be used, and empty again, meanwhile. */
	sections = READ_ONCE(pool->user->runs.nr_sections);
	while (sections-- && READ_ONCE(pool->user->runs.free_bytes) >= target &&
	       (section = take_empty(pool, ANY_LENGTH, zone->keep))) {
		bool huge = false;

		/* was not free, but is given back */
		most += head_bytes(section);
		/* Hardened pools read what a wrong ref may point to. Runs of a
		 * section that is as new are used last, so it stays empty as long
		 * as others have room. */
		if (!zone->keep)
			given += unmap_section(pool, section);
		else if (!renew_section(pool, section, &huge, &given))
			break;
		uzs_zone_give_way(zone);
	}
	do {
		bool any = false;

		n = take_warm(pool, target, batch);
		for (unsigned int i = 0; i < n; i++) {
			size_t warm = warm_bytes(pool, batch[i]);

			uzs_run_cool(pool, batch[i], 0);
			if (!batch[i]->warm) {
				given += warm;
				any = true;
			}
			uzs_run_put(pool, batch[i]);
		}
		uzs_zone_give_way(zone);
		if (!any) /* the OS refuses */
			break;
	} while (n && given < most);
	mutex_unlock(&zone->gate);
	return given;
}

/* ---- huge pages ------------------------------------------------------------------ */

/* Pools that unmap no section make an empty one a section of huge pages, in its
 * place: with a new one each time they would have ever more. *section: NULL if that
 * cannot be done. Return: false: there is no empty one. Locks: needs gate, takes
 * runs->lock. */
static bool renew_as_huge(struct zs_pool *pool, unsigned int length,
			  struct run_section **section)
{
	bool huge = true;
	size_t given = 0;

	*section = take_empty(pool, length, false);
	if (!*section)
		return false;
	renew_section(pool, *section, &huge, &given);
	if (!huge)
		*section = NULL;
	return true;
}

struct run_section *uzs_runs_get_huge(struct zs_pool *pool, unsigned int length)
{
	struct runs *runs = &pool->user->runs;
	struct run_section *section;
	size_t bytes;

	uzs_assert_held(&pool->zone.gate);
	if (!pool->zone.keep || !renew_as_huge(pool, length, &section))
		section = map_section(pool, length, true);
	if (!section)
		return NULL;
	for (unsigned int i = 0; i < section->nr; i++)
		zspage_set(&section->zspages[i], warm,
			   runs->lengths[length].pages);
	bytes = (size_t)section->nr * section->stride;
	section->huge = RUN_HUGE;
	section->nr_used = section->nr;
	section->tail = (u32)(UZS_SECTION_SIZE - section->first - bytes);
	__atomic_fetch_add(&runs->warm_bytes, bytes, __ATOMIC_RELAXED);
	spin_lock(&runs->lock);
	add_section(runs, section);
	runs->nr_huge++;
	spin_unlock(&runs->lock);
	return section;
}

/* Return: a section of which the OS holds pieces that were given back; the caller
 * makes it free them. */
static struct run_section *take_held(struct runs *runs)
{
	struct run_section *section, *found = NULL;

	spin_lock(&runs->lock);
	list_for_each_entry(section, &runs->sections, list)
		if (section->held) {
			section->held = false;
			WRITE_ONCE(runs->nr_held, runs->nr_held - 1);
			found = section;
			break;
		}
	spin_unlock(&runs->lock);
	return found;
}

bool uzs_runs_are_held(const struct zs_pool *pool)
{
	return READ_ONCE(pool->user->runs.nr_held);
}

void uzs_runs_split(struct zs_pool *pool)
{
	struct zone *zone = &pool->zone;
	struct run_section *section;
	/* Others may give back as fast as this splits. */
	unsigned long most = READ_ONCE(pool->user->runs.nr_held);

	uzs_assert_held(&zone->trim_lock);
	/* So that no section is unmapped. */
	mutex_lock(&zone->gate);
	while (most-- && (section = take_held(&pool->user->runs))) {
		uzs_os_split_huge(section, UZS_SECTION_SIZE);
		uzs_zone_give_way(zone);
	}
	mutex_unlock(&zone->gate);
}

bool uzs_runs_make_room(struct zs_pool *pool)
{
	size_t given;

	if (!READ_ONCE(pool->user->runs.free_bytes) ||
	    !mutex_trylock(&pool->zone.trim_lock))
		return false;
	given = uzs_runs_give_back(pool, 0);
	uzs_count(&pool->give_backs, 1);
	mutex_unlock(&pool->zone.trim_lock);
	return given > 0;
}

/* ---- looks --------------------------------------------------------------------- */

void uzs_runs_memory(struct zs_pool *pool, struct profile_memory *m)
{
	struct runs *runs = &pool->user->runs;

	spin_lock(&runs->lock);
	m->mapped = runs->nr_sections * UZS_SECTION_SIZE;
	m->resident = runs->head_bytes +
		      __atomic_load_n(&runs->warm_bytes, __ATOMIC_RELAXED);
	m->free = runs->free_bytes;
	m->huge = runs->nr_huge * UZS_SECTION_SIZE;
	spin_unlock(&runs->lock);
}

bool uzs_run_was_used(const struct zspage *zspage)
{
	const struct run_section *section = run_section(zspage);
	struct runs *runs = &section->pool->user->runs;
	bool used;

	spin_lock(&runs->lock);
	used = zspage - section->zspages < section->nr_used;
	spin_unlock(&runs->lock);
	return used;
}

unsigned long uzs_runs_check(struct zs_pool *pool, size_t in_use,
			     void (*report)(void *arg, const char *text),
			     void *arg)
{
	struct runs *runs = &pool->user->runs;
	size_t heads = 0, free = 0, warm;
	struct run_section *section;
	unsigned long bad = 0, nr = 0;
	char text[120];

	spin_lock(&runs->lock);
	list_for_each_entry(section, &runs->sections, list) {
		nr++;
		heads += head_bytes(section);
	}
	for (unsigned int i = 0; i < runs->nr_lengths; i++) {
		struct zspage *zspage;

		list_for_each_entry(zspage, &runs->lengths[i].warm, list)
			free += warm_bytes(pool, zspage);
	}
	/* More may be in the hands of threads, which change it without locks. */
	warm = in_use + free;
	if (nr != runs->nr_sections || heads != runs->head_bytes ||
	    free != runs->free_bytes ||
	    warm > __atomic_load_n(&runs->warm_bytes, __ATOMIC_RELAXED)) {
		snprintf(
			text, sizeof(text),
			"runs: %lu sections, %zu bytes of heads, %zu warm, %zu of them free; recorded %lu, %zu, %zu, %zu",
			nr, heads, warm, free, runs->nr_sections,
			runs->head_bytes, runs->warm_bytes, runs->free_bytes);
		report(arg, text);
		bad++;
	}
	spin_unlock(&runs->lock);
	return bad;
}
