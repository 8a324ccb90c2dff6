# SPDX-License-Identifier: MIT
"""include/README.md's lines for a host with several CPUs, at their word: the others run, are parked by an IPI, and the target has the
machine as it is promised."""
import re
import shutil

import pytest

import embed
from embed import HERE, ROOT, run
from images import Part, qemu_kernel
from qemu import Qemu
from test_state import LINUX, MULTIBOOT

def lines_for(cpus):
    """start_kernel() with leave() as its end, as include/README.md says."""
    lines = embed.readme_block('#include "segue.h"')
    smp = embed.readme_block("void interrupt_others(void);")
    declared, body = lines.split("/* Starts the kernel in blob.")
    body = "/* Starts the kernel in blob." + body
    changed = re.sub(r"\tif \(segue_ready\(.*?\tsegue_unload\(workspace\);\n", "\tleave();\n", body, flags=re.DOTALL)
    changed = changed.replace("\tconst char *why;\n", "").replace("args.cpu_count = 1;", f"args.cpu_count = {cpus};")
    assert changed.count("leave();") == 1 and f"cpu_count = {cpus};" in changed
    return declared + "void park_this_cpu(void);\n" + smp + changed


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    objects = tmp_path_factory.mktemp("smp-library")

    def make(cpus):
        folder = tmp_path_factory.mktemp(f"smp-{cpus}")
        for each in ("minimal/main.c", "minimal/kernel.ld", "minimal/boot_i386.asm", "smp/smp.c", "smp/start.asm"):
            shutil.copy(HERE / each, folder)
        (folder / "start_kernel.c").write_text(lines_for(cpus))
        (folder / "segue").symlink_to(ROOT)
        (folder / "Makefile").write_text(
            f"ARCH := i386\nSEGUE_OBJDIR := {objects}\n" + (HERE / "minimal" / "host.mk").read_text() +
            "OBJECTS += smp.o start.o\n" + embed.readme_block("SEGUE_DIR :=") +
            f"CFLAGS += -DCPUS={cpus}\nmain.o: CFLAGS += -Dkernel_main=single_main\n")
        run("make", "-j2", f"CC={embed.compiler('gcc', 'i386')}", cwd=folder)
        return folder / "kernel32.elf"
    return make


@pytest.mark.parametrize("cpus", (2, 4))
@pytest.mark.parametrize("target", (MULTIBOOT, LINUX), ids=lambda each: each.name)
def test_others_are_parked(build, cpus, target):
    medium = qemu_kernel(Part(str(build(cpus))), [Part(target.path, "strict")])
    medium["args"] = [*medium["args"], "-smp", str(cpus)]
    with Qemu(f"smp-{cpus}-{target.name}", **medium, bits=32) as vm:
        found = vm.wait_for(r"^INSPECT: \d+ ok, (\d+) bad$", but_not="^it was refused|^segue:|^others do not")
        assert "others run" in vm.serial()
    assert found[1] == "0"
