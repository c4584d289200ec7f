/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_check.c - src/check.c: each invariant is broken on purpose, and must be
 * told by its number, once, and nothing else with it. Then it is mended, and
 * the pool must be sound again.
 *
 * Whole, as all invariants are broken in one fixture, in the order of check.c.
 */
#include "test_objects.h"

#include "class.h"
#include "kernel/obj.h"
#include "kernel/zspage.h"

#define NR_OBJS 500
#define OBJ_SIZE 700u

/* A pool with full, partly filled and huge zspages of several classes. */
struct fixture {
	struct zs_pool *pool;
	struct size_class *class; /* that of OBJ_SIZE */
	unsigned long handle[NR_OBJS];
	unsigned long huge;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	f->class = f->pool->size_class[zs_lookup_class_index(
		f->pool, OBJ_SIZE + ZS_HANDLE_SIZE)];
	for (int i = 0; i < NR_OBJS; i++)
		f->handle[i] = must_malloc(f->pool, OBJ_SIZE);
	for (int i = 0; i < NR_OBJS; i += 3) {
		zs_free(f->pool, f->handle[i]);
		f->handle[i] = 0;
	}
	for (unsigned int size = 1; size <= 4096; size += 117)
		must_malloc(f->pool, size);
	f->huge = must_malloc(f->pool, 4096);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	assert_sound(f->pool);
	zs_destroy_pool(f->pool);
	free(f);
	return 0;
}

/* The check finds `n` violations, which it tells with these words, in this
 * order, each in a line; also when only asked to count. */
static void expect(struct zs_pool *pool, unsigned long n, const char *words[])
{
	char *text = NULL, *line, *next;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	unsigned long bad;

	assert_non_null(out);
	bad = zs_pool_check(pool, out);
	fclose(out);
	if (bad != n)
		print_error("%s", text);
	assert_int_equal(bad, n);
	assert_int_equal(zs_pool_check(pool, NULL), n);
	line = text;
	for (unsigned long i = 0; i < n; i++) {
		next = strchr(line, '\n');
		assert_non_null(next);
		*next++ = '\0';
		if (strncmp(line, "uzsmalloc: pool test: ", 22) ||
		    !strstr(line, words[i]))
			fail_msg("\"%s\" does not say \"%s\"", line, words[i]);
		line = next;
	}
	assert_string_equal(line, "");
	free(text);
}

#define EXPECT(pool, ...)                                                      \
	expect(pool, sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *), \
	       (const char *[]){ __VA_ARGS__ })

/* A zspage that is neither empty nor full, nor nearly either. */
static struct zspage *partial(struct fixture *f)
{
	struct zspage *zspage = zspage_of(f->pool, f->handle[1]);

	assert_in_range(zspage->inuse, 3, f->class->objs_per_zspage - 3);
	return zspage;
}

static void test_sound(void **state)
{
	struct fixture *f = *state;

	expect(f->pool, 0, NULL);
}

static void test_i1_group(void **state)
{
	struct fixture *f = *state;
	struct zspage *zspage = partial(f);
	unsigned int group = zspage->fullness, wrong = 10;

	/* Its own record is wrong. */
	zspage->fullness = wrong & 15;
	EXPECT(f->pool, "I1: class ");
	zspage->fullness = group & 15;
	assert_sound(f->pool);

	/* It stands in a list where it does not belong, and says so. */
	spin_lock(&f->class->lock);
	uzs_remove_zspage(f->class, zspage);
	uzs_insert_zspage(f->class, zspage, wrong);
	spin_unlock(&f->class->lock);
	EXPECT(f->pool, "objects is in group 10, recorded 10");
	spin_lock(&f->class->lock);
	uzs_fix_fullness_group(f->class, zspage);
	spin_unlock(&f->class->lock);
}

static void test_i2_counts(void **state)
{
	struct fixture *f = *state;

	for (int g = 0; g < NR_FULLNESS_GROUPS; g++) {
		char text[64];
		unsigned long n = f->class->groups->zspages[g];

		snprintf(text, sizeof(text),
			 "%lu zspages in group %d, recorded %lu", n, g, n + 1);
		f->class->groups->zspages[g]++;
		EXPECT(f->pool, text);
		f->class->groups->zspages[g]--;
		assert_sound(f->pool);
	}
	/* A zspage too many in one, too few in another. */
	f->class->groups->zspages[3]++;
	f->class->groups->zspages[11]--;
	EXPECT(f->pool, "I2: ", "I2: ");
	f->class->groups->zspages[3]--;
	f->class->groups->zspages[11]++;
}

