#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""Tests scripts/kernel_patch.py: what of a patch is applied, in whatever form
git or a mail program wrote it. Needs python3 and patch."""
import contextlib
import email.mime.multipart
import email.mime.text
import io
import quopri
import re
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
sys.dont_write_bytecode = True

import kernel_patch  # noqa: E402
import kernel_tree  # noqa: E402


class Patches(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        self.path = Path(self.dir.name)

    def write(self, name, text):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    PATCH = """From: somebody
--- a/{name}
+++ b/{name}
@@ -1,2 +1,2 @@
-old
+new
 end
--- a/drivers/block/zram/zram_drv.c
+++ b/drivers/block/zram/zram_drv.c
@@ -1 +1 @@
-x
+y
"""

    def test_other_files_are_left_out(self):
        self.write(kernel_tree.SOURCE, "old\nend\n")
        patch = self.write("my.patch",
                           self.PATCH.format(name=kernel_tree.SOURCE))
        self.assertEqual(kernel_patch.apply_patch(patch, self.path),
                         ["drivers/block/zram/zram_drv.c"])
        self.assertEqual((self.path / kernel_tree.SOURCE).read_text(),
                         "new\nend\n")

    def test_does_not_apply(self):
        self.write(kernel_tree.SOURCE, "something else\n")
        patch = self.write("my.patch",
                           self.PATCH.format(name=kernel_tree.SOURCE))
        with self.assertRaises(SystemExit):
            kernel_patch.apply_patch(patch, self.path)

    def test_for_other_files_only(self):
        patch = self.write("my.patch", self.PATCH.format(name="mm/slub.c"))
        with self.assertRaises(SystemExit):
            kernel_patch.apply_patch(patch, self.path)

    def check_applies(self, patch, others, old="old\nend\n",
                      new="new\nend\n"):
        self.write(kernel_tree.SOURCE, old)
        path = self.write("my.patch", patch)
        self.assertEqual(kernel_patch.apply_patch(path, self.path), others)
        self.assertEqual((self.path / kernel_tree.SOURCE).read_text(), new)

    # As git writes it, and between two files that go.
    OURS = """diff --git a/mm/zsmalloc.c b/mm/zsmalloc.c
index 1111111..2222222 100644
--- a/mm/zsmalloc.c
+++ b/mm/zsmalloc.c
@@ -1,2 +1,2 @@
-old
+new
 end
"""
    DELETED = """diff --git a/mm/{0}.c b/mm/{0}.c
deleted file mode 100644
index 3333333..0000000
--- a/mm/{0}.c
+++ /dev/null
@@ -1 +0,0 @@
-x
"""
    RENAMED = """diff --git a/mm/{0}.c b/mm/{0}2.c
