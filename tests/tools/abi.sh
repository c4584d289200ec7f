#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# scripts/abi: which changes of an interface it counts as a break. On a small library
# with the same kinds of things; the usual arguments are not looked at.
. "$(dirname "$0")/common.inc"
abi=$(dirname "$0")/../../scripts/abi

if ! command -v abidw >/dev/null || ! command -v cc >/dev/null; then
	if [ -n "${UZS_NEED_ABI:-}" ]; then
		fail "no abigail-tools or compiler here"
		exit 1
	fi
	skip "no abigail-tools or compiler here"
	exit 0
fi

# The interface, and one edit of it each time.
mkdir "$work/headers"
cat >"$work/first.h" <<'END'
#include <stddef.h>
#define ZS_FLAG 0x1u
struct zs_pool;
enum zs_kind { ZS_KIND_A = 0, ZS_KIND_B = 1 };
struct zs_pool_info {
	size_t struct_size;
	unsigned int pages;
};
struct zs_other {
	unsigned int pages;
};
int zs_info(struct zs_pool *pool, struct zs_pool_info *info);
int zs_other(struct zs_pool *pool, struct zs_other *other, enum zs_kind kind);
int zs_free(struct zs_pool *pool, unsigned long handle);
#define ZS_REF_ADDRESS_BITS_ 45
static inline int zs_in_the_program(int x) { return x << 1; } /* said */
END
cat >"$work/lib.c" <<'END'
#include "uzsmalloc.h"
struct zs_pool { int secret; };
int zs_info(struct zs_pool *pool, struct zs_pool_info *info)
{ return pool->secret + (int)info->pages; }
int zs_other(struct zs_pool *pool, struct zs_other *other, enum zs_kind kind)
{ return pool->secret + (int)other->pages + (int)kind; }
int zs_free(struct zs_pool *pool, unsigned long handle)
{ return pool->secret + (int)handle; }
END
# library [EXPRESSION...]: sed's, on header and source.
library() {
	cp "$work/first.h" "$work/headers/uzsmalloc.h"
	cp "$work/lib.c" "$work/headers/lib.c"
	for edit; do
		sed -i "$edit" "$work/headers/uzsmalloc.h" "$work/headers/lib.c"
	done
	cc -g -shared -fPIC -o "$work/lib.so" "$work/headers/lib.c" ||
		fail "the library of $* cannot be built"
}
do_abi() {
	run "$abi" "$1" --recorded "$work/record" \
		--header "$work/headers/uzsmalloc.h" "$work/lib.so"
}
# stays/breaks WHAT EXPRESSION...
stays() {
	what=$1
	shift
	library "$@"
	do_abi check
	equal "$what: $(cat "$work/out" "$work/err")" 0 "$status"
}
breaks() {
	what=$1 words=$2
	shift 2
	library "$@"
	do_abi check
	equal "$what is a break" 1 "$status"
	check "$what is told: $(cat "$work/out")" grep -q "$words" "$work/out"
}

library
do_abi record
equal "recorded: $(cat "$work/err")" 0 "$status"

stays "nothing"
stays "another comment" 's:/\* said \*/:/* said again */:'
stays "a member of a private structure" 's/int secret;/long more; int secret;/'
stays "a function more" 's/^int zs_free(.*);$/&int zs_new(void);/' \
	's/^{ return pool->secret + (int)handle; }$/&int zs_new(void) {return 1;}/'
stays "a value more" 's/ZS_KIND_B = 1/ZS_KIND_B = 1, ZS_KIND_C = 2/'
stays "a member more, with struct_size" \
	'/^struct zs_pool_info {/,/^}/s/unsigned int pages;/& unsigned long last;/'
breaks "a member more, without struct_size" 'zs_other' \
	'/^struct zs_other {/,/^}/s/unsigned int pages;/& unsigned long last;/'
breaks "a member before others" 'zs_pool_info' \
	'/^struct zs_pool_info {/,/^}/s/unsigned int pages;/unsigned long x; &/'
breaks "a wider member" 'zs_pool_info' \
	'/^struct zs_pool_info {/,/^}/s/unsigned int pages;/unsigned long pages;/'
breaks "a member less" 'zs_pool_info.pages is gone' \
	'/^struct zs_pool_info {/,/^}/s/unsigned int pages;/unsigned int sheets;/' \
	's/info->pages/info->sheets/'
breaks "another value" 'zs_kind' 's/ZS_KIND_B = 1/ZS_KIND_B = 2/'
breaks "another argument" 'zs_free' 's/unsigned long handle/unsigned int handle/'
breaks "another result" 'zs_free' 's/^int zs_free/long zs_free/'
breaks "a function less" 'zs_free' '/^int zs_free/s/zs_free/zs_freed/'
stays "a macro more" 's/^#define ZS_FLAG .*/&\n#define ZS_OTHER 0x2u/'
breaks "another value of a macro" '^#define ZS_FLAG 0x1u$' \
	's/^#define ZS_FLAG 0x1u/#define ZS_FLAG 0x4u/'
breaks "other inline code" 'x << 2' 's/x << 1/x << 2/'

# What was meant is recorded, and no break any more.
library 's/x << 1/x << 2/'
do_abi record
do_abi check
equal "recorded again" 0 "$status"
run "$abi" check --header
equal "wrong usage" 2 "$status"
finish
