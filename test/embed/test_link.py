# SPDX-License-Identifier: MIT
"""Links of kernels that are not made for Segue: those that have some of the four memory functions, and those whose
linker scripts take `.text`, `.data`, `.rodata*` and `.bss*` only, as Fiwix's does."""
import itertools
import os
import re
import shutil

import pytest

import embed
from embed import ARCHES, GCC, HERE, MEMORY, ROOT, RUN, run
from test_sources import make

LD = {"i386": ("-m", "elf_i386"), "x86_64": ("-m", "elf_x86_64")}
HIGH = {"i386": 0xc0100000, "x86_64": 0xffffffff80100000}
# One of each section that a C file has, so that all four are in the image.
KERNEL = "const int constant = 1; int initialized = 2, zero[100]; int *use(void); int *use(void) { return &initialized; }\n"
SCRIPT = """
ENTRY(_start)
SECTIONS
{
	. = %#x;
	.text : { *(.text) }
	_etext = .;
	.rodata : { *(.rodata*) }
	.data : { *(.data) }
	_edata = .;
	.bss : { *(COMMON*) *(.bss*) }
	_end = .;
	/DISCARD/ : { *(.note*) *(.comment) *(.eh_frame*) }
}
"""


def library(arch, name="libsegue"):
    return ROOT / "build" / arch / f"{name}.a"


def compile_c(arch, folder, name, text, *flags):
    (folder / f"{name}.c").write_text(text)
    run(*GCC[arch], "-w", "-O1", "-ffreestanding", "-fno-pic", "-fno-stack-protector", "-fno-asynchronous-unwind-tables", *flags,
        "-c", "-o", folder / f"{name}.o", folder / f"{name}.c")
    return folder / f"{name}.o"


def symbols(image):
    """Name -> (address, kind)."""
    return {name: (int(at, 16), kind) for at, kind, name in
            re.findall(r"^([0-9a-f]+) (\w) (\S+)$", run("nm", image), re.MULTILINE)}


@pytest.fixture(scope="module")
def vendored(tmp_path_factory):
    """vendored(arch, flags): the objects of segue.mk, made once."""
    made = {}

    def objects(arch, flags):
        if (arch, flags) not in made:
            made[arch, flags] = make(tmp_path_factory.mktemp(arch), arch, "gcc", flags, SEGUE_MEMORY=1)
        return made[arch, flags]
    return objects


@pytest.fixture(scope="module")
def kernels(tmp_path_factory):
    """kernels(arch, own): an object with these of the four, in one file, as hosts have them: what is taken of it brings the
    rest."""
    made = {}

    def kernel(arch, own):
        if (arch, own) not in made:
            made[arch, own] = compile_c(arch, tmp_path_factory.mktemp(arch), "string",
                                        "".join(f"void {name}(void) {{}}\n" for name in (*own, "strlen")))
        return made[arch, own]
    return kernel


@pytest.mark.parametrize("where", ("object", "library behind", "library in front"))
@pytest.mark.parametrize("arch", ARCHES)
@pytest.mark.parametrize("how", ("archive", "objects"))
def test_some_of_the_four(tmp_path, vendored, kernels, arch, where, how):
    """Every subset that a host may have, wherever it has it: its own is taken, ours for the rest, none twice."""
    start = compile_c(arch, tmp_path, "start", "void segue_load(void); void _start(void) { segue_load(); }\n")
    if how == "archive":
        ours = [library(arch), library(arch, "libsegue-memory")]
    else:
        ours = vendored(arch, "-O2 -fno-pic")
    for count in range(5):
        for own in itertools.combinations(sorted(MEMORY), count):
            mine = kernels(arch, own)
            if where != "object":
                archive = tmp_path / "libown.a"
                archive.unlink(missing_ok=True)
                run("ar", "rcs", archive, mine)
                mine = archive
            files = [mine, *ours] if where == "library in front" else [*ours, mine]
            run("ld", *LD[arch], "--fatal-warnings", "-z", "noexecstack", "-o", tmp_path / "kernel", start, "-u", "strlen",
                *files)
            got = symbols(tmp_path / "kernel")
            assert {name: got[name][1] for name in MEMORY} == {name: "T" if name in own else "W" for name in MEMORY}


