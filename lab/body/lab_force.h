/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* lab_force.h - included before all else when the library is compiled for the
 * lab (-include). Replaces functions of the compiler and the system that the
 * sources call:
 *
 *   __atomic_*           a step, with the place and the text of the source
 *   memcpy and the like  checks the memory and notes the bytes
 *   pthread_join ...     of a fiber
 *
 * A macro is not expanded again within itself. So a macro with the name of a
 * builtin can call the builtin.
 */
#ifndef UZS_LAB_BODY_FORCE_H
#define UZS_LAB_BODY_FORCE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "lab.h"

#define UZS_LAB_STEP(op, p, order, text)                     \
	do {                                                 \
		if (uzs_lab_current)                         \
			uzs_lab_access((op), (p), (order),   \
				       UZS_LAB_PLACE(text)); \
	} while (0)

/* Relaxed adding is for counters: its result is not used. */
#define UZS_LAB_ADD_OP(order) ((order) == __ATOMIC_RELAXED ? LAB_ADD : LAB_RMW)

/* Is there a model of memory order? Then it says what is read. */
#define UZS_LAB_WEAK (unlikely(uzs_lab_memory) && uzs_lab_current)
/* The type of *p, without const or volatile. */
#define UZS_LAB_TYPE(p) __typeof__(((void)0, *(p)))

