/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_objects.h - from a handle to its zspage and pages, for tests that look
 * at these.
 */
#ifndef UZS_TEST_OBJECTS_H
#define UZS_TEST_OBJECTS_H

#include "test_util.h"

#include "kernel/obj.h"

static inline struct zspage *zspage_of(struct zs_pool *pool,
				       unsigned long handle)
{
	return obj_to_zpdesc(pool, handle_to_obj(handle))->zspage;
}

static inline struct page *page_at(struct zspage *zspage, unsigned int n)
{
	struct zpdesc *zpdesc = zspage->first_zpdesc;

	while (n--)
		zpdesc = get_next_zpdesc(zpdesc);
	assert_non_null(zpdesc);
	return zpdesc_page(zpdesc);
}

#endif
