/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_model.c - random operations, and after every step the whole pool is
 * compared with a model of it: counts, class table, the place of every object
 * and of every free one, and the data. The model knows the rules and nothing
 * of pages; it is written to be plain, not fast.
 *
 * A failure prints how to repeat it alone:
 *   UZS_TEST_MODEL=PAGE_SIZE,CHAIN_SIZE,SCOPE,SEED,STEPS,MAX_LIVE,EVERY
 * where EVERY is the number of steps between two comparisons.
 */
#include "test_util.h"

#include "internal.h"

#define MAX_PAGE 65536u

/* ---- the model ----------------------------------------------------------- */

struct m_class;

struct m_object {
	unsigned long handle; /* 0: not live */
	unsigned int size; /* bytes asked for */
	unsigned char *data; /* what should be in it; `size` bytes */
	struct m_zspage *zspage;
	unsigned int idx; /* place in zspage */
	unsigned int pins; /* begun reads */
};

struct m_zspage {
	struct m_zspage *prev, *next; /* in its group; NULL at the ends */
	struct m_class *class;
	unsigned int group;
	unsigned int inuse;
	unsigned int pins; /* of its objects */
	unsigned int locks; /* its pages that are locked */
	struct m_object **objs; /* by index; NULL is free */
	unsigned int *free; /* stack of free indices: the last is next */
};

struct m_class {
	unsigned int index, size, pages, objs;
	bool huge;
	struct m_zspage *first[ZS_NR_FULLNESS_GROUPS];
	unsigned long zspages[ZS_NR_FULLNESS_GROUPS];
	unsigned long capacity, inuse;
};

struct model {
	struct zs_pool *pool;
	enum zs_lock_scope scope;
	struct rng rng;
	unsigned int page_size, chain_size, steps, step;
	unsigned int every; /* steps between comparisons */
	uint64_t seed;
	struct m_class classes[257]; /* the distinct ones, by size */
	unsigned int nr_classes;
	unsigned long pages, peak;
	unsigned long compactions, compacted, moved, moved_bytes, async_freed;
	struct m_object *objects;
	struct m_object **live; /* all: nr_live live ones, then the others */
	unsigned int nr_live, max_live;
	struct {
		struct page *page;
		struct m_zspage *zspage;
	} locked[4];
	struct m_object *pinned[8];
	unsigned int sizes[6]; /* most objects have one of these */
	unsigned char buffer[MAX_PAGE];
};

static void must(const struct model *m, bool what, const char *text)
{
	if (!what)
		fail_msg(
			"%s\nstep %u; repeat with UZS_TEST_MODEL=%u,%u,%u,%llu,%u,%u,1",
			text, m->step, m->page_size, m->chain_size, m->scope,
			(unsigned long long)m->seed, m->steps, m->max_live);
}

#define MUST(m, cond) must(m, cond, #cond)

/* The distinct classes. Indices go up in steps of 1/256 page from 32 bytes
 * on; of neighbours with equal zspages the largest stands for all. */
static void m_make_classes(struct model *m)
{
	unsigned int step = m->page_size / 256;
	unsigned int indices = (m->page_size - 32 + step - 1) / step + 1;

	for (unsigned int i = 0; i < indices; i++) {
		struct m_class c = { .index = i, .size = 32 + i * step };

		if (c.size > m->page_size)
			c.size = m->page_size;
		c.pages = 1;
		if (c.size & (c.size - 1))
			for (unsigned int p = 2; p <= m->chain_size; p++)
				if (p * m->page_size % c.size <
				    c.pages * m->page_size % c.size)
					c.pages = p;
		c.objs = c.pages * m->page_size / c.size;
		c.huge = c.pages == 1 && c.objs == 1;
		if (m->nr_classes &&
		    m->classes[m->nr_classes - 1].pages == c.pages &&
		    m->classes[m->nr_classes - 1].objs == c.objs)
			m->nr_classes--;
		m->classes[m->nr_classes++] = c;
	}
}

static struct m_class *m_class_for(struct model *m, unsigned int size)
{
	unsigned int i = 0;

	while (i < m->nr_classes - 1 &&
	       m->classes[i].size < size + sizeof(unsigned long))
		i++;
	return &m->classes[i];
}

