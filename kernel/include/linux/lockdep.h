/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/lockdep.h - the asserts are the checked body's. A file's own lock maps
 * do nothing. */
#ifndef UZS_KERNEL_LINUX_LOCKDEP_H
#define UZS_KERNEL_LINUX_LOCKDEP_H

#include <uzs/compat.h>
struct lock_class_key {
	char unused;
};
struct lockdep_map {
	char unused;
};
#define _RET_IP_ 0
#define lockdep_init_map(map, name, key, subclass) ((void)(map), (void)(key))
#define lock_acquired(map, ip) ((void)(map))
#define lock_contended(map, ip) ((void)(map))
#define rwsem_acquire(map, subclass, trylock, ip) ((void)(map))
#define rwsem_acquire_read(map, subclass, trylock, ip) ((void)(map))
#define rwsem_release(map, ip) ((void)(map))
#define rwlock_acquire(map, subclass, trylock, ip) ((void)(map))
#define rwlock_acquire_read(map, subclass, trylock, ip) ((void)(map))
#define rwlock_release(map, ip) ((void)(map))
#define lockdep_assert_held(lock) uzs_assert_held(lock)
#define lockdep_assert_held_write(lock) uzs_assert_held(lock)
#define lockdep_assert_held_read(lock) uzs_assert_held(lock)
#define lockdep_assert_not_held(lock) uzs_assert_not_held(lock)

#endif
