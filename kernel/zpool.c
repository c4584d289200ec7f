/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* zpool.c - owns the list of zpool drivers, which trees with zpool (until 6.17)
 * register.
 *
 * Kernel origin: mm/zpool.c; differs: there is one driver at most, the file's
 * own. Pools are made through it only where they can be shrunk (6.2 to 6.4).
 */
#include "kernel.h"
#include "uzs-tree.h"

#include <pthread.h>

#if __has_include(<linux/zpool.h>)
#include <linux/zpool.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(drivers);

void zpool_register_driver(struct zpool_driver *its)
{
	pthread_mutex_lock(&lock);
	list_add(&its->list, &drivers);
	pthread_mutex_unlock(&lock);
}

int zpool_unregister_driver(struct zpool_driver *its)
{
	struct zpool_driver *d;
	int rc = -ENOENT;

	pthread_mutex_lock(&lock);
	list_for_each_entry(d, &drivers, list)
		if (d == its) {
			list_del(&d->list);
			rc = 0;
			break;
		}
	pthread_mutex_unlock(&lock);
	WARN_ON(rc);
	return rc;
}

unsigned long uzs_k_zpool_drivers_left(void)
{
	struct zpool_driver *d, *next;
	unsigned long left = 0;

	pthread_mutex_lock(&lock);
	list_for_each_entry_safe(d, next, &drivers, list) {
		list_del(&d->list);
		left++;
	}
	pthread_mutex_unlock(&lock);
	return left;
}

#if UZS_K_EVICTS
static struct zpool_driver *driver(void)
{
	struct zpool_driver *d;

	pthread_mutex_lock(&lock);
	d = list_first_entry_or_null(&drivers, struct zpool_driver, list);
	pthread_mutex_unlock(&lock);
	BUG_ON(!d);
	return d;
}

static int evict(struct zpool *its, unsigned long handle)
{
	BUG_ON(!its->evict);
	return its->evict(handle, its->arg);
}

struct zs_pool *uzs_k_zpool_create(const char *name, struct zpool *its)
{
	static const struct zpool_ops ops = { .evict = evict };

	return driver()->create(name, GFP_KERNEL, &ops, its);
}

int uzs_k_zpool_shrink(struct zs_pool *pool, unsigned int nr,
		       unsigned int *given_back)
{
	return driver()->shrink(pool, nr, given_back);
}
#endif
#else
unsigned long uzs_k_zpool_drivers_left(void)
{
	return 0;
}
#endif
