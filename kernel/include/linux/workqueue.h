/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/workqueue.h - each pool has its own queue for its items, with or
 * without a thread (work.c). */
#ifndef UZS_KERNEL_LINUX_WORKQUEUE_H
#define UZS_KERNEL_LINUX_WORKQUEUE_H

#include <uzs/compat.h>
struct work_struct {
	struct uzs_work_struct uzs;
	struct uzs_workqueue_struct *queue; /* const after INIT_WORK */
	void (*func)(struct work_struct *work);
	struct list_head entry; /* list of all items; guard: work_lock */
};
typedef void (*uzs_k_work_fn)(struct work_struct *work);

void uzs_k_init_work(struct work_struct *work, uzs_k_work_fn func);
#define INIT_WORK(work, func) uzs_k_init_work((work), (func))

static inline bool schedule_work(struct work_struct *item)
{
	return uzs_queue_work(item->queue, &item->uzs);
}
static inline bool flush_work(struct work_struct *item)
{
	return uzs_flush_work(item->queue, &item->uzs);
}
static inline bool cancel_work_sync(struct work_struct *item)
{
	return uzs_cancel_work_sync(item->queue, &item->uzs);
}
static inline bool work_pending(const struct work_struct *item)
{
	return uzs_work_is_pending(&item->uzs);
}

/* All queues that a file makes are the one of the pool. */
struct workqueue_struct;
#define system_wq ((struct workqueue_struct *)NULL)
#define system_unbound_wq system_wq
#define system_dfl_wq system_wq
#define system_percpu_wq system_wq
#define queue_work(wq, work) ((void)(wq), schedule_work(work))

#endif
