/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* move.h - how objects are moved in the user profile. For struct profile, which
 * describes the functions. */
#ifndef UZS_USER_MOVE_H
#define UZS_USER_MOVE_H

#include "user/layout.h"

void uzs_user_compact_begin(struct compaction *c);
void uzs_user_compact_lock(struct compaction *c);
void uzs_user_compact_unlock(struct compaction *c);
void uzs_user_compact_end(struct compaction *c);
bool uzs_user_take_source(struct compaction *c, struct zspage *zspage);
bool uzs_user_take_target(struct compaction *c, struct zspage *zspage);
bool uzs_user_may_move(struct compaction *c, const struct zspage *dst,
		       const struct zspage *src);
void uzs_user_move(struct compaction *c, struct zspage *dst,
		   struct zspage *src);
void uzs_user_free_source(struct compaction *c, struct zspage *src);
bool uzs_user_should_break(const struct compaction *c);
/* Moves the objects of zspages that are not full to their beginning, and gives
 * the memory behind back. */
void uzs_user_trim(struct zs_pool *pool);

#endif
