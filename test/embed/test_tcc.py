# SPDX-License-Identifier: MIT
"""Hosts whose compiler knows nothing of GCC's regparm: tcc, and GCC that does not say who it is."""
import re
import shutil

import pytest

import embed
from embed import GCC, HERE, ROOT, run
from images import Part, qemu_kernel
from qemu import Qemu
from test_state import MULTIBOOT, PASSED, check_entry, check_verdict, connect, run_to, verdict

TCC = {"i386": ("i386-tcc",), "x86_64": ("tcc", "-m64")}
INCLUDE = f"-I{ROOT}/include"
HEADER = (ROOT / "include/segue.h").read_text()
needs_tcc = pytest.mark.skipif(not shutil.which("i386-tcc"), reason="no i386-tcc: the package tcc is not installed")
COMPILERS = [pytest.param("tcc", marks=needs_tcc), "gcc -U__GNUC__"]


def command(compiler, arch, folder):
    """tcc brings no stdint.h; its stddef.h has the types."""
    if compiler != "tcc":
        return [*GCC[arch], *compiler.split()[1:], "-ffreestanding", "-fno-pic", "-fno-stack-protector", INCLUDE]
    (folder / "tcc").mkdir(exist_ok=True)
    (folder / "tcc/stdint.h").write_text("#include <stddef.h>\n")
    return [*TCC[arch], f"-I{folder}/tcc", INCLUDE]


CALLS = '#include "segue.h"\nvoid go(void *w);\nvoid go(void *w) { segue_park(w); segue_exec(w); }\n'


@pytest.mark.parametrize("standard", ("c89", "c99", "c11"))
@pytest.mark.parametrize("arch", embed.ARCHES)
@needs_tcc
def test_header(tmp_path, arch, standard):
    (tmp_path / "user.c").write_text(CALLS)
    run(*command("tcc", arch, tmp_path), f"-std={standard}", "-Wall", "-Werror", "-pedantic", "-c", "-o", tmp_path / "user.o",
        tmp_path / "user.c", silent=True)


@pytest.mark.parametrize("compiler, arch, suffix", (
    pytest.param("tcc", "i386", "_from_stack", marks=needs_tcc), pytest.param("tcc", "x86_64", "", marks=needs_tcc),
    ("gcc -U__GNUC__", "i386", "_from_stack"), ("gcc -U__GNUC__", "x86_64", ""), ("gcc", "i386", ""), ("gcc", "x86_64", "")))
def test_entry_is_the_compilers(tmp_path, compiler, arch, suffix):
    (tmp_path / "user.c").write_text(CALLS)
    run(*command(compiler, arch, tmp_path), "-O1", "-c", "-o", tmp_path / "user.o", tmp_path / "user.c")
    # GCC knows that segue_park() does not come back.
    assert embed.undefined(tmp_path / "user.o") <= {f"segue_{each}{suffix}" for each in ("exec", "park")}
    assert f"segue_park{suffix}" in embed.undefined(tmp_path / "user.o")


def structures():
    """Name -> members, of those in the header."""
    text = re.sub(r"/\*.*?\*/", "", HEADER, flags=re.DOTALL)
    found = {name: [re.sub(r"[*\s]|\[.*", "", member) for line in body.split(";")[:-1]
                    for member in re.sub(r"^.*?(\*?\w+(\[\w+\])?(\s*,.*)?)$", r"\1", line.strip(), flags=re.DOTALL).split(",")]
             for name, body in re.findall(r"^struct (\w+) \{(.*?)^\};", text, re.DOTALL | re.MULTILINE)}
    assert "struct_size" in found["segue_load_args"] and len(found) >= 10
    return found


@needs_tcc
@pytest.mark.parametrize("arch", embed.ARCHES)
def test_layout(tmp_path, arch):
    """Every structure and member lies where the library's compiler has it."""
    words = []
    for name, members in structures().items():
        words += [f"sizeof(struct {name})", *(f"offsetof(struct {name}, {member})" for member in members)]
    (tmp_path / "table.c").write_text('#include "segue.h"\nunsigned table[] = {' + ", ".join(words) + "};\n")
    seen = []
    for compiler in ("gcc", "tcc"):
        run(*command(compiler, arch, tmp_path), "-c", "-o", tmp_path / "table.o", tmp_path / "table.c")
        run("objcopy", "-O", "binary", "-j", ".data", tmp_path / "table.o", tmp_path / "table.bin")
        seen.append((tmp_path / "table.bin").read_bytes())
    assert seen[0] == seen[1] and len(seen[0]) == 4 * len(words)


