#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""Tests scripts/kernel_debian.py on an archive made here, with a key made here:
what is signed is fetched, and nothing else; only the wanted files stay; the
system's package sources and lists are not touched. Needs python3, apt-get,
dpkg-deb, gpg, xz."""
import contextlib
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
sys.dont_write_bytecode = True

import kernel_debian  # noqa: E402

PACKAGE = "linux-source-7.3"
FILES = ["mm/zsmalloc.c", "mm/none.c", "Makefile"]
SYSTEM = [Path("/etc/apt"), Path("/var/lib/apt"), Path("/var/cache/apt")]


def run(*command, **options):
    subprocess.run([str(c) for c in command], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                   **options)


def state_of_system():
    return {path: path.stat().st_mtime_ns for folder in SYSTEM
            for path in [folder, *folder.rglob("*")]}


def make_package(to):
    """A linux-source package with a few files, as Debian's."""
    root, source = to / "package", to / PACKAGE
    for name in ("mm/zsmalloc.c", "mm/slub.c", "Makefile"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(f"{name}\n")
    for path in (root / "DEBIAN", root / "usr/src"):
        path.mkdir(parents=True)
    run("tar", "-cJf", root / f"usr/src/{PACKAGE}.tar.xz", "-C", to, PACKAGE)
    (root / "DEBIAN/control").write_text(
        f"Package: {PACKAGE}\nVersion: 7.3.4-1\nArchitecture: all\n"
        "Maintainer: A Test <test@example.org>\nDescription: a test\n")
    (to / "pool").mkdir()
    run("dpkg-deb", "--root-owner-group", "-b", root, to / "pool/p.deb")
    return (root / "DEBIAN/control").read_text()


def make_archive(to):
    """`to`/debian, with a suite signed by the key `to`/key.gpg."""
    archive = to / "debian"
    archive.mkdir()
    control = make_package(archive)
    data = (archive / "pool/p.deb").read_bytes()
    packages = (f"{control}Filename: pool/p.deb\nSize: {len(data)}\n"
                f"SHA256: {hashlib.sha256(data).hexdigest()}\n").encode()
    suite = archive / "dists/trixie-backports"
    (suite / "main/binary-amd64").mkdir(parents=True)
    (suite / "main/binary-amd64/Packages").write_bytes(packages)
    (suite / "Release").write_text(
        "Suite: trixie-backports\nCodename: trixie-backports\n"
        "Architectures: amd64\nComponents: main\n"
        "Date: Sat, 01 Jan 2022 00:00:00 UTC\nSHA256:\n"
        f" {hashlib.sha256(packages).hexdigest()} {len(packages)} "
        "main/binary-amd64/Packages\n")
    home = to / "gnupg"
    home.mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", home, "--batch", "--quiet", "--passphrase", ""]
    try:
        run(*gpg, "--quick-gen-key", "test@example.org", "ed25519", "sign",
            "never")
        run(*gpg, "--clearsign", "-o", suite / "InRelease", suite / "Release")
        run(*gpg, "--export", "-o", to / "key.gpg")
    finally:
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"],
                       check=False)
    (suite / "Release").unlink()


