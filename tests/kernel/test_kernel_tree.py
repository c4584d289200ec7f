#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""Tests scripts/kernel_tree.py and the errors of scripts/kernel-test, on small
trees written here: which interface a tree has, what a file is said to need,
and that what hangs is ended. Needs python3 and cc."""
import contextlib
import fcntl
import io
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import types
import unittest
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

import interfaces  # noqa: E402
import kernel_findings  # noqa: E402
import kernel_options  # noqa: E402
import kernel_test  # noqa: E402
import kernel_tree  # noqa: E402

OLD = interfaces.header() + \
    "/* zs_create_pool(const char *name, int of_a_comment); */\n"
FIRST_READ = interfaces.header("whole")
NEW = interfaces.header("segments", create=4, node=True,
                        more=interfaces.LOOKUP + interfaces.DEFERRED)


CLANG = shutil.which("clang") or shutil.which("clang-14")


class Trees(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        self.path = Path(self.dir.name)

    def write(self, name, text):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def tree(self, header, source=""):
        self.write(kernel_tree.HEADER, header)
        self.write(kernel_tree.SOURCE, source)
        return kernel_tree.Tree(self.path, "x", "X")


class Interface(Trees):
    def test_map(self):
        tree = self.tree(OLD, "enum { ZS_EMPTY };\n"
                              "#define ZS_MAX_ZSPAGE_ORDER 2\n")
        self.assertTrue(tree.map_api)
        self.assertEqual(tree.groups, 4)
        self.assertEqual(tree.fixed_chain, 4)
        self.assertFalse(tree.zpdesc)
        self.assertIn("LARGE_IS_EINVAL", tree.traits())
        text = tree.config()
        self.assertIn("zs_create_pool((name))\n", text)
        self.assertIn("zs_malloc((pool), (size), (gfp))\n", text)
        self.assertNotIn("READ_BEGIN", text)

    def test_first_read_begin(self):
        tree = self.tree(FIRST_READ, "get_first_zpdesc ZS_INUSE_RATIO_0 "
                                     "CONFIG_ZSMALLOC_CHAIN_SIZE ENOSPC")
        self.assertFalse(tree.map_api)
        self.assertTrue(tree.zpdesc)
        self.assertEqual(tree.groups, 12)
        self.assertIsNone(tree.fixed_chain)
        self.assertNotIn("ONE_OPEN_OBJECT", tree.traits())
        text = tree.config()
        self.assertIn("zs_obj_read_begin((pool), (handle), (copy))", text)
        self.assertIn("zs_obj_read_end((pool), (handle), (data))", text)
        self.assertIn("#define UZS_K_READ_WHOLE 1\n", text)
        self.assertIn("NO_SEGMENTS", tree.traits())

    def test_new(self):
        tree = self.tree(NEW, "ZS_INUSE_RATIO_0")
        self.assertTrue(tree.deferred)
        text = tree.config()
        self.assertIn("zs_create_pool((name), 0, 0, 0)", text)
        self.assertIn("(gfp), NUMA_NO_NODE)", text)
        self.assertIn("zs_obj_read_begin((pool), (handle), (len), (copy))",
                      text)
        self.assertIn("zs_obj_read_end((pool), (handle), (len), (data))", text)
        self.assertIn("#define UZS_K_READ_WHOLE 0\n", text)
        self.assertNotIn("NO_SEGMENTS", tree.traits())

    def test_deferred_with_operations(self):
        """It has no flush, so that the tests cannot use it."""
        tree = self.tree(interfaces.header("segments",
                                           more=interfaces.DEFERRED_OPS))
        self.assertFalse(tree.deferred)

    def test_words_in_comments_do_not_count(self):
        tree = self.tree(OLD, "/* ZS_INUSE_RATIO_0 */\n// ENOSPC\n")
        self.assertEqual(tree.groups, 4)
        self.assertIn("LARGE_IS_EINVAL", tree.traits())

    def test_lookup(self):
        body = ("unsigned int zs_lookup_class_index(struct zs_pool *pool, "
                "unsigned int size)\n{\n\treturn %s;\n}\n")
        self.assertNotIn("LOOKUP_ADDS_HANDLE",
                         self.tree(NEW, body % "index(size)").traits())
        helper = ("static int lookup_size_class(int size)\n{\n"
                  "\treturn index(size + ZS_HANDLE_SIZE);\n}\n")
        self.assertIn(
            "LOOKUP_ADDS_HANDLE",
            self.tree(NEW, helper + body % "lookup_size_class(size)")
            .traits())

    def test_async_free(self):
        body = ("static void async_free_zspage(struct work_struct *w)\n{\n"
                "\t%s;\n}\n")
        self.assertIn("COUNTS_FREED", self.tree(OLD, body % "").traits())
        tree = self.tree(OLD, body % "class_stat_sub(c, 0, 1)")
        self.assertNotIn("COUNTS_FREED", tree.traits())
        self.assertIn("#define UZS_K_ASYNC_COUNTS 1\n", tree.config())

    def test_no_zsmalloc(self):
        with self.assertRaises(SystemExit) as raised:
            self.tree("int something_else(void);\n")
        self.assertEqual(raised.exception.code, 1)

    def test_version(self):
        self.write("Makefile", "VERSION = 7\nPATCHLEVEL = 0\nSUBLEVEL = 0\n"
                               "EXTRAVERSION = -rc3\nNAME = x\n")
        self.assertEqual(kernel_tree.kernel_version(self.path), "7.0.0-rc3")

    def test_bit_fields(self):
        source = "".join(
            f"unsigned int {name}:{bits};\n" for name, bits in
            (("huge", "HUGE_BITS"), ("fullness", "FULLNESS_BITS"),
             ("class", "CLASS_BITS + 1")))
        tree = self.tree(OLD, source)
        self.assertEqual(kernel_tree.split_bit_fields(tree.path),
                         ["fullness"])
        self.assertEqual((tree.path / kernel_tree.SOURCE).read_text(),
                         source.replace(":FULLNESS_BITS", ""))


class Missing(Trees):
    def test_list(self):
        tree = self.tree(OLD, """
