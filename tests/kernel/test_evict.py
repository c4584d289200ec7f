#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""uzs-kernel-evict passes a subject that reclaims as 6.2 to 6.4 do, and fails
each that does it wrong in one way. Needs python3 and cc. (No kernel that
Debian has reclaims through zpool.)"""
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Groups of four objects of one size, under one lock. A group that is reclaimed
# keeps what is freed until that is over.
SUBJECT = r"""
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tests/conformance/subject.h"

#define NR 4
#define ATTEMPTS 8

struct object { struct group *group; char *data; bool live; };
struct group {
	struct group *next; /* from the oldest on */
	size_t size;
	bool taken; /* is reclaimed */
	struct object object[NR];
};
static struct group *oldest;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int (*evict)(unsigned long handle, void *arg);
static void *evict_arg;
static char pool;

static struct subject_pool *create(unsigned int p, unsigned int c, bool w)
{
	return (struct subject_pool *)&pool;
}

static unsigned int live(const struct group *g)
{
	unsigned int n = 0;

	for (int i = 0; i < NR; i++)
		n += g->object[i].live;
	return n;
}

static void leave(struct group *g)
{
	for (struct group **at = &oldest; *at; at = &(*at)->next)
		if (*at == g) {
			*at = g->next;
			return;
		}
}

static void join(struct group *g)
{
	struct group **at = &oldest;

#ifdef STAYS_OLD
	if (g->taken) {
		g->next = oldest;
		oldest = g;
		return;
	}
#endif
	while (*at)
		at = &(*at)->next;
	g->next = NULL;
	*at = g;
}

static void end(struct group *g)
{
	for (int i = 0; i < NR; i++)
		free(g->object[i].data);
	free(g);
}

static unsigned long take(struct subject_pool *p, size_t size)
{
	struct group *g;
	struct object *o;

	pthread_mutex_lock(&lock);
	for (g = oldest; g; g = g->next)
		if (g->size == size && live(g) < NR)
			break;
	if (g)
		leave(g);
	else
		g = calloc(1, sizeof(*g));
	g->size = size;
	join(g);
	for (o = g->object; o->live; o++)
		;
	o->group = g;
	o->live = true;
	if (!o->data)
		o->data = calloc(1, size);
	pthread_mutex_unlock(&lock);
	return (unsigned long)o;
}

static void give(struct subject_pool *p, unsigned long handle)
{
	struct object *o = (void *)handle;
	struct group *g = o->group;

	pthread_mutex_lock(&lock);
	o->live = false;
#ifdef FORGETS
	memset(o->data, 0xff, g->size);
#endif
	if (!g->taken && !live(g)) {
		leave(g);
		end(g);
	}
	pthread_mutex_unlock(&lock);
}

static void read_it(struct subject_pool *p, unsigned long handle, void *buf,
		    size_t len)
{
	memcpy(buf, ((struct object *)handle)->data, len);
}

static void write_it(struct subject_pool *p, unsigned long handle,
		     const void *from, size_t len)
{
	memcpy(((struct object *)handle)->data, from, len);
}

static void set_evict(struct subject_pool *p,
		      int (*fn)(unsigned long handle, void *arg), void *arg)
{
	evict = fn;
	evict_arg = arg;
}

static struct group *victim(void)
{
	struct group *g = oldest;

#ifdef NEWEST
	while (g && g->next)
		g = g->next;
#endif
	return g;
}

static void empty(struct group *g)
{
	for (int i = 0; i < NR; i++) {
		if (!g->object[i].live)
			continue;
#ifdef SKIPS
		if (i == 1)
			continue;
#endif
#ifdef FORGETS
		usleep(1000); /* others free it meanwhile */
#endif
		if (evict((unsigned long)&g->object[i], evict_arg))
			return;
	}
}

static int reclaim_one(void)
{
	for (int i = 0; i < ATTEMPTS; i++) {
		struct group *g;
		bool gone;

		pthread_mutex_lock(&lock);
		g = victim();
		if (!g) {
			pthread_mutex_unlock(&lock);
			return -EINVAL;
		}
		leave(g);
		g->taken = true;
		pthread_mutex_unlock(&lock);
		empty(g);
		pthread_mutex_lock(&lock);
		gone = !live(g);
#ifdef LOSES
		if (gone)
#endif
		join(g);
		g->taken = false;
		if (gone) {
			leave(g);
			end(g);
		}
		pthread_mutex_unlock(&lock);
		if (gone)
			return 0;
	}
	return -EAGAIN;
}