class Fetching(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        made = tempfile.TemporaryDirectory()
        cls.addClassCleanup(made.cleanup)
        cls.made = Path(made.name)
        make_archive(cls.made)

    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        self.path = Path(self.dir.name)
        shutil.copytree(self.made / "debian", self.path / "debian")
        self.to = self.path / "tree"
        for name, value in (("MIRROR", f"file:{self.path}"),
                            ("KEYRING", self.made / "key.gpg"),
                            ("INSTALLED", self.path / "usr/src"),
                            ("APT", self.path / "apt"),
                            ("LOG", self.path / "log")):
            patch = mock.patch.object(kernel_debian, name, value)
            patch.start()
            self.addCleanup(patch.stop)

    def extract(self):
        with contextlib.redirect_stderr(io.StringIO()) as said:
            try:
                return kernel_debian.extract("7.3", self.to, FILES)
            except SystemExit as end:
                self.assertEqual(end.code, 1)
                return said.getvalue()

    def refused(self, *words):
        said = self.extract().splitlines()[-1]
        for word in (PACKAGE, "trixie-backports", *words):
            self.assertIn(word, said)
        self.assertFalse((self.to / "mm").exists())
        self.assertFalse(kernel_debian.APT.exists())

    def test_only_the_files_stay(self):
        before = state_of_system()
        self.assertEqual(self.extract(), f"{PACKAGE} 7.3.4-1")
        kept = sorted(str(p.relative_to(self.to)) for p in self.to.rglob("*")
                      if p.is_file())
        self.assertEqual(kept, [".package", "Makefile", "mm/zsmalloc.c"])
        self.assertEqual((self.to / "mm/zsmalloc.c").read_text(),
                         "mm/zsmalloc.c\n")
        self.assertFalse(kernel_debian.APT.exists())
        self.assertEqual(state_of_system(), before)
        # It is not fetched again.
        shutil.rmtree(self.path / "debian")
        self.assertEqual(self.extract(), f"{PACKAGE} 7.3.4-1")

    def test_signed_by_another_key(self):
        with mock.patch.object(kernel_debian, "KEYRING",
                               Path("/usr/share/keyrings/"
                                    "debian-archive-keyring.gpg")):
            self.refused("trixie-backports InRelease")

    def test_unsigned(self):
        suite = self.path / "debian/dists/trixie-backports"
        text = (suite / "InRelease").read_text()
        (suite / "InRelease").unlink()
        (suite / "Release").write_text(
            text.partition("\n\n")[2].partition("-----BEGIN")[0])
        self.refused("not signed")

    def test_careless_system(self):
        """The system's configuration allows everything, and does things of its
        own after an update."""
        hook = self.path / "hook-ran"
        careless = self.path / "careless.conf"
        careless.write_text(
            'Acquire::AllowInsecureRepositories "true";\n'
            'APT::Get::AllowUnauthenticated "true";\n'
            'APT::Default-Release "bookworm";\n'
            f'APT::Update::Post-Invoke {{ "touch {hook}"; }};\n'
            f'APT::Update::Post-Invoke-Success {{ "touch {hook}"; }};\n')
        with mock.patch.dict(os.environ, {"APT_CONFIG": str(careless)}):
            self.assertEqual(self.extract(), f"{PACKAGE} 7.3.4-1")
            shutil.rmtree(self.to)
            self.test_unsigned()
        self.assertFalse(hook.exists())

    def test_another_package(self):
        with open(self.path / "debian/pool/p.deb", "ab") as package:
            package.write(b"more")
        self.refused("Hash Sum mismatch")

    def test_no_such_package(self):
        with mock.patch.dict(kernel_debian.SUITES,
                             {"7.2": kernel_debian.SUITES["7.3"]}):
            with contextlib.redirect_stderr(io.StringIO()) as said, \
                    self.assertRaises(SystemExit):
                kernel_debian.extract("7.2", self.to, FILES)
        self.assertIn("Unable to locate package linux-source-7.2",
                      said.getvalue())

    def test_installed(self):
        """What is installed is taken, and taken again when it is newer."""
        installed = kernel_debian.INSTALLED
        installed.mkdir(parents=True)
        with mock.patch.object(kernel_debian, "MIRROR", "file:/nowhere"):
            for text in ("one\n", "two\n"):
                source = self.path / PACKAGE / "mm/zsmalloc.c"
                source.parent.mkdir(parents=True, exist_ok=True)
                source.write_text(text)
                run("tar", "-cJf", installed / f"{PACKAGE}.tar.xz",
                    "-C", self.path, PACKAGE)
                self.extract()
                self.assertEqual((self.to / "mm/zsmalloc.c").read_text(),
                                 text)


if __name__ == "__main__":
    unittest.main()