#define __atomic_load_n(p, order)                                        \
	({                                                               \
		__typeof__(p) uzs_p_ = (p);                              \
		UZS_LAB_TYPE(uzs_p_) uzs_got_;                           \
		UZS_LAB_STEP(LAB_LOAD, uzs_p_, (order), #p);             \
		uzs_got_ = __atomic_load_n(uzs_p_, (order));             \
		if (UZS_LAB_WEAK)                                        \
			uzs_lab_memory->load(uzs_p_, (void *)&uzs_got_,  \
					     sizeof(uzs_got_), (order)); \
		uzs_got_;                                                \
	})
#define __atomic_store_n(p, v, order)                                    \
	({                                                               \
		__typeof__(p) uzs_p_ = (p);                              \
		UZS_LAB_TYPE(uzs_p_) uzs_v_ = (v);                       \
		UZS_LAB_STEP(LAB_STORE, uzs_p_, (order), #p);            \
		if (!UZS_LAB_WEAK ||                                     \
		    uzs_lab_memory->store(uzs_p_, (const void *)&uzs_v_, \
					  sizeof(uzs_v_), (order)))      \
			__atomic_store_n(uzs_p_, uzs_v_, (order));       \
	})
/* Where an access that reads and writes is done: with a model perhaps on
 * `copy`. */
#define UZS_LAB_AT(p, copy, order, failed, expected)                        \
	(UZS_LAB_WEAK ? (__typeof__(p))uzs_lab_memory->change(              \
				(volatile void *)(p), (copy), sizeof(*(p)), \
				(order), (failed), (expected))              \
		      : (p))
#define __atomic_exchange_n(p, v, order)                                 \
	({                                                               \
		__typeof__(p) uzs_p_ = (p);                              \
		UZS_LAB_TYPE(uzs_p_) uzs_v_ = (v), uzs_copy_, uzs_was_;  \
		UZS_LAB_STEP(LAB_RMW, uzs_p_, (order), #p);              \
		uzs_p_ = UZS_LAB_AT(uzs_p_, (void *)&uzs_copy_, (order), \
				    (order), NULL);                      \
		uzs_was_ = __atomic_exchange_n(uzs_p_, uzs_v_, (order)); \
		if (UZS_LAB_WEAK)                                        \
			uzs_lab_memory->changed();                       \
		uzs_was_;                                                \
	})
#define __atomic_compare_exchange_n(p, old, v, weak, order, failed)       \
	({                                                                \
		__typeof__(p) uzs_p_ = (p);                               \
		UZS_LAB_TYPE(uzs_p_) *uzs_old_ = (old), uzs_copy_;        \
		bool uzs_done_;                                           \
		UZS_LAB_STEP(LAB_RMW, uzs_p_, (order), #p);               \
		uzs_p_ = UZS_LAB_AT(uzs_p_, (void *)&uzs_copy_, (order),  \
				    (failed), (const void *)uzs_old_);    \
		uzs_done_ = __atomic_compare_exchange_n(                  \
			uzs_p_, uzs_old_, (v), false, (order), (failed)); \
		if (UZS_LAB_WEAK)                                         \
			uzs_lab_memory->changed();                        \
		uzs_done_;                                                \
	})
#define UZS_LAB_FETCH(name, op, p, v, order)                             \
	({                                                               \
		__typeof__(p) uzs_p_ = (p);                              \
		UZS_LAB_TYPE(uzs_p_) uzs_v_ = (UZS_LAB_TYPE(uzs_p_))(v); \
		UZS_LAB_TYPE(uzs_p_) uzs_copy_, uzs_was_;                \
		UZS_LAB_STEP(op, uzs_p_, (order), #p);                   \
		uzs_p_ = UZS_LAB_AT(uzs_p_, (void *)&uzs_copy_, (order), \
				    (order), NULL);                      \
		uzs_was_ = name(uzs_p_, uzs_v_, (order));                \
		if (UZS_LAB_WEAK)                                        \
			uzs_lab_memory->changed();                       \
		uzs_was_;                                                \
	})
#define __atomic_fetch_add(p, v, order) \
	UZS_LAB_FETCH(__atomic_fetch_add, UZS_LAB_ADD_OP(order), p, v, order)
#define __atomic_fetch_sub(p, v, order) \
	UZS_LAB_FETCH(__atomic_fetch_sub, UZS_LAB_ADD_OP(order), p, v, order)
#define __atomic_fetch_or(p, v, order) \
	UZS_LAB_FETCH(__atomic_fetch_or, LAB_RMW, p, v, order)
#define __atomic_fetch_and(p, v, order) \
	UZS_LAB_FETCH(__atomic_fetch_and, LAB_RMW, p, v, order)
#define __atomic_add_fetch(p, v, order) \
	UZS_LAB_FETCH(__atomic_add_fetch, LAB_RMW, p, v, order)
#define __atomic_sub_fetch(p, v, order) \
	UZS_LAB_FETCH(__atomic_sub_fetch, LAB_RMW, p, v, order)
#define __atomic_thread_fence(order)                    \
	do {                                            \
		if (UZS_LAB_WEAK)                       \
			uzs_lab_memory->fence((order)); \
		__atomic_thread_fence((order));         \
	} while (0)

static inline void *uzs_lab_memcpy(void *dst, const void *src, size_t n,
				   const struct uzs_lab_place *place)
{
	if (uzs_lab_current) {
		uzs_lab_check_memory(dst, n, &place->at);
		uzs_lab_check_memory(src, n, &place->at);
		uzs_lab_note(LAB_COPY, dst, n);
		uzs_lab_plain(src, n, false);
		uzs_lab_plain(dst, n, true);
		if (unlikely(uzs_lab_memory))
			uzs_lab_memory->forget(dst, n);
	}
	return (memcpy)(dst, src, n);
}
static inline void *uzs_lab_memset(void *dst, int byte, size_t n,
				   const struct uzs_lab_place *place)
{
	if (uzs_lab_current) {
		uzs_lab_check_memory(dst, n, &place->at);
		uzs_lab_plain(dst, n, true);
		if (unlikely(uzs_lab_memory))
			uzs_lab_memory->forget(dst, n);
	}
	return (memset)(dst, byte, n);
}
#undef memcpy
#define memcpy(dst, src, n) \
	uzs_lab_memcpy((dst), (src), (n), UZS_LAB_PLACE("memcpy"))
#undef memset
#define memset(dst, byte, n) \
	uzs_lab_memset((dst), (byte), (n), UZS_LAB_PLACE("memset"))

#define pthread_join(thread, result) \
	((void)(result), uzs_lab_thread_join((void *)(thread)))
#define pthread_self() ((pthread_t)uzs_lab_thread_self())

#endif
