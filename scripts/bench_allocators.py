# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""The allocators that pools are compared with, and running uzs-bench with
each of them."""
import csv
import io
import os
import subprocess
import sys

from bench_common import NAME, ROOT, die

# allocator: (library names to try, Debian package); None: nothing to preload
LIBRARIES = {
    "glibc": None,
    "jemalloc": (["libjemalloc.so.2"], "libjemalloc2"),
    "mimalloc": (["libmimalloc.so.2.0", "libmimalloc.so.2",
                  "libmimalloc.so.3"], "libmimalloc2.0"),
    "tcmalloc": (["libtcmalloc_minimal.so.4"], "libtcmalloc-minimal4"),
}
# Pools of the user profile, with zs_refs in the program's records and with
# handles. uzs-bench has names for them.
REFS, USER = "zs-refs", "zs-user"
# What is timed begins when the process has been quiet so long, ms: what an
# allocator does in the background after it was filled is done then.
REST_MS = 120
# What scripts/common.sh has for this; it tells what it does.
INSTALL = ('. "$1"; shift; need_compiler; '
           'uzs_missing="$uzs_missing${*:+ $*}"; install_missing')


def run_bench(bench, preload, arguments, cpus=None):
    """Rows that uzs-bench prints. cpus: the CPUs that it may use."""
    environment = dict(os.environ)
    environment.pop("LD_PRELOAD", None)
    if preload:
        environment["LD_PRELOAD"] = preload
    command = [str(bench)] + arguments + ["--csv"]
    done = subprocess.run(command, env=environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          preexec_fn=None if cpus is None else
                          lambda: os.sched_setaffinity(0, cpus))
    if done.returncode:
        sys.stderr.write(done.stderr)
        die("uzs-bench " + " ".join(arguments) + " failed" +
            (f" with {preload}" if preload else ""))
    return list(csv.DictReader(io.StringIO(done.stdout)))


def name_rows(rows, allocator, pools, preload):
    """uzs-bench calls pools of one profile alike: here each of `pools` is an
    allocator of its own."""
    is_kernel = allocator in pools and allocator not in (REFS, USER)
    for row in rows:
        if row["allocator"] != ("zs" if is_kernel else allocator):
            die(f"LD_PRELOAD={preload} gave {row['allocator']}, not "
                f"{allocator}")
        row["allocator"] = allocator


def has_user_profile(bench):
    """Are there pools of the user profile on this machine?"""
    return not subprocess.run([str(bench), "--profile", "user", "--ops",
                               "malloc", "--bytes", "1M", "--reps", "1"],
                              stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode


def command_line(preload, arguments):
    """The same, as a reader would type it."""
    return ((f"LD_PRELOAD={preload} " if preload else "") + "uzs-bench "
            + " ".join(arguments))


def install(packages=()):
    """Installs packages, and what uzs-bench is built with, if missing."""
    if subprocess.run(["sh", "-c", INSTALL, str(ROOT / "scripts" / NAME),
                       str(ROOT / "scripts/common.sh"), *packages],
                      stdout=sys.stderr).returncode:
        die("could not install what is missing")


def find_library(bench, name):
    """The library that really puts that allocator under malloc, or None."""
    for library in LIBRARIES[name][0]:
        rows = run_bench(bench, library,
                         ["speed", "--allocator", "malloc", "--ops", "peek",
                          "--bytes", "1M", "--reps", "1"])
        if rows[0]["allocator"] == name:
            return library
    return None


def find_libraries(bench, without, may_install):
    """{allocator: library to preload, or None}, all but those without."""
    found = {}
    missing = []
    for attempt in (1, 2):
        missing = []
        for name, how in LIBRARIES.items():
            if name in without or name in found:
                continue
            library = find_library(bench, name) if how else None
            if how and not library:
                missing.append(name)
            else:
                found[name] = library
        if not missing or not may_install or attempt == 2:
            break
        install([LIBRARIES[name][1] for name in missing])
    if missing:
        die("missing: " + ", ".join(missing) + "; either --install (packages "
            + " ".join(LIBRARIES[name][1] for name in missing)
            + ") or --without " + ",".join(missing), 2)
    return {name: found[name] for name in LIBRARIES if name in found}


def check_without(parser, names, known):
    """Those of --without, of which each has to be known."""
    names = [name for name in names.split(",") if name]
    for name in names:
        if name not in known:
            parser.error(f"--without {name}: no such allocator to compare "
                         "with")
    return names