static void test_i3_capacity(void **state)
{
	struct fixture *f = *state;

	f->class->objs_capacity += f->class->objs_per_zspage;
	EXPECT(f->pool, "I3: class ");
	f->class->objs_capacity -= f->class->objs_per_zspage + 1;
	EXPECT(f->pool, "I3: class ");
	f->class->objs_capacity++;
}

static void test_i4_inuse(void **state)
{
	struct fixture *f = *state;
	char text[64];

	snprintf(text, sizeof(text), "I4: class %u: %lu in use, recorded %lu",
		 f->class->index, f->class->objs_inuse,
		 f->class->objs_inuse - 1);
	f->class->objs_inuse--;
	EXPECT(f->pool, text);
	f->class->objs_inuse++;
}

static void test_i5_chain(void **state)
{
	struct fixture *f = *state;
	struct zspage *zspage = partial(f);
	struct zspage *other = zspage_of(f->pool, f->huge);
	struct zpdesc *first = zspage->first_zpdesc, *last = first;
	struct zpdesc *second = first->next;

	assert_true(f->class->pages_per_zspage > 2);
	while (last->next)
		last = last->next;

	second->zspage = other;
	EXPECT(f->pool, "I5: class ");
	second->zspage = zspage;

	last->first_obj_offset += 8;
	EXPECT(f->pool, "I5: class ");
	last->first_obj_offset -= 8;

	page_clear(zpdesc_page(second), PG_movable);
	EXPECT(f->pool, "is not movable");
	page_set(zpdesc_page(second), PG_movable);

	/* Without its last page, and with a page that is not its own. */
	for (struct zpdesc *z = first; z; z = z->next) {
		if (z->next != last)
			continue;
		z->next = NULL;
		EXPECT(f->pool, "has fewer pages than");
		z->next = last;
	}
	last->next = zspage_of(f->pool, f->handle[NR_OBJS - 1])->first_zpdesc;
	EXPECT(f->pool, "has more pages than");
	last->next = NULL;
	/* A chain that never ends. */
	last->next = first;
	EXPECT(f->pool, "has more pages than");
	last->next = NULL;
	zspage->first_zpdesc = NULL;
	EXPECT(f->pool, "has fewer pages than");
	zspage->first_zpdesc = first;
}

static void test_i6_free_list(void **state)
{
	struct fixture *f = *state;
	struct zspage *zspage = partial(f);
	unsigned int head = zspage->freeobj, used = 0;
	unsigned long *link = uzs_obj_head_at(f->pool, zspage, head);
	unsigned long old = uzs_read_head(link);

	/* Too short, by one and by all. */
	zspage->freeobj = (unsigned int)(old >> OBJ_TAG_BITS);
	EXPECT(f->pool, "I6: class ");
	zspage->freeobj = OBJ_NONE;
	EXPECT(f->pool, "has 0 entries, not");
	/* Beginning where there is no object. */
	zspage->freeobj = (unsigned int)f->class->objs_per_zspage;
	EXPECT(f->pool, "I6: class ");
	zspage->freeobj = (unsigned int)head;
	assert_sound(f->pool);

	/* Leading to itself, nowhere, and to an object in use. */
	uzs_write_head(link, (unsigned long)head << OBJ_TAG_BITS);
	EXPECT(f->pool, "or more, not");
	uzs_write_head(link, 0x7ffful << OBJ_TAG_BITS);
	EXPECT(f->pool, "I6: class ");
	while (!(uzs_read_head(uzs_obj_head_at(f->pool, zspage, used)) &
		 OBJ_ALLOCATED_TAG))
		used++;
	uzs_write_head(link, (unsigned long)used << OBJ_TAG_BITS);
	EXPECT(f->pool, "is on the free list, but allocated");
	uzs_write_head(link, old);
}

