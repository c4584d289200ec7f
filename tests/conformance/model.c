/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* model.c - see model.h: the rules, comparing, runs. The operations are in
 * model_ops.c.
 */
#include "model_rules.h"

void m_must(const struct model *m, bool what, const char *text)
{
	const struct m_run *run = m->run;

	if (!what)
		fail_msg(
			"%s\nstep %u; repeat with UZS_TEST_MODEL=%s,%u,%u,%llu,%u,%u,1",
			text, m->step, run->subject->name, run->page_size,
			run->chain_size, (unsigned long long)run->seed,
			run->steps, run->max_live);
}

bool m_repeat(struct m_run *run, char subject[64])
{
	const char *which = getenv("UZS_TEST_MODEL");
	unsigned long long seed;

	if (!which || !*which)
		return false;
	if (sscanf(which, "%63[^,],%u,%u,%llu,%u,%u,%u", subject,
		   &run->page_size, &run->chain_size, &seed, &run->steps,
		   &run->max_live, &run->every) != 7 ||
	    !run->every)
		fail_msg(
			"UZS_TEST_MODEL is not SUBJECT,PAGE_SIZE,CHAIN_SIZE,SEED,STEPS,MAX_LIVE,EVERY");
	run->seed = seed;
	return true;
}

/* ---- classes -------------------------------------------------------------- */

/* The distinct classes. Indices go up in steps of 1/256 page from 32 bytes
 * on; of neighbours with equal zspages the largest stands for all. */
