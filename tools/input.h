/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* input.h - the files to store, and their contents cut into pages. */
#ifndef UZS_INPUT_H
#define UZS_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct uzs_file {
	char *path; /* "-" is stdin */
	uint64_t first_page; /* number of its first page, from 0 */
	bool named; /* by the user; else found in a directory */
};

struct uzs_input {
	uint64_t max_bytes; /* read no more than this; 0: everything */
	/* from the walk */
	struct uzs_file *files;
	size_t count;
	size_t room;
	uint64_t expected_bytes; /* sum of sizes; 0: unknown, as of pipes */
	uint64_t skipped_special; /* devices, sockets, pipes in directories */
	uint64_t skipped_links; /* symbolic links in directories */
	bool libraries; /* the machine's libraries: a file left out is no
			 * error */
	/* from both */
	uint64_t skipped_unreadable;
	int failed; /* UZS_FAILED: some of these were reported */
	/* from reading */
	size_t begun; /* files */
	uint64_t files_read;
	uint64_t bytes; /* without the padding of last pages */
	uint64_t pages;
	bool cut; /* there is more than max_bytes */
};

/* Adds a file, a directory with everything below it, or "-" for stdin. If that
 * cannot be read it is an error. A file below a directory that cannot be read
 * is reported and left out. Symbolic links are followed only here, not in
 * directories, so that nothing is read twice or for ever. Names are taken in
 * alphabetical order. Return: 0 or an exit status. */
int uzs_input_add(struct uzs_input *input, const char *path);
/* Adds the machine's shared libraries, without those that cannot be read. */
int uzs_input_add_libraries(struct uzs_input *input);
void uzs_input_destroy(struct uzs_input *input);

/* Receives a page of a file; the last page is filled up with zeros. Return: 0,
 * or an exit status, which ends the reading. */
typedef int uzs_take_page(void *arg, const void *page,
			  const struct uzs_file *file);
/* Reads all files. One that cannot be read, or not to its end, is reported, and
 * the rest of it left out. @buffer: a multiple of @page_bytes. */
int uzs_input_read(struct uzs_input *input, size_t page_bytes, void *buffer,
		   size_t buffer_bytes, uzs_take_page *take, void *arg);
/* The file of page @page, counted from 0. */
const struct uzs_file *uzs_input_file(const struct uzs_input *input,
				      uint64_t page);
/* For messages: "stdin" for "-". */
const char *uzs_file_name(const struct uzs_file *file);

#endif
