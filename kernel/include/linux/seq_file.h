/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/seq_file.h - a file's text is written to a stream. */
#ifndef UZS_KERNEL_LINUX_SEQ_FILE_H
#define UZS_KERNEL_LINUX_SEQ_FILE_H

#include <uzs/compat.h>
#include <linux/fs.h>

struct seq_file {
	FILE *out;
	void *private;
};

#define seq_printf(s, ...) ((void)fprintf((s)->out, __VA_ARGS__))
#define seq_puts(s, text) ((void)fputs((text), (s)->out))
#define seq_putc(s, c) ((void)fputc((c), (s)->out))

#define DEFINE_SHOW_ATTRIBUTE(name)                         \
	static const struct file_operations name##_fops = { \
		.show = name##_show,                        \
	}

#endif
