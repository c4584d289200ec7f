/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/page_ref.h - references to pages. */
#ifndef UZS_KERNEL_LINUX_PAGE_REF_H
#define UZS_KERNEL_LINUX_PAGE_REF_H

#include <uzs/compat.h>
#include <linux/page-flags.h>

static inline int page_count(const struct page *p)
{
	return atomic_read(&p->_refcount);
}
static inline void get_page(struct page *p)
{
	VM_BUG_ON(page_count(p) <= 0);
	atomic_inc(&p->_refcount);
}
static inline bool get_page_unless_zero(struct page *p)
{
	return atomic_inc_not_zero(&p->_refcount);
}
/* Putting the last reference frees the page. */
void uzs_k_put_last(struct page *page);
static inline void put_page(struct page *p)
{
	VM_BUG_ON(page_count(p) <= 0);
	if (atomic_dec_and_test(&p->_refcount))
		uzs_k_put_last(p);
}

#endif
