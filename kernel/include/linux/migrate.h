/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/migrate.h - page migration; page.c drives it from compat's compaction. */
#ifndef UZS_KERNEL_LINUX_MIGRATE_H
#define UZS_KERNEL_LINUX_MIGRATE_H

#include <uzs/compat.h>
#include <linux/mm.h>
#include <linux/pagemap.h>

enum migrate_mode {
	MIGRATE_ASYNC,
	MIGRATE_SYNC_LIGHT,
	MIGRATE_SYNC,
	MIGRATE_SYNC_NO_COPY,
};
typedef unsigned int isolate_mode_t;
enum { MIGRATEPAGE_SUCCESS };

struct movable_operations { /* provided by a driver */
	bool (*isolate_page)(struct page *page, isolate_mode_t mode);
	int (*migrate_page)(struct page *to, struct page *from,
			    enum migrate_mode mode);
	void (*putback_page)(struct page *page);
};

#define UZS_K_MAPPING_MOVABLE 2ul
#define UZS_K_MAPPING_MARKS 3ul

static inline bool PageMovable(const struct page *page)
{
	return (page_flags(uzs_page_of(page)) & PG_movable) != 0;
}

/* Until 6.16: operations belong to each page. Until 5.19 they are those of an
 * address space. Without compaction there are none. */
#ifdef CONFIG_COMPACTION
static inline void __SetPageMovable(struct page *p, const void *owner)
{
	VM_BUG_ON(!PageLocked(p));
	p->mapping = (void *)((unsigned long)owner | UZS_K_MAPPING_MOVABLE);
	page_set(uzs_page_of(p), PG_movable);
}
static inline void __ClearPageMovable(struct page *p)
{
	VM_BUG_ON(!PageMovable(p));
	page_clear(uzs_page_of(p), PG_movable);
	p->mapping = (void *)UZS_K_MAPPING_MOVABLE;
}
#else
static inline void __SetPageMovable(struct page *p, const void *owner)
{
	(void)p;
	(void)owner;
}
static inline void __ClearPageMovable(struct page *p)
{
	(void)p;
}
#endif

#define page_mapping(page)                                         \
	((struct address_space *)((unsigned long)(page)->mapping & \
				  ~UZS_K_MAPPING_MARKS))

/* Since then: operations belong to each page type. The flag stays until the
 * page is freed. */
int uzs_k_set_movable_ops(const struct movable_operations *ops,
			  enum pagetype type);
#define set_movable_ops(ops, type) uzs_k_set_movable_ops((ops), (type))
static inline void SetPageMovableOps(struct page *page)
{
	page_set(uzs_page_of(page), PG_movable);
}
#define PageMovableOps(page) PageMovable(page)

#endif
