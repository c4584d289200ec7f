# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""Reads the --help of programs. What the manual pages and the completion are made
of: the text as blocks, the commands of a program as a tree."""
import re
import subprocess
import sys

# What begins the paragraph that is a section of its own.
SECTIONS = {"example": "EXAMPLES", "examples": "EXAMPLES",
            "exit status": "EXIT STATUS"}


class Entry:
    """A line such as "  --seed N   chooses what is freed", with those that go on
    with it. `indent` is its own; one of a deeper indent belongs to the entry before
    it."""

    def __init__(self, term, text, indent):
        self.term, self.text, self.indent = term, text, indent


class Help:
    """usage: lines; blocks: ("text", string) | ("entries", [Entry]);
    sections: {"EXAMPLES": [line], ...}."""

    def __init__(self, text):
        self.raw = text
        self.usage, self.blocks, self.sections = [], [], {}
        self._read(text)

    def entries(self):
        return [e for kind, block in self.blocks if kind == "entries"
                for e in block]

    def _read(self, text):
        paragraphs, kind = [], None
        for line in text.expandtabs(8).splitlines():
            if not line.strip():
                kind = None
                continue
            if line.lower().startswith("usage: "):
                now = "usage"
            elif section_of(line):
                now = section_of(line)
            elif line.startswith(" "):
                # What is indented goes on with usage and sections.
                now = kind if kind in ("usage", *SECTIONS.values()) \
                    else "entries"
            else:
                now = kind if kind == "EXIT STATUS" else "text"
            if now != kind:
                paragraphs.append((now, []))
                kind = now
            paragraphs[-1][1].append(line)
        for kind, lines in paragraphs:
            if kind == "usage":
                self.usage += [line[len("usage: "):].rstrip()
                               for line in lines]
            elif kind == "text":
                self.blocks.append((kind, " ".join(s.strip() for s in lines)))
            elif kind == "entries":
                self.blocks.append((kind, read_entries(lines)))
            else:
                self.sections.setdefault(kind, []).extend(
                    [lines[0].split(":", 1)[1].strip()] +
                    [line.strip() for line in lines[1:]])


def section_of(line):
    return SECTIONS.get(line.split(":", 1)[0].lower()) if ":" in line else None


def split_entry(line, column):
    """(term, text) of a line; text is None where nothing follows the term."""
    indent = len(line) - len(line.lstrip())
    rest = line.strip()
    if column and indent < column < len(line) and line[column - 1] == " " \
            and line[column] != " ":
        return line[indent:column].strip(), line[column:].strip()
    parts = re.split(r" {2,}", rest, maxsplit=1)
    return parts[0], parts[1] if len(parts) > 1 else None


def read_entries(lines):
    """The column at which texts begin is the one where most of them do."""
    columns = [m.end() for m in
               (re.match(r" {1,12}\S(?:.*?\S)? {2,}(?=\S)", s) for s in lines)
               if m]
    columns += [len(s) - len(s.lstrip()) for s in lines
                if s.startswith(" " * 12)]
    column = max(set(columns), key=columns.count) if columns else 0
    entries = []
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if entries and column and indent >= column:
            entries[-1].text = f"{entries[-1].text or ''} {line.strip()}".strip()
            continue
        term, text = split_entry(line, column)
        if term == "-":
            term, text = "", line.strip()
        entries.append(Entry(term, text, indent))
    return entries


class Command:
    """A program, or a command of it: `words` are what is typed."""

    def __init__(self, words, summary, text):
        self.words, self.summary, self.help = words, summary, Help(text)
        self.commands = []

    @property
    def name(self):
        return "-".join(self.words)

    def walk(self):
        yield self
        for command in self.commands:
            yield from command.walk()


def ask(program, words):
    """None if the command is one that other builds have: 32-bit ones have no
    `uzs lab simulate`."""
    try:
        done = subprocess.run([program, *words], capture_output=True,
                              text=True, timeout=60, check=False)
    except OSError as error:
        sys.exit(f"{program}: {error.strerror}")
    if done.returncode and ": this build has no " in done.stderr:
        return None
    if done.returncode or not done.stdout.lower().startswith("usage: "):
        sys.exit(f"{' '.join([program, *words])}: no help: "
                 f"status {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def read_plugin(path, nbdkit="nbdkit"):
    """The Command of a plugin of nbdkit: of what `nbdkit PLUGIN --help` says of it,
    behind what it says of itself. Its parameters become entries."""
    try:
        done = subprocess.run([nbdkit, path, "--help"], capture_output=True,
                              text=True, timeout=60, check=False)
    except OSError as error:
        sys.exit(f"{nbdkit}: {error.strerror}")
    said = re.search(r"(?ms)^plugin: (\w+)(?: \((.*?)\))?\n\(.*?\)\n(.*?)\n"
                     r"(\S*=.*?)(^example: .*)?\Z", done.stdout)
    if done.returncode or not said:
        sys.exit(f"{nbdkit} {path} --help: says nothing of the plugin: "
                 f"status {done.returncode}: {done.stderr.strip()}")
    name, title, description, parameters, example = said.groups()
    # The first may be given without its name, so it has brackets.
    entries = "".join(f"  {line}\n" for line in parameters.splitlines())
    text = (f"usage: nbdkit {name} {parameters.split()[0]} [KEY=VALUE]...\n"
            f"{description}\n\n{entries}\n{example or ''}")
    return Command([f"nbdkit-{name}-plugin"], title, text)


def read_program(program, words, summary=None, depth=2):
    """The Command of a program, with its commands, which are the entries of its help
    that begin with the words typed so far."""
    text = ask(program, [*words[1:], "--help"])
    if text is None:
        return None
    command = Command(words, summary, text)
    if depth:
        for entry in command.help.entries():
            name = entry.term.split()
            if len(name) == len(words) + 1 and name[:-1] == words and \
                    re.fullmatch(r"[a-z][a-z-]*", name[-1]) and \
                    name[-1] != "version":
                known = read_program(program, name, entry.text, depth - 1)
                command.commands += [known] if known else []
    return command


OPTION = re.compile(r"--?[a-zA-Z][\w-]*")


def options_of(entry):
    """[(option, argument or None)] of "-s SOCKET", "--csv, --json",
    "--costs NAME|FILE"."""
    found = []
    if not entry.term.startswith("-"):
        return found
    for part in entry.term.split(", "):
        words = part.split(maxsplit=1)
        if words and OPTION.fullmatch(words[0]):
            found.append((words[0], words[1] if len(words) > 1 else None))
    return found


def values_of(entry, argument):
    """Words that an option takes, if its help lists them: "fill|random", or a text
    that begins with "held, unlocked (default) or all"."""
    if re.fullmatch(r"[a-z0-9-]+(\|[a-z0-9-]+)+", argument):
        return argument.split("|")
    first = re.split(r"[.;]", re.sub(r" \([^)]*\)", "", entry.text or ""))[0]
    words = re.split(r", or |, | or ", first.split(": ")[-1].strip())
    words = [w for w in words if not re.search(r"[A-Z]", w)]
    if len(words) > 1 and all(re.fullmatch(r"[a-z0-9][\w:-]*", w)
                              for w in words):
        return words
    return []
