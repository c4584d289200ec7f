/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* util.h - shared by the tests: random numbers, pages that name their owner. */
#ifndef ZSWAP_TEST_UTIL_H
#define ZSWAP_TEST_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uzsmalloc.h>

#define PAGE 4096u
#define MIB ((size_t)1 << 20)

/* UZS_TEST_SCALE: percent of the work to do. */
static inline unsigned int scaled(unsigned int n)
{
	const char *percent = getenv("UZS_TEST_SCALE");

	return percent ? n / 100 * (unsigned int)atoi(percent) : n;
}

/* The tests run with pools of both profiles: ZSWAP_TEST_PROFILE=user is for the
 * one that is not the default. */
static inline enum zs_profile test_profile(void)
{
	const char *name = getenv("ZSWAP_TEST_PROFILE");

	return name && !strcmp(name, "user") ? ZS_PROFILE_USER
					     : ZS_PROFILE_DEFAULT;
}

static inline uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

enum page_kind { SAME_FILLED, TEXT, RANDOM };

static inline enum page_kind kind_of(uint32_t version)
{
	return version % 8 == 0	  ? SAME_FILLED
	       : version % 8 == 1 ? RANDOM
				  : TEXT;
}

/* Makes the page of an offset in a version. No two are equal, of any kind. */
static inline void make_page_of(void *page, enum page_kind kind,
				uint64_t offset, uint32_t version)
{
	uint32_t state = (uint32_t)offset * 2654435761u ^ version * 40503u;
	unsigned long *word = page;
	char *text = page;
	size_t at = 0;

	switch (kind) {
	case SAME_FILLED:
		for (size_t i = 0; i < PAGE / sizeof(*word); i++)
			word[i] = (unsigned long)offset << 16 ^ version;
		break;
	case RANDOM:
		for (size_t i = 0; i < PAGE; i++)
			text[i] = (char)(next_random(&state) >> 9);
		break;
	case TEXT:
		/* Compresses to between a tenth and most of a page. */
		memset(text, 0, PAGE);
		while (at + 64 < PAGE) {
			at += (size_t)sprintf(text + at, "%llu/%u at %zu: ",
					      (unsigned long long)offset,
					      version, at);
			for (unsigned int n = version % 40; n--;)
				text[at++] = (char)next_random(&state);
		}
	}
}

static inline void make_page(void *page, uint64_t offset, uint32_t version)
{
	make_page_of(page, kind_of(version), offset, version);
}

static inline void assert_page(const void *page, uint64_t offset,
			       uint32_t version)
{
	unsigned char expected[PAGE];

	make_page(expected, offset, version);
	assert_memory_equal(page, expected, PAGE);
}

#endif
