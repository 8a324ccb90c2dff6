# SPDX-License-Identifier: MIT
"""What a host's author does wrong: README's lines in a kernel of the upper half (mistakes/), told or changed as the name of
each mistake says. Nothing may end in a silent reset: what is wrong is refused, or named before or after."""
import re
import shutil
import subprocess

import pytest

import embed
from embed import ARCHES, HERE, ROOT, run
from images import Part, qemu_kernel
from qemu import BUILD, Qemu
from test_state import MULTIBOOT

BASE = {"i386": "0xc0000000", "x86_64": "0xffffffff80000000"}
MODEL = {"i386": "", "x86_64": "-mcmodel=kernel"}
TRANSLATE = re.compile(r"^\targs\.translate = .*\n", re.MULTILINE)
EXTENT = "\tstatic struct segue_extent where;\n\n\twhere.addr = physical_address(blob);\n\twhere.size = size;\n" \
         "\targs.blob.extents = &where;\n\targs.blob.extent_count = 1;\n"


def with_extent(lines):
    """One extent by hand, as a host without translate has it."""
    return TRANSLATE.sub("\t{\n" + EXTENT + "\t}\n", lines, count=1)


def without_extents(lines):
    return TRANSLATE.sub("", lines, count=1)


def another_size(lines):
    return lines.replace("= sizeof args;", "= sizeof args - 4;")


def as_it_stands(lines):
    return lines


CHANGES = {each.__name__: each for each in (as_it_stands, with_extent, without_extents, another_size)}


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """build(arch, change) makes the kernel once; the library is the same for all of an architecture's."""
    made, objects = {}, tmp_path_factory.mktemp("mistakes-library")

    def make(arch, change):
        if (arch, change) in made:
            return made[arch, change]
        folder = tmp_path_factory.mktemp(f"mistakes-{arch}-{change}")
        shutil.copy(HERE / "minimal" / "main.c", folder)
        for each in ("mistakes.c", "kernel.ld", f"boot_{arch}.asm"):
            shutil.copy(HERE / "mistakes" / each, folder)
        stands = embed.readme_block('#include "segue.h"')
        lines = CHANGES[change](stands)
        assert (lines != stands) == (change != "as_it_stands"), "README's lines are not what is changed here"
        (folder / "start_kernel.c").write_text(lines + "unsigned char *const sample_workspace = workspace;\n")
        (folder / "segue").symlink_to(ROOT)
        (folder / "Makefile").write_text(
            f"ARCH := {arch}\nSEGUE_OBJDIR := {objects / arch}\n" + (HERE / "minimal" / "host.mk").read_text() +
            "OBJECTS += mistakes.o\n" + embed.readme_block("SEGUE_DIR :=").replace("i386", arch) +
            f"CFLAGS += {MODEL[arch]} -DBASE={BASE[arch]}\nLDFLAGS += --defsym=BASE={BASE[arch]}\n"
            "main.o: CFLAGS += -Dphysical_address=right_address\n"
            "start_kernel.o: CFLAGS += -Dstart_kernel=sample_start_kernel -Dsegue_exec=exec_late -Wno-unused-function\n")
        run("make", "-j2", f"CC={embed.compiler('gcc', arch)}", cwd=folder)
        made[arch, change] = folder / "kernel32.elf"
        return made[arch, change]
    return make


def boot(build, arch, change, mistake, target=MULTIBOOT.path):
    return Qemu(f"mistake-{arch}-{change}-{mistake}", **qemu_kernel(Part(str(build(arch, change))),
                [Part(str(target), mistake + " strict")]), bits=32 if arch == "i386" else 64)


def cells(*rows):
    """(mistake, change, sentence, archs): one cell for each."""
    return [pytest.param(arch, change, mistake, sentence, id=f"{arch} {mistake} {change}")
            for mistake, change, sentence, archs in rows for arch in archs]


