/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* mover.h - how compaction moves objects in the kernel profile. For struct
 * profile, which describes the functions. */
#ifndef UZS_KERNEL_MOVER_H
#define UZS_KERNEL_MOVER_H

#include "profile.h"

void uzs_kernel_compact_lock(struct compaction *c);
void uzs_kernel_compact_unlock(struct compaction *c);
bool uzs_kernel_take_source(struct compaction *c, struct zspage *zspage);
bool uzs_kernel_is_pinned(const struct compaction *c,
			  const struct zspage *zspage);
void uzs_kernel_move(struct compaction *c, struct zspage *dst,
		     struct zspage *src);
void uzs_kernel_source_done(struct compaction *c, struct zspage *src);
void uzs_kernel_free_source(struct compaction *c, struct zspage *src);
bool uzs_kernel_should_break(const struct compaction *c);

#endif