static unsigned int m_group(const struct m_zspage *z)
{
	if (!z->inuse)
		return 0;
	if (z->inuse == z->class->objs)
		return 11;
	return 100 * z->inuse / z->class->objs / 10 + 1;
}

static void m_insert(struct m_zspage *z)
{
	struct m_class *c = z->class;

	z->group = m_group(z);
	z->prev = NULL;
	z->next = c->first[z->group];
	if (z->next)
		z->next->prev = z;
	c->first[z->group] = z;
	c->zspages[z->group]++;
}

static void m_remove(struct m_zspage *z)
{
	struct m_class *c = z->class;

	if (z->prev)
		z->prev->next = z->next;
	else
		c->first[z->group] = z->next;
	if (z->next)
		z->next->prev = z->prev;
	c->zspages[z->group]--;
}

static struct m_zspage *m_first(struct m_class *c, int from, int to)
{
	for (int g = from;; g += from < to ? 1 : -1) {
		if (c->first[g])
			return c->first[g];
		if (g == to)
			return NULL;
	}
}

static void m_put(struct m_zspage *z, struct m_object *o)
{
	unsigned int idx = z->free[z->class->objs - ++z->inuse];

	o->zspage = z;
	o->idx = idx;
	z->objs[idx] = o;
}

static void m_take(struct m_object *o)
{
	struct m_zspage *z = o->zspage;

	z->objs[o->idx] = NULL;
	z->free[z->class->objs - z->inuse--] = o->idx;
}

static struct m_zspage *m_new_zspage(struct model *m, struct m_class *c)
{
	struct m_zspage *z = calloc(1, sizeof(*z));

	assert_non_null(z);
	z->class = c;
	z->objs = calloc(c->objs, sizeof(*z->objs));
	z->free = calloc(c->objs, sizeof(*z->free));
	assert_non_null(z->objs);
	assert_non_null(z->free);
	for (unsigned int i = 0; i < c->objs; i++)
		z->free[i] = c->objs - 1 - i;
	c->capacity += c->objs;
	m->pages += c->pages;
	if (m->pages > m->peak)
		m->peak = m->pages;
	return z;
}

/* In its list, empty. */
static void m_free_zspage(struct model *m, struct m_zspage *z)
{
	m_remove(z);
	z->class->capacity -= z->class->objs;
	m->pages -= z->class->pages;
	free(z->objs);
	free(z->free);
	free(z);
}

static void m_malloc(struct model *m, struct m_object *o)
{
	struct m_class *c = m_class_for(m, o->size);
	struct m_zspage *z = m_first(c, 10, 0);

	if (!z) {
		z = m_new_zspage(m, c);
		m_put(z, o);
		m_insert(z);
	} else {
		m_put(z, o);
		if (m_group(z) != z->group) {
			m_remove(z);
			m_insert(z);
		}
	}
	c->inuse++;
}

static void m_free(struct model *m, struct m_object *o)
{
	struct m_zspage *z = o->zspage;

	m_take(o);
	z->class->inuse--;
	if (m_group(z) != z->group) {
		m_remove(z);
		m_insert(z);
	}
	if (!z->inuse && !z->locks)
		m_free_zspage(m, z);
}

static unsigned long m_freeable(const struct m_class *c)
{
	return (c->capacity - c->inuse) / c->objs * c->pages;
}

static unsigned long m_freeable_all(const struct model *m)
{
	unsigned long pages = 0;

	for (unsigned int i = 0; i < m->nr_classes; i++)
		pages += m_freeable(&m->classes[i]);
	return pages;
}

static unsigned long m_compact_class(struct model *m, struct m_class *c)
{
	struct m_zspage *dst = NULL, *src;
	unsigned long freed = 0;

	while (m_freeable(c)) {
		if (!dst) {
			dst = m_first(c, 10, 1);
			if (!dst)
				break;
			m_remove(dst);
		}
		src = m_first(c, 1, 10);
		if (!src)
			break;
		m_remove(src);
		if (src->pins) {
			m_insert(src);
			break;
		}
		for (unsigned int i = 0;
		     i < c->objs && src->inuse && dst->inuse < c->objs; i++) {
			struct m_object *o = src->objs[i];

			if (!o)
				continue;
			m_take(o);
			m_put(dst, o);
			m->moved++;
			m->moved_bytes += c->size;
		}
		m_insert(src);
		if (!src->inuse) {
			freed += c->pages;
			if (!src->locks)
				m_free_zspage(m, src);
		}
		if (dst->inuse == c->objs) {
			m_insert(dst);
			dst = NULL;
		}
	}
	if (dst)
		m_insert(dst);
	return freed;
}

