#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""UZS_KERNEL_LOCKSTAT: uzs-kernel-stress fails where a subject writes no lock
statistics, or they cannot be written. With a subject that is malloc. Needs
python3 and cc."""
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Writes them if it is built with WRITES. What --churn does not call may be
# any address.
SUBJECT = r"""
#include <stdlib.h>
#include "tests/conformance/subject.h"

static struct subject subject = { .abi = SUBJECT_ABI };

static struct subject_pool *create(unsigned int page, unsigned int chain,
				   bool worker)
{
	return (struct subject_pool *)&subject;
}

static unsigned long destroy(struct subject_pool *pool)
{
#ifdef WRITES
	FILE *out = fopen(getenv("UZS_KERNEL_LOCKSTAT"), "w");

	fputs("locks\n", out);
	fclose(out);
#endif
	return 0;
}

static unsigned long get(struct subject_pool *pool, size_t size)
{
	return (unsigned long)malloc(size);
}

static void put(struct subject_pool *pool, unsigned long handle)
{
	free((void *)handle);
}

static void drain(struct subject_pool *pool)
{
}

static unsigned long check(struct subject_pool *pool, FILE *out)
{
	return 0;
}

const struct subject *uzs_kernel_subject(void)
{
	void **call = (void **)&subject;

	/* From create to the end of the table. */
	for (call = (void **)&subject.create; call < (void **)(&subject + 1);
	     call++)
		*call = (void *)check;
	subject.struct_size = sizeof(subject);
	subject.name = subject.description = "malloc";
	subject.page_size = 4096;
	subject.chain_size = 8;
	subject.groups = 12;
	subject.create = create;
	subject.destroy = destroy;
	subject.malloc = get;
	subject.free = put;
	subject.drain = drain;
	return &subject;
}
"""


def build(to, *arguments):
    subprocess.run(["cc", "-D_GNU_SOURCE", "-std=gnu11", "-O1", "-pthread",
                    "-I", ROOT, "-o", to, *arguments], check=True)


class LockStatistics(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.dir.cleanup)
        cls.path = Path(cls.dir.name)
        (cls.path / "subject.c").write_text(SUBJECT)
        build(cls.path / "stress", ROOT / "kernel/uzs-kernel-stress.c",
              ROOT / "kernel/activity.c", ROOT / "kernel/stress.c",
              ROOT / "tests/conformance/subject_load.c")
        for name, options in (("plain", []), ("writes", ["-DWRITES"])):
            build(cls.path / f"{name}.so", "-shared", "-fPIC", *options,
                  cls.path / "subject.c")

    def stress(self, subject, out=None):
        env = dict(os.environ)
        env.pop("UZS_KERNEL_LOCKSTAT", None)
        if out:
            env["UZS_KERNEL_LOCKSTAT"] = str(out)
        done = subprocess.run(
            [self.path / "stress", "--churn", self.path / subject], env=env,
            text=True, stderr=subprocess.PIPE, timeout=120)
        return done.returncode, done.stderr

    def test_not_asked_for(self):
        self.assertEqual(self.stress("plain.so"), (0, ""))

    def test_written(self):
        out = self.path / "locks.txt"
        self.assertEqual(self.stress("writes.so", out), (0, ""))
        self.assertEqual(out.read_text(), "locks\n")

    def test_not_written(self):
        out = self.path / "old.txt"
        out.write_text("of an earlier run\n")
        status, told = self.stress("plain.so", out)
        self.assertEqual(status, 1)
        self.assertIn("no lock statistics", told)

    def test_cannot_be_written(self):
        out = self.path / "no/locks.txt"
        status, told = self.stress("writes.so", out)
        self.assertEqual(status, 1)
        self.assertIn(f"{out}: No such file or directory", told)
        self.assertEqual(told.count("\n"), 1)


if __name__ == "__main__":
    unittest.main()
