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

#define __atomic_load_n(p, order)                            \
	({                                                   \
		__typeof__(p) uzs_p_ = (p);                  \
		UZS_LAB_STEP(LAB_LOAD, uzs_p_, (order), #p); \
		__atomic_load_n(uzs_p_, (order));            \
	})
#define __atomic_store_n(p, v, order)                         \
	({                                                    \
		__typeof__(p) uzs_p_ = (p);                   \
		__typeof__(*uzs_p_) uzs_v_ = (v);             \
		UZS_LAB_STEP(LAB_STORE, uzs_p_, (order), #p); \
		__atomic_store_n(uzs_p_, uzs_v_, (order));    \
	})
#define __atomic_exchange_n(p, v, order)                      \
	({                                                    \
		__typeof__(p) uzs_p_ = (p);                   \
		__typeof__(*uzs_p_) uzs_v_ = (v);             \
		UZS_LAB_STEP(LAB_RMW, uzs_p_, (order), #p);   \
		__atomic_exchange_n(uzs_p_, uzs_v_, (order)); \
	})
#define __atomic_compare_exchange_n(p, old, v, weak, order, failed)    \
	({                                                             \
		__typeof__(p) uzs_p_ = (p);                            \
		UZS_LAB_STEP(LAB_RMW, uzs_p_, (order), #p);            \
		__atomic_compare_exchange_n(uzs_p_, (old), (v), false, \
					    (order), (failed));        \
	})
#define UZS_LAB_FETCH(name, op, p, v, order)                           \
	({                                                             \
		__typeof__(p) uzs_p_ = (p);                            \
		__typeof__(*uzs_p_) uzs_v_ = (__typeof__(*uzs_p_))(v); \
		UZS_LAB_STEP(op, uzs_p_, (order), #p);                 \
		name(uzs_p_, uzs_v_, (order));                         \
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

static inline void *uzs_lab_memcpy(void *dst, const void *src, size_t n,
				   const struct uzs_lab_place *place)
{
	if (uzs_lab_current) {
		uzs_lab_check_memory(dst, n, &place->at);
		uzs_lab_check_memory(src, n, &place->at);
		uzs_lab_note(LAB_COPY, dst, n);
		uzs_lab_plain(src, n, false);
		uzs_lab_plain(dst, n, true);
	}
	return (memcpy)(dst, src, n);
}
static inline void *uzs_lab_memset(void *dst, int byte, size_t n,
				   const struct uzs_lab_place *place)
{
	if (uzs_lab_current) {
		uzs_lab_check_memory(dst, n, &place->at);
		uzs_lab_plain(dst, n, true);
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