#include <linux/unheard_of.h>
#include <linux/slab.h>
#include <linux/mm.h>
#include <linux/quite_unknown.h>
struct odd_thing;
struct holder {
	unknown_t field;
	struct odd_thing inside;
};
static int fn(struct page *page)
{
	page->no_such_member = 1;
	no_such_function(page);
	get_page(page, 3);
	return NO_SUCH_CONSTANT;
}
""")
        missing, other = kernel_tree.what_is_missing(
            tree, tree.path / kernel_tree.SOURCE)
        self.assertEqual(set(missing["headers"]),
                         {"linux/unheard_of.h", "linux/quite_unknown.h"})
        self.assertEqual(missing["functions"], {"no_such_function": "14"})
        self.assertEqual(missing["names"], {"NO_SUCH_CONSTANT": "16"})
        self.assertEqual(missing["types"], {"unknown_t": "8", "inside": "9"})
        self.assertEqual(missing["members"],
                         {"struct page.no_such_member": "13"})
        self.assertEqual(missing["calls with other arguments"],
                         {"get_page": "15"})
        self.assertEqual(other, [])

    # As gcc and as clang tell it.
    MACROS = """
void free_it(const void *p);
void *get_it(int size);
static DEFINE_ODD_KEY(some_key);
struct lock { int x; } lock;
int fn(void)
{
	guard(odd_lock)(&lock);
	return no_such_function(NO_SUCH_CONSTANT);
}
int fn2(void)
{
	void *p __free(free_it) = get_it(3);
	return p != 0;
}
"""

    def check_macros(self, compiler):
        tree = self.tree(OLD, self.MACROS)
        command = kernel_tree.compile_command

        def other_compiler(*arguments):
            return [compiler] + command(*arguments)[1:]

        with mock.patch.object(kernel_tree, "compile_command",
                               other_compiler):
            return kernel_tree.what_is_missing(
                tree, tree.path / kernel_tree.SOURCE)

    def test_macros(self):
        missing, other = self.check_macros("gcc")
        self.assertEqual(missing, {
            "macros": {"DEFINE_ODD_KEY": "4", "guard": "8", "__free": "13"},
            "functions": {"no_such_function": "9"},
            "names": {"NO_SUCH_CONSTANT": "9"}})
        self.assertEqual(other, [])

    @unittest.skipUnless(CLANG, "no clang")
    def test_macros_with_clang(self):
        missing, _ = self.check_macros(CLANG)
        self.assertEqual(missing["macros"],
                         {"DEFINE_ODD_KEY": "4", "guard": "8"})
        self.assertEqual(missing["names"], {"NO_SUCH_CONSTANT": "9"})

    OLDER = """
