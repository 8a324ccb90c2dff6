# SPDX-License-Identifier: MIT
"""README's section "Embed" and the makefiles of include/README.md, taken at their word: with the least kernel around them
(minimal/), they boot and hand over to the inspector and to nothing that they refuse."""
import os
import shutil

import pytest

import embed
from embed import ARCHES, HERE, ROOT, run
from images import Part, qemu_kernel
from qemu import Qemu
from test_state import LINUX, MULTIBOOT, PASSED, check_entry, check_verdict, connect, run_to, verdict

WAYS = ("vendored", "installed")


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    return embed.install(tmp_path_factory.mktemp("installed"))


@pytest.fixture(scope="module")
def build(tmp_path_factory, prefix):
    """build(way, arch, CC, CFLAGS) makes the kernel once, in a folder that holds what a stranger would have."""
    made = {}

    def make(way, arch, cc, flags=""):
        if (way, arch, cc, flags) in made:
            return made[way, arch, cc, flags]
        folder = tmp_path_factory.mktemp(f"{way}-{arch}-{cc}")
        for each in ("main.c", "kernel.ld", f"boot_{arch}.asm"):
            shutil.copy(HERE / "minimal" / each, folder)
        (folder / "start_kernel.c").write_text(embed.readme_block('#include "segue.h"'))
        lines = embed.readme_block("SEGUE_DIR :=" if way == "vendored" else "CFLAGS +=").replace("i386", arch)
        (folder / "Makefile").write_text(f"ARCH := {arch}\n" + (HERE / "minimal" / "host.mk").read_text() + lines +
                                         f"CFLAGS += {flags}\n")
        if way == "vendored":
            (folder / "segue").symlink_to(ROOT)
        run("make", "-j2", f"CC={embed.compiler(cc, arch)}", cwd=folder,
            env={"PKG_CONFIG_PATH": str(prefix / "share" / "pkgconfig")})
        made[way, arch, cc, flags] = folder / "kernel32.elf"
        return folder / "kernel32.elf"
    return make


def boot(name, kernel, arch, parts, **more):
    return Qemu("embed-" + name, **qemu_kernel(Part(str(kernel)), parts), bits=32 if arch == "i386" else 64, **more)


CELLS = [*((way, arch, "gcc", "") for way in WAYS for arch in ARCHES), *(("vendored", arch, "clang", "") for arch in ARCHES),
         ("vendored", "i386", "gcc", "-mregparm=3")]


@pytest.mark.parametrize("target", (MULTIBOOT, LINUX), ids=lambda each: each.name)
@pytest.mark.parametrize("way, arch, cc, flags", CELLS)
def test_hands_over(build, way, arch, cc, flags, target):
    """The inspector's verdict, and the emulator's registers at its first instruction."""
    kernel = build(way, arch, cc, flags)
    target.load()
    with boot(f"{way}-{arch}-{cc}{flags}-{target.name}", kernel, arch, [Part(target.path, "strict")], gdb=True,
              paused=True) as vm, connect(vm) as stub:
        run_to(stub, target.entry, target.code)
        entered = stub.info_registers()
        stub.run()
        seen = verdict(vm)
        assert "starting the module" in vm.serial()
    check_entry(entered, target, PASSED[target.name])
    check_verdict(seen, target, entered)


@pytest.mark.parametrize("compiler", (("gcc", "-std=c89"), ("g++", "-std=c++98")), ids=" ".join)
def test_the_lines_for_a_module_are_clean(tmp_path, compiler):
    """include/README.md's function, called from README's sample."""
    sample, load = embed.readme_block('#include "segue.h"'), "\terror = segue_load(&args);\n"
    head, start = sample.split("/* Starts the kernel")
    assert start.count(load) == 1 and start.count("\tint error;\n") == 1
    start = start.replace("\tint error;\n", "\tint error;\n\tstruct segue_part module = {0};\n")
    start = start.replace(load, "\tadd_module(&args, &module, map, ranges);\n" + load)
    file = tmp_path / ("start_kernel.cc" if compiler[0] == "g++" else "start_kernel.c")
    file.write_text(head + embed.readme_block("static void add_module(") + "/* Starts the kernel" + start)
    run(*compiler, "-m32", "-ffreestanding", "-Wall", "-Wpedantic", "-Werror", f"-I{ROOT}/include", "-c", "-o", os.devnull, file)


@pytest.mark.parametrize("arch", ARCHES)
def test_refuses(build, arch, tmp_path):
    """What is no kernel is refused in one sentence, and the host goes on."""
    text = tmp_path / "text"
    text.write_text("no kernel\n" * 100)
    with boot(f"refuses-{arch}", build("vendored", arch, "gcc"), arch, [Part(str(text))]) as vm:
        vm.wait_for(r"^it was refused$")
        sentences = vm.serial().split("starting the module\n")[1].splitlines()
    assert len(sentences) == 3 and len(sentences[0]) > 20 and sentences[0].startswith(sentences[1]), sentences


@pytest.mark.parametrize("compiler", (("gcc", "-std=c89"), ("gcc", "-std=c11"), ("clang", "-std=c89"), ("g++", "-std=c++98")),
                         ids=" ".join)
@pytest.mark.parametrize("bits", (32, 64))
def test_the_lines_are_clean(tmp_path, compiler, bits):
    file = tmp_path / ("start_kernel.cc" if compiler[0] == "g++" else "start_kernel.c")
    file.write_text(embed.readme_block('#include "segue.h"'))
    # C++ calls a partial initializer a mistake, {0} as well.
    extra = () if compiler[0] == "g++" else ("-Wextra",)
    run(*compiler, f"-m{bits}", "-ffreestanding", "-Wall", *extra, "-Wpedantic", *embed.FATAL, f"-I{ROOT}/include", "-c",
        "-o", os.devnull, file)