static unsigned long m_compact(struct model *m)
{
	unsigned long freed = 0;

	for (unsigned int i = m->nr_classes; i-- > 0;)
		freed += m_compact_class(m, &m->classes[i]);
	m->compactions++;
	m->compacted += freed;
	return freed;
}

/* The work that frees empty zspages. */
static void m_drain(struct model *m)
{
	for (unsigned int i = 0; i < m->nr_classes; i++)
		while (m->classes[i].first[0]) {
			m_free_zspage(m, m->classes[i].first[0]);
			m->async_freed++;
		}
}

/* ---- comparing ----------------------------------------------------------- */

struct walk {
	struct model *m;
	struct m_class *class;
	unsigned int group;
	struct m_zspage *next; /* in group */
};

static int compare_zspage(const struct zs_zspage_info *info, void *arg)
{
	struct walk *w = arg;
	struct model *m = w->m;
	struct m_zspage *z;

	while (!w->next && w->group < 11)
		w->next = w->class->first[++w->group];
	z = w->next;
	MUST(m, z);
	w->next = z->next;
	MUST(m, info->class_index == w->class->index);
	MUST(m, info->group == z->group);
	MUST(m, info->inuse == z->inuse);
	MUST(m, info->objs == w->class->objs);
	MUST(m, info->pages == w->class->pages);
	for (unsigned int i = 0; i < info->objs; i++)
		MUST(m,
		     info->handles[i] == (z->objs[i] ? z->objs[i]->handle : 0));
	for (unsigned int i = 0; i < info->objs - info->inuse; i++)
		MUST(m, info->free_list[i] ==
				z->free[info->objs - info->inuse - 1 - i]);
	return 0;
}

static void compare_class(struct model *m, struct m_class *c)
{
	struct zs_class_info info = ZS_CLASS_INFO_INIT;
	struct walk w = { m, c, 0, c->first[0] };

	MUST(m, zs_class_info(m->pool, c->index, &info) == 0);
	MUST(m, info.index == c->index);
	MUST(m, info.objs_capacity == c->capacity);
	MUST(m, info.objs_inuse == c->inuse);
	MUST(m, info.pages_used == c->capacity / c->objs * c->pages);
	MUST(m, info.freeable_pages == m_freeable(c));
	for (int g = 0; g < ZS_NR_FULLNESS_GROUPS; g++)
		MUST(m, info.zspages[g] == c->zspages[g]);
	if (!c->capacity)
		return;
	MUST(m, zs_for_each_zspage(m->pool, c->index, compare_zspage, &w) == 0);
	while (!w.next && w.group < 11)
		w.next = c->first[++w.group];
	MUST(m, !w.next);
}

static void compare_info(struct model *m)
{
	struct zs_pool_info i = ZS_POOL_INFO_INIT;
	unsigned long capacity = 0;

	for (unsigned int k = 0; k < m->nr_classes; k++)
		capacity += m->classes[k].capacity;
	MUST(m, zs_pool_info(m->pool, &i) == 0);
	MUST(m, i.page_size == m->page_size);
	MUST(m, i.chain_size == m->chain_size);
	MUST(m, i.pages == m->pages);
	MUST(m, zs_get_total_pages(m->pool) == m->pages);
	MUST(m, i.peak_pages == m->peak);
	MUST(m, i.objs_inuse == m->nr_live);
	MUST(m, i.objs_capacity == capacity);
	MUST(m, i.freeable_pages == m_freeable_all(m));
	MUST(m, zs_shrink_count(m->pool) == m_freeable_all(m));
	MUST(m, i.compactions == m->compactions);
	MUST(m, i.pages_compacted == m->compacted);
	MUST(m, i.objs_moved == m->moved);
	MUST(m, i.bytes_moved == m->moved_bytes);
	MUST(m, i.zspages_async_freed == m->async_freed);
	/* the header's identities */
	MUST(m, i.objs_inuse <= i.objs_capacity);
	MUST(m, i.freeable_pages <= i.pages);
	MUST(m, i.pages <= i.peak_pages);
	MUST(m, (i.pages + i.slab_pages) * i.page_size <= i.bytes_resident);
	MUST(m, i.bytes_resident <= i.bytes_mapped);
	MUST(m, i.bytes_free <= i.bytes_resident);
	MUST(m, i.slab_pages * i.page_size >= m->nr_live * sizeof(long));
}

