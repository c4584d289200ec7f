# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""Debian's linux-source packages for scripts/kernel-test, of any suite: fetched
with apt's own means, but with a configuration, lists and package sources of
their own, so that the system's stay as they are. Needs apt-get, dpkg-deb,
Debian's keyring, python3's standard library."""
import contextlib
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

from bench_common import ROOT, die, say

# Where each is: (archive, suite).
SUITES = {
    "5.10": ("debian-security", "bullseye-security"),
    "6.1": ("debian", "bookworm"),
    "6.12": ("debian", "trixie"),
    "7.2": ("debian", "trixie-backports"),
    "7.3": ("debian", "trixie-backports"),
}
MIRROR = "http://deb.debian.org"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
INSTALLED = Path("/usr/src")
APT = ROOT / "build/kernel-apt"
LOG = ROOT / "build/logs/kernel-apt.log"
# Everything that apt would read or write of the system's, but for how it gets
# through to the network. What is not signed by the keyring is refused, whatever
# the system's configuration says. Packages of all machines are in amd64's
# lists.
CONFIGURATION = """\
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Architectures;
#clear APT::Default-Release;
APT::Architecture "amd64";
APT::Architectures "amd64";
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
APT::Get::AllowUnauthenticated "false";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
Acquire::Languages "none";
Acquire::Retries "2";
Dir::Cache "{apt}/cache";
Dir::State "{apt}/state";
Dir::State::status "{apt}/status";
Dir::Etc::SourceList "{apt}/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::Etc::Trusted "/dev/null";
Dir::Etc::TrustedParts "/dev/null";
"""


def apt_get(version, *arguments):
    """Runs it; if it fails, ends with what it says first."""
    archive, suite = SUITES[version]
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with open(LOG, "a") as log:
        done = subprocess.run(
            # Read last, after the system's (and $APT_CONFIG's).
            ["apt-get", "-c", APT / "apt.conf", *arguments], cwd=APT,
            text=True, env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.PIPE)
        log.write(done.stderr)
    if done.returncode:
        why = re.findall(r"^[EW]: (.*)", done.stderr, re.M)
        die(f"linux-source-{version} cannot be had from {MIRROR}/{archive} "
            f"{suite}: {why[0] if why else 'apt-get failed'}; see {LOG}")


def download(version):
    """The package as Debian has it today, checked."""
    archive, suite = SUITES[version]
    for program in ("apt-get", "dpkg-deb"):
        if not shutil.which(program):
            die(f"--debian {version}: {program} is needed; without it give a "
                "tree (--tree)")
    if not KEYRING.is_file():
        die(f"{KEYRING}: no such file: package debian-archive-keyring is not "
            "installed")
    for name in ("state/lists/partial", "cache/archives/partial"):
        (APT / name).mkdir(parents=True, exist_ok=True)
    (APT / "status").touch()
    (APT / "apt.conf").write_text(CONFIGURATION.format(apt=APT))
    (APT / "sources.list").write_text(
        f"deb [arch=amd64 target=Packages allow-insecure=no "
        f"signed-by={KEYRING}] "
        f"{MIRROR}/{archive} {suite} main\n")
    say(f"fetching linux-source-{version} from Debian's {suite}")
    LOG.unlink(missing_ok=True)
    apt_get(version, "update")
    apt_get(version, "download", f"linux-source-{version}")
    found = list(APT.glob(f"linux-source-{version}_*.deb"))
    if len(found) != 1:
        die(f"apt-get has left no linux-source-{version} in {APT}; see {LOG}")
    return found[0]


@contextlib.contextmanager
def open_source(version):
    """The source as a stream, and the package's version: of the package that is
    installed, else of one that is fetched and thrown away again."""
    name = f"linux-source-{version}"
    installed = INSTALLED / f"{name}.tar.xz"
    if installed.exists():
        done = subprocess.run(
            ["dpkg-query", "-W", "-f", "${Version}", name], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        with tarfile.open(installed, "r|xz") as tar:
            yield tar, done.stdout.strip()
        return
    shutil.rmtree(APT, ignore_errors=True)
    try:
        package = download(version)
        number = subprocess.run(
            ["dpkg-deb", "-f", package, "Version"], text=True, check=True,
            stdout=subprocess.PIPE).stdout.strip()
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package],
                              stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL) as unpacks:
            with tarfile.open(fileobj=unpacks.stdout, mode="r|") as outer:
                for member in outer:
                    if member.name.endswith(f"/{name}.tar.xz"):
                        break
                else:
                    die(f"{package.name} has no {name}.tar.xz")
                with tarfile.open(fileobj=outer.extractfile(member),
                                  mode="r|xz") as tar:
                    yield tar, number
            # Its end may not have been read.
            unpacks.kill()
    finally:
        shutil.rmtree(APT, ignore_errors=True)


def extract(version, to, files):
    """Those of the files that linux-source-VERSION has, kept from run to run, as
    fetching it and finding them takes a while. Returns a description."""
    package = f"linux-source-{version}"
    stamp = to / ".package"
    installed = INSTALLED / f"{package}.tar.xz"
    if not stamp.exists() or (installed.exists() and installed.stat().st_ctime
                              > stamp.stat().st_mtime):
        shutil.rmtree(to, ignore_errors=True)
        with open_source(version) as (tar, number):
            say(f"extracting zsmalloc from {package}")
            wanted = {f"{package}/{name}": name for name in files}
            for member in tar:
                name = wanted.pop(member.name, None)
                if name is None:
                    continue
                (to / name).parent.mkdir(parents=True, exist_ok=True)
                (to / name).write_bytes(tar.extractfile(member).read())
                if not wanted:
                    break
        if not (to / files[0]).exists():
            die(f"{package} has no {files[0]}")
        stamp.write_text(f"{package} {number}".strip())
    return stamp.read_text()