similarity index 100%
rename from mm/{0}.c
rename to mm/{0}2.c
"""

    def test_deletion_of_others(self):
        self.check_applies(
            self.DELETED.format("a") + self.OURS + self.DELETED.format("z"),
            ["mm/a.c", "mm/z.c"])

    def test_rename_of_others(self):
        self.check_applies(
            self.RENAMED.format("a") + self.OURS + self.RENAMED.format("z"),
            ["mm/a.c", "mm/a2.c", "mm/z.c", "mm/z2.c"])

    def test_mode_of_others(self):
        self.check_applies(
            "diff --git a/scripts/x b/scripts/x\nold mode 100644\n"
            "new mode 100755\n" + self.OURS, ["scripts/x"])

    def check_refused(self, patch, *words):
        self.write(kernel_tree.SOURCE, "old\nend\n")
        path = self.write("my.patch", patch)
        with self.assertRaises(SystemExit), \
                contextlib.redirect_stderr(io.StringIO()) as told:
            kernel_patch.apply_patch(path, self.path)
        for word in words:
            self.assertIn(word, told.getvalue())
        self.assertEqual(told.getvalue().count("\n"), 1)

    def test_rename_alone(self):
        self.check_refused(self.RENAMED.format("a"), "changes none of",
                           "mm/a.c, mm/a2.c")

    def test_rename_of_ours(self):
        self.check_refused(self.RENAMED.format("zsmalloc"),
                           "makes mm/zsmalloc2.c of mm/zsmalloc.c")

    def test_removed_line_of_dashes(self):
        self.check_applies(
            "--- a/mm/zsmalloc.c\n+++ b/mm/zsmalloc.c\n"
            "@@ -1,3 +1,2 @@\n-old\n--- a line of SQL\n+new\n end\n"
            "-- \n2.39.5\n\n", [], "old\n-- a line of SQL\nend\n")

    # With diff.noprefix, diff.mnemonicPrefix, and by diff alone.

    def bare(self, text):
        return re.sub(r"\b[ab]/(?=mm/)", "", text)

    def test_no_prefix(self):
        self.check_applies(self.bare(self.OURS), [])

    def test_no_prefix_and_others(self):
        # A file whose name ends as one of ours.
        other = self.OURS.replace("mm/zsmalloc.c", "tools/mm/zsmalloc.c")
        self.check_applies(
            self.bare(self.DELETED.format("a") + self.RENAMED.format("m")
                      + self.OURS + other.replace("a/tools", "tools")
                      .replace("b/tools", "tools")
                      + self.DELETED.format("z")),
            ["mm/a.c", "mm/m.c", "mm/m2.c", "mm/z.c", "tools/mm/zsmalloc.c"])

    def test_new_file_without_prefix(self):
        new = ("diff --git {0}mm/zpdesc.h {1}mm/zpdesc.h\n"
               "new file mode 100644\nindex 0000000..2222222\n"
               "--- /dev/null\n+++ {1}mm/zpdesc.h\n@@ -0,0 +1 @@\n+x\n")
        for sides in (("", ""), ("a/", "b/"), ("c/", "i/")):
            with self.subTest(sides):
                (self.path / "mm/zpdesc.h").unlink(missing_ok=True)
                self.check_applies(new.format(*sides) + self.OURS, [])
                self.assertEqual((self.path / "mm/zpdesc.h").read_text(),
                                 "x\n")

    def test_other_prefixes(self):
        for old, new in (("c/", "i/"), ("linux.orig/", "linux/"),
                         ("old/", "")):
            with self.subTest(old):
                self.check_applies(self.OURS.replace("a/mm", old + "mm")
                                   .replace("b/mm", new + "mm"), [])

    def test_name_that_ends_as_ours(self):
        self.check_refused(
            self.OURS.replace("mm/zsmalloc.c", "tools/mm/zsmalloc.c"),
            "changes none of", "tools/mm/zsmalloc.c")

    # As mail programs send them.
    OLD_TEXT = "old = ä\nend\n"
    NEW_TEXT = "new = ä, a line that is longer than a line of " \
        "quoted-printable may be, =3D\nend\n"

    def diff(self, prefix=True):
        old, new = (self.OLD_TEXT.splitlines()[0],
                    self.NEW_TEXT.splitlines()[0])
        text = self.OURS.replace("-old", "-" + old).replace("+new", "+" + new)
        return text if prefix else self.bare(text)

    def mail(self, diff, coding):
        text = "A change.\n---\n" + diff + "-- \n2.39.5\n"
        mail = email.mime.text.MIMEText(text, "plain", "utf-8")
        if coding == "quoted-printable":
            mail.replace_header("Content-Transfer-Encoding", coding)
            mail.set_payload(quopri.encodestring(text.encode()).decode())
        mail["From"] = "Somebody <somebody@example.org>"
        mail["Subject"] = "[PATCH] zsmalloc: a change"
        return mail

    def check_mail(self, text, others=()):
        self.check_applies(text, list(others), self.OLD_TEXT, self.NEW_TEXT)

    def test_coded_mails(self):
        for coding in ("quoted-printable", "base64"):
            for prefix in (True, False):
                with self.subTest(coding, prefix=prefix):
                    text = self.mail(self.diff(prefix), coding).as_string()
                    self.assertNotIn("\n+" + self.NEW_TEXT, text)
                    self.check_mail(text)
                    self.check_mail(text.replace("\n", "\r\n"))

    def test_attachment(self):
        for coding in ("quoted-printable", "base64"):
            with self.subTest(coding):
                whole = email.mime.multipart.MIMEMultipart()
                whole["Subject"] = "see there"
                whole.attach(email.mime.text.MIMEText("As we said.\n"))
                whole.attach(self.mail(self.diff(), coding))
                self.check_mail(whole.as_string())

    def test_box(self):
        """Two mails, as git format-patch --stdout writes and a list's archive
        has them: the second one changes what the first one wrote."""
        first = self.mail(self.diff().replace("+" + self.NEW_TEXT
                                              .splitlines()[0], "+between"),
                          "base64")
        second = self.mail(self.diff().replace("-" + self.OLD_TEXT
                                               .splitlines()[0], "-between"),
                           "quoted-printable")
        self.check_mail("".join(
            f"From 1111111111111111111111111111111111111111 Mon Sep 17 "
            f"00:00:00 2001\n{m.as_string()}\n" for m in (first, second)))

    def test_plain_mail(self):
        text = ("From 1111 Mon Sep 17 00:00:00 2001\n"
                "From: Somebody <somebody@example.org>\n"
                "Content-Transfer-Encoding: 8bit\n\nWhy.\n---\n"
                + self.diff())
        self.check_mail(text)
        self.check_mail(text.replace("\n", "\r\n"))

    def test_bytes_of_another_code(self):
        """A file that is no UTF-8, and a patch of it."""
        (self.path / "mm").mkdir(exist_ok=True)
        (self.path / kernel_tree.SOURCE).write_bytes(b"old \xe4\nend\n")
        patch = self.path / "my.patch"
        patch.write_bytes(self.OURS.replace("old", "old \xe4").replace(
            "new", "new \xfc").encode("latin-1"))
        self.assertEqual(kernel_patch.apply_patch(patch, self.path), [])
        self.assertEqual((self.path / kernel_tree.SOURCE).read_bytes(),
                         b"new \xfc\nend\n")


if __name__ == "__main__":
    unittest.main()
