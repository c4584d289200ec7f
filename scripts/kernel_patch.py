# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""Patches for scripts/kernel-test: reading them, as git and mail programs write
them, and applying what is for zsmalloc to a copy of the files. Needs python3's
standard library and patch."""
import email
import email.header
import re
import subprocess

from bench_common import die
from kernel_tree import FILES

# Whatever bytes a file has, they come out again as they were.
CODE = {"encoding": "utf-8", "errors": "surrogateescape"}
HEADER_LINE = rb"[A-Za-z][A-Za-z0-9-]*:[ \t]"
# The line before a mail in a box, or a header at the very beginning.
MAIL = re.compile(rb"(?m)^From [^\n]*\n(?=" + HEADER_LINE + rb")")


# ---- reading ------------------------------------------------------------------

def mails(data):
    """What git am takes for mails: several in a box, or a single one."""
    data = data.lstrip(b"\n")
    if MAIL.match(data):
        return MAIL.split(data)[1:]
    return [data] if re.match(HEADER_LINE, data) else []


def text_parts(message):
    """The texts of a mail, decoded."""
    for part in message.walk():
        if part.get_content_maintype() != "text" and part.get_filename() is None:
            continue
        if not part.is_multipart():
            yield part.get_payload(decode=True)


def is_coded(message):
    """Is it not to be read as it is?"""
    return message.is_multipart() or message.get(
        "Content-Transfer-Encoding", "").strip().lower() in (
            "quoted-printable", "base64")


def read_bytes(path):
    try:
        return path.read_bytes().replace(b"\r\n", b"\n")
    except OSError as error:
        die(f"{path}: {error.strerror}", 2)


def patch_text(data):
    """The text of a patch. A mail may hide it in quoted-printable or base64,
    or in an attachment, and end its lines as mails do."""
    parsed = [email.message_from_bytes(m) for m in mails(data)]
    if any(is_coded(m) for m in parsed):
        # A newline after each: a part may end without.
        data = b"\n".join(part for m in parsed for part in text_parts(m))
        data = data.replace(b"\r\n", b"\n") + b"\n"
    return data.decode(**CODE)


# ---- the files of a diff --------------------------------------------------------

def real_names(old, new):
    """The names of a file before and after, without what is put before them: a/
    and b/, or others that differ, or (diff.noprefix) nothing."""
    if new in FILES and old.endswith("/" + new):
        return new, new
    if "/dev/null" not in (old, new) and (
            old.split("/")[0] == new.split("/")[0] or new in FILES):
        return old, new
    return tuple(name if name == "/dev/null"
                 else re.sub(r"^[^/]+/", "", name) for name in (old, new))


def split_patch(text):
    """The parts of a diff by file: [(name, text)], with a/ and b/ before the
    names in the text."""
    # Where one side is no file, git's own line tells what is before names.
    bare = set(re.findall(r"^diff --git (\S+) \1$", text, re.M))
    parts = re.split(r"(?m)^(?=--- .*\n\+\+\+ )", text)[1:]
    found = []
    for part in parts:
        # What follows it may be the head of another file's deletion.
        part = re.split(r"(?m)^diff --git ", part)[0]
        head = re.match(r"--- (\S+).*\n\+\+\+ (\S+).*\n", part)
        if not head:
            continue
        old, new = head[1], head[2]
        if old not in bare and new not in bare:
            old, new = real_names(old, new)
        marked = [name if name == "/dev/null" else f"{side}/{name}"
                  for side, name in (("a", old), ("b", new))]
        found.append((new if new != "/dev/null" else old,
                      f"--- {marked[0]}\n+++ {marked[1]}\n"
                      + part[head.end():]))
    return found


def other_files(text, parts):
    """The files of a diff that are not taken; those too of which it changes
    the name or the mode alone."""
    names = {name for name, _ in parts}
    for old, new in re.findall(r"^diff --git (\S+) (\S+)$", text, re.M):
        names.update(real_names(old, new))
    return sorted(names - set(FILES))


# ---- a series -------------------------------------------------------------------

def subject_of(message):
    text = str(email.header.make_header(email.header.decode_header(
        message.get("Subject", ""))))
    return " ".join(text.split())


def place_in_series(subject):
    """n of [PATCH n/m]; None without one."""
    found = re.match(r"\[[^\]]*?\b(\d+)/\d+[^\]]*\]", subject)
    return int(found[1]) if found else None


def read_series(path):
    """The patches of a mailbox, or of a directory's files in the order of their
    names: [(title, text)]. Letters without a patch, and answers, are left out.
    Mails are taken by their numbers, if all have one."""
    if path.is_dir():
        files = sorted(p for p in path.iterdir() if p.is_file()
                       and p.suffix in (".patch", ".diff", ".mbox", ".eml"))
    else:
        files = [path]
    found = []
    for file in files:
        data = read_bytes(file)
        for mail in mails(data) or [data]:
            message = email.message_from_bytes(mail)
            subject = subject_of(message) or file.name
            text = patch_text(mail)
            if split_patch(text) and not re.match(r"(?i)re:", subject):
                found.append((place_in_series(subject), subject, text))
    if not found:
        die(f"--series {path}: no patch in it", 2)
    numbers = [number for number, _, _ in found]
    if None not in numbers:
        for number in numbers:
            if numbers.count(number) > 1:
                die(f"--series {path}: several patches have the number "
                    f"{number}; leave one version of the series in it", 2)
        found.sort(key=lambda patch: patch[0])
    return [(re.sub(r"^(\[[^\]]*\]\s*)+", "", subject), text)
            for _, subject, text in found]


# ---- applying -------------------------------------------------------------------

def apply_patch(patch, tree):
    """Applies what the patch has for the files at hand. Returns the names of
    other files that it changes."""
    return apply_text(patch, patch_text(read_bytes(patch)), tree)


def apply_text(patch, text, tree):
    """The same with its text; `patch` is what it is called."""
    parts = split_patch(text)
    others = other_files(text, parts)
    if not parts and not others:
        die(f"{patch}: not a unified diff", 2)
    for old, new in re.findall(r"^(?:rename|copy) from (\S+)\n"
                               r"(?:rename|copy) to (\S+)$", text, re.M):
        if old in FILES or new in FILES:
            die(f"{patch} makes {new} of {old}: the files are known by their "
                "names; give the new one with --source, or --tree")
    ours = [part for name, part in parts if name in FILES]
    if not ours:
        die(f"{patch} changes none of {', '.join(FILES)}, but "
            f"{', '.join(others)}")
    done = subprocess.run(
        ["patch", "-p1", "--forward", "--no-backup-if-mismatch"], cwd=tree,
        input="".join(ours), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        **CODE)
    if done.returncode:
        die(f"{patch} does not apply:\n{done.stdout.rstrip()}")
    return others