static void test_i7_handles(void **state)
{
	struct fixture *f = *state;
	struct zspage *zspage = partial(f);
	unsigned long handle = f->handle[1];
	unsigned long obj = handle_to_obj(handle);
	unsigned long *head =
		uzs_obj_head_at(f->pool, zspage, obj_to_index(f->pool, obj));
	unsigned int freeobj;

	/* Its word leads to another object; to none. */
	record_obj(handle, handle_to_obj(f->handle[2]));
	EXPECT(f->pool, "I7: class ");
	record_obj(handle, 0);
	EXPECT(f->pool, "which leads to obj 0, not");
	record_obj(handle, obj);
	assert_sound(f->pool);

	/* Another's handle. */
	uzs_write_head(head, f->handle[2] | OBJ_ALLOCATED_TAG);
	EXPECT(f->pool, "I7: class ");
	uzs_write_head(head, handle | OBJ_ALLOCATED_TAG);
	assert_sound(f->pool);

	/* One object more in use than carry handles, in the same group. */
	for (int i = 0; uzs_fullness_group(f->class, zspage->inuse + 1) !=
			zspage->fullness;
	     i++) {
		assert_true(i < NR_OBJS);
		if (f->handle[i])
			zspage = zspage_of(f->pool, f->handle[i]);
	}
	freeobj = zspage->freeobj;
	zspage->freeobj = (unsigned int)(uzs_read_head(uzs_obj_head_at(
						 f->pool, zspage, freeobj)) >>
					 OBJ_TAG_BITS);
	zspage->inuse++;
	f->class->objs_inuse++;
	EXPECT(f->pool, "I7: class ");
	zspage->inuse--;
	f->class->objs_inuse--;
	zspage->freeobj = (unsigned int)freeobj;
	assert_sound(f->pool);

	/* A huge object's handle lies in its page's descriptor. */
	zspage = zspage_of(f->pool, f->huge);
	zspage->first_zpdesc->handle = handle | OBJ_ALLOCATED_TAG;
	EXPECT(f->pool, "I7: class ");
	zspage->first_zpdesc->handle = f->huge | OBJ_ALLOCATED_TAG;
}

/* A program that writes behind the end of its object hits the next one's
 * first word: what then stands there leads anywhere, and must not be
 * followed. */
static void test_i7_wild_handle(void **state)
{
	const unsigned long wild[] = {
		1,
		0x41,
		0x1001,
		~0ul,
		~0ul - 2,
		~0ul / 255 * 0x41,
		~0ul / 2 & ~0xffful,
	};
	struct fixture *f = *state;
	struct zspage *zspage = partial(f);
	unsigned long obj = handle_to_obj(f->handle[1]);
	unsigned long *head =
		uzs_obj_head_at(f->pool, zspage, obj_to_index(f->pool, obj));
	unsigned long old = uzs_read_head(head);
	struct zs_pool *other = make_pool(0, 0, ZS_POOL_NO_WORKER);
	unsigned long foreign = must_malloc(other, OBJ_SIZE);

	for (size_t i = 0; i < ARRAY_SIZE(wild); i++) {
		uzs_write_head(head, wild[i] | OBJ_ALLOCATED_TAG);
		/* A tag without a handle is no object in use at all. */
		if (wild[i] == 1)
			EXPECT(f->pool, "objects, recorded");
		else
			EXPECT(f->pool, "which is none");
	}
	/* Near things: of another pool, between two words, the object's own
	 * memory, a slab's of another kind. */
	uzs_write_head(head, foreign | OBJ_ALLOCATED_TAG);
	EXPECT(f->pool, "which is none");
	uzs_write_head(head,
		       (f->handle[1] + sizeof(long) / 2) | OBJ_ALLOCATED_TAG);
	EXPECT(f->pool, "which is none");
	uzs_write_head(head, (unsigned long)head | OBJ_ALLOCATED_TAG);
	EXPECT(f->pool, "which is none");
	uzs_write_head(head, (unsigned long)zspage | OBJ_ALLOCATED_TAG);
	EXPECT(f->pool, "which is none");
	uzs_write_head(head, old);
	zs_destroy_pool(other);
}

static void test_i8_pages(void **state)
{
	struct fixture *f = *state;
	long peak = f->pool->peak_pages;

	/* Where pages are freed outside the lock, some may be on their way. */
	f->pool->pages_allocated++;
	if (zs_pool_scope(f->pool) == ZS_SCOPE_HELD)
		EXPECT(f->pool, "I8: ");
	else
		assert_sound(f->pool);
	f->pool->pages_allocated -= 2;
	EXPECT(f->pool, "I8: ");
	f->pool->pages_allocated++;
	f->pool->peak_pages = f->pool->pages_allocated - 1;
	EXPECT(f->pool, "but never more than");
	f->pool->peak_pages = peak;
}

