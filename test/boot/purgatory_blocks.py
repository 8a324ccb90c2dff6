# SPDX-License-Identifier: MIT
"""Where purgatory's core and its blocks are, in build/purgatory.bin and in purgatory's pages; and its numbers."""
import os
import re

from qemu import BUILD


def blocks():
    """Return {name: (offset in purgatory's pages, offset in the file, size)}."""
    with open(os.path.join(BUILD, "purgatory_blocks.inc")) as file:
        found = {(name, part): int(value, 16) for name, part, value in
                 re.findall(r"^block_(\w+)\.(\w+) equ 0x([0-9A-Fa-f]+)$", file.read(), re.MULTILINE)}
    return {name: tuple(found[name, part] for part in ("at", "start", "size")) for name, part in found if part == "at"}


def number(name, of="purgatory"):
    """Return one of the numbers of purgatory's, or of another file's of stage2/numbers, that the build takes from C."""
    with open(os.path.join(BUILD, f"i386/stage2/numbers/{of}.inc")) as file:
        return int(re.search(rf"^{re.escape(name)} equ (\d+)$", file.read(), re.MULTILINE)[1])


def offset_of(name, code):
    """Return the offset in purgatory's pages of the first of these bytes in this block."""
    at, start, size = blocks()[name]
    with open(os.path.join(BUILD, "purgatory.bin"), "rb") as file:
        return at + file.read()[start:start + size].index(code)