# Both entries, up to the library's, which here remembers what is in EAX.
STAND_IN = """
bits 32
section .text
global segue_exec
global segue_park
extern got
segue_exec:
segue_park:
	mov [got], eax
	ret
section .note.GNU-stack noalloc noexec nowrite progbits
"""
MAIN = """
#include "segue.h"
int puts(const char *text);
void *got;
int main(void)
{
	int there;

	segue_park(&there);
	if (got != &there)
		return puts("segue_park"), 1;
	segue_exec(&got);
	if (got != &got)
		return puts("segue_exec"), 1;
	return 0;
}
"""


@pytest.mark.parametrize("compiler", COMPILERS)
def test_argument_arrives(tmp_path, compiler):
    """Runs as a program: the whole way of the argument, for both."""
    (tmp_path / "main.c").write_text(MAIN)
    (tmp_path / "in.asm").write_text(STAND_IN)
    run(*command(compiler, "i386", tmp_path), "-c", "-o", tmp_path / "main.o", tmp_path / "main.c")
    run("nasm", "-f", "elf32", "-o", tmp_path / "in.o", tmp_path / "in.asm")
    run(*GCC["i386"], "-static", "-no-pie", "-o", tmp_path / "main", tmp_path / "main.o", tmp_path / "in.o",
        ROOT / "build/i386/stage2/leave/from_stack_i386.o")
    run(*embed.RUN["i386"], tmp_path / "main")


def build(folder, compiler, linker):
    flags = command(compiler, "i386", folder)
    boot = (HERE / "minimal/boot_i386.asm").read_text()
    (folder / "start_kernel.c").write_text(embed.readme_block('#include "segue.h"'))
    shutil.copy(HERE / "minimal/main.c", folder)
    if linker == "tcc":
        # It has no scripts, and puts .text first.
        boot = re.sub("^section .multiboot.*$", "section .text", boot, flags=re.MULTILINE)
    (folder / "boot.asm").write_text(boot)
    run("nasm", "-f", "elf32", "-o", folder / "boot.o", folder / "boot.asm")
    for name in ("main", "start_kernel"):
        run(*flags, "-std=c89" if name == "start_kernel" else "-std=c99", "-Wall", "-Werror", "-c", "-o", folder / f"{name}.o",
            folder / f"{name}.c")
    files = [folder / "boot.o", folder / "main.o", folder / "start_kernel.o", ROOT / "build/i386/libsegue.a",
             ROOT / "build/i386/libsegue-memory.a"]
    if linker == "tcc":
        run(*TCC["i386"], "-nostdlib", "-static", "-Wl,-Ttext=0x100000", "-o", folder / "kernel.elf", *files)
    else:
        run("ld", "-m", "elf_i386", "-T", HERE / "minimal/kernel.ld", "-z", "noexecstack", "-o", folder / "kernel.elf", *files)
    return folder / "kernel.elf"


@pytest.mark.parametrize("compiler, linker", (pytest.param("tcc", "tcc", marks=needs_tcc), pytest.param("tcc", "ld", marks=needs_tcc),
                                              ("gcc -U__GNUC__", "ld")))
def test_hands_over(tmp_path, compiler, linker):
    """The least kernel with README's lines, to the inspector and its verdict."""
    kernel = build(tmp_path, compiler, linker)
    target = MULTIBOOT
    target.load()
    with Qemu(f"embed-{compiler.split()[0]}-{linker}", **qemu_kernel(Part(str(kernel)), [Part(target.path, "strict")]), bits=32,
              gdb=True, paused=True) as vm, connect(vm) as stub:
        run_to(stub, target.entry, target.code)
        entered = stub.info_registers()
        stub.run()
        seen = verdict(vm)
        assert "starting the module" in vm.serial()
    check_entry(entered, target, PASSED[target.name])
    check_verdict(seen, target, entered)