static void compare(struct model *m)
{
	compare_info(m);
	for (unsigned int i = 0; i < m->nr_classes; i++)
		compare_class(m, &m->classes[i]);
	MUST(m, zs_pool_check(m->pool, stderr) == 0);
}

/* ---- operations ---------------------------------------------------------- */

static struct m_object *some_live(struct model *m)
{
	return m->nr_live ? m->live[rng_below(&m->rng, m->nr_live)] : NULL;
}

static bool holds(struct model *m, const struct m_object *o, size_t at,
		  const void *data, size_t len)
{
	return !memcmp(o->data + at, data, len);
}

static void read_copy(struct model *m, struct m_object *o, size_t len)
{
	void *data = zs_obj_read_begin(m->pool, o->handle, len, m->buffer);

	MUST(m, data);
	MUST(m, holds(m, o, 0, data, len));
	zs_obj_read_end(m->pool, o->handle, len, data);
}

static void read_sg(struct model *m, struct m_object *o, size_t len)
{
	struct iovec iov[2];
	unsigned int n = zs_obj_read_sg_begin(m->pool, o->handle, iov, len);

	MUST(m, n == 1 || n == 2);
	MUST(m, holds(m, o, 0, iov[0].iov_base, iov[0].iov_len));
	if (n == 1) {
		MUST(m, iov[0].iov_len == len);
	} else {
		MUST(m, iov[0].iov_len + iov[1].iov_len == len);
		MUST(m, holds(m, o, iov[0].iov_len, iov[1].iov_base,
			      iov[1].iov_len));
	}
	zs_obj_read_sg_end(m->pool, o->handle);
}

static void op_write(struct model *m)
{
	struct m_object *o = some_live(m);
	size_t len;

	/* What is being read must not change. */
	if (!o || o->pins)
		return;
	len = rng_range(&m->rng, 1, o->size);
	pattern_fill(o->data, len, rng_next(&m->rng));
	MUST(m, zs_obj_write(m->pool, o->handle, o->data, len) == 0);
	read_copy(m, o, o->size);
}

static void op_read(struct model *m)
{
	struct m_object *o = some_live(m);

	if (o)
		read_copy(m, o, rng_range(&m->rng, 1, o->size));
}

static void op_read_sg(struct model *m)
{
	struct m_object *o = some_live(m);

	if (o)
		read_sg(m, o, rng_range(&m->rng, 1, o->size));
}

static void op_malloc(struct model *m)
{
	struct m_object *o;

	if (m->nr_live == m->max_live)
		return;
	o = m->live[m->nr_live++];
	if (rng_below(&m->rng, 10))
		o->size = m->sizes[rng_below(&m->rng, ARRAY_SIZE(m->sizes))];
	else
		o->size = rng_range(&m->rng, 1, m->page_size);
	o->data = malloc(o->size);
	assert_non_null(o->data);
	o->handle = zs_malloc(m->pool, o->size, GFP_KERNEL, NUMA_NO_NODE);
	MUST(m, o->handle && !zs_is_err(o->handle));
	m_malloc(m, o);
	pattern_fill(o->data, o->size, rng_next(&m->rng));
	MUST(m, zs_obj_write(m->pool, o->handle, o->data, o->size) == 0);
}

static void free_live(struct model *m, unsigned int i)
{
	struct m_object *o = m->live[i];

	read_sg(m, o, o->size);
	zs_free(m->pool, o->handle);
	m->live[i] = m->live[--m->nr_live];
	m->live[m->nr_live] = o;
	m_free(m, o);
	o->handle = 0;
	free(o->data);
}