def load_segments(image):
    """(address, end in the file, end in memory) of each."""
    return [(int(at, 16), int(at, 16) + int(file, 16), int(at, 16) + int(memory, 16)) for at, file, memory in
            re.findall(r"^ +LOAD +\S+ (\S+) \S+ (\S+) (\S+) ", run("readelf", "-lW", image), re.MULTILINE)]


FOUR = {".text", ".rodata", ".data", ".bss"}


def check_image(image, allowed):
    """All that is loaded lies in a segment and before _end, in sections that are allowed; the gate is aligned."""
    found = symbols(image)
    loaded = [(name, int(at, 16), int(size, 16), kind) for name, kind, at, size in re.findall(
        r"^ +\[ *\d+\] (\S+) +(PROGBITS|NOBITS) +(\S+) \S+ (\S+) \S+ +[WXMSI]*A", run("readelf", "-SW", image), re.MULTILINE)]
    assert FOUR <= {name for name, *_ in loaded} <= allowed
    for name, at, size, kind in loaded:
        assert at + size <= found["_end"][0], f"{name} lies behind _end"
        assert any(start <= at and at + size <= (end if kind == "PROGBITS" else memory_end)
                   for start, end, memory_end in load_segments(image)), f"{name} is in no segment"
    assert found["segue_exec"][0] % 2048 == 0
    assert found["segue_gate_end"][0] - found["segue_exec"][0] <= 2048


@pytest.mark.parametrize("linker", ("ld", "ld.lld"))
@pytest.mark.parametrize("before", (0, 0x14), ids=("aligned", "odd"))
@pytest.mark.parametrize("partial", (False, True), ids=("", "ld -r"))
@pytest.mark.parametrize("kind", ("i386", "x86_64", "x86_64 vendored"))
def test_a_script_that_takes_little(tmp_path, vendored, kind, partial, before, linker):
    """before: bytes of another section in front of .text; ld -r: the kernel is linked in two steps."""
    if not shutil.which(linker):
        pytest.skip(f"no {linker}")
    arch = kind.split()[0]
    whole = compile_c(arch, tmp_path, "kernel", KERNEL + "void _start(void) {}\n",
                      *(("-mcmodel=kernel",) if arch == "x86_64" else ()))
    if kind == "x86_64 vendored":
        files = vendored(arch, "-O2 -fno-pic -mcmodel=kernel")
    else:
        files = ["--whole-archive", library(arch), library(arch, "libsegue-memory"), "--no-whole-archive"]
    if partial:
        run(linker, *LD[arch], "-r", "-o", tmp_path / "part.o", whole, *files)
        whole, files = tmp_path / "part.o", []
    (tmp_path / "kernel.ld").write_text(SCRIPT % (HIGH[arch] + before))
    run(linker, *LD[arch], "-z", "noexecstack", "-T", tmp_path / "kernel.ld", "-o", tmp_path / "kernel", whole, *files)
    # The library of make is position-independent on x86_64: pointers in a section of their own.
    more = {".data.rel.ro", ".data.rel.ro.local"} if kind == "x86_64" else set()
    check_image(tmp_path / "kernel", FOUR | more)


