/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* subject_load.c - see subject_load.h.
 *
 * Callers: the programs that take --subject.
 * Guarantees: a table that was built for another version of subject.h, or
 * lacks a call that every subject has, is refused with a reason.
 */
#include "subject_load.h"

#include <dlfcn.h>
#include <string.h>

static void fail(char error[SUBJECT_ERROR_BYTES], const char *path,
		 const char *what)
{
	snprintf(error, SUBJECT_ERROR_BYTES, "%s: %s", path, what);
}

static bool is_complete(const struct subject *s)
{
	return s->name && s->description && s->create && s->destroy &&
	       s->malloc && s->free && s->read && s->write && s->read_begin &&
	       s->read_end && s->compact && s->shrink_count && s->shrink_scan &&
	       s->drain && s->total_pages && s->pages_compacted &&
	       s->huge_class_size && s->lookup_class_index && s->class_count &&
	       s->class_info && !s->free_deferred == !s->flush &&
	       !s->read_sg_begin == !s->read_sg_end &&
	       !s->hold_page == !s->release_page &&
	       !s->set_evict == !s->reclaim &&
	       !s->read_sg_begin == !!(s->traits & SUBJECT_NO_SEGMENTS);
}

const struct subject *subject_load(const char *path,
				   char error[SUBJECT_ERROR_BYTES])
{
	const struct subject *(*entry)(void);
	const struct subject *subject;
	void *library, *symbol;
	const char *why;

	/* RTLD_LOCAL: its symbols are not for others. */
	library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library) {
		why = dlerror();
		snprintf(error, SUBJECT_ERROR_BYTES, "%s",
			 why ? why : "cannot be loaded");
		return NULL;
	}
	symbol = dlsym(library, SUBJECT_ENTRY);
	if (!symbol) {
		fail(error, path, "has no " SUBJECT_ENTRY "(): not a subject");
		goto bad;
	}
	/* POSIX lets a symbol's address be called, C does not say so. */
	memcpy(&entry, &symbol, sizeof(entry));
	subject = entry();
	if (!subject || subject->abi != SUBJECT_ABI ||
	    subject->struct_size != sizeof(*subject)) {
		fail(error, path,
		     "was built with another version of subject.h");
		goto bad;
	}
	if (!is_complete(subject) || subject->groups < 2 ||
	    subject->groups > SUBJECT_MAX_GROUPS) {
		fail(error, path, "its table lacks a call that all must have");
		goto bad;
	}
	return subject;

bad:
	dlclose(library);
	return NULL;
}

static bool is_path(const char *name)
{
	size_t len = strlen(name);

	return strchr(name, '/') || (len > 3 && !strcmp(name + len - 3, ".so"));
}

const struct subject *subject_find(const char *name, const struct subject *own,
				   size_t nr_own,
				   char error[SUBJECT_ERROR_BYTES])
{
	char path[4096];

	for (size_t i = 0; i < nr_own; i++)
		if (!strcmp(own[i].name, name))
			return &own[i];
	if (!is_path(name)) {
		snprintf(
			error, SUBJECT_ERROR_BYTES,
			"%s: neither a subject of ours (see --help) nor a shared object",
			name);
		return NULL;
	}
	/* Without a slash dlopen would look elsewhere. */
	snprintf(path, sizeof(path), "%s%s", strchr(name, '/') ? "" : "./",
		 name);
	return subject_load(path, error);
}