static void test_i9_zone(void **state)
{
	struct fixture *f = *state;
	struct zone *zone = &f->pool->zone;
	struct section *section =
		list_first_entry(&zone->sections, struct section, list);
	struct page *block = NULL;
	u32 *count = NULL;

	zone->nr_sections++;
	EXPECT(f->pool, "I9: zone: sections: ");
	zone->nr_sections--;
	/* It is counted in two ways. */
	zone->nr_free++;
	EXPECT(f->pool,
	       "I9: zone: free pages: ", "I9: zone: pages in free lists: ");
	zone->nr_free--;
	zone->nr_warm++;
	EXPECT(f->pool, "I9: zone: warm free pages: ");
	zone->nr_warm--;
	zone->nr_out++;
	EXPECT(f->pool, "I9: zone: pages handed out: ");
	zone->nr_out--;
	section->nr_free++;
	EXPECT(f->pool, "I9: zone: free pages of a section: ");
	section->nr_free--;
	assert_sound(f->pool);

	for (unsigned int i = 0; i < zone->slots.slots; i++) {
		struct zone_slot *slot = uzs_per_cpu(&zone->slots, i);

		if (slot->count[MIGRATE_MOVABLE])
			count = &slot->count[MIGRATE_MOVABLE];
	}
	assert_non_null(count);
	(*count)--;
	EXPECT(f->pool, "I9: zone: pages in per-CPU lists: ");
	(*count)++;

	/* A free block that is warmer than it is. */
	for (unsigned int i = zone->first; !block; i++) {
		struct page *page = uzs_section_page(zone, section, i);

		assert_true(i < zone->nr_pages);
		if (page_flags(page) & PG_buddy)
			block = page;
	}
	block->private ++;
	EXPECT(f->pool, "I9: zone: misfiled free blocks: 1 counted");
	block->private --;
}

static void check_slab_figures(struct zs_pool *pool, struct kmem_cache *cache,
			       const char *text)
{
	struct page *page;

	/* Slabs of both kinds. */
	assert_sound(pool);
	page = list_first_entry_or_null(&cache->partial, struct page, lru);
	assert_non_null(page);
	cache->nr_empty++;
	EXPECT(pool, text);
	cache->nr_empty--;
	cache->nr_slabs--;
	EXPECT(pool, text);
	cache->nr_slabs++;
	/* Objects in use, in the low half. */
	page->aux++;
	EXPECT(pool, text);
	page->aux--;
}

static void test_i9_slabs(void **state)
{
	struct fixture *f = *state;

	check_slab_figures(f->pool, &f->pool->handle_cache,
			   "I9: slab handle: ");
	check_slab_figures(f->pool, &f->pool->zspage_cache,
			   "I9: slab zspage: ");
}

/* A zspage of another pool's pages, of which this pool's zone knows nothing:
 * everything agrees but the number of pages handed out. */
static void test_i10_pages_out(void **state)
{
	struct fixture *f = *state;
	struct zs_pool *pool = f->pool;
	struct zs_pool *other = make_pool(0, 0, ZS_POOL_NO_WORKER);
	struct zspage *zspage = uzs_alloc_zspage(other, f->class, GFP_KERNEL);
	long peak = pool->peak_pages;

	assert_non_null(zspage);
	spin_lock(&f->class->lock);
	uzs_publish_zspage(pool, f->class, zspage);
	spin_unlock(&f->class->lock);

	EXPECT(pool, "I10: ");

	pool->peak_pages = peak;
	spin_lock(&f->class->lock);
	assert_true(uzs_detach_zspage(f->class, zspage));
	spin_unlock(&f->class->lock);
	/* Counted where it was published, released where its pages are. */
	pool->pages_allocated -= f->class->pages_per_zspage;
	other->pages_allocated += f->class->pages_per_zspage;
	uzs_release_zspage(other, f->class, zspage);
	assert_sound(other);
	zs_destroy_pool(other);
}

static enum zs_push_result push_word(void *buf, unsigned int count,
				     unsigned long value)
{
	((unsigned long *)buf)[count] = value;
	return count < 3 ? ZS_PUSH_OK : ZS_PUSH_FULL_QUEUED;
}