static void op_free(struct model *m)
{
	unsigned int i;

	if (!m->nr_live)
		return;
	i = rng_below(&m->rng, m->nr_live);
	if (!m->live[i]->pins)
		free_live(m, i);
}

static void op_compact(struct model *m)
{
	unsigned long freed;

	if (rng_below(&m->rng, 2)) {
		freed = zs_compact(m->pool);
		MUST(m, freed == m_compact(m));
	} else {
		freed = zs_shrink_scan(m->pool, rng_below(&m->rng, 100));
		MUST(m, (freed == ZS_SHRINK_STOP ? 0 : freed) == m_compact(m));
		MUST(m, freed);
	}
}

static struct zspage *zspage_of(struct m_object *o, const struct zs_pool *pool)
{
	return obj_to_zpdesc(pool, handle_to_obj(o->handle))->zspage;
}

static struct page *some_page(struct model *m, struct m_object *o)
{
	struct zspage *zspage = zspage_of(o, m->pool);
	struct zpdesc *zpdesc = zspage->first_zpdesc;

	for (unsigned int n = rng_below(&m->rng, o->zspage->class->pages); n;
	     n--)
		zpdesc = get_next_zpdesc(zpdesc);
	return zpdesc_page(zpdesc);
}

/* Moves one page; not if somebody reads in its zspage. */
static void op_migrate(struct model *m)
{
	struct m_object *o = some_live(m);
	struct zone *zone = &m->pool->zone;
	struct page *src, *dst;
	int rc;

	if (!o)
		return;
	src = some_page(m, o);
	if (!trylock_page(src)) {
		MUST(m, o->zspage->locks);
		return;
	}
	MUST(m,
	     uzs_alloc_pages_bulk(zone, GFP_KERNEL, MIGRATE_MOVABLE, 1, &dst));
	lock_page(dst);
	MUST(m, uzs_movable_ops.isolate_page(zone, src));
	rc = uzs_movable_ops.migrate_page(zone, dst, src);
	MUST(m, rc == (o->zspage->pins ? -EAGAIN : 0));
	if (rc)
		uzs_movable_ops.putback_page(zone, src);
	unlock_page(dst);
	unlock_page(src);
	__free_page(zone, rc ? dst : src);
}

/* Begins or ends a read that others work around. */
static void op_pin(struct model *m)
{
	struct m_object **slot =
		&m->pinned[rng_below(&m->rng, ARRAY_SIZE(m->pinned))];
	struct m_object *o = *slot;
	struct iovec iov[2];

	if (o) {
		*slot = NULL;
		o->pins--;
		o->zspage->pins--;
		zs_obj_read_sg_end(m->pool, o->handle);
		return;
	}
	o = some_live(m);
	if (!o)
		return;
	*slot = o;
	o->pins++;
	o->zspage->pins++;
	MUST(m, zs_obj_read_sg_begin(m->pool, o->handle, iov, 1) == 1);
}

/* Locks a page, as its migration would, or unlocks it. */
static void unlock_slot(struct model *m, unsigned int i)
{
	if (!m->locked[i].page)
		return;
	unlock_page(m->locked[i].page);
	m->locked[i].zspage->locks--;
	m->locked[i].page = NULL;
}

static void op_lock_page(struct model *m)
{
	unsigned int i = rng_below(&m->rng, ARRAY_SIZE(m->locked));
	struct m_object *o;

	if (m->locked[i].page) {
		unlock_slot(m, i);
		return;
	}
	o = some_live(m);
	if (!o)
		return;
	m->locked[i].page = some_page(m, o);
	m->locked[i].zspage = o->zspage;
	if (trylock_page(m->locked[i].page))
		o->zspage->locks++;
	else
		m->locked[i].page = NULL;
}

/* Who frees the empty zspages waits for their page locks. */
static void unlock_empty(struct model *m)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(m->locked); i++)
		if (m->locked[i].page && !m->locked[i].zspage->inuse)
			unlock_slot(m, i);
}

static void op_drain(struct model *m)
{
	unlock_empty(m);
	zs_drain(m->pool);
	m_drain(m);
}

static void op_trim(struct model *m)
{
	unlock_empty(m);
	zs_trim(m->pool);
	m_drain(m);
}

