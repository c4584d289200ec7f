/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/scatterlist.h - tables of one piece, without chains. */
#ifndef UZS_KERNEL_LINUX_SCATTERLIST_H
#define UZS_KERNEL_LINUX_SCATTERLIST_H

#include <uzs/compat.h>
#include <linux/mm.h>

struct scatterlist {
	struct page *page;
	unsigned int offset;
	unsigned int length;
	bool last;
};

static inline void sg_init_table(struct scatterlist *sg, unsigned int n)
{
	memset(sg, 0, n * sizeof(*sg));
	sg[n - 1].last = true;
}
static inline void sg_set_page(struct scatterlist *sg, struct page *p,
			       unsigned int len, unsigned int at)
{
	sg->page = p;
	sg->offset = at;
	sg->length = len;
}
static inline struct page *sg_page(const struct scatterlist *sg)
{
	return sg->page;
}
static inline void *sg_virt(const struct scatterlist *sg)
{
	return (char *)page_address(sg->page) + sg->offset;
}
static inline struct scatterlist *sg_next(struct scatterlist *sg)
{
	return sg->last ? NULL : sg + 1;
}
static inline bool sg_is_last(const struct scatterlist *sg)
{
	return sg->last;
}

#endif
