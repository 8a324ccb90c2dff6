# SPDX-License-Identifier: MIT
"""The sources as segue.mk gives them to a host's compiler: GCC and clang, each level of optimisation, the flags of
kernels that there are."""
import itertools
import re

import pytest

import embed
from embed import ARCHES, MEMORY, ROOT, run

WARNINGS = "-Wall -Wextra -Wpedantic"
# How kernels like these compile: Fiwix, xv6; ToaruOS, Linux, and one that is -fPIC. Position-dependent ones have no
# section for relocated pointers.
FLAGS = {
    "i386": {"fiwix": "-march=i386 -std=c89 -fno-pie -ffreestanding -fno-strict-aliasing",
             "xv6": "-fno-pic -static -fno-builtin -fno-strict-aliasing -ggdb -fno-omit-frame-pointer -fstack-protector-all",
             "pie": "-fPIE"},
    "x86_64": {"toaru": "-fPIE -mno-red-zone -mgeneral-regs-only -ffreestanding -ffunction-sections -fdata-sections",
               "linux": "-fno-pic -mcmodel=kernel -mno-red-zone -std=gnu89 -fstack-protector-strong -funwind-tables",
               "pic": "-fPIC"},
}
LEVELS = ("-O0", "-O1", "-O2", "-O3", "-Os", "-Oz")
PLAIN = {".text", ".rodata"}
RELOCATED = {".data.rel.ro", ".data.rel.ro.local"}


def make(folder, arch, cc, flags, *goals, **variables):
    """segue.mk in a makefile of its own, objects in folder; returns them. With WERROR=1 a warning is a failure."""
    (folder / "Makefile").write_text("include $(SEGUE_DIR)/stage2/segue.mk\nall: $(SEGUE_OBJECTS)\n")
    words = [f"{name}={value}" for name, value in variables.items()]
    run("make", "-s", "-j2", *(goals or ("all",)), f"SEGUE_DIR={ROOT}", f"SEGUE_ARCH={arch}",
        f"CC={embed.compiler(cc, arch)}", f"CFLAGS={flags}", *words, cwd=folder, silent=True)
    return sorted((folder / f"build/segue-{arch}").rglob("*.o"))


def accepts(cc, arch, flag):
    try:
        run(*embed.compiler(cc, arch).split(), flag, "-E", "-x", "c++" if "++" in cc else "c", "/dev/null")
        return True
    except AssertionError:
        return False


def cells():
    """Each compiler with each host's flags, at three levels; the other levels, and every three, only in the whole matrix."""
    for arch in ARCHES:
        numbered = map(enumerate, (("gcc", "clang"), LEVELS, FLAGS[arch]))
        for (i, cc), (j, level), (k, host) in itertools.product(*numbered):
            more = [pytest.mark.full] if (i + j + k) % len(FLAGS[arch]) or j % 2 else []
            yield pytest.param(arch, host, cc, level, marks=more)


@pytest.mark.parametrize("arch, host, cc, level", cells())
def test_compiles(tmp_path, arch, host, cc, level):
    """Without a warning; nothing undefined but the four; nothing in a section that a script might not take."""
    if level == "-Oz" and not accepts(cc, arch, level):
        pytest.skip(f"{cc} does not know -Oz")
    objects = make(tmp_path, arch, cc, f"{FLAGS[arch][host]} {level} {WARNINGS}")
    assert len(objects) > 30
    independent = host in ("pie", "pic", "toaru")
    got = {"_GLOBAL_OFFSET_TABLE_"} if arch == "i386" and independent else set()
    assert embed.undefined(*objects) - got <= MEMORY
    for each in objects:
        # The library's only state (stage2/leave/known.h).
        allowed = (PLAIN | RELOCATED if independent else PLAIN) | ({".bss"} if each.name == "known.o" else set())
        for name in embed.sections(each):
            name = re.sub(r"\.(str|cst)[0-9.]+$", "", name)
            thunk = got and name.startswith(".text.__x86.get_pc_thunk.")
            assert thunk or name in allowed, f"{each.name}: {name}"
    if arch == "x86_64":
        # A GOT's entry becomes a 32-bit address in a kernel that is linked to its place, wherever that is.
        assert "GOT" not in run("readelf", "-rW", *objects)


def test_segue_elf_by_clang(tmp_path):
    """It links without libgcc, and fits the images that stage 1 starts."""
    run("make", "-s", "-j2", "CC32=clang", f"B={tmp_path}", tmp_path / "boot.img", cwd=ROOT, silent=True)


@pytest.mark.parametrize("cc", ("gcc", "clang"))
@pytest.mark.parametrize("arch", ARCHES)
def test_bears_a_hosts_warnings(tmp_path, arch, cc):
    make(tmp_path, arch, cc, f"-O2 {WARNINGS} -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition "
         "-Wwrite-strings -Wcast-qual -Wcast-align -Wundef -Wpointer-arith -Wvla -Wconversion", SEGUE_MEMORY=1)


STANDARDS = {"gcc": ("c89", "c99", "c11", "c17", "c2x"), "clang": ("c89", "c99", "c11", "c17", "c2x"),
             "g++": ("c++98", "c++11", "c++17", "c++20", "c++23"), "clang++": ("c++98", "c++11", "c++17", "c++20", "c++2b")}


def use(header):
    """A file that includes the header twice, and uses it."""
    text = f'#include "{header}"\n' * 2
    if header == "segue.h":
        return text + ("int use(struct segue_load_args *args);\n"
                       "int use(struct segue_load_args *args) { return segue_load(args); }\n")
    if header == "segue_core.h":
        return text + ("uint64_t use(const struct segue_core_host *host);\n"
                       "uint64_t use(const struct segue_core_host *host) { return host->flags & SEGUE_CORE_RESTORES ? host->cr3 : 0; }\n")
    text += "uint32_t use(uint32_t entry);\nuint32_t use(uint32_t entry)\n{\n\tuint32_t word = SEGUE_RETURN_BLOCK(entry)->word;\n"
    return text + "#ifdef __i386__\n\tword = segue_return(entry, word);\n#endif\n\treturn word;\n}\n"


@pytest.mark.parametrize("header", ("segue.h", "segue_target.h", "segue_core.h"))
@pytest.mark.parametrize("cc, standard", [(cc, standard) for cc in STANDARDS for standard in STANDARDS[cc]])
@pytest.mark.parametrize("bits", (32, 64))
def test_header(tmp_path, cc, standard, bits, header):
    """In each dialect, twice in one file; assembled too, with addresses that are fixed and that are not."""
    file = tmp_path / ("user.cc" if "++" in cc else "user.c")
    file.write_text(use(header))
    if not accepts(cc, "x86_64", f"-std={standard}"):
        pytest.skip(f"{cc} does not know {standard}")
    for place in ("-fno-pic", "-fPIC") if header == "segue_target.h" else ("-fno-pic",):
        run(cc, f"-m{bits}", "-ffreestanding", f"-std={standard}", place, "-O1", "-Wall", "-Wextra", "-Wpedantic", *embed.FATAL,
            f"-I{ROOT}/include", "-c", "-o", tmp_path / "user.o", file)
        if header == "segue_target.h":
            # What it adds to a target names no address: it runs wherever the target is put.
            assert not re.search(r"R_386_32|R_X86_64_(32|64)", run("objdump", "-r", "-j", ".text", tmp_path / "user.o"))