static int compare_handles(const void *a, const void *b)
{
	unsigned long x = *(const unsigned long *)a;
	unsigned long y = *(const unsigned long *)b;

	return (x > y) - (x < y);
}

struct seen {
	unsigned long *handles;
	unsigned int n, room;
};

static int see(unsigned long handle, void *arg)
{
	struct seen *seen = arg;

	if (seen->n < seen->room)
		seen->handles[seen->n] = handle;
	seen->n++;
	return 0;
}

static void op_for_each_live(struct model *m)
{
	unsigned long *should = calloc(m->max_live, sizeof(*should));
	struct seen seen = { calloc(m->max_live, sizeof(long)), 0,
			     m->max_live };

	assert_non_null(should);
	assert_non_null(seen.handles);
	MUST(m, zs_for_each_live(m->pool, see, &seen) == 0);
	MUST(m, seen.n == m->nr_live);
	for (unsigned int i = 0; i < m->nr_live; i++)
		should[i] = m->live[i]->handle;
	qsort(should, seen.n, sizeof(*should), compare_handles);
	qsort(seen.handles, seen.n, sizeof(*should), compare_handles);
	MUST(m, !memcmp(should, seen.handles, seen.n * sizeof(*should)));
	free(should);
	free(seen.handles);
}

static void op_read_all(struct model *m)
{
	for (unsigned int i = 0; i < m->nr_live; i++)
		read_copy(m, m->live[i], m->live[i]->size);
}

/* Of 100, in phases of growth, shrinking and neither. */
static const struct {
	void (*op)(struct model *m);
	unsigned char share[3];
} ops[] = {
	{ op_malloc, { 46, 22, 34 } }, { op_free, { 16, 40, 34 } },
	{ op_write, { 6, 6, 4 } },     { op_read, { 4, 4, 3 } },
	{ op_read_sg, { 4, 4, 3 } },   { op_compact, { 2, 5, 4 } },
	{ op_trim, { 2, 2, 1 } },      { op_migrate, { 8, 5, 5 } },
	{ op_pin, { 4, 4, 4 } },       { op_lock_page, { 4, 4, 4 } },
	{ op_drain, { 2, 2, 2 } },     { op_for_each_live, { 1, 1, 1 } },
	{ op_read_all, { 1, 1, 1 } },
};

static void run_step(struct model *m, unsigned int phase)
{
	unsigned int r = rng_below(&m->rng, 100);

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		if (r < ops[i].share[phase]) {
			ops[i].op(m);
			return;
		}
		r -= ops[i].share[phase];
	}
	fail_msg("the shares of phase %u are not 100", phase);
}

/* Half of them small, so that zspages have many objects; one near a page. */
static void choose_sizes(struct model *m)
{
	for (size_t i = 0; i < ARRAY_SIZE(m->sizes); i++) {
		unsigned int most = m->page_size;

		if (i % 2)
			most >>= rng_range(&m->rng, 1, 7);
		m->sizes[i] = rng_range(&m->rng, most / 8 + 1, most);
	}
}

/* What the runs did, so that none of it can silently be nothing. */
static struct {
	unsigned long compacted, async_freed, migrated, busy;
} totals;

static void finish(struct model *m)
{
	struct zs_pool_info info = ZS_POOL_INFO_INIT;

	for (unsigned int i = 0; i < ARRAY_SIZE(m->pinned); i++)
		if (m->pinned[i])
			zs_obj_read_sg_end(m->pool, m->pinned[i]->handle);
	for (unsigned int i = 0; i < ARRAY_SIZE(m->locked); i++)
		unlock_slot(m, i);
	op_drain(m);
	compare(m);
	while (m->nr_live)
		free_live(m, m->nr_live - 1);
	compare(m);
	MUST(m, m->pages == 0);

	MUST(m, zs_pool_info(m->pool, &info) == 0);
	totals.compacted += info.pages_compacted;
	totals.async_freed += info.zspages_async_freed;
	totals.migrated += info.pages_migrated;
	totals.busy += info.migrations_busy;
	MUST(m, zs_destroy_pool(m->pool) == 0);
}

