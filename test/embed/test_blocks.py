# SPDX-License-Identifier: MIT
"""Kernels that link some of purgatory's blocks: with a table of their own beside the installed library, and by SEGUE_BLOCKS of
segue.mk. One without a block refuses what needs it, and names it; one with only that block does it."""
import re
import shutil
import struct

import pytest

import embed
from embed import ARCHES, GCC, HERE, ROOT, run
from images import Part, qemu_kernel, small_elf
from qemu import Qemu
from test_smp import lines_for

BLOCKS = ("cpus", "real_mode", "high", "digest", "devices", "catcher", "return", "elf_core", "crash", "long_mode")
# What a block needs beside it.
WITH = {"return": ["devices"], "elf_core": ["devices", "return"], "crash": ["elf_core"]}
CELLS = [(arch, block) for arch in ARCHES for block in BLOCKS if (arch, block) != ("i386", "high")]
ENTRY = 0x200000
# mov dx, 3F8h; mov al, '!'; out dx, al; mov al, LF; out dx, al; hlt; jmp to it: in 32-bit and in 16-bit code
ARRIVED_32 = bytes.fromhex("66baf803b021eeb00aeef4ebfd")
ARRIVED_16 = bytes.fromhex("baf803b021eeb00aeef4ebfd")
UD2 = bytes.fromhex("0f0b")
RET = bytes.fromhex("c3")
# mov eax, [esp]; and eax, -4096; mov eax, [eax + 20]; cmp dword [eax], 464C457Fh; jne to itself: the core of the return block
READS_CORE = bytes.fromhex("8b042425 00f0ffff 8b401481 387f454c 4675fe") + ARRIVED_32
DONE = {"cpus": "^!$", "real_mode": "^!$", "high": "^!$", "digest": "^segue: digest is [0-9a-f]{64}, must be 0{64}; stopped$",
        "devices": "^!$", "catcher": "^#UD in the target, which has no IDT of its own yet$",
        "elf_core": "^!$", "crash": "^!$", "long_mode": "^!$",
        "return": "^segue: the target has come back, and was not entered by segue_call\\(\\); stopped$"}


def linux_64():
    """The least Linux with a 64-bit entry (boot.rst), which is ARRIVED_32: those bytes mean the same there."""
    code = ARRIVED_32.rjust(0x200 + len(ARRIVED_32), b"\xf4").ljust(1024, b"\xf4")
    header = struct.pack("<BHIHHHHBB4sHIHHBBHIIIIHBBIIIBBHI", 1, 0, len(code) // 16, 0, 0xffff, 0, 0xaa55, 0xeb, 0x6a, b"HdrS", 0x20f, 0, 0, 0,
                         0, 1, 0, 0x100000, 0, 0, 0, 0, 0, 0, 0, 0x7fffffff, 0x200000, 1, 21, 1, 255)
    header += struct.pack("<IQIIQQIII", 0, 0, 0, 0, 0, 0x400000, 0x10000, 0, 0)
    return header.rjust(0x1f1 + len(header), b"\0").ljust(1024, b"\0") + code


def table(blocks):
    return ('#include "segue.h"\nconst struct segue_block *const segue_blocks[] = {' +
            "".join(f" &segue_block_{each}," for each in blocks) + " NULL };\n")


def target(folder, block):
    """A target whose first instructions are seen."""
    path = str(folder / "target")
    if block == "real_mode":
        with open(path, "wb") as file:
            file.write(ARRIVED_16.ljust(510, b"\0") + b"\x55\xaa")
        return path
    if block == "long_mode":
        with open(path, "wb") as file:
            file.write(linux_64())
        return path
    return small_elf(path, ENTRY, {"catcher": UD2, "return": RET, "elf_core": READS_CORE}.get(block, ARRIVED_32))


def link(folder, arch, *sources, script=HERE / "minimal/kernel.ld"):
    """The least kernel with these files, and with what the archives of make have for it."""
    bits = {"i386": "elf32", "x86_64": "elf64"}[arch]
    flags = ("-m32", "-march=i386") if arch == "i386" else ("-m64", "-mno-red-zone")
    objects = []
    for source in (HERE / f"minimal/boot_{arch}.asm", *sources):
        objects.append(folder / (source.stem + ".o"))
        if source.suffix == ".asm":
            run("nasm", "-f", bits, "-o", objects[-1], source)
        else:
            run(*GCC[arch], *flags, "-std=c11", "-O2", "-ffreestanding", "-fno-pic", "-fno-stack-protector",
                "-fno-asynchronous-unwind-tables", "-mgeneral-regs-only", "-DCPUS=2", f"-I{ROOT}/include", "-c", "-o", objects[-1], source)
    run("ld", "-m", {"i386": "elf_i386", "x86_64": "elf_x86_64"}[arch], "-T", script, "-z", "noexecstack",
        "-o", folder / "kernel.elf", *objects, ROOT / f"build/{arch}/libsegue.a", ROOT / f"build/{arch}/libsegue-memory.a")
    run("objcopy", "-O", "elf32-i386", folder / "kernel.elf", folder / "kernel32.elf")
    return folder / "kernel32.elf"