/* Frees its handles, unless told to lose them. */
static void drain_words(void *private_data, void *buf, unsigned int count)
{
	struct zs_pool *pool = private_data;

	for (unsigned int i = 0; i < count && pool; i++)
		zs_free(pool, ((unsigned long *)buf)[i]);
}

static void test_i11_drains(void **state)
{
	static const struct zs_deferred_ops ops = { push_word, drain_words };
	struct fixture *f = *state;
	unsigned int queued = 0;

	assert_int_equal(zs_pool_enable_deferred_free(f->pool, &ops, f->pool),
			 0);
	for (int i = 0; i < NR_OBJS && queued < 8; i++)
		if (f->handle[i])
			queued += zs_defer_push(f->pool, f->handle[i]);
	assert_int_equal(queued, 8);
	zs_free_deferred_flush(f->pool);
	assert_sound(f->pool);

	/* The same callback, which knows no pool now. */
	f->pool->deferred.private_data = NULL;
	for (int i = 0; i < 4; i++)
		assert_true(zs_defer_push(f->pool, 2));
	zs_free_deferred_flush(f->pool);
	EXPECT(f->pool, "I11: ");
	WRITE_ONCE(f->pool->deferred.nr_idle_drains, 0);
}

/* A pool that keeps objects: some staged, some of one class, some huge. */
static struct zs_pool *make_keeping(void)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	unsigned long handles[20];
	struct zs_pool *pool;

	o.lock_scope = test_scope;
	o.flags = ZS_POOL_NO_WORKER;
	o.defer = ZS_DEFER_REUSE;
	pool = zs_create_pool_with("test", &o);
	assert_non_null(pool);
	pool->reuse.slots.slots = 1;
	for (int i = 0; i < 20; i++)
		handles[i] = must_malloc(pool, i < 4 ? 4096 : OBJ_SIZE);
	for (int i = 0; i < 20; i++)
		assert_true(zs_free_deferred(pool, handles[i]));
	assert_sound(pool);
	return pool;
}

static void test_i12_kept(void **state)
{
	struct fixture *f = *state;
	struct zs_pool *pool = make_keeping();
	struct reuse_slot *slot = uzs_per_cpu(&pool->reuse.slots, 0);
	struct reuse_stack *stack = &slot->stacks[f->class->index];
	struct reuse_stack *huge = &slot->stacks[pool->nr_classes - 1];
	unsigned long other = must_malloc(pool, 100);
	unsigned long dead = must_malloc(pool, 2000);
	unsigned long *const places[] = { &stack->handles[0],
					  &stack->handles[stack->nr - 1],
					  &slot->staged[3] };
	char text[64];

	assert_int_equal(stack->nr, 8);
	assert_int_equal(huge->nr, 4);
	zs_free(pool, dead);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		unsigned long handle = *places[i];

		*places[i] = dead;
		EXPECT(pool, "is not live");
		/* Of another pool, and nothing at all. */
		*places[i] = f->handle[1];
		EXPECT(pool, "is none");
		*places[i] = 8;
		EXPECT(pool, "is none");
		*places[i] = other;
		snprintf(text, sizeof(text),
			 "I12: kept handle %#lx is not of class %u", other,
			 f->class->index);
		/* What is staged may be of any. */
		if (places[i] == &slot->staged[3])
			assert_sound(pool);
		else
			EXPECT(pool, text);
		*places[i] = handle;
		assert_sound(pool);
	}
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		unsigned long handle = *places[i];

		*places[i] = stack->handles[1];
		/* told for each of the two */
		assert_int_equal(zs_pool_check(pool, NULL), 2);
		*places[i] = handle;
	}

	slot->held++;
	EXPECT(pool, "I12: 20 objects are kept, recorded 21");
	slot->held -= 2;
	EXPECT(pool, "I12: 20 objects are kept, recorded 19");
	slot->held++;
	stack->nr--;
	EXPECT(pool, "I12: 19 objects are kept, recorded 20");
	stack->nr++;
	/* More than there is room for; more for long than there are. */
	stack->nr = REUSE_KEPT + 1;
	EXPECT(pool, "16 objects are kept, at least 0");
	stack->nr = 8;
	huge->nr = 5;
	EXPECT(pool, "5 objects are kept, at least 0");
	huge->nr = 4;
	stack->low = 9;
	EXPECT(pool, "8 objects are kept, at least 9 of them for long");
	stack->low = 8;
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), 1);
}

