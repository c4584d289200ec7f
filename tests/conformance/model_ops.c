/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* model_ops.c - operations on a subject and on its model; see model.h. */
#include "model_rules.h"

struct m_object *m_some_live(struct model *m)
{
	return m->nr_live ? m->live[rng_below(&m->rng, m->nr_live)] : NULL;
}

bool m_holds(const struct m_object *o, size_t at, const void *data, size_t len)
{
	return !memcmp(o->data + at, data, len);
}

static void must_hold(struct model *m, const struct m_object *o,
		      const struct subject_segment *segments, unsigned int nr,
		      size_t len)
{
	size_t at = 0;

	MUST(m, nr == 1 || (nr == 2 && !m->expected.one_piece));
	for (unsigned int i = 0; i < nr; i++) {
		MUST(m, segments[i].len && segments[i].len <= len - at);
		MUST(m, m_holds(o, at, segments[i].data, segments[i].len));
		at += segments[i].len;
	}
	MUST(m, at == len);
}

static void read_one(struct model *m, struct m_object *o, size_t len)
{
	struct subject_segment segments[2];
	const void *data;
	unsigned int nr;

	/* All ways to read. */
	switch (rng_below(&m->rng, m->expected.segments ? 3 : 2)) {
	case 0:
		data = m->s->read_begin(m->pool, o->handle, len, m->buffer);
		MUST(m, data);
		MUST(m, m_holds(o, 0, data, len));
		m->s->read_end(m->pool, o->handle, len, data);
		return;
	case 1:
		memset(m->buffer, 0xa5, len);
		m->s->read(m->pool, o->handle, m->buffer, len);
		MUST(m, m_holds(o, 0, m->buffer, len));
		return;
	default:
		nr = m->s->read_sg_begin(m->pool, o->handle, segments, len);
		must_hold(m, o, segments, nr, len);
		m->s->read_sg_end(m->pool, o->handle);
	}
}

void m_op_write(struct model *m)
{
	struct m_object *o = m_some_live(m);
	size_t len;

	/* What is being read must not change. */
	if (!o || o->pins)
		return;
	len = rng_range(&m->rng, 1, o->size);
	pattern_fill(o->data, len, rng_next(&m->rng));
	/* Mapped for writing, the rest may be lost where it was copied. */
	if (m->s->traits & SUBJECT_ONE_OPEN_OBJECT)
		len = o->size;
	m->s->write(m->pool, o->handle, o->data, len);
	read_one(m, o, o->size);
}

void m_op_read(struct model *m)
{
	struct m_object *o = m_some_live(m);

	if (o)
		read_one(m, o, rng_range(&m->rng, 1, o->size));
}

void m_op_read_all(struct model *m)
{
	for (unsigned int i = 0; i < m->nr_live; i++)
		read_one(m, m->live[i], m->live[i]->size);
}

void m_op_malloc(struct model *m)
{
	struct m_object *o;
	struct m_class *c;

	if (m->nr_live == m->max_live)
		return;
	o = m->live[m->nr_live++];
	if (rng_below(&m->rng, 10))
		o->size = m->sizes[rng_below(&m->rng, ARRAY_SIZE(m->sizes))];
	else
		o->size = rng_range(&m->rng, 1, m->max_size);
	o->data = malloc(o->size);
	assert_non_null(o->data);
	/* Before: the pool may use others when it has grown. */
	c = m_class_for(m, o->size);
	o->handle = m->s->malloc(m->pool, o->size);
	MUST(m, o->handle && !zs_is_err(o->handle));
	m_malloc(m, o, c);
	pattern_fill(o->data, o->size, rng_next(&m->rng));
	m->s->write(m->pool, o->handle, o->data, o->size);
}

void m_free_live(struct model *m, unsigned int i)
{
	struct m_object *o = m->live[i];

	read_one(m, o, o->size);
	if (m->s->free_deferred) {
		m->s->free_deferred(m->pool, o->handle);
		m->s->flush(m->pool);
	} else {
		m->s->free(m->pool, o->handle);
	}
	m->live[i] = m->live[--m->nr_live];
	m->live[m->nr_live] = o;
	m_free(m, o);
	o->handle = 0;
	free(o->data);
}

void m_op_free(struct model *m)
{
	unsigned int i;

	if (!m->nr_live)
		return;
	i = rng_below(&m->rng, m->nr_live);
	if (!m->live[i]->pins)
		m_free_live(m, i);
}

void m_op_compact(struct model *m)
{
	unsigned long count, freed;
	bool kept;

	/* What is kept is freed, and may make more zspages empty. */
	if (m->expected.own_places && rng_below(&m->rng, 2))
		m_op_drain(m);
	kept = m->kept;
	count = m->s->shrink_count(m->pool);
	m->compactions++;
	if (rng_below(&m->rng, 2)) {
		freed = m->s->compact(m->pool);
	} else {
		freed = m->s->shrink_scan(m->pool, rng_below(&m->rng, 100));
		MUST(m, freed);
		if (freed == ~0UL)
			freed = 0;
	}
	if (m->expected.exact)
		MUST(m, freed == m_compact(m));
	else
		MUST(m, kept || freed <= count);
	m->kept = false;
	m->compacted += freed;
}

void m_unpin(struct model *m, unsigned int slot)
{
	struct m_object *o = m->pinned[slot];

	if (!o)
		return;
	m->pinned[slot] = NULL;
	/* Wherever others went meanwhile, it stayed. */
	if (o->nr_segments) {
		must_hold(m, o, o->segments, o->nr_segments, o->size);
		m->s->read_sg_end(m->pool, o->handle);
		o->nr_segments = 0;
	} else {
		MUST(m, m_holds(o, 0, o->mapped, o->size));
		m->s->read_end(m->pool, o->handle, o->size, o->mapped);
		free(o->copy);
	}
	o->pins--;
	if (o->zspage)
		o->zspage->pins--;
}

void m_op_pin(struct model *m)
{
	unsigned int slot = rng_below(&m->rng, ARRAY_SIZE(m->pinned));
	struct m_object *o;

	if (!m->expected.nested_reads)
		return;
	if (m->pinned[slot]) {
		m_unpin(m, slot);
		return;
	}
	o = m_some_live(m);
	if (!o || o->pins)
		return;
	m->pinned[slot] = o;
	o->pins++;
	if (o->zspage)
		o->zspage->pins++;
	if (m->expected.segments && rng_below(&m->rng, 2)) {
		o->nr_segments = m->s->read_sg_begin(m->pool, o->handle,
						     o->segments, o->size);
		MUST(m, o->nr_segments);
		return;
	}
	o->copy = malloc(o->size);
	assert_non_null(o->copy);
	o->mapped = m->s->read_begin(m->pool, o->handle, o->size, o->copy);
	MUST(m, o->mapped);
}

void m_op_move_pages(struct model *m)
{
	unsigned long most = rng_range(&m->rng, 1, 40);

	if (m->s->move_pages)
		MUST(m, m->s->move_pages(m->pool, most) <= most);
}

void m_op_drain(struct model *m)
{
	m->s->drain(m->pool);
	m_drain(m);
}
