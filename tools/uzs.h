/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* uzs.h - what the parts of the program uzs share: the commands, messages,
 * options, clock and the process's memory.
 *
 * Convention of the whole program: a function that returns int and can fail
 * returns 0 or an exit status (UZS_FAILED, UZS_USAGE), after it has printed one
 * line with the reason. Callers only pass the status on.
 *
 * Include this first: it chooses 64-bit file offsets.
 */
#ifndef UZS_H
#define UZS_H

#ifndef _FILE_OFFSET_BITS
#define _FILE_OFFSET_BITS 64
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "uzsmalloc.h"

#define UZS_FAILED 1 /* exit status: the work could not be done */
#define UZS_USAGE 2 /* exit status: the command line is wrong */

/* main.c and cmd_*.c: argv[0] is "uzs", as getopt prints it in messages. */
int uzs_cmd_store(int argc, char **argv);
int uzs_cmd_classes(int argc, char **argv);
int uzs_cmd_replay(int argc, char **argv);
int uzs_cmd_lab(int argc, char **argv);
int uzs_cmd_hold(int argc, char **argv);

/* message.c */

/* The program's name; each program defines it beside its main(). */
extern const char *const uzs_program;

/* Prints "PROGRAM: ..." as one line on stderr. Control characters, which a file
 * name may have, become '?'. Return: UZS_FAILED. */
int uzs_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same, with "(see uzs COMMAND --help)". Return: UZS_USAGE. */
int uzs_usage(const char *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Writes @word for a shell, in quotes if it needs them; cut off at @size. */
void uzs_shell_word(const char *word, char *text, size_t size);
/* Answers --version: the program and the version that it was made with. */
void uzs_print_version(const char *program);
/* Flushes stdout. Return: 0; or UZS_FAILED and a line, if any output so far
 * could not be written. */
int uzs_flush_output(void);

/* options.c */

/* Values of the long options that have no letter. A command's own options begin
 * at UZS_OPT_OWN. */
enum {
	UZS_OPT_PAGE_SIZE = 256,
	UZS_OPT_CHAIN_SIZE,
	UZS_OPT_PROFILE,
	UZS_OPT_OWN
};
#define UZS_GEOMETRY_OPTIONS                                              \
	{ "page-size", required_argument, NULL, UZS_OPT_PAGE_SIZE },      \
	{                                                                 \
		"chain-size", required_argument, NULL, UZS_OPT_CHAIN_SIZE \
	}
#define UZS_GEOMETRY_HELP                                                         \
	"  --page-size N    bytes in a page: 4096 (default), 8K, 16K, 32K, 64K\n" \
	"  --chain-size N   most pages in a zspage: 4 to 16 (default 8;\n"        \
	"                   profile user: 16)\n"

struct uzs_geometry {
	unsigned int page_size; /* bytes */
	unsigned int chain_size; /* pages; 0: the profile's default */
};
#define UZS_GEOMETRY_INIT \
	{                 \
		4096, 0   \
	}

/* Takes UZS_OPT_PAGE_SIZE or UZS_OPT_CHAIN_SIZE. Return: 0 or UZS_USAGE. */
int uzs_geometry_option(const char *command, int option, const char *text,
			struct uzs_geometry *geometry);
#define UZS_PROFILE_OPTION                                          \
	{                                                           \
		"profile", required_argument, NULL, UZS_OPT_PROFILE \
	}
#define UZS_PROFILE_HELP \
	"  --profile NAME   what the pool is made for: kernel (default), user\n"
/* Takes UZS_OPT_PROFILE. Return: 0 or UZS_USAGE. */
int uzs_profile_option(const char *command, const char *text,
		       enum zs_profile *profile);
/* A decimal number from @min to @max. @name: the option, for the message. */
int uzs_parse_number(const char *command, const char *name, const char *text,
		     uint64_t min, uint64_t max, uint64_t *value);
/* Bytes: a decimal number, with K, M, G or T for powers of 1024. */
int uzs_parse_size(const char *command, const char *name, const char *text,
		   uint64_t *bytes);
/* Creates a pool, and fills in the chain size that it has. @limit: bytes, 0 for
 * none. @limit_text: how the user wrote the limit. Return: the pool, or NULL
 * with *status set. */
struct zs_pool *uzs_open_pool(const char *command,
			      struct uzs_geometry *geometry,
			      enum zs_profile profile, unsigned int flags,
			      size_t limit, const char *limit_text,
			      int *status);
/* "profile kernel, pages of 4096 bytes, chain size 8" */
void uzs_pool_label(enum zs_profile profile,
		    const struct uzs_geometry *geometry, char text[64]);
/* Indices of the distinct classes, ascending. Return: how many; the caller
 * frees *indices; 0 with a line on stderr if there is no memory. */
unsigned int uzs_class_indices(struct zs_pool *pool, unsigned int **indices);

/* process.c */

/* Called first in each main(). If stdin, stdout or stderr is closed, its number
 * is taken by a descriptor that cannot be used, so that no file gets it and the
 * output with it. Writing to a pipe without a reader is reported as an error,
 * like a full disk, instead of SIGPIPE. */
void uzs_start(void);

/* Nanoseconds of a clock that only goes forward. */
uint64_t uzs_now_ns(void);
/* Bytes of memory that the process occupies. Return: false if the system does
 * not report it. */
bool uzs_rss_bytes(uint64_t *bytes);
/* The path of @name in the directory of this program. Return: false if the
 * system does not report it, or it is too long. */
bool uzs_beside(const char *name, char *path, size_t size);
/* Zeroed memory from the OS, already touched, so that it is not counted as
 * later growth. NULL: none. */
void *uzs_map_bytes(size_t bytes);
void uzs_unmap_bytes(void *memory, size_t bytes);

/* outfile.c */

/* Can the file be written to? Ask before long work. Does not change the file, nor
 * leave a new one. */
int uzs_try_file(const char *path);
/* The same, where `path` must not be the file `other` ("-": stdin), by whatever name.
 * @what: "the trace", for the message. */
int uzs_try_other_file(const char *path, const char *other, const char *what);
/* Writes a file by `put`, which returns 0 or an exit status. Never leaves half a
 * file. */
int uzs_write_file(const char *path, int (*put)(const void *arg, FILE *out),
		   const void *arg);

/* progress.c: a bar on stderr, only for a terminal and after 2 seconds. */
struct uzs_progress {
	const char *what;
	uint64_t total; /* 0: unknown */
	uint64_t start_ns;
	uint64_t shown_ns; /* 0: not shown yet */
	unsigned int calls;
	bool terminal;
};
void uzs_progress_start(struct uzs_progress *progress, const char *what,
			uint64_t total);
/* Cheap: reads the clock only now and then. */
void uzs_progress_update(struct uzs_progress *progress, uint64_t done);
/* Replaces the line by a new one, cut to the width of the screen. */
void uzs_progress_line(const char *text);
/* Erases it; also called before any message. */
void uzs_progress_clear(void);

#endif