/* One violation does not hide another. */
static void test_one_violation_does_not_hide_another(void **state)
{
	struct fixture *f = *state;
	struct size_class *huge =
		zspage_class(f->pool, zspage_of(f->pool, f->huge));

	f->class->objs_inuse++;
	huge->groups->zspages[11]++;
	f->pool->pages_allocated--;
	f->pool->zone.nr_warm++;
	/* By class from the smallest, then what concerns all. */
	EXPECT(f->pool, "I4: ", "I2: ", "I8: ", "I9: ");
	f->pool->zone.nr_warm--;
	f->pool->pages_allocated++;
	huge->groups->zspages[11]--;
	f->class->objs_inuse--;
}

/* What happens to be going on in a pool is no violation. */
static void test_what_goes_on_is_no_violation(void **state)
{
	struct fixture *f = *state;
	struct zspage *zspage = zspage_of(f->pool, f->huge);
	struct page *page = zpdesc_page(zspage->first_zpdesc);
	struct iovec iov[2];
	struct page *hand;

	/* Every object read, some twice. */
	for (int i = 0; i < NR_OBJS; i++)
		if (f->handle[i])
			assert_int_not_equal(
				zs_obj_read_sg_begin(f->pool, f->handle[i], iov,
						     OBJ_SIZE),
				0);
	assert_non_null(zs_obj_read_begin(f->pool, f->huge, 4096, NULL));
	assert_sound(f->pool);
	zs_compact(f->pool);
	assert_sound(f->pool);
	for (int i = 0; i < NR_OBJS; i++)
		if (f->handle[i])
			zs_obj_read_sg_end(f->pool, f->handle[i]);
	zs_obj_read_end(f->pool, f->huge, 4096, iov);

	/* A page and a handle in the hands of an unfinished allocation. */
	hand = alloc_page(&f->pool->zone, GFP_KERNEL, MIGRATE_MOVABLE);
	assert_non_null(hand);
	assert_sound(f->pool);
	__free_page(&f->pool->zone, hand);

	/* An empty zspage that a migration keeps from being freed. */
	lock_page(page);
	zs_free(f->pool, f->huge);
	assert_int_equal(zspage->inuse, 0);
	assert_sound(f->pool);
	unlock_page(page);
	assert_sound(f->pool);
	assert_int_equal(zs_drain(f->pool), 1);
	assert_sound(f->pool);

	/* Pages and objects elsewhere than where they began. */
	zs_compact(f->pool);
	assert_sound(f->pool);
	zs_trim(f->pool);
	assert_sound(f->pool);
}

/* Of every geometry, empty, half filled, emptied. */
static void test_every_geometry_is_sound(void **state)
{
	for (unsigned int page = 4096; page <= 65536; page *= 2) {
		for (unsigned int chain = 4; chain <= 16; chain += 3) {
			struct zs_pool *pool =
				make_pool(page, chain, ZS_POOL_NO_WORKER);
			unsigned long handles[400];

			assert_sound(pool);
			for (unsigned int i = 0; i < ARRAY_SIZE(handles); i++)
				handles[i] = must_malloc(
					pool,
					1 + i * (page - 1) /
							ARRAY_SIZE(handles));
			assert_sound(pool);
			for (unsigned int i = 0; i < ARRAY_SIZE(handles);
			     i += 2)
				zs_free(pool, handles[i]);
			assert_sound(pool);
			zs_compact(pool);
			zs_trim(pool);
			assert_sound(pool);
			for (unsigned int i = 1; i < ARRAY_SIZE(handles);
			     i += 2)
				zs_free(pool, handles[i]);
			assert_sound(pool);
			assert_int_equal(zs_destroy_pool(pool), 0);
		}
	}
}

#define broken(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		broken(test_sound),
		broken(test_i1_group),
		broken(test_i2_counts),
		broken(test_i3_capacity),
		broken(test_i4_inuse),
		broken(test_i5_chain),
		broken(test_i6_free_list),
		broken(test_i7_handles),
		broken(test_i7_wild_handle),
		broken(test_i8_pages),
		broken(test_i9_zone),
		broken(test_i9_slabs),
		broken(test_i10_pages_out),
		broken(test_i11_drains),
		broken(test_i12_kept),
		broken(test_one_violation_does_not_hide_another),
		broken(test_what_goes_on_is_no_violation),
		cmocka_unit_test(test_every_geometry_is_sound),
	};

	return run_in_every_scope(tests);
}
