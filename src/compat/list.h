/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* list.h - the kernel's doubly linked list, on liburcu's urcu/list.h.
 *
 * Kernel origin: linux/list.h. Same, except that list_del leaves the entry's
 * own links as they were (no poison). All accesses are plain: a list that
 * several threads use needs a lock.
 */
#ifndef UZS_COMPAT_LIST_H
#define UZS_COMPAT_LIST_H

#include <urcu/list.h>

#include "base.h"

#ifndef list_head
#define list_head cds_list_head
#endif

#define LIST_HEAD(name) struct list_head name = CDS_LIST_HEAD_INIT(name)

static inline void INIT_LIST_HEAD(struct list_head *head)
{
	CDS_INIT_LIST_HEAD(head);
}
/* Adds at the head. */
static inline void list_add(struct list_head *entry, struct list_head *head)
{
	cds_list_add(entry, head);
}
static inline void list_add_tail(struct list_head *entry,
				 struct list_head *head)
{
	cds_list_add_tail(entry, head);
}
static inline void list_del(struct list_head *entry)
{
	cds_list_del(entry);
}
static inline void list_del_init(struct list_head *entry)
{
	cds_list_del_init(entry);
}
static inline void list_move(struct list_head *entry, struct list_head *head)
{
	cds_list_move(entry, head);
}
static inline void list_move_tail(struct list_head *entry,
				  struct list_head *head)
{
	cds_list_del(entry);
	cds_list_add_tail(entry, head);
}
static inline void list_replace(struct list_head *old,
				struct list_head *replacement)
{
	cds_list_replace(old, replacement);
}
static inline bool list_empty(const struct list_head *head)
{
	return head->next == head;
}
/* Moves all entries of `list` to the front of `head`. `list` is empty then. */
static inline void list_splice_init(struct list_head *list,
				    struct list_head *head)
{
	cds_list_splice(list, head);
	CDS_INIT_LIST_HEAD(list);
}

#define list_entry(ptr, type, member) container_of(ptr, type, member)
#define list_first_entry(head, type, member) \
	list_entry((head)->next, type, member)
#define list_first_entry_or_null(head, type, member) \
	(list_empty(head) ? NULL : list_first_entry(head, type, member))
#define list_for_each_entry(pos, head, member) \
	cds_list_for_each_entry(pos, head, member)
#define list_for_each_entry_safe(pos, n, head, member) \
	cds_list_for_each_entry_safe(pos, n, head, member)

#endif