static void make_classes(struct model *m)
{
	unsigned int step = m->page_size / 256;
	unsigned int indices = (m->page_size - 32 + step - 1) / step + 1;

	for (unsigned int i = 0; i < indices; i++) {
		struct m_class c = { .index = i, .size = 32 + i * step };

		if (c.size > m->page_size)
			c.size = m->page_size;
		c.pages = 1;
		if (c.size & (c.size - 1))
			for (unsigned int p = 2; p <= m->run->chain_size; p++)
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
	MUST(m, m->s->class_count(m->pool) == indices);
}

/* As the subject tells them. */
static void read_classes(struct model *m)
{
	for (unsigned int i = 0; i < m->s->class_count(m->pool); i++) {
		struct subject_class info = { 0 };

		m->s->class_info(m->pool, i, &info);
		if (info.index != i)
			continue;
		MUST(m, m->nr_classes < ARRAY_SIZE(m->classes));
		m->classes[m->nr_classes++] =
			(struct m_class){ .index = i,
					  .size = info.size,
					  .pages = info.pages_per_zspage,
					  .objs = info.objs_per_zspage,
					  .huge = info.huge };
	}
	MUST(m, m->nr_classes > 16);
}

struct m_class *m_class_for(struct model *m, unsigned int size)
{
	unsigned int i = 0;

	/* Which of its classes a subject with its own uses is not ours to say. */
	if (m->expected.own_classes) {
		unsigned int index = subject_class_of(m->s, m->pool, size);

		while (i < m->nr_classes && m->classes[i].index != index)
			i++;
		MUST(m, i < m->nr_classes);
		MUST(m, m->classes[i].size + (m->classes[i].huge ? 1u : 0u) *
						     sizeof(unsigned long) >=
				size + sizeof(unsigned long));
		return &m->classes[i];
	}
	while (i < m->nr_classes - 1 &&
	       m->classes[i].size < size + sizeof(unsigned long))
		i++;
	return &m->classes[i];
}

/* ---- zspages -------------------------------------------------------------- */

static unsigned int group_of(const struct m_zspage *z)
{
	if (!z->inuse)
		return 0;
	if (z->inuse == z->class->objs)
		return 11;
	return 100 * z->inuse / z->class->objs / 10 + 1;
}

static void insert(struct m_zspage *z)
{
	struct m_class *c = z->class;

	z->group = group_of(z);
	z->prev = NULL;
	z->next = c->first[z->group];
	if (z->next)
		z->next->prev = z;
	c->first[z->group] = z;
	c->zspages[z->group]++;
}

static void take_out(struct m_zspage *z)
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

static struct m_zspage *first_of(struct m_class *c, int from, int to)
{
	for (int g = from;; g += from < to ? 1 : -1) {
		if (c->first[g])
			return c->first[g];
		if (g == to)
			return NULL;
	}
}

static void put_object(struct m_zspage *z, struct m_object *o)
{
	unsigned int idx = z->free[z->class->objs - ++z->inuse];

	o->zspage = z;
	o->idx = idx;
	z->objs[idx] = o;
}

static void take_object(struct m_object *o)
{
	struct m_zspage *z = o->zspage;

	z->objs[o->idx] = NULL;
	z->free[z->class->objs - z->inuse--] = o->idx;
}

static struct m_zspage *new_zspage(struct model *m, struct m_class *c)
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
static void free_zspage(struct model *m, struct m_zspage *z)
{
	take_out(z);
	z->class->capacity -= z->class->objs;
	m->pages -= z->class->pages;
	free(z->objs);
	free(z->free);
	free(z);
}

/* Its group may be another one now. */
static void regroup(struct m_zspage *z)
{
	if (group_of(z) == z->group)
		return;
	take_out(z);
	insert(z);
}

/* ---- what the calls do ---------------------------------------------------- */

void m_malloc(struct model *m, struct m_object *o, struct m_class *c)
{
	struct m_zspage *z;

	o->class = c;
	c->inuse++;
	c->handles ^= o->handle;
	m->bytes += o->size + sizeof(unsigned long);
	/* With the place that it takes it may take others near. */
	m->kept |= m->expected.own_places && m->holes;
	if (!m->expected.exact)
		return;
	z = first_of(c, 10, 0);
	if (!z) {
		z = new_zspage(m, c);
		put_object(z, o);
		insert(z);
	} else {
		put_object(z, o);
		regroup(z);
	}
}

void m_free(struct model *m, struct m_object *o)
{
	struct m_zspage *z = o->zspage;

	o->class->inuse--;
	o->class->handles ^= o->handle;
	m->bytes -= o->size + sizeof(unsigned long);
	m->kept |= m->expected.own_places;
	m->holes = true;
	if (!z)
		return;
	take_object(o);
	regroup(z);
	if (!z->inuse && !z->locks)
		free_zspage(m, z);
}

unsigned long m_freeable(const struct m_class *c)
{
	return (c->capacity - c->inuse) / c->objs * c->pages;
}

unsigned long m_freeable_all(const struct model *m)
{
	unsigned long pages = 0;

	for (unsigned int i = 0; i < m->nr_classes; i++)
		pages += m_freeable(&m->classes[i]);
	return pages;
}

/* Lowest index first, until dst is full or src empty. */
static void move_objects(struct model *m, struct m_zspage *src,
			 struct m_zspage *dst)
{
	struct m_class *c = src->class;

	for (unsigned int i = 0;
	     i < c->objs && src->inuse && dst->inuse < c->objs; i++) {
		struct m_object *o = src->objs[i];

		if (!o)
			continue;
		take_object(o);
		put_object(dst, o);
		m->moved++;
		m->moved_bytes += c->size;
	}
}

static unsigned long compact_class(struct model *m, struct m_class *c)
{
	struct m_zspage *dst = NULL, *src;
	unsigned long freed = 0;

	while (m_freeable(c)) {
		if (!dst) {
			dst = first_of(c, 10, 1);
			if (!dst)
				break;
			take_out(dst);
		}
		src = first_of(c, 1, 10);
		if (!src)
			break;
		take_out(src);
		if (src->pins) {
			insert(src);
			break;
		}
		move_objects(m, src, dst);
		insert(src);
		if (!src->inuse) {
			freed += c->pages;
			if (!src->locks)
				free_zspage(m, src);
		}
		if (dst->inuse == c->objs) {
			insert(dst);
			dst = NULL;
		}
	}
	if (dst)
		insert(dst);
	return freed;
}

unsigned long m_compact(struct model *m)
{
	unsigned long freed = 0;

	for (unsigned int i = m->nr_classes; i-- > 0;)
		freed += compact_class(m, &m->classes[i]);
	return freed;
}

void m_drain(struct model *m)
{
	m->kept = false;
	for (unsigned int i = 0; i < m->nr_classes; i++)
		while (m->classes[i].first[0]) {
			free_zspage(m, m->classes[i].first[0]);
			m->async_freed++;
		}
}

/* ---- comparing ------------------------------------------------------------ */

struct walk {
	struct model *m;
	struct m_class *class;
	unsigned int group;
	struct m_zspage *next; /* in group */
	unsigned long inuse, handles; /* seen so far */
};

static int compare_zspage(const struct subject_zspage *is, void *arg)
{
	struct walk *w = arg;
	struct model *m = w->m;
	struct m_zspage *z;

	while (!w->next && w->group < 11)
		w->next = w->class->first[++w->group];
	z = w->next;
	MUST(m, z);
	w->next = z->next;
	MUST(m, is->group == z->group);
	MUST(m, is->inuse == z->inuse);
	MUST(m, is->objs == w->class->objs);
	for (unsigned int i = 0; i < is->objs; i++)
		MUST(m,
		     is->handles[i] == (z->objs[i] ? z->objs[i]->handle : 0));
	for (unsigned int i = 0; i < is->objs - is->inuse; i++)
		MUST(m,
		     is->free_list[i] == z->free[is->objs - is->inuse - 1 - i]);
	return 0;
}

static void compare_places(struct model *m, struct m_class *c)
{
	struct walk w = { .m = m, .class = c, .next = c->first[0] };

	if (!c->capacity || !m->s->for_each_zspage)
		return;
	MUST(m,
	     m->s->for_each_zspage(m->pool, c->index, compare_zspage, &w) == 0);
	while (!w.next && w.group < 11)
		w.next = c->first[++w.group];
	MUST(m, !w.next);
}

/* Where the place of objects is not known: every object in use is in a zspage of
 * its class, once, and the zspage in its group. */
static int look_at_zspage(const struct subject_zspage *is, void *arg)
{
	struct walk *w = arg;
	struct model *m = w->m;
	unsigned int n = 0;

	MUST(m, is->objs == w->class->objs);
	if (m->expected.twelve_groups) {
		struct m_zspage z = { .class = w->class, .inuse = is->inuse };

		MUST(m, is->group == group_of(&z));
	}
	for (unsigned int i = 0; i < is->objs; i++) {
		w->handles ^= is->handles[i];
		n += is->handles[i] != 0;
	}
	/* The others are kept. */
	MUST(m, m->kept ? n <= is->inuse : n == is->inuse);
	w->inuse += n;
	return 0;
}

static void look_at_members(struct model *m, struct m_class *c)
{
	struct walk w = { .m = m, .class = c };

	if (!c->capacity || !m->s->for_each_zspage)
		return;
	MUST(m,
	     m->s->for_each_zspage(m->pool, c->index, look_at_zspage, &w) == 0);
	MUST(m, w.inuse == c->inuse);
	MUST(m, w.handles == c->handles);
}

/* Where the place of objects is not known: what the class tells of itself
 * becomes the model's. */
static void take_over(struct model *m, struct m_class *c,
		      const struct subject_class *is)
{
	unsigned long zspages = 0;

	for (unsigned int g = 0; g < m->s->groups; g++)
		zspages += is->zspages[g];
	MUST(m, is->objs_capacity == zspages * c->objs);
	MUST(m, is->objs_inuse <= is->objs_capacity);
	MUST(m, m->kept || is->zspages[m->s->groups - 1] * c->objs <=
				   is->objs_inuse);
	c->capacity = is->objs_capacity;
	memcpy(c->zspages, is->zspages, sizeof(c->zspages));
}

static void compare_class(struct model *m, struct m_class *c)
{
	struct subject_class is = { 0 };

	m->s->class_info(m->pool, c->index, &is);
	MUST(m, is.index == c->index);
	MUST(m, is.size == c->size);
	MUST(m, is.pages_per_zspage == c->pages);
	MUST(m, is.objs_per_zspage == c->objs);
	MUST(m, is.huge == c->huge);
	MUST(m, is.objs_inuse == c->inuse);
	if (!m->expected.exact)
		take_over(m, c, &is);
	MUST(m, is.objs_capacity == c->capacity);
	/* (What is kept is not free yet.) */
	MUST(m, m->kept ? is.freeable_pages <= m_freeable(c)
			: is.freeable_pages == m_freeable(c));
	MUST(m, !memcmp(is.zspages, c->zspages, sizeof(is.zspages)));
	if (m->expected.exact)
		compare_places(m, c);
	else
		look_at_members(m, c);
}

void m_compare(struct model *m)
{
	unsigned long pages = 0, total;

	for (unsigned int i = 0; i < m->nr_classes; i++) {
		struct m_class *c = &m->classes[i];

		compare_class(m, c);
		pages += c->capacity / c->objs * c->pages;
	}
	if (m->expected.exact)
		MUST(m, pages == m->pages);
	total = m->s->total_pages(m->pool);
	if (m->expected.counts_used) {
		MUST(m, total <= pages);
		MUST(m, total * m->page_size >= m->bytes);
	} else {
		MUST(m, total == pages);
	}
	MUST(m, m->kept ? m->s->shrink_count(m->pool) <= m_freeable_all(m)
			: m->s->shrink_count(m->pool) == m_freeable_all(m));
	MUST(m, m->s->pages_compacted(m->pool) == m->compacted);
	if (m->s->check)
		MUST(m, m->s->check(m->pool, stderr) == 0);
	if (m->run->compare)
		m->run->compare(m);
}

/* ---- runs ----------------------------------------------------------------- */

static void run_step(struct model *m, unsigned int phase)
{
	unsigned int r = rng_below(&m->rng, 100);

	for (size_t i = 0; i < m->run->nr_ops; i++) {
		const struct m_op *op = &m->run->ops[i];

		if (r < op->share[phase]) {
			op->op(m);
			return;
		}
		r -= op->share[phase];
	}
	fail_msg("the shares of phase %u are not 100", phase);
}

/* Half of them small, so that zspages have many objects; one near a page. */
static void choose_sizes(struct model *m)
{
	for (size_t i = 0; i < ARRAY_SIZE(m->sizes); i++) {
		unsigned int most = m->max_size;

		if (i % 2)
			most >>= rng_range(&m->rng, 1, 7);
		m->sizes[i] = rng_range(&m->rng, most / 8 + 1, most);
	}
}

static void start(struct model *m, const struct m_run *run)
{
	m->run = run;
	m->s = run->subject;
	m->page_size = run->page_size;
	m->expected = expected_of(m->s);
	m->max_size = m->page_size;
	if (subject_max_size(m->s, m->page_size) > m->page_size)
		m->max_size *= MODEL_MAX_PAGES;
	m->max_live = run->max_live;
	m->objects = calloc(m->max_live, sizeof(*m->objects));
	m->live = calloc(m->max_live, sizeof(*m->live));
	assert_non_null(m->objects);
	assert_non_null(m->live);
	for (unsigned int i = 0; i < m->max_live; i++)
		m->live[i] = &m->objects[i];
	rng_seed(&m->rng,
		 run->seed << 32 | m->page_size << 4 | run->chain_size);
	m->pool = m->s->create(m->page_size, run->chain_size, false);
	assert_non_null(m->pool);
	if (m->expected.exact)
		make_classes(m);
	else
		read_classes(m);
	choose_sizes(m);
}

static void finish(struct model *m)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(m->pinned); i++)
		m_unpin(m, i);
	if (m->run->finish)
		m->run->finish(m);
	m_op_drain(m);
	m_compare(m);
	while (m->nr_live)
		m_free_live(m, m->nr_live - 1);
	m_op_drain(m);
	m_compare(m);
	MUST(m, m->s->total_pages(m->pool) == 0);
	MUST(m, m->s->destroy(m->pool) == 0);
}

void m_run(const struct m_run *run, void *more)
{
	struct model *m = calloc(1, sizeof(*m));
	unsigned int phase = 0;

	assert_non_null(m);
	m->more = more;
	start(m, run);
	for (m->step = 1; m->step <= run->steps; m->step++) {
		/* Phases last for a sixth of what the pool can hold. */
		if (!rng_below(&m->rng, m->max_live / 6))
			phase = rng_below(&m->rng, 3);
		run_step(m, phase);
		if (m->step % run->every == 0)
			m_compare(m);
	}
	finish(m);
	free(m->objects);
	free(m->live);
	free(m);
}
