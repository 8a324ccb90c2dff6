# SPDX-License-Identifier: MIT
"""The stack that segue_load() uses is what segue.h says, for each protocol, and for each way to load a target."""
import re

import pytest

from embed import ARCHES, FATAL, GCC, HERE, ROOT, RUN, run

FILES = [ROOT / "build" / "inspect" / f"inspect.{name}" for name in
         ("bzimage64", "bzimage", "mb.elf", "mb2.elf", "pvh.elf", "plain.elf", "vmlinux.elf")]


@pytest.mark.parametrize("arch", ARCHES)
def test_stack(tmp_path, arch):
    says, = re.findall(r"Uses up to (\d+) KiB of stack", (ROOT / "include" / "segue.h").read_text())
    run(*GCC[arch], *FATAL, "-static", "-O1", "-Wall", "-Wextra", "-fno-stack-protector", "-I", ROOT / "include", "-o", tmp_path / "stack",
        HERE / "stack.c", ROOT / "build" / arch / "libsegue.a")
    loads = re.findall(r"^\S+/inspect\.(\S+) (\S+): (\d+), (\d+)$", run(*RUN[arch], tmp_path / "stack", *FILES), re.MULTILINE)
    assert len(loads) == 5 * len(FILES)
    for name, way, result, used in loads:
        # What is refused: a kernel of 32 bits by the 64-bit entry, and what does not go above 4 GiB.
        good = way != "above" and (name, way) != ("bzimage", "64-bit") or (name, way, arch) == ("bzimage64", "above", "x86_64")
        assert (result == "0") == good, (name, way, result)
        assert 512 < int(used) <= 1024 * int(says), (name, way, used)
