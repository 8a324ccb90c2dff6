# SPDX-License-Identifier: MIT
"""README's section "Come back", and include/README.md's target in long mode and host of a Linux, taken at their word: a host and a target
that are made of those lines, linked, booted, and called several times."""
import os
import re
import shutil

import pytest

import embed
from embed import ARCHES, GCC, HERE, ROOT, run
from images import Part, have, qemu_kernel, small_elf
from qemu import Qemu
from test_crash import LINUX, pack
from test_linux_calls import pack_come_back
from test_minimal import WAYS

ADDRESS = 0x1000000
QUESTIONS = [1, 20, 300, 4000, 50000, 0x80000000]
SUMS = [sum(QUESTIONS[:count + 1]) % 2**32 for count in range(len(QUESTIONS))]
ASKS = (HERE / "come_back/asks.c").read_text()
RET = b"\xc3"
OVER = "the target cannot be entered again: it came back with ESP 0x[0-9a-f]+ and the return address "


def host(asks=ASKS, linux=False):
    """The sample of "Embed", changed as "Come back" says, or as "Linux as a subroutine"."""
    declared, body = embed.readme_block('#include "segue.h"').split("/* Starts the kernel in blob.")
    size = re.search(r"`(SEGUE_WORKSPACE_SIZE_RETURN\(.*?\))`", (ROOT / "README.md").read_text())[1]
    declared = declared.replace("SEGUE_WORKSPACE_SIZE(1)", size)
    body = body.replace("\terror = segue_load(&args);\n", "\tlet_it_return(&args);\n\terror = segue_load(&args);\n")
    body = re.sub(r"\tif \(segue_ready\(.*?\tprint\(why\);\n", lambda _: asks, body, flags=re.DOTALL).replace("\tconst char *why;\n", "")
    assert "SIZE_RETURN" in declared and body.count("let_it_return") == 1 and asks in body and "why" not in body
    lets = embed.readme_block("static unsigned char staging[")
    if linux:
        mine = re.search(r"`(SEGUE_WORKSPACE_SIZE_RETURN\(1, 26\) \+ SEGUE_WORKSPACE_SIZE_CORE\(64\))` bytes, and call `let_linux",
                         (ROOT / "include/README.md").read_text())[1]
        declared, body = declared.replace(size, mine), body.replace("let_it_return", "let_linux_return")
        lets = embed.readme_block("static unsigned char base_memory[") + "\n" + lets[lets.index("static uint32_t ask_kernel"):]
    return declared + lets + "/* Starts the kernel in blob." + body


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    return embed.install(tmp_path_factory.mktemp("installed"))


def includes(way, prefix):
    return [f"-I{ROOT}/include"] if way == "vendored" else embed.pkg_config(prefix, "--cflags", "segue-i386").split()


@pytest.fixture(scope="module")
def objects(tmp_path_factory):
    """objects(arch, cc): a folder for the vendored library, compiled once."""
    made = {}

    def folder(*key):
        if key not in made:
            made[key] = tmp_path_factory.mktemp("-".join(key))
        return made[key]
    return folder


@pytest.fixture
def make_host(tmp_path, prefix, objects):
    return lambda *cell: build_host(tmp_path, prefix, objects, *cell)


def build_host(folder, prefix, objects, way, arch, cc, asks=ASKS, linux=False):
    for each in ("main.c", "kernel.ld", f"boot_{arch}.asm"):
        shutil.copy(HERE / "minimal" / each, folder)
    (folder / "start_kernel.c").write_text(host(asks, linux))
    lines = embed.readme_block("SEGUE_DIR :=" if way == "vendored" else "CFLAGS +=").replace("i386", arch)
    (folder / "Makefile").write_text(f"ARCH := {arch}\nSEGUE_OBJDIR := {objects(arch, cc)}\n" + (HERE / "minimal/host.mk").read_text() + lines)
    if way == "vendored":
        (folder / "segue").symlink_to(ROOT)
    run("make", "-j2", f"CC={embed.compiler(cc, arch)}", cwd=folder,
        env={"PKG_CONFIG_PATH": str(prefix / "share" / "pkgconfig")})
    return folder / "kernel32.elf"


