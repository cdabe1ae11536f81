#!/usr/bin/env python3
"""Makes one C++ header of the pages: each with its style and script inside, and their hashes, which
are what the pages' Content-Security-Policy allows.
   embed.py DIRECTORY OUTPUT"""
import base64
import hashlib
import pathlib
import sys

source, output = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
STEP = 8000  # compilers need not take longer literals


def literal(name, text):
    pieces = [text[i:i + STEP] for i in range(0, len(text), STEP)]
    body = '\n'.join(f'    R"llmrec({piece})llmrec"' for piece in pieces)
    return f'inline constexpr std::string_view {name} =\n{body};\n'


def sha256(text):
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


out = ['// Made from src/admin/page by embed.py.', '#pragma once', '#include <string_view>', 'namespace llmrec::admin {']
for page in ('dashboard', 'receipt'):
    name = 'k' + page.capitalize()
    html = (source / f'{page}.html').read_text(encoding='utf-8')
    for kind, tag in (('css', 'style'), ('js', 'script')):
        mark, file = '{{%s}}' % kind, source / f'{page}.{kind}'
        if mark not in html:
            continue
        text = file.read_text(encoding='utf-8')
        if f'</{tag}' in text.lower() or ')llmrec"' in text:
            sys.exit(f'{file}: cannot be put into a page')
        html = html.replace(mark, text)
        out.append(f'inline constexpr std::string_view {name}{kind.capitalize()}Hash = "{sha256(text)}";')
    out.append(literal(f'{name}Html', html))
out.append('}  // namespace llmrec::admin')
output.write_text('\n'.join(out) + '\n', encoding='utf-8')
