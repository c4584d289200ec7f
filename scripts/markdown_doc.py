# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""Markdown to HTML, as far as this project writes it: headings, paragraphs, nested
lists, tables, fenced and indented code, quotes, <details>; code, links, pictures, bold
and italic in a line. Anchors of headings as on the usual hosts."""
import html
import re


def slug(text):
    text = re.sub(r"[`*]|\]\([^)]*\)|!?\[", "", text).strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


class Page:
    """`body`: HTML; `title`; `headings`: [(level, text, anchor)]; `links`:
    what the text leads to, as written."""

    def __init__(self, text, link, name):
        """link(target): what stands in the page for a target. name(word): HTML for a
        word in `code`, or None."""
        self._link, self._name = link, name
        self.headings, self.links, self.title = [], [], ""
        lines = text.expandtabs(4).splitlines()
        if lines and lines[0].startswith("<!--"):
            lines = lines[1:]
        self.body = self._blocks(lines)

    # ---- in a line

    def inline(self, text):
        kept = []

        def keep(markup):
            kept.append(markup)
            return f"\0{len(kept) - 1}\0"

        def code(match):
            word = match[2].strip()
            return keep(self._name(word) or f"<code>{html.escape(word)}</code>")

        def link(match):
            self.links.append(match[3])
            to = html.escape(self._link(match[3]))
            if match[1]:
                return keep(f'<img src="{to}" alt="{html.escape(match[2])}">')
            return keep(f'<a href="{to}">') + match[2] + keep("</a>")

        text = re.sub(r"(`+)(.+?)\1", code, text)
        text = re.sub(r"(!?)\[((?:[^][]|\[[^]]*\])*)\]\(([^)\s]+)\)", link, text)
        text = re.sub(r"<(https?://[^>\s]+)>",
                      lambda m: keep(f'<a href="{m[1]}">{m[1]}</a>'), text)
        text = html.escape(text, quote=False)
        text = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", text)
        text = re.sub(r"(?<![\w*])\*([^*\s](?:[^*]*[^*\s])?)\*(?![\w*])",
                      r"<em>\1</em>", text)
        while "\0" in text:
            text = re.sub("\0(\\d+)\0", lambda m: kept[int(m[1])], text)
        return text

    # ---- blocks

    def _blocks(self, lines):
        out, i = [], 0
        while i < len(lines):
            line = lines[i]
            if not line.strip():
                i += 1
            elif re.match(r" *(```+|~~~+)", line):
                i = self._fence(lines, i, out)
            elif re.match(r"#{1,6} ", line):
                self._heading(line, out)
                i += 1
            elif line.startswith("    "):
                i = self._indented(lines, i, out)
            elif re.match(r" *\|", line) and i + 1 < len(lines) and \
                    re.match(r" *\|[ :|-]+\|? *$", lines[i + 1]):
                i = self._table(lines, i, out)
            elif re.match(r" {0,3}([-*+]|\d+\.) ", line):
                i = self._list(lines, i, out)
            elif line.startswith(">"):
                end = i
                while end < len(lines) and lines[end].startswith(">"):
                    end += 1
                inner = [re.sub(r"^> ?", "", s) for s in lines[i:end]]
                out.append(f"<blockquote>{self._blocks(inner)}</blockquote>")
                i = end
            elif re.match(r"</?(details|summary)", line):
                # As it stands, but for what is written in it.
                out.append(re.sub(
                    r"(<summary>)(.*)(</summary>)",
                    lambda m: m[1] + self.inline(m[2]) + m[3], line))
                i += 1
            elif re.fullmatch(r" *(-{3,}|\*{3,})", line):
                out.append("<hr>")
                i += 1
            else:
                i = self._paragraph(lines, i, out)
        return "\n".join(out)

    def _heading(self, line, out):
        marks, text = line.split(" ", 1)
        anchor, level = slug(text), len(marks)
        same = sum(1 for _, _, a in self.headings
                   if re.fullmatch(re.escape(anchor) + r"(-\d+)?", a))
        if same:
            anchor = f"{anchor}-{same}"
        shown = self.inline(text.strip())
        if not self.title:
            self.title = re.sub(r"<[^>]+>", "", shown)
        self.headings.append((level, shown, anchor))
        out.append(f'<h{level} id="{anchor}">{shown}</h{level}>')

    def _fence(self, lines, i, out):
        indent = len(lines[i]) - len(lines[i].lstrip())
        mark = lines[i].strip()[:3]
        end = i + 1
        while end < len(lines) and not lines[end].strip().startswith(mark):
            end += 1
        code = "\n".join(s[indent:] if not s[:indent].strip() else s
                         for s in lines[i + 1:end])
        out.append(f"<pre><code>{html.escape(code, quote=False)}</code></pre>")
        return end + 1

    def _indented(self, lines, i, out):
        end = i
        while end < len(lines) and (lines[end].startswith("    ")
                                    or not lines[end].strip()):
            end += 1
        code = "\n".join(s[4:] for s in lines[i:end]).rstrip()
        out.append(f"<pre><code>{html.escape(code, quote=False)}</code></pre>")
        return end

    def _table(self, lines, i, out):
        def cells(line):
            line = re.sub(r"(`[^`]*`)", lambda m: m[1].replace("|", "\1"), line)
            line = line.strip().replace("\\|", "\1").strip("|")
            return [c.strip().replace("\1", "|") for c in line.split("|")]

        styles = [' class="right"' if c.endswith(":") else ""
                  for c in cells(lines[i + 1])]

        def row(line, tag):
            found = cells(line) + [""] * len(styles)
            return "<tr>" + "".join(
                f"<{tag}{style}>{self.inline(c)}</{tag}>"
                for c, style in zip(found, styles)) + "</tr>"

        out.append('<div class="table"><table><thead>' + row(lines[i], "th")
                   + "</thead><tbody>")
        i += 2
        while i < len(lines) and re.match(r" *\|", lines[i]):
            out.append(row(lines[i], "td"))
            i += 1
        out.append("</tbody></table></div>")
        return i

    def _list(self, lines, i, out):
        first = re.match(r"( {0,3})([-*+]|\d+\.)( +)", lines[i])
        tag = "ol" if first[2][0].isdigit() else "ul"
        outer = len(first[1])
        out.append(f"<{tag}>")
        while i < len(lines):
            match = re.match(r"( *)([-*+]|\d+\.)( +)", lines[i])
            if not match or len(match[1]) != outer or \
                    match[2][0].isdigit() != (tag == "ol"):
                break
            inner = len(match[0])
            item = [lines[i][inner:]]
            i += 1
            while i < len(lines):
                line = lines[i]
                indent = len(line) - len(line.lstrip())
                if not line.strip():
                    after = next((s for s in lines[i:] if s.strip()), "")
                    if len(after) - len(after.lstrip()) <= outer:
                        break
                    item.append("")
                elif indent > outer:
                    item.append(line[min(indent, inner):])
                elif item[-1] and not re.match(
                        r"([-*+]|\d+\.) |#|>|\||```", line.lstrip()):
                    item.append(line)
                else:
                    break
                i += 1
            out.append("<li>" + self._item(item) + "</li>")
            while i < len(lines) and not lines[i].strip() and \
                    i + 1 < len(lines) and re.match(
                        rf" {{{outer}}}([-*+]|\d+\.) ", lines[i + 1]):
                i += 1
        out.append(f"</{tag}>")
        return i

    def _item(self, item):
        body = self._blocks(item)
        only = re.fullmatch(r"<p>((?:(?!<p>).)*)</p>(.*)", body, re.S)
        return only[1] + only[2] if only else body

    def _paragraph(self, lines, i, out):
        end = i
        while end < len(lines) and lines[end].strip() and not (
                end > i and re.match(r"#{1,6} |```| {0,3}([-*+]|\d+\.) |\||</?details|>",
                                     lines[end])):
            end += 1
        out.append(f"<p>{self.inline(chr(10).join(s.strip() for s in lines[i:end]))}</p>")
        return end