TABLES = r"workspace not at workspace_phys: page {} is at 0x[0-9a-f]+ by the page tables; expected 0x[0-9a-f]+"
REFUSED = cells(
    ("off", "as_it_stands", TABLES.format(0), ARCHES),
    ("off", "with_extent", TABLES.format(0), ARCHES),
    ("virtual", "as_it_stands", TABLES.format(0), ("i386",)),
    ("virtual", "with_extent", TABLES.format(0), ("i386",)),
    ("virtual", "as_it_stands", "workspace not below 4 GiB: .*", ("x86_64",)),
    ("scattered", "as_it_stands", TABLES.format(3), ARCHES),
    ("told", "as_it_stands", r"workspace not at workspace_phys: page 3 is at 0x[0-9a-f]+ by translate; expected 0x[0-9a-f]+", ARCHES),
    ("right", "without_extents", r"extent not at its address: by the page tables byte 0 of blob 0 is at 0x[0-9a-f]+; its extents say "
     r"0xc[0-9a-f]+, which is not in the memory map", ("i386",)),
    ("right", "without_extents", r"extent out of reach: .*", ("x86_64",)),
    ("rom", "as_it_stands", r"the workspace, 0xfffc0000 to 0x[0-9a-f]+, is in the memory map's range \d+, which is not RAM\n"
     r"workspace not at workspace_phys: page 0, at 0xfffc0000, is not writable memory", ARCHES),
    ("right", "another_size", "unknown struct_size", ARCHES),
)


@pytest.mark.parametrize("arch, change, mistake, sentence", REFUSED)
def test_is_refused(build, arch, change, mistake, sentence):
    """In a sentence, and the host goes on."""
    with boot(build, arch, change, mistake) as vm:
        vm.wait_for(r"^it was refused$", but_not="^INSPECT|^segue:")
        said = vm.serial().split("starting the module\n")[1].splitlines()
    assert re.match(sentence + r"\n", "\n".join(said)), said


@pytest.mark.parametrize("arch", ARCHES)
@pytest.mark.parametrize("change", ("as_it_stands", "with_extent"))
def test_without_a_mistake(build, arch, change):
    """Whatever is checked: a correct host is not refused, and hears no warning."""
    with boot(build, arch, change, "right") as vm:
        vm.wait_for(r"^INSPECT: .*", but_not="^it was refused|^segue:")
        said = vm.serial().split("starting the module\n")[1].splitlines()
    assert "workspace" not in said[0] and "extent" not in said[0], said[0]


@pytest.mark.parametrize("arch", ARCHES)
def test_one_address_for_a_scattered_blob(build, arch):
    """Warned of by the page tables; with translate in its place Segue makes the extents, and the target starts."""
    with boot(build, arch, "with_extent", "page-by-page") as vm:
        vm.wait_for(r"^by the page tables byte 8192 of blob 0 is at 0x[0-9a-f]+, and its extents say 0x[0-9a-f]+: wrong, unless "
                    r"data is a copy$")


@pytest.fixture(scope="module")
def digested(tmp_path_factory):
    path = tmp_path_factory.mktemp("digested") / "blob"
    subprocess.run([f"{BUILD}/segue", "pack", "--kernel", MULTIBOOT.path, "--digest", "-o", path], check=True,
                   stdout=subprocess.DEVNULL)
    return path


@pytest.mark.parametrize("arch", ARCHES)
@pytest.mark.parametrize("mistake, change", (("overwritten", "as_it_stands"), ("page-by-page", "with_extent")))
def test_a_digest_shows_what_was_moved(build, arch, mistake, change, digested):
    """A blob that is written over between segue_load() and segue_exec(), or is not where it is told: both sums."""
    with boot(build, arch, change, mistake, digested) as vm:
        found = vm.wait_for(r"^segue: digest is ([0-9a-f]{64}), must be ([0-9a-f]{64}); stopped$")
    assert found[1] != found[2]