static void run(unsigned int page_size, unsigned int chain_size,
		enum zs_lock_scope scope, uint64_t seed, unsigned int steps,
		unsigned int max_live, unsigned int every)
{
	struct model *m = calloc(1, sizeof(*m));
	unsigned int phase = 0;

	assert_non_null(m);
	m->page_size = page_size;
	m->chain_size = chain_size;
	m->scope = scope;
	m->seed = seed;
	m->steps = steps;
	m->max_live = max_live;
	m->every = every;
	m->objects = calloc(max_live, sizeof(*m->objects));
	m->live = calloc(max_live, sizeof(*m->live));
	assert_non_null(m->objects);
	assert_non_null(m->live);
	for (unsigned int i = 0; i < max_live; i++)
		m->live[i] = &m->objects[i];
	rng_seed(&m->rng, seed << 32 | page_size << 4 | chain_size);
	test_scope = scope;
	m->pool = make_pool(page_size, chain_size, ZS_POOL_NO_WORKER);
	m_make_classes(m);
	choose_sizes(m);
	for (m->step = 1; m->step <= steps; m->step++) {
		/* Phases last for a sixth of what the pool can hold. */
		if (!rng_below(&m->rng, max_live / 6))
			phase = rng_below(&m->rng, 3);
		run_step(m, phase);
		if (m->step % every == 0)
			compare(m);
	}
	finish(m);
	free(m->objects);
	free(m->live);
	free(m);
}

/* ---- the runs ------------------------------------------------------------ */

static enum zs_lock_scope scope_of(unsigned int n)
{
	return ZS_SCOPE_HELD + n % 3;
}

static void test_every_geometry(void **state)
{
	unsigned int steps = (unsigned int)uzs_test_scale(150), n = 0;

	for (unsigned int page_size = 4096; page_size <= 65536; page_size *= 2)
		for (unsigned int chain_size = 4; chain_size <= 16;
		     chain_size++)
			run(page_size, chain_size, scope_of(n++), 1, steps, 300,
			    1);
}

static void test_long_runs(void **state)
{
	unsigned int steps = (unsigned int)uzs_test_scale(2500);

	for (unsigned int n = 0; n < 3; n++)
		run(4096, 8, scope_of(n), n, steps, 600, 1);
	run(4096, 4, ZS_SCOPE_HELD, 1, steps, 600, 1);
	run(4096, 16, ZS_SCOPE_UNLOCKED, 1, steps, 600, 1);
	run(16384, 8, ZS_SCOPE_CLASS_IDX, 1, steps, 600, 1);
	run(65536, 8, ZS_SCOPE_HELD, 1, steps / 2, 600, 1);
}

/* So many objects that they lie in many sections of the OS's memory, which
 * zs_trim can empty. */
static void test_large_pools(void **state)
{
	unsigned int steps = (unsigned int)uzs_test_scale(50000);

	memset(&totals, 0, sizeof(totals));
	run(4096, 8, ZS_SCOPE_CLASS_IDX, 1, steps, 12000, 997);
	run(8192, 8, ZS_SCOPE_HELD, 1, steps / 2, 6000, 997);
	run(65536, 5, ZS_SCOPE_UNLOCKED, 1, steps / 8, 800, 97);
	if (steps < 50000)
		return;
	assert_true(totals.compacted > 100);
	assert_true(totals.async_freed > 10);
	assert_true(totals.migrated > 10);
	assert_true(totals.busy > 0);
}

static void test_repeat_one(void **state)
{
	const char *which = getenv("UZS_TEST_MODEL");
	unsigned int page_size, chain_size, scope, steps, max_live, every;
	unsigned long long seed;

	if (sscanf(which, "%u,%u,%u,%llu,%u,%u,%u", &page_size, &chain_size,
		   &scope, &seed, &steps, &max_live, &every) != 7)
		fail_msg(
			"UZS_TEST_MODEL is not PAGE_SIZE,CHAIN_SIZE,SCOPE,SEED,STEPS,MAX_LIVE,EVERY");
	run(page_size, chain_size, scope, seed, steps, max_live, every);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_geometry),
		cmocka_unit_test(test_long_runs),
		cmocka_unit_test(test_large_pools),
	};
	const struct CMUnitTest repeat[] = {
		cmocka_unit_test(test_repeat_one),
	};

	if (getenv("UZS_TEST_MODEL"))
		return cmocka_run_group_tests(repeat, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
