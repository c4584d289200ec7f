/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* uzs/config.h - the configuration of the file: zsmalloc with all options, but
 * for compaction if kernel-test is told so. Page size and chain size are given
 * at compile time.
 */
#ifndef UZS_KERNEL_CONFIG_H
#define UZS_KERNEL_CONFIG_H

/* Written before the build; not there yet when it is looked whether the file
 * can be built. */
#if __has_include("uzs-tree.h")
#include "uzs-tree.h"
#else
#define UZS_K_COMPACTION 1
#endif
#if UZS_K_COMPACTION
#define CONFIG_COMPACTION 1
#define CONFIG_MIGRATION 1
#endif
#define CONFIG_ZSMALLOC_STAT 1
#define CONFIG_MMU 1
#define CONFIG_64BIT 1
#if __has_include(<linux/zpool.h>)
#define CONFIG_ZPOOL 1
#endif
#define CONFIG_ZSMALLOC_CHAIN_SIZE UZS_K_CHAIN_SIZE

/* 1 if the name is defined as 1, else 0: it becomes a second argument only when
 * it is 1. */
#define UZS_K_ARG_1 0,
#define UZS_K_SECOND(ignored, value, ...) value
#define UZS_K_IS_1(arg_or_junk) UZS_K_SECOND(arg_or_junk 1, 0)
#define UZS_K_PASTE(value) UZS_K_IS_1(UZS_K_ARG_##value)
#define IS_ENABLED(option) UZS_K_PASTE(option)
#define IS_BUILTIN(option) IS_ENABLED(option)

#endif