def linked(kernel):
    """The blocks in it, by their bytes and by their C."""
    names = run("nm", kernel).split()
    found = {each for each in BLOCKS if f"segue_block_{each}" in names}
    # These have no bytes in purgatory.
    assert found - {"elf_core", "crash"} == {each for each in BLOCKS if f"segue_purgatory_{each}" in names}
    assert ("elf_core" in found) == ("segue_core_make" in names)
    assert ("crash" in found) == ("segue_crash_prepare" in names)
    return found


def kernel_with(folder, arch, blocks, **more):
    (folder / "table.c").write_text(table(blocks))
    kernel = link(folder, arch, HERE / "minimal/main.c", HERE / "blocks/start_kernel.c", folder / "table.c", **more)
    assert linked(kernel) == set(blocks)
    return kernel


def boot(name, kernel, arch, path, words, **more):
    medium = qemu_kernel(Part(str(kernel)), [Part(path, words)])
    medium["args"] = [*medium["args"], "-smp", "2"]
    return Qemu("blocks-" + name, **medium, bits=32 if arch == "i386" and "long_mode" not in name else 64, **more)


def memory(block):
    return {"memory": "5G"} if block == "high" else {}


@pytest.mark.parametrize("arch, block", CELLS)
def test_only_this_one(tmp_path, arch, block):
    kernel = kernel_with(tmp_path, arch, [*WITH.get(block, []), block])
    words = "ask=init" if block == "cpus" else f"ask={block}"
    with boot(f"{arch}-{block}", kernel, arch, target(tmp_path, block), words, **memory(block)) as vm:
        vm.wait_for(DONE[block], but_not="^it was refused$")
        if block == "devices":
            assert len(re.findall(r"^pic[01]: .* imr=ff ", vm.hmp("info pic"), re.MULTILINE)) == 2


@pytest.mark.parametrize("arch, block", CELLS)
def test_all_but_this_one(tmp_path, arch, block):
    kernel = kernel_with(tmp_path, arch, [each for each in BLOCKS if each != block and (arch, each) != ("i386", "high")])
    with boot(f"{arch}-no-{block}", kernel, arch, target(tmp_path, block), f"ask={block}", **memory(block)) as vm:
        vm.wait_for(r"^it was refused$", but_not="^!$")
        assert re.search(rf"^needs a block of purgatory that is not linked: {block}$", vm.serial(), re.MULTILINE), vm.serial()


@pytest.mark.parametrize("arch", ARCHES)
def test_none(tmp_path, arch):
    """What asks for nothing needs no block; SEGUE_LOAD_REAL_MODE does, whatever the target is."""
    kernel = kernel_with(tmp_path, arch, [])
    path = target(tmp_path, None)
    with boot(f"{arch}-none", kernel, arch, path, "ask=nothing") as vm:
        vm.wait_for("^!$", but_not="^it was refused$")
    with boot(f"{arch}-setup", kernel, arch, path, "ask=setup") as vm:
        vm.wait_for("^it was refused$")
        assert "that is not linked: real_mode\n" in vm.serial()


@pytest.mark.parametrize("told", (2, 1))
def test_cpus_that_park(tmp_path, told):
    """With cpus alone they park. Without it a CPU that parks says so, where segue_load() was told of none."""
    (tmp_path / "start_kernel.c").write_text(lines_for(told).replace("args.flags = SEGUE_LOAD_QUIET_ALL;", "args.flags = 0;"))
    (tmp_path / "table.c").write_text(table(["cpus"] if told > 1 else []))
    (tmp_path / "main.c").write_text("#define kernel_main single_main\n" + (HERE / "minimal/main.c").read_text())
    kernel = link(tmp_path, "i386", tmp_path / "main.c", tmp_path / "start_kernel.c", tmp_path / "table.c", HERE / "smp/smp.c",
                  HERE / "smp/start.asm")
    with boot(f"park-{told}", kernel, "i386", target(tmp_path, None), "") as vm:
        vm.wait_for("^!$" if told > 1 else "^segue: a CPU parks, and cpus is not linked; stopped$", but_not="^it was refused$")
        assert "others run" in vm.serial()


