/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* path.c - owns the path that the search is trying. */
#include "path.h"

#define MAX_NODES 4096

struct node {
	u8 current; /* fiber that ran */
	u8 chosen;
	u8 left; /* preemptions left, before the choice */
	u8 stale; /* stale choices left, before this one */
	bool is_free; /* a switch is no preemption */
	bool is_stale; /* a choice of a store; the default is 0 */
	u16 enabled; /* what can be chosen, as bits: fibers, or stores */
	u16 tried; /* the same; `chosen` included */
};

static struct {
	struct node node[MAX_NODES];
	u32 nr; /* nodes, which the next run repeats */
	u32 at; /* the next node of this run */
	u8 bound, stale; /* most preemptions and stale choices */
	bool too_deep;
} path;

void lab_path_forget(u8 preemptions, u8 stale)
{
	path.nr = path.at = 0;
	path.bound = preemptions;
	path.stale = stale;
	path.too_deep = false;
}

void lab_path_begin_run(void)
{
	path.at = 0;
}

bool lab_path_repeats(void)
{
	return path.at < path.nr;
}

void lab_path_left(u8 *left, u8 *stale)
{
	const struct node *last = path.at ? &path.node[path.at - 1] : NULL;

	*left = path.bound;
	*stale = path.stale;
	if (!last)
		return;
	*left = (u8)(last->left - (!last->is_stale && !last->is_free &&
				   last->chosen != last->current));
	*stale = (u8)(last->stale - (last->is_stale && last->chosen));
}

u8 lab_path_repeat(void)
{
	return path.node[path.at++].chosen;
}

static bool add(struct node node)
{
	if (path.at == MAX_NODES) {
		path.too_deep = true;
		return false;
	}
	lab_path_left(&node.left, &node.stale);
	node.tried = (u16)(1u << node.chosen);
	path.node[path.at] = node;
	path.nr = ++path.at;
	return true;
}

bool lab_path_add(u8 current, u16 choices, u8 chosen, bool is_free)
{
	return add((struct node){ .current = current,
				  .chosen = chosen,
				  .is_free = is_free,
				  .enabled = choices });
}

bool lab_path_add_stale(u16 choices)
{
	return add((struct node){ .is_stale = true, .enabled = choices });
}

bool lab_path_next(void)
{
	while (path.nr > 0) {
		struct node *n = &path.node[path.nr - 1];
		u16 others = (u16)(n->enabled & ~n->tried);

		if (others &&
		    (n->is_stale ? n->stale > 0 : n->is_free || n->left > 0)) {
			n->chosen = (u8)__builtin_ctz(others);
			n->tried |= (u16)(1u << n->chosen);
			return true;
		}
		path.nr--;
	}
	return false;
}

bool lab_path_too_deep(void)
{
	return path.too_deep;
}
