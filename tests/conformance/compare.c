/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* compare.c - see compare.h.
 *
 * After every operation: the operation's own result, the pool's pages, what
 * the shrinker counts, the pages compacted so far, and of every class the
 * zspages by fullness group, the objects there and in use, the freeable
 * pages. Every class, not only that of the operation: then nothing has to be
 * believed about which classes an operation can change. It takes about as
 * long as the operations themselves. (With `every` above 1 the other classes
 * wait until then; compactions and the end look at all in any case. A
 * difference outside the operation's class that goes away before is missed.)
 *
 * After every COMPARE_LAYOUT_EVERYth operation and at the end: the place of every
 * object, the order of the lists of zspages and of free objects, where both
 * subjects can show them; and their own checks.
 *
 * Data: each object holds a pattern, compared when it is freed or at the
 * end: all of it for one object in data_every, else the beginning.
 */
#include "compare.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "test_random.h"
#include "tools/objtable.h"
#include "tools/uzs.h"

#define MOVE_PAGES 16 /* in a round */
#define DATA_BYTES 16

struct words {
	uint32_t *word;
	size_t nr, room;
};

struct side {
	const struct subject *s;
	struct subject_pool *pool;
	struct uzs_objtable live; /* by trace ID */
	struct subject_class *state; /* by distinct class */
	unsigned long pages, freeable, compacted;
	long result; /* of the last operation */
	struct words layout;
	bool no_memory;
};

struct run {
	const struct compare_options *opt;
	const struct trace_ops *ops;
	struct compare_counts *counts;
	FILE *report;
	struct side side[2];
	unsigned int *index; /* of the distinct classes */
	unsigned int nr_classes;
	unsigned int *class_of; /* place in index[], by class index */
	size_t at;
	uint32_t generation;
	unsigned char *expected, *copy; /* a page each */
};

const char *compare_refuses(const struct subject *a, const struct subject *b)
{
	unsigned int by_design = SUBJECT_FOUR_GROUPS | SUBJECT_PERCENT_CHAINS |
				 SUBJECT_OWN_CLASSES | SUBJECT_OWN_PLACES;

	if (a->groups != b->groups)
		return "they have different fullness groups";
	if ((a->traits ^ b->traits) & by_design)
		return "their classes differ by design";
	return NULL;
}

/* ---- reporting ----------------------------------------------------------- */

void compare_print_op(FILE *out, const struct trace_ops *ops, size_t at)
{
	const struct trace_op *op = &ops->op[at];

	if (at == ops->nr)
		fprintf(out, "at the end of %zu operations", at);
	else if (op->kind == 'a')
		fprintf(out, "operation %zu: a %" PRIu32 " %" PRIu32, at + 1,
			op->id, op->size);
	else if (op->kind == 'f')
		fprintf(out, "operation %zu: f %" PRIu32, at + 1, op->id);
	else
		fprintf(out, "operation %zu: c", at + 1);
}

static void print_figure(FILE *out, const char *name, unsigned long a,
			 unsigned long b)
{
	fprintf(out, "  %-20s %18lu %18lu%s\n", name, a, b,
		a == b ? "" : "   <--");
}

static bool class_same(const struct subject_class *a,
		       const struct subject_class *b)
{
	return !memcmp(a->zspages, b->zspages, sizeof(a->zspages)) &&
	       a->objs_capacity == b->objs_capacity &&
	       a->objs_inuse == b->objs_inuse &&
	       a->freeable_pages == b->freeable_pages && a->index == b->index &&
	       a->size == b->size &&
	       a->pages_per_zspage == b->pages_per_zspage &&
	       a->objs_per_zspage == b->objs_per_zspage && a->huge == b->huge;
}

static void print_class(const struct run *r, unsigned int n)
{
	const struct subject_class *a = &r->side[0].state[n];
	const struct subject_class *b = &r->side[1].state[n];
	char name[40];

	fprintf(r->report, "  class %u\n", r->index[n]);
	print_figure(r->report, "  size", a->size, b->size);
	print_figure(r->report, "  pages per zspage", a->pages_per_zspage,
		     b->pages_per_zspage);
	print_figure(r->report, "  objects per zspage", a->objs_per_zspage,
		     b->objs_per_zspage);
	print_figure(r->report, "  objects allocated", a->objs_capacity,
		     b->objs_capacity);
	print_figure(r->report, "  objects in use", a->objs_inuse,
		     b->objs_inuse);
	print_figure(r->report, "  freeable pages", a->freeable_pages,
		     b->freeable_pages);
	for (unsigned int g = 0; g < r->side[0].s->groups; g++) {
		if (!a->zspages[g] && !b->zspages[g])
			continue;
		snprintf(name, sizeof(name), "  zspages, group %u", g);
		print_figure(r->report, name, a->zspages[g], b->zspages[g]);
	}
}

static void read_state(struct run *r, struct side *side)
{
	side->pages = side->s->total_pages(side->pool);
	side->freeable = side->s->shrink_count(side->pool);
	side->compacted = side->s->pages_compacted(side->pool);
	for (unsigned int n = 0; n < r->nr_classes; n++)
		side->s->class_info(side->pool, r->index[n], &side->state[n]);
}

/* Prints the operation, why, and both states: the totals, the classes that
 * differ and that of the operation. Return: false. */
__attribute__((format(printf, 2, 3))) static bool
differ(struct run *r, const char *format, ...)
{
	const struct side *a = &r->side[0], *b = &r->side[1];
	unsigned int own = r->nr_classes;
	va_list args;

	if (!r->report)
		return false;
	compare_print_op(r->report, r->ops, r->at);
	fputs(": ", r->report);
	va_start(args, format);
	vfprintf(r->report, format, args);
	va_end(args);
	fprintf(r->report, "\n  %-20s %18s %18s\n", "", a->s->name, b->s->name);
	for (int i = 0; i < 2; i++)
		read_state(r, &r->side[i]);
	print_figure(r->report, "its result", (unsigned long)a->result,
		     (unsigned long)b->result);
	print_figure(r->report, "pages", a->pages, b->pages);
	print_figure(r->report, "freeable pages", a->freeable, b->freeable);
	print_figure(r->report, "pages compacted", a->compacted, b->compacted);
	if (r->at < r->ops->nr && r->ops->op[r->at].kind == 'a')
		own = r->class_of[subject_class_of(a->s, a->pool,
						   r->ops->op[r->at].size)];
	for (unsigned int n = 0; n < r->nr_classes; n++)
		if (n == own || !class_same(&a->state[n], &b->state[n]))
			print_class(r, n);
	return false;
}

/* ---- comparing ----------------------------------------------------------- */

static bool classes_same(struct run *r, unsigned int from, unsigned int to)
{
	struct side *a = &r->side[0], *b = &r->side[1];

	for (unsigned int n = from; n < to; n++) {
		a->s->class_info(a->pool, r->index[n], &a->state[n]);
		b->s->class_info(b->pool, r->index[n], &b->state[n]);
		if (!class_same(&a->state[n], &b->state[n]))
			return differ(r, "class %u differs", r->index[n]);
	}
	return true;
}

/* own: the class of the operation, or nr_classes to look at all. */
static bool state_same(struct run *r, unsigned int own)
{
	struct side *a = &r->side[0], *b = &r->side[1];

	if (a->result != b->result)
		return differ(r, "the results differ");
	if (a->s->total_pages(a->pool) != b->s->total_pages(b->pool))
		return differ(r, "the pages differ");
	if (a->s->shrink_count(a->pool) != b->s->shrink_count(b->pool))
		return differ(r, "the freeable pages differ");
	if (a->s->pages_compacted(a->pool) != b->s->pages_compacted(b->pool))
		return differ(r, "the pages compacted differ");
	if (own < r->nr_classes)
		return classes_same(r, own, own + 1);
	r->counts->states++;
	return classes_same(r, 0, r->nr_classes);
}

static bool add_word(struct words *words, uint32_t word)
{
	if (words->nr == words->room) {
		size_t room = words->room ? 2 * words->room : 4096;
		uint32_t *more = realloc(words->word, room * sizeof(*more));

		if (!more)
			return false;
		words->word = more;
		words->room = room;
	}
	words->word[words->nr++] = word;
	return true;
}

/* Of an object that the trace does not know. */
#define STRANGER UINT32_MAX

static int add_zspage(const struct subject_zspage *zspage, void *arg)
{
	struct side *side = arg;
	struct words *words = &side->layout;
	bool ok = add_word(words, zspage->group) &&
		  add_word(words, zspage->inuse);

	for (unsigned int i = 0; ok && i < zspage->objs; i++) {
		uint32_t id = 0;

		if (zspage->handles[i] &&
		    !uzs_objtable_ids(&side->live, &zspage->handles[i], 1, &id))
			id = STRANGER;
		ok = add_word(words, id);
	}
	for (unsigned int i = 0; ok && i < zspage->objs - zspage->inuse; i++)
		ok = add_word(words, zspage->free_list[i]);
	side->no_memory |= !ok;
	return !ok;
}

static bool layout_same(struct run *r)
{
	struct side *a = &r->side[0], *b = &r->side[1];

	if (!a->s->for_each_zspage || !b->s->for_each_zspage)
		return true;
	r->counts->layouts++;
	for (unsigned int n = 0; n < r->nr_classes; n++) {
		for (int i = 0; i < 2; i++) {
			struct side *side = &r->side[i];

			side->layout.nr = 0;
			if (side->s->for_each_zspage(side->pool, r->index[n],
						     add_zspage, side)) {
				side->no_memory = true;
				return true;
			}
		}
		if (a->layout.nr != b->layout.nr ||
		    (a->layout.nr && memcmp(a->layout.word, b->layout.word,
					    a->layout.nr * sizeof(uint32_t))))
			return differ(r,
				      "objects of class %u lie in other places",
				      r->index[n]);
	}
	return true;
}

static bool both_sound(struct run *r)
{
	for (int i = 0; i < 2; i++) {
		struct side *side = &r->side[i];

		if (side->s->check && side->s->check(side->pool, r->report))
			return differ(r, "%s's own check fails", side->s->name);
	}
	return true;
}

/* ---- operations ---------------------------------------------------------- */

/* side: NULL when both are looked at. */
static void note_place(const struct run *r, const struct side *side)
{
	volatile struct compare_place *place = r->opt->place;

	if (!place)
		return;
	place->at = r->at;
	place->side = side ? (int)(side - r->side) : -1;
}

static size_t data_bytes(const struct run *r, const struct uzs_object *object)
{
	size_t most = object->generation % r->opt->data_every
			      ? DATA_BYTES
			      : r->opt->page_size;

	return object->size < most ? object->size : most;
}

static void side_alloc(struct run *r, struct side *side,
		       const struct trace_op *op)
{
	struct uzs_object object = {
		.id = op->id,
		.size = op->size,
		.generation = r->generation,
		.handle = side->s->malloc(side->pool, op->size),
	};

	if (zs_is_err(object.handle)) {
		side->result = zs_err(object.handle);
		return;
	}
	if (!uzs_objtable_add(&side->live, &object)) {
		side->no_memory = true;
		return;
	}
	pattern_fill(r->expected, data_bytes(r, &object), object.generation);
	side->s->write(side->pool, object.handle, r->expected,
		       data_bytes(r, &object));
}

static bool side_verify(struct run *r, struct side *side,
			struct uzs_object *object)
{
	size_t len = data_bytes(r, object);

	side->s->read(side->pool, object->handle, r->copy, len);
	if (pattern_ok(r->copy, len, object->generation))
		return true;
	return differ(r, "%s: object %" PRIu32 " does not hold its data",
		      side->s->name, object->id);
}

static bool side_free(struct run *r, struct side *side,
		      struct uzs_object *object)
{
	if (!side_verify(r, side, object))
		return false;
	if (side->s->free_deferred) {
		side->s->free_deferred(side->pool, object->handle);
		side->s->flush(side->pool);
	} else {
		side->s->free(side->pool, object->handle);
	}
	uzs_objtable_remove(&side->live, object);
	return true;
}

static bool run_op(struct run *r, const struct trace_op *op)
{
	struct compare_counts *counts = r->counts;

	r->generation++;
	for (int i = 0; i < 2; i++) {
		struct side *side = &r->side[i];
		struct uzs_object *object;

		note_place(r, side);
		side->result = 0;
		if (op->kind == 'a') {
			side_alloc(r, side, op);
		} else if (op->kind == 'f') {
			/* None if its allocation failed, in both. */
			object = uzs_objtable_find(&side->live, op->id);
			if (object && !side_free(r, side, object))
				return false;
		} else {
			side->result = (long)side->s->compact(side->pool);
		}
	}
	note_place(r, NULL);
	counts->ops++;
	counts->allocs += op->kind == 'a';
	counts->frees += op->kind == 'f';
	if (op->kind == 'c') {
		counts->compactions++;
		counts->pages_compacted += (unsigned long)r->side[0].result;
	}
	return true;
}

static unsigned int own_class(const struct run *r, const struct trace_op *op,
			      uint32_t size)
{
	const struct side *a = &r->side[0];

	if (op->kind == 'c')
		return r->nr_classes;
	return r->class_of[subject_class_of(a->s, a->pool, size)];
}

static bool move_pages(struct run *r)
{
	for (int i = 0; i < 2; i++) {
		struct side *side = &r->side[i];

		note_place(r, side);
		if (side->s->move_pages)
			r->counts->pages_moved[i] +=
				side->s->move_pages(side->pool, MOVE_PAGES);
	}
	note_place(r, NULL);
	return state_same(r, r->nr_classes) && layout_same(r);
}

static bool run_ops(struct run *r)
{
	const struct compare_options *opt = r->opt;

	for (r->at = 0; r->at < r->ops->nr; r->at++) {
		const struct trace_op *op = &r->ops->op[r->at];
		unsigned int own = r->nr_classes;
		const struct uzs_object *object;

		if ((r->at + 1) % opt->every) {
			object = uzs_objtable_find(&r->side[0].live, op->id);
			own = own_class(r, op,
					object ? object->size : op->size);
		}
		if (!run_op(r, op) || !state_same(r, own))
			return false;
		if (opt->move_every && (r->at + 1) % opt->move_every == 0 &&
		    !move_pages(r))
			return false;
		if (((r->at + 1) % COMPARE_LAYOUT_EVERY == 0 ||
		     r->at >= opt->layout_from) &&
		    (!layout_same(r) || !both_sound(r)))
			return false;
		if (r->side[0].no_memory || r->side[1].no_memory)
			return true;
	}
	return state_same(r, r->nr_classes) && layout_same(r) && both_sound(r);
}

static bool for_all_live(struct run *r, struct side *side,
			 bool (*fn)(struct run *r, struct side *side,
				    struct uzs_object *object))
{
	struct uzs_objtable *live = &side->live;

	note_place(r, side);
	for (size_t i = 0; i < live->positions; i++)
		if (live->objects[i].size && !fn(r, side, &live->objects[i]))
			return false;
	return true;
}

/* What still lives is verified and freed; nothing may be left. */
static bool finish(struct run *r)
{
	unsigned long left[2];

	for (int pass = 0; pass < 2; pass++)
		for (int i = 0; i < 2; i++)
			if (!for_all_live(r, &r->side[i],
					  pass ? side_free : side_verify))
				return false;
	note_place(r, NULL);
	if (!state_same(r, r->nr_classes) || !both_sound(r))
		return false;
	for (int i = 0; i < 2; i++) {
		struct side *side = &r->side[i];

		note_place(r, side);
		left[i] = side->s->destroy(side->pool);
		side->pool = NULL;
		if (left[i] && r->report)
			fprintf(r->report,
				"%s leaves %lu objects or pages behind\n",
				side->s->name, left[i]);
	}
	return !left[0] && !left[1];
}

/* ---- a run --------------------------------------------------------------- */

/* The distinct classes. Both must have the same ones. */
static bool list_classes(struct run *r)
{
	struct side *a = &r->side[0], *b = &r->side[1];
	unsigned int count = a->s->class_count(a->pool);
	/* A subject with fewer groups fills fewer. */
	struct subject_class i = { 0 }, k = { 0 };

	r->index = calloc(count, sizeof(*r->index));
	r->class_of = calloc(count, sizeof(*r->class_of));
	a->state = calloc(count, sizeof(*a->state));
	b->state = calloc(count, sizeof(*b->state));
	if (!r->index || !r->class_of || !a->state || !b->state) {
		a->no_memory = true;
		return true;
	}
	if (b->s->class_count(b->pool) != count)
		return differ(r, "one has %u class indices, the other %u",
			      count, b->s->class_count(b->pool));
	for (unsigned int n = 0; n < count; n++) {
		a->s->class_info(a->pool, n, &i);
		b->s->class_info(b->pool, n, &k);
		r->class_of[n] = r->nr_classes;
		if (i.index == n)
			r->index[r->nr_classes++] = n;
		if (!class_same(&i, &k))
			return differ(r, "class %u differs in an empty pool",
				      n);
	}
	return true;
}

static bool open_sides(struct run *r)
{
	for (int i = 0; i < 2; i++) {
		struct side *side = &r->side[i];

		side->s = r->opt->subject[i];
		side->pool = side->s->create(r->opt->page_size,
					     r->opt->chain_size, false);
		if (!side->pool) {
			uzs_fail(
				"%s: no pool with pages of %u bytes and chains of %u",
				side->s->name, r->opt->page_size,
				r->opt->chain_size);
			return false;
		}
		side->no_memory = !uzs_objtable_init(&side->live);
	}
	r->expected = malloc(r->opt->page_size);
	r->copy = malloc(r->opt->page_size);
	if (r->expected && r->copy && !r->side[0].no_memory &&
	    !r->side[1].no_memory)
		return true;
	uzs_fail("out of memory for a comparison");
	return false;
}

static void close_side(struct side *side)
{
	if (side->pool) {
		/* Some subjects give back only what was freed. */
		for (size_t k = 0; k < side->live.positions; k++)
			if (side->live.objects[k].size)
				side->s->free(side->pool,
					      side->live.objects[k].handle);
		side->s->destroy(side->pool);
	}
	uzs_objtable_destroy(&side->live);
	free(side->state);
	free(side->layout.word);
}

enum compare_result compare_run(const struct compare_options *opt,
				const struct trace_ops *ops, size_t *at,
				struct compare_counts *counts, FILE *report)
{
	struct run r = {
		.opt = opt, .ops = ops, .counts = counts, .report = report
	};
	enum compare_result result = COMPARE_FAILED;

	if (open_sides(&r)) {
		bool same = list_classes(&r) && run_ops(&r) && finish(&r);

		if (!same) {
			result = COMPARE_DIFFERENT;
			*at = r.at;
		} else if (r.side[0].no_memory || r.side[1].no_memory) {
			uzs_fail("out of memory for a comparison");
		} else {
			result = COMPARE_SAME;
		}
	}
	close_side(&r.side[0]);
	close_side(&r.side[1]);
	free(r.index);
	free(r.class_of);
	free(r.expected);
	free(r.copy);
	return result;
}