@pytest.mark.parametrize("blocks", ("", "devices catcher"))
@pytest.mark.parametrize("arch", ARCHES)
def test_segue_mk(tmp_path, arch, blocks):
    """SEGUE_BLOCKS: these alone are compiled and assembled, and linked even without an archive; and others when it changes."""
    for each in ("minimal/main.c", "minimal/kernel.ld", f"minimal/boot_{arch}.asm", "blocks/start_kernel.c"):
        shutil.copy(HERE / each, tmp_path)
    (tmp_path / "Makefile").write_text(
        f"ARCH := {arch}\nSEGUE_BLOCKS := {blocks}\n" + (HERE / "minimal/host.mk").read_text() +
        embed.readme_block("SEGUE_DIR :=").replace("i386", arch).replace("$(SEGUE_LIBRARY)", "$(SEGUE_OBJECTS)"))
    (tmp_path / "segue").symlink_to(ROOT)
    run("make", "-j2", f"CC={embed.compiler('gcc', arch)}", cwd=tmp_path)
    assert linked(tmp_path / "kernel32.elf") == set(blocks.split())
    block = "catcher" if blocks else "digest"
    with boot(f"{arch}-mk-{block}", tmp_path / "kernel32.elf", arch, target(tmp_path, block), f"ask={block}") as vm:
        vm.wait_for(DONE[block] if blocks else "^needs a block of purgatory that is not linked: digest$")
    if blocks and arch == "i386":
        run("make", "-j2", f"CC={embed.compiler('gcc', arch)}", "SEGUE_BLOCKS=digest", cwd=tmp_path)
        assert linked(tmp_path / "kernel32.elf") == {"digest"}


def test_a_block_that_there_is_not(tmp_path):
    (tmp_path / "Makefile").write_text("SEGUE_ARCH := i386\nSEGUE_BLOCKS := devices device\n"
                                       f"include {ROOT}/stage2/segue.mk\nall:\n")
    run("make", "-s", cwd=tmp_path, status=2)


def test_readme_tells_what_each_adds(tmp_path):
    """To a 32-bit kernel with the library of make, within a twentieth: compilers differ."""
    # Gates are aligned to 2048: what comes before them would change the sum.
    script = tmp_path / "packed.ld"
    script.write_text((HERE / "minimal/kernel.ld").read_text().replace(" : {", " : SUBALIGN(1) {"))

    def size(blocks):
        kernel = kernel_with(tmp_path, "i386", blocks, script=script)
        return sum(int(each) for each in re.findall(r"^\.(?:text|rodata|data)\S* +(\d+)", run("size", "-A", kernel), re.MULTILINE))
    told = re.findall(r"^ *\| `(\w+)` \| .* \| ([\d,]+) \|$", (ROOT / "include/README.md").read_text(), re.MULTILINE)
    assert [name for name, _ in told] == [each for each in BLOCKS if each != "high"]
    least = size([])
    for name, figure in told:
        figure = int(figure.replace(",", ""))
        before = {"elf_core": ["return"], "crash": ["elf_core"]}.get(name, [])
        added = size([*before, name]) - (size(before) if before else least)
        assert abs(added - figure) <= figure / 20, f"{name} adds {added} bytes, include/README.md has {figure}"


@pytest.mark.parametrize("arch", ARCHES)
def test_what_a_host_without_calls_links(tmp_path, arch):
    """segue_call() is linked only by a host that calls it; its gate also by the block, which segue_load() has copied for it."""
    assert "segue_call" not in run("nm", kernel_with(tmp_path, arch, ["return"])).split()
    names = run("nm", kernel_with(tmp_path, arch, [each for each in BLOCKS if each != "return" and (arch, each) != ("i386", "high")])).split()
    assert not {"segue_call", "segue_cross", "segue_keep_registers", "segue_return_prepare"} & set(names)


@pytest.mark.parametrize("arch", ARCHES)
def test_whole_archive_takes_all(tmp_path, arch):
    """As include/README.md says: then a table of the host's is one too many."""
    (tmp_path / "table.c").write_text(table(["devices"]))
    run(*GCC[arch], "-ffreestanding", "-fno-pic", f"-I{ROOT}/include", "-c", "-o", tmp_path / "table.o", tmp_path / "table.c")
    mode = {"i386": "elf_i386", "x86_64": "elf_x86_64"}[arch]
    run("ld", "-m", mode, "-r", "-o", tmp_path / "all.o", "--whole-archive", ROOT / f"build/{arch}/libsegue.a")
    assert linked(tmp_path / "all.o") == {each for each in BLOCKS if (arch, each) != ("i386", "high")}
    run("ld", "-m", mode, "-r", "-o", tmp_path / "two.o", tmp_path / "table.o", "--whole-archive", ROOT / f"build/{arch}/libsegue.a",
        status=1)
