/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* variants.h - lock scopes, deferrals and profiles by name, for programs and
 * tests: the one table of them. A new one gets a line here. Static only, owns
 * no state.
 *
 * X(WORD, "name") stands for ZS_SCOPE_WORD, ZS_DEFER_WORD or ZS_PROFILE_WORD.
 * Lines are in the order of the enumerations, from 1 on; 0 is the default, one
 * of the others.
 * Further arguments of the tables are handed on to X.
 */
#ifndef UZS_TOOLS_VARIANTS_H
#define UZS_TOOLS_VARIANTS_H

#include <uzsmalloc.h>

#define VARIANT_SCOPES(X, ...)                 \
	X(HELD, "held", ##__VA_ARGS__)         \
	X(UNLOCKED, "unlocked", ##__VA_ARGS__) \
	X(CLASS_IDX, "class-idx", ##__VA_ARGS__)

/* Those with a queue. */
#define VARIANT_QUEUES(X, ...)           \
	X(ARRAY, "array", ##__VA_ARGS__) \
	X(PERCPU, "percpu", ##__VA_ARGS__)
/* Those that do not free in the call, or not always. */
#define VARIANT_LATE_DEFERS(X, ...)      \
	VARIANT_QUEUES(X, ##__VA_ARGS__) \
	X(REUSE, "reuse", ##__VA_ARGS__)
#define VARIANT_DEFERS(X, ...)         \
	X(NONE, "none", ##__VA_ARGS__) \
	VARIANT_LATE_DEFERS(X, ##__VA_ARGS__)

#define VARIANT_PROFILES(X, ...)           \
	X(KERNEL, "kernel", ##__VA_ARGS__) \
	X(USER, "user", ##__VA_ARGS__)

/* For arrays of names. */
#define VARIANT_NAME(word, name) name,
/* "held, unlocked, class-idx, ": for texts that go on. */
#define VARIANT_IN_TEXT(word, name) name ", "
#define VARIANT_SCOPES_TEXT VARIANT_SCOPES(VARIANT_IN_TEXT)
#define VARIANT_QUEUES_TEXT VARIANT_QUEUES(VARIANT_IN_TEXT)
#define VARIANT_DEFERS_TEXT VARIANT_DEFERS(VARIANT_IN_TEXT)

#define VARIANT_PLUS_ONE(word, name) +1
enum {
	VARIANT_NR_SCOPES = 0 VARIANT_SCOPES(VARIANT_PLUS_ONE),
	VARIANT_NR_QUEUES = 0 VARIANT_QUEUES(VARIANT_PLUS_ONE),
	VARIANT_NR_DEFERS = 0 VARIANT_DEFERS(VARIANT_PLUS_ONE),
	VARIANT_NR_PROFILES = 0 VARIANT_PROFILES(VARIANT_PLUS_ONE)
};
/* For loops that begin with ZS_SCOPE_HELD or ZS_DEFER_NONE; queues come behind
 * ZS_DEFER_NONE. */
#define VARIANT_LAST_SCOPE ((enum zs_lock_scope)VARIANT_NR_SCOPES)
#define VARIANT_LAST_QUEUE ((enum zs_defer_mode)(1 + VARIANT_NR_QUEUES))
#define VARIANT_LAST_DEFER ((enum zs_defer_mode)VARIANT_NR_DEFERS)
#define VARIANT_LAST_PROFILE ((enum zs_profile)VARIANT_NR_PROFILES)

static inline const char *variant_scope_name(enum zs_lock_scope scope)
{
	const char *name = zs_lock_scope_name(scope);

	return name ? name : "unknown";
}

static inline const char *variant_defer_name(enum zs_defer_mode defer)
{
	const char *name = zs_defer_mode_name(defer);

	return name ? name : "unknown";
}

static inline const char *variant_profile_name(enum zs_profile profile)
{
	const char *name = zs_profile_name(profile);

	return name ? name : "unknown";
}

/* The order is that of the enumerations. */
#define VARIANT_SCOPE_PLACE(word, name) VARIANT_SCOPE_PLACE_##word,
#define VARIANT_DEFER_PLACE(word, name) VARIANT_DEFER_PLACE_##word,
#define VARIANT_PROFILE_PLACE(word, name) VARIANT_PROFILE_PLACE_##word,
enum { VARIANT_SCOPE_PLACE_0, VARIANT_SCOPES(VARIANT_SCOPE_PLACE) };
enum { VARIANT_DEFER_PLACE_0, VARIANT_DEFERS(VARIANT_DEFER_PLACE) };
enum { VARIANT_PROFILE_PLACE_0, VARIANT_PROFILES(VARIANT_PROFILE_PLACE) };
#define VARIANT_SCOPE_IN_ORDER(word, name)                                 \
	_Static_assert((int)VARIANT_SCOPE_PLACE_##word == ZS_SCOPE_##word, \
		       name);
#define VARIANT_DEFER_IN_ORDER(word, name)                                 \
	_Static_assert((int)VARIANT_DEFER_PLACE_##word == ZS_DEFER_##word, \
		       name);
#define VARIANT_PROFILE_IN_ORDER(word, name)                \
	_Static_assert((int)VARIANT_PROFILE_PLACE_##word == \
			       (int)ZS_PROFILE_##word,      \
		       name);
VARIANT_SCOPES(VARIANT_SCOPE_IN_ORDER)
VARIANT_DEFERS(VARIANT_DEFER_IN_ORDER)
VARIANT_PROFILES(VARIANT_PROFILE_IN_ORDER)

#endif