def link(folder, arch, *objects):
    script = (HERE / "minimal/kernel.ld").read_text().replace("0x100000", hex(ADDRESS))
    assert hex(ADDRESS) in script
    (folder / "target.ld").write_text(script)
    run("ld", "-m", {"i386": "elf_i386", "x86_64": "elf_x86_64"}[arch], "-T", folder / "target.ld", "-z", "noexecstack", "-o",
        folder / "target.elf", *objects)
    return folder / "target.elf"


def make_target(folder, way, cc, prefix, *flags):
    """Of README's lines."""
    (folder / "start.inc").write_text(embed.readme_block("_start:"))
    (folder / "answer.c").write_text(embed.readme_block('#include "segue_target.h"'))
    run("nasm", "-f", "elf32", f"-I{folder}/", "-o", folder / "target.o", HERE / "come_back/target.asm")
    run(*embed.compiler(cc, "i386").split(), "-march=i386", "-O2", *(flags or ("-fno-pic",)), "-ffreestanding", "-fno-stack-protector",
        "-fno-asynchronous-unwind-tables", *includes(way, prefix), "-c", "-o", folder / "answer.o", folder / "answer.c")
    return link(folder, "i386", folder / "target.o", folder / "answer.o")


def boot(name, kernel, arch, target):
    return Qemu("come-back-" + name, **qemu_kernel(Part(str(kernel)), [Part(str(target))]), bits=32 if arch == "i386" else 64)


def answers(vm):
    """All that ask_kernel() has returned: the host goes on to its end."""
    vm.wait_for(r"^it was refused$", but_not="^segue:")
    return [int(each, 16) for each in re.findall(r"^answer (\w+)$", vm.serial(), re.MULTILINE)]


CELLS = [*((way, arch, "gcc", ()) for way in WAYS for arch in ARCHES), *(("vendored", arch, "clang", ()) for arch in ARCHES),
         ("vendored", "i386", "gcc", ("-fPIC",)), ("installed", "x86_64", "gcc", ("-fPIE", "-O0"))]


@pytest.mark.parametrize("way, arch, cc, flags", CELLS)
def test_answers(tmp_path, make_host, prefix, way, arch, cc, flags):
    """Each answer is the sum of all questions so far: the target goes on where it was."""
    kernel = make_host(way, arch, cc)
    target = make_target(tmp_path, way, cc, prefix, *flags)
    with boot(f"{way}-{arch}-{cc}{''.join(flags)}", kernel, arch, target) as vm:
        assert answers(vm) == SUMS


@pytest.mark.parametrize("arch", ARCHES)
def test_linux_answers(tmp_path, make_host, arch):
    """Debian's Linux answers once, through return.elf."""
    have("fetch", os.path.dirname(LINUX["amd64"][0]))
    have("initramfs/build", "small")
    (tmp_path / "tree").mkdir()
    bundle = pack(LINUX["amd64"][0], pack_come_back(tmp_path / "tree"), str(tmp_path))
    kernel = make_host("vendored", arch, "gcc", ASKS, True)
    with Qemu(f"come-back-linux-{arch}", memory="256M", cpu="max",
              **qemu_kernel(Part(str(kernel)), [Part(bundle, "console=ttyS0 quiet lent.word=600d")])) as vm:
        vm.wait_for("^answer 00000000$", timeout=90, but_not="^(it was refused|segue: .*|LINUX-BAD .*|.*Kernel panic.*)")
        said = vm.serial()
    assert re.findall(r"^(linux|answer):? (\w+)", said, re.MULTILINE)[:3] == [("linux", "x86_64"), ("answer", "0000600d"), ("answer", "00000000")]