#include <asm/pgtable.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>
#include <linux/migrate.h>
#include <linux/spinlock.h>
#include <linux/percpu.h>
#include <linux/wait.h>
#include <linux/fs.h>
struct area { char *buffer; };
static DEFINE_PER_CPU(struct area, areas);
static struct vfsmount *mounted;
static int context(struct fs_context *fc)
{
	return init_pseudo(fc, ZSMALLOC_MAGIC) ? 0 : -ENOMEM;
}
static struct file_system_type type = {
	.name = "x", .init_fs_context = context, .kill_sb = kill_anon_super,
};
static int move(struct address_space *owner, struct page *to, struct page *from,
		enum migrate_mode mode)
{
	to->units = from->units;
	__SetPageMovable(to, page_mapping(from));
	return owner->private_data ? MIGRATEPAGE_SUCCESS : -EAGAIN;
}
static const struct address_space_operations ops = { .migratepage = move };
struct owner {
	struct inode *inode;
	struct wait_queue_head queue;
	atomic_long_t n;
	struct list_head list;
};
static void *use(struct owner *o, unsigned long *word)
{
	struct area *area = &get_cpu_var(areas);

	put_cpu_var(areas);
	mounted = kern_mount(&type);
	o->inode = alloc_anon_inode(mounted->mnt_sb);
	o->inode->i_mapping->a_ops = &ops;
	iput(o->inode);
	kern_unmount(mounted);
	init_waitqueue_head(&o->queue);
	wait_event(o->queue, atomic_long_read(&o->n) == 0);
	smp_mb();
	smp_mb__after_atomic();
	wake_up_all(&o->queue);
	if (!bit_spin_trylock(0, word))
		bit_spin_lock(0, word);
	if (bit_spin_is_locked(0, word))
		bit_spin_unlock(0, word);
	return area ? list_last_entry(&o->list, struct owner, list) : NULL;
}
"""

    def test_what_older_files_use(self):
        """5.4 to 6.3."""
        tree = self.tree(OLD, self.OLDER)
        self.assertEqual(kernel_tree.what_is_missing(
            tree, tree.path / kernel_tree.SOURCE), ({}, []))

    def test_numbers_of_the_preprocessor(self):
        """Files decide by them what an obj word holds."""
        tree = self.tree(OLD, "#include <linux/bitops.h>\n"
                              "#include <linux/mm.h>\n"
                              "#if BITS_PER_LONG - MAX_PHYSMEM_BITS + "
                              "PAGE_SHIFT != 24\n#error no\n#endif\n")
        self.assertEqual(kernel_tree.what_is_missing(
            tree, tree.path / kernel_tree.SOURCE), ({}, []))

    def test_nothing(self):
        tree = self.tree(OLD, "#include <linux/slab.h>\n"
                              "static void *p(void)\n{\n"
                              "\treturn kzalloc(8, GFP_KERNEL);\n}\n")
        self.assertEqual(kernel_tree.what_is_missing(
            tree, tree.path / kernel_tree.SOURCE), ({}, []))


class Hanging(Trees):
    # Starts another process: that must end too.
    PROGRAM = ["sh", "-c", "sleep 300 & echo $!; sleep 300"]

    def gone(self, pid):
        """Not running; whoever adopts it may be late to wait for it."""
        for _ in range(100):
            try:
                stat = Path(f"/proc/{pid}/stat").read_text()
            except OSError:
                return True
            if stat.rpartition(")")[2].split()[0] in "ZX":
                return True
            time.sleep(0.1)
        return False

    def wait_for_pid(self, path):
        for _ in range(200):
            if path.exists() and path.read_text().endswith("\n"):
                return path.read_text().strip()
            time.sleep(0.1)
        self.fail("it did not start")

    def test_step_that_never_ends(self):
        steps = []
        build = types.SimpleNamespace(kind="")
        with mock.patch.object(kernel_test, "BUILD", self.path), \
                contextlib.redirect_stderr(io.StringIO()):
            step, text = kernel_test.run(steps, "hangs", build, self.PROGRAM,
                                         limit=2)
        self.assertEqual(steps, [step])
        self.assertFalse(step.good)
        self.assertEqual(step.note, "no end after 2 s: a deadlock?")
        self.assertTrue(self.gone(text.strip()))

    def test_signal(self):
        log = self.path / "log"
        run = subprocess.Popen(
            [sys.executable, "-c", "import sys; from pathlib import Path; "
             f"sys.path.insert(0, {str(ROOT / 'scripts')!r}); "
             "sys.dont_write_bytecode = True; import kernel_test; "
             "kernel_test.end_on_signals(); "
             f"kernel_test.execute({self.PROGRAM!r}, Path({str(log)!r}))"])
        try:
            pid = self.wait_for_pid(log)
            run.terminate()
            self.assertEqual(run.wait(60), 143)
        finally:
            run.kill()
        self.assertTrue(self.gone(pid))

    def test_limits(self):
        plain = types.SimpleNamespace(kind="")
        thread = types.SimpleNamespace(kind="thread")
        self.assertEqual(kernel_test.time_limit(plain), 300)
        self.assertEqual(kernel_test.time_limit(plain, "20M"), 1500)
        self.assertEqual(kernel_test.time_limit(plain, "500K"), 330)
        self.assertGreater(kernel_test.time_limit(thread, "20M"), 1500)


class Sanitizers(Trees):
    def test_a_path_with_blanks(self):
        """ThreadSanitizer finds the file of suppressions."""
        for name in ("a blank: it", "an 'other' one"):
            program = self.write(f"{name}/p.c",
                                 "int main(void) { return 0; }\n")
            built = self.path / name / "p"
            subprocess.run(["cc", "-fsanitize=thread", "-o", built, program],
                           check=True)
            build = types.SimpleNamespace(
                kind="thread", path=self.path / name,
                tree=types.SimpleNamespace(evicts=True,
                                           has=lambda word: True,
                                           split=["class"]))
            env = {**os.environ, **kernel_test.environment(build)}
            done = subprocess.run([built], env=env, stderr=subprocess.PIPE,
                                  text=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            (build.path / "kernel-tsan.supp").unlink()
            # It does look there.
            done = subprocess.run([built], env=env, stderr=subprocess.PIPE,
                                  text=True)
            self.assertNotEqual(done.returncode, 0)


class Excerpts(Trees):
    CSV = ("subject,against,page_size,chain_size,ops,compactions\n"
           "kernel-6.12,array,4096,8,1000,1,2,3,4,5,6\n")

    def excerpt(self, text):
        return kernel_findings.excerpt(self.write("log", text))

    def test_mismatch(self):
        state = "".join(f"  state {n}\n" for n in range(50))
        found = self.excerpt("progress\nuzs-compare: mismatch: a and b\n" +
                             state + self.CSV)
        self.assertEqual(found[0], "uzs-compare: mismatch: a and b")
        self.assertEqual(len(found), 40)

    def test_summary(self):
        frames = "".join(f"  #{n} f\n" for n in range(50))
        found = self.excerpt("WARNING: ThreadSanitizer: data race\n" + frames
                             + "SUMMARY: one\nSUMMARY: two\n")
        self.assertEqual(len(found), 41)
        self.assertEqual(found[-1], "SUMMARY: one")

    def test_table_only(self):
        self.assertEqual(self.excerpt(self.CSV), [])


class CommandLine(Trees):
    def kernel_test(self, *arguments):
        return subprocess.run(
            [sys.executable, ROOT / "scripts/kernel_test.py", *arguments],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            timeout=600)  # waits for another run

    def check_fails(self, status, words, *arguments):
        done = self.kernel_test(*arguments)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertIn(words, done.stdout + done.stderr)
        self.assertNotIn("Traceback", done.stderr)

    def test_help(self):
        done = self.kernel_test("--help")
        self.assertEqual(done.returncode, 0)
        self.assertIn("example:", done.stdout)

    def test_usage(self):
        self.check_fails(2, "--page-size", "--page-size", "5000")
        self.check_fails(2, "--chain-size", "--chain-size", "3")
        self.check_fails(2, "--page-size", "--page-size", "4096,\u00b2")
        self.check_fails(2, "--chain-size", "--chain-size", "\u00b2")
        self.check_fails(2, "--ops", "--ops", "many")
        for ops in ("0", "0K", "1X", "9" * 13):
            self.check_fails(2, "with K or M for thousands", "--ops", ops)
        self.check_fails(2, "--sanitize thread", "--tsan-unchanged")
        self.check_fails(2, "--sanitize thread", "--tsan-unchanged",
                         "--sanitize", "address")
        self.check_fails(2, "--build-only", "--locks", "--build-only")
        self.check_fails(2, "--seed", "--seed", "-1")
        self.check_fails(2, "--seed", "--seed", "4294967296")
        self.check_fails(2, "--debian", "--debian", "2.6")
        self.check_fails(2, "one of them", "--debian", "6.12", "--tree", "/")

    def test_no_tree(self):
        self.check_fails(2, "no such directory", "--tree",
                         str(self.path / "nowhere"))
        self.check_fails(1, "is it a kernel tree", "--tree", str(self.path))

    def check_refused(self, words, *arguments, build=None):
        """What the system refuses is one line, and 1."""
        with mock.patch.object(sys, "argv", ["kernel-test", *arguments]), \
                mock.patch.object(kernel_test, "BUILD",
                                  build or self.path / "build"), \
                mock.patch.object(kernel_test, "end_on_signals"), \
                contextlib.redirect_stderr(io.StringIO()) as told, \
                self.assertRaises(SystemExit) as raised:
            kernel_test.run_main(kernel_test.main)
        self.assertEqual(raised.exception.code, 1)
        self.assertIn(words, told.getvalue())
        self.assertEqual(told.getvalue().count("\n"), 1, told.getvalue())

    def test_refused_by_the_system(self):
        self.write(kernel_tree.HEADER, OLD)
        source = self.write(kernel_tree.SOURCE, "")
        tree = ["--tree", str(self.path)]
        self.check_refused("File name too long", "--tree",
                           str(self.path / ("x" * 300)))
        self.check_refused(f"{source}: File exists", *tree, build=source)
        # As root may read all, a file that nobody can.
        self.check_refused("/proc/self/mem: Input/output error",
                           "--source", "/proc/self/mem", *tree)
        if os.geteuid():
            source.chmod(0)
            self.check_refused(f"{source}: Permission denied", *tree)
            source.parent.chmod(0)
            self.check_refused(f"{source}: Permission denied", *tree)
            source.parent.chmod(0o700)

    def test_source_without_headers(self):
        source = self.write("zsmalloc.c", "")
        self.check_fails(2, "not in a kernel tree", "--source", str(source))

    def test_cannot_be_built(self):
        self.write(kernel_tree.HEADER, OLD)
        self.write(kernel_tree.SOURCE,
                   "#include <linux/not_there.h>\nint x = NOT_THERE;\n")
        self.check_fails(1, "linux/not_there.h", "--tree", str(self.path))
        self.assertEqual(list((ROOT / "build/kernel-trees").glob(
            f"work-{self.path.name}*")), [])

    def test_lists(self):
        self.assertEqual(kernel_options.page_shifts(None, "4K,4096,65536"),
                         [12, 16])
        self.assertEqual(kernel_options.chain_sizes(None, "8,4,08"), [8, 4])

    def test_one_at_a_time(self):
        with mock.patch.object(kernel_test, "BUILD", self.path), \
                open(self.path / "kernel.lock", "w") as other, \
                contextlib.redirect_stderr(io.StringIO()) as told:
            kernel_test.only_one().close()
            self.assertEqual(told.getvalue(), "")
            fcntl.flock(other, fcntl.LOCK_EX)
            released = threading.Timer(0.5, other.close)
            released.start()
            lock = kernel_test.only_one()
            self.assertTrue(other.closed)
            lock.close()
            released.join()
        self.assertIn("another kernel-test runs; waiting", told.getvalue())


if __name__ == "__main__":
    unittest.main()