@pytest.mark.parametrize("cc, level", (("gcc", "-O0"), ("gcc", "-O3"), ("clang", "-O0"), ("clang", "-O3"), (None, "as built")))
@pytest.mark.parametrize("arch", ARCHES)
def test_the_four(tmp_path, arch, cc, level):
    """They do what they should, and call nothing: no compiler has made a call of a loop."""
    if cc:
        goals = [f"build/segue-{arch}/stage2/memory/{name}.o" for name in MEMORY]
        objects = make(tmp_path, arch, cc, f"{level} -fno-pic", *goals, SEGUE_MEMORY=1)
        archive = tmp_path / "libmemory.a"
        run("ar", "rcs", archive, *objects)
    else:
        archive = library(arch, "libsegue-memory")
    assert run("nm", "-u", archive).count(" U ") == 0
    names = run("nm", "-g", "--defined-only", archive)
    assert set(re.findall(r" W (\S+)$", names, re.MULTILINE)) == MEMORY
    run("objcopy", "--prefix-symbols=segue_", archive, tmp_path / "renamed.a")
    run(*GCC[arch], "-static", "-no-pie", "-std=c11", "-O1", "-Wall", "-Wextra", *embed.FATAL, "-o", tmp_path / "model",
        HERE / "memory_model.c", tmp_path / "renamed.a")
    passed, failed = re.search(r"(\d+) passed, (\d+) failed", run(*RUN[arch], tmp_path / "model")).groups()
    assert int(passed) > 5000 and failed == "0"


def test_relocated_pointers_lie_before_the_load_end(tmp_path):
    """include/README.md's line for a script of a kernel with address fields, whose load end is _edata."""
    advice = re.search(r"`(\.data : \{ .* \})`", (ROOT / "include/README.md").read_text())[1]
    script = SCRIPT.replace("\t.data : { *(.data) }\n", f"\t{advice}\n")
    assert script != SCRIPT
    whole = compile_c("x86_64", tmp_path, "kernel", KERNEL + "void _start(void) {}\n", "-mcmodel=kernel")
    (tmp_path / "kernel.ld").write_text(script % HIGH["x86_64"])
    run("ld", *LD["x86_64"], "-z", "noexecstack", "-T", tmp_path / "kernel.ld", "-o", tmp_path / "kernel", whole,
        "--whole-archive", library("x86_64"), library("x86_64", "libsegue-memory"))
    check_image(tmp_path / "kernel", FOUR)
    found = symbols(tmp_path / "kernel")
    assert found["_etext"][0] < found["segue_loaders"][0] < found["_edata"][0]


def loaded_bytes(*files):
    return sum(int(line.split()[1]) for line in run("size", "-A", *files).splitlines()
               if re.match(r"\.(text|rodata|data)", line))


@pytest.mark.parametrize("kind", ("vendored", "installed"))
@pytest.mark.parametrize("arch", ARCHES)
def test_readme_tells_the_size(tmp_path, vendored, arch, kind):
    """What a kernel grows by, with its own -O2 and with the library of make, within a twentieth: compilers differ."""
    text = " ".join((ROOT / "include/README.md").read_text().split())
    own = re.search(r"with `-O2`, all of Segue adds (\d+) KiB to a 32-bit kernel and (\d+) KiB to a 64-bit one\. A kernel that calls "
                    r"neither [^.]*? links (\d+) or (\d+) KiB of them", text).groups()
    ours = re.search(r"compiled for size: (\d+) and (\d+) KiB, of which such a kernel links (\d+) or (\d+)\.", text).groups()
    told = [int(each) * 1024 for each in (own if kind == "vendored" else ours)][ARCHES.index(arch)::2]
    archive = library(arch)
    if kind == "vendored":
        archive = tmp_path / "libsegue.a"
        run("ar", "rcs", archive, *vendored(arch, "-O2 -fno-pic" + (" -mcmodel=kernel" if arch == "x86_64" else "")))
    calls = ("segue_load", "segue_ready", "segue_exec", "segue_unload")
    start = compile_c(arch, tmp_path, "start", "".join(f"void {each}(void);\n" for each in calls) +
                      "void _start(void) { " + "".join(f"{each}(); " for each in calls) + "}\n")
    run("ld", *LD[arch], "-z", "noexecstack", "-o", tmp_path / "kernel", start, archive, library(arch, "libsegue-memory"))
    for size, kib in zip((loaded_bytes(archive), loaded_bytes(tmp_path / "kernel")), told):
        assert abs(size - kib) <= kib / 20, f"{size} bytes, include/README.md has {kib}"