@pytest.mark.parametrize("arch", ARCHES)
def test_after_another_load(tmp_path, make_host, prefix, arch):
    """The blob's memory is unchanged after the calls, so it can be loaded again. The target then begins anew."""
    again = ASKS + "\tsegue_unload(workspace);\n\tif (segue_load(&args) != SEGUE_OK)\n\t\treturn;\n"
    kernel = make_host("vendored", arch, "gcc", again + ASKS)
    with boot(f"again-{arch}", kernel, arch, make_target(tmp_path, "vendored", "gcc", prefix)) as vm:
        assert answers(vm) == SUMS * 2


def multiboot(folder, code):
    """A Multiboot kernel whose first instructions are these."""
    (folder / "ret.asm").write_text(f"bits 32\nsection .multiboot progbits alloc noexec nowrite align=4\n"
                                    f"dd 0x1badb002, 0, -0x1badb002\nsection .text\nglobal _start\n_start:\n{code}\n")
    run("nasm", "-f", "elf32", "-o", folder / "ret.o", folder / "ret.asm")
    return link(folder, "i386", folder / "ret.o")


@pytest.mark.parametrize("protocol", ("Multiboot", "ELF"))
@pytest.mark.parametrize("arch", ARCHES)
def test_ret_at_the_first_instruction(tmp_path, make_host, arch, protocol):
    """It comes back with EAX as the protocol sets it, and has left no address of its own to be entered at."""
    kernel = make_host("vendored", arch, "gcc")
    target = multiboot(tmp_path, "ret") if protocol == "Multiboot" else small_elf(str(tmp_path / "ret"), ADDRESS, RET)
    with boot(f"ret-{arch}-{protocol}", kernel, arch, target) as vm:
        assert answers(vm) == [0x2badb002 if protocol == "Multiboot" else 0] + [0] * (len(QUESTIONS) - 1)
        assert len(re.findall(f"^{OVER}", vm.serial(), re.MULTILINE)) == len(QUESTIONS) - 1


def test_a_target_in_long_mode(tmp_path, make_host):
    """include/README.md's routine, called from 64-bit code: what it must preserve is preserved."""
    kernel = make_host("vendored", "x86_64", "gcc")
    (tmp_path / "come_back.inc").write_text(embed.readme_block("; come_back:"))
    for name, source in (("boot", "minimal/boot_x86_64.asm"), ("long", "come_back/long.asm")):
        run("nasm", "-f", "elf64", f"-I{tmp_path}/", "-o", tmp_path / f"{name}.o", HERE / source)
    run("objcopy", "-O", "elf32-i386", link(tmp_path, "x86_64", tmp_path / "boot.o", tmp_path / "long.o"), tmp_path / "target32.elf")
    with boot("long", kernel, "x86_64", tmp_path / "target32.elf") as vm:
        assert answers(vm) == SUMS


STANDARDS = (("gcc", "-std=c89"), ("gcc", "-std=c11"), ("clang", "-std=c89"), ("g++", "-std=c++98"), ("g++", "-std=c++17"))


@pytest.mark.parametrize("compiler", STANDARDS, ids=" ".join)
@pytest.mark.parametrize("side, bits", (("host", 32), ("host", 64), ("linux", 32), ("linux", 64), ("target", 32)))
def test_the_lines_are_clean(tmp_path, side, compiler, bits):
    file = tmp_path / ("sample.cc" if compiler[0] == "g++" else "sample.c")
    file.write_text(host("\tif (ask_kernel(1) == 0)\n\t\tprint(\"no answer\");\n", side == "linux") if side != "target" else
                    embed.readme_block('#include "segue_target.h"'))
    # C++ calls a partial initializer a mistake, {0} as well.
    extra = () if compiler[0] == "g++" else ("-Wextra",)
    run(*compiler, f"-m{bits}", "-ffreestanding", "-Wall", *extra, "-Wpedantic", *embed.FATAL, f"-I{ROOT}/include", "-c",
        "-o", os.devnull, file)