static int reclaim(struct subject_pool *p, unsigned int nr, unsigned int *back)
{
	int rc = 0;

	for (*back = 0; *back < nr && !rc; *back += !rc)
		rc = reclaim_one();
	return rc;
}

static int each(struct subject_pool *p, unsigned int index,
		int (*fn)(const struct subject_zspage *, void *), void *arg)
{
	for (struct group *g = oldest; g; g = g->next) {
		unsigned long handles[NR];
		struct subject_zspage z = { .objs = NR, .handles = handles };

		for (int i = 0; i < NR; i++)
			handles[i] = g->object[i].live ?
				(unsigned long)&g->object[i] : 0;
		if (fn(&z, arg))
			return 1;
	}
	return 0;
}

static void info(struct subject_pool *p, unsigned int index,
		 struct subject_class *c)
{
	memset(c, 0, sizeof(*c));
	c->objs_inuse = oldest != NULL;
}

static unsigned int lookup(struct subject_pool *p, unsigned int size)
{
	return 0;
}

static unsigned int one(struct subject_pool *p)
{
	return 1;
}

static unsigned long none(struct subject_pool *p)
{
	return 0;
}

static unsigned long pages(struct subject_pool *p)
{
	return oldest != NULL;
}

static unsigned long scan(struct subject_pool *p, unsigned long nr)
{
	return 0;
}

static const void *begin(struct subject_pool *p, unsigned long handle,
			 size_t len, void *copy)
{
	return NULL;
}

static void finish(struct subject_pool *p, unsigned long handle, size_t len,
		   const void *data)
{
}

static void drain(struct subject_pool *p)
{
}

static unsigned long check(struct subject_pool *p, FILE *out)
{
	return 0;
}

const struct subject *uzs_kernel_subject(void)
{
	static const struct subject subject = {
		.abi = SUBJECT_ABI, .struct_size = sizeof(subject),
		.name = "groups", .description = "groups",
		.page_size = 4096, .chain_size = 8, .groups = 4,
		.traits = SUBJECT_NO_SEGMENTS,
		.create = create, .destroy = none, .malloc = take,
		.free = give, .read = read_it, .write = write_it,
		.read_begin = begin, .read_end = finish, .compact = none,
		.shrink_count = none, .shrink_scan = scan, .drain = drain,
		.total_pages = pages, .pages_compacted = none,
		.huge_class_size = none, .lookup_class_index = lookup,
		.class_count = one, .class_info = info,
		.for_each_zspage = each, .check = check, .trim = none,
#ifndef NOT
		.set_evict = set_evict, .reclaim = reclaim,
#endif
	};

	return &subject;
}
"""


def build(to, *arguments):
    subprocess.run(["cc", "-D_GNU_SOURCE", "-std=gnu11", "-O1", "-pthread",
                    "-I", ROOT, "-o", to, *arguments], check=True)


class Evict(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.dir.cleanup)
        cls.path = Path(cls.dir.name)
        (cls.path / "subject.c").write_text(SUBJECT)
        build(cls.path / "evict", ROOT / "kernel/uzs-kernel-evict.c",
              ROOT / "kernel/activity.c", ROOT / "kernel/stress.c",
              ROOT / "tests/conformance/subject_load.c")

    def evict(self, *wrong):
        build(self.path / "subject.so", "-shared", "-fPIC", *wrong,
              self.path / "subject.c")
        done = subprocess.run(
            [self.path / "evict", self.path / "subject.so"], text=True,
            env={**os.environ, "UZS_TEST_SCALE": "10"}, timeout=120,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return done.returncode, done.stdout, done.stderr

    def test_right(self):
        status, out, error = self.evict()
        self.assertEqual((status, error), (0, ""))
        self.assertRegex(out, r"^[1-9]\d* objects evicted, [1-9]\d* refused")

    def test_wrong(self):
        for wrong, said in (
                ("NEWEST", "not in the oldest zspage"),
                ("STAYS_OLD", "not tried in order of age"),
                ("SKIPS", "not all of the oldest zspage was evicted"),
                ("LOSES", "given back though an object stays"),
                ("FORGETS", "what is to be evicted is no object")):
            with self.subTest(wrong):
                status, _, error = self.evict(f"-D{wrong}")
                self.assertEqual(status, 1, error)
                self.assertRegex(error, said)

    def test_cannot(self):
        status, _, error = self.evict("-DNOT")
        self.assertEqual(status, 1)
        self.assertEqual(error, "evict: groups: zpool cannot shrink its "
                         "pools\n")


if __name__ == "__main__":
    unittest.main()
