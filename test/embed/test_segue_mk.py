# SPDX-License-Identifier: MIT
"""segue.mk beside a host's own makefile: names, goals, folders, headers and rules of its own."""
import re

import pytest

import embed
from embed import ARCHES, MEMORY, ROOT, run

# The folders that the library is made of, beside its memory functions and purgatory.
ROOMS = ("loaders", "loaders/common", "loaders/container", "stage2/load", "stage2/blocks", "stage2/plan", "stage2/leave", "stage2/bios",
         "stage2/return", "stage2/core", "stage2/crash")


def project(folder, lines, *words, **more):
    (folder / "Makefile").write_text(lines)
    return run("make", "-s", "-j2", *words, cwd=folder, **more)


def variables(text):
    """Names in what make -p prints, without make's own for each file."""
    return set(re.findall(r"^(?:override |define )?([A-Za-z_.][\w.-]*) (?::?:?=|$)", text, re.MULTILINE))


def targets(text):
    return set(re.findall(r"^([^\s#=:]+):(?: |$)", text, re.MULTILINE))


@pytest.mark.parametrize("arch", ARCHES)
def test_names(tmp_path, arch):
    """No variable that does not begin with SEGUE_, and no target outside of SEGUE_OBJDIR."""
    rest = "mine:\n\t@:\n"
    before = project(tmp_path, rest, "-pn")
    after = project(tmp_path, f"SEGUE_DIR := {ROOT}\nSEGUE_ARCH := {arch}\nSEGUE_OBJDIR := objects\n"
                    f"include {ROOT}/stage2/segue.mk\n" + rest, "-pn")
    new = variables(after) - variables(before)
    assert "SEGUE_OBJECTS" in new
    assert {name for name in new if not name.startswith("SEGUE_")} == set()
    new = targets(after) - targets(before)
    assert "objects/stage2/load/load.o" in new
    assert {name for name in new if not name.startswith(("objects/", f"{ROOT}/"))} == set()


def test_lists(tmp_path):
    """Each file that the library is made of is in SEGUE_SOURCES, once."""
    for arch in ARCHES:
        listed = project(tmp_path, f"SEGUE_ARCH := {arch}\nSEGUE_MEMORY = 1\ninclude {ROOT}/stage2/segue.mk\n"
                         "all:\n\t@printf '%s\\n' $(SEGUE_SOURCES)\n").split()
        files = [path for room in ROOMS for ending in (".c", f"_{arch}.asm") for path in ROOT.glob(f"{room}/*{ending}")]
        files += [*ROOT.glob("stage2/memory/*.c"), *ROOT.glob("stage2/bios/*_embed.asm"), *ROOT.glob("stage2/purgatory/*_embed.asm")]
        assert sorted(listed) == sorted(map(str, files))


@pytest.mark.parametrize("arch", ("", "arm"))
def test_arch_is_asked_for(tmp_path, arch):
    (tmp_path / "Makefile").write_text(f"SEGUE_ARCH := {arch}\ninclude {ROOT}/stage2/segue.mk\nall:\n")
    run("make", "-s", cwd=tmp_path, status=2)


def test_what_it_defines_is_not_overridden(tmp_path):
    """With the objects for a name, the rule of the archive would write an archive over the first of them, and read it."""
    text = project(tmp_path, f"SEGUE_DIR := {ROOT}\nSEGUE_ARCH := i386\nSEGUE_OBJDIR := objects\n"
                   f"include {ROOT}/stage2/segue.mk\nmine: $(SEGUE_LIBRARY)\n", "-pn", "SEGUE_LIBRARY=$(SEGUE_OBJECTS)",
                   "SEGUE_OBJECTS=mine.o")
    assert "objects/libsegue.a" in targets(text) and "objects/stage2/load/load.o" in targets(text)
    assert "mine.o" not in targets(text)


@pytest.mark.parametrize("line, said", [
    ("SEGUE_SENTENCES := no", "not 'no'"), ("SEGUE_MEMORY := yes", "not 'yes'"),
    ("SEGUE_PROTOCOL := multiboot", "The names are SEGUE_PROTOCOLS"), ("SEGUE_BLOCK := cpus", "SEGUE_BLOCKS and SEGUE_EXTRAS")])
def test_a_value_that_means_nothing(tmp_path, line, said):
    """It would be ignored, and everything linked."""
    (tmp_path / "Makefile").write_text(f"SEGUE_ARCH := i386\n{line}\ninclude {ROOT}/stage2/segue.mk\nall:\n")
    assert said in run("sh", "-c", "make -s 2>&1", cwd=tmp_path, status=2)


def test_other_flags_compile_anew(tmp_path):
    """A kernel that changes its calling convention must not link objects of the old one."""
    (tmp_path / "Makefile").write_text(f"SEGUE_ARCH := i386\nSEGUE_OBJDIR := objects\ninclude {ROOT}/stage2/segue.mk\n")
    command = ["make", "-s", "objects/loaders/common/log.o", f"CC={embed.compiler('gcc', 'i386')}"]
    log = tmp_path / "objects/loaders/common/log.o"
    run(*command, "CFLAGS=-O2", cwd=tmp_path)
    first = log.stat().st_mtime_ns
    run(*command, "CFLAGS=-O2", cwd=tmp_path)
    assert log.stat().st_mtime_ns == first
    run(*command, "CFLAGS=-O2 -mregparm=3 -DQUOTED='\"a b\"'", cwd=tmp_path)
    assert log.stat().st_mtime_ns != first


def test_a_flag_that_drops_the_numbers(tmp_path):
    """The table of what C and NASM share is missing from its object: the sentence names the object and the cause."""
    (tmp_path / "Makefile").write_text(f"SEGUE_ARCH := i386\nSEGUE_OBJDIR := objects\ninclude {ROOT}/stage2/segue.mk\n")
    said = run("sh", "-c", "make -s objects/stage2/numbers/font.inc CFLAGS='-O2 -fwhole-program' 2>&1", cwd=tmp_path, status=2)
    assert "font.inc.object has no numbers" in said
    assert not (tmp_path / "objects/stage2/numbers/font.inc").exists()


def test_a_hosts_makefile(tmp_path):
    """Comments behind values; another build folder; implicit rules, -Werror, headers and a default goal of the host's own;
    a compiler that is set behind the include."""
    (tmp_path / "src/include").mkdir(parents=True)
    for name in ("loader.h", "elf.h", "bytes.h", "plan.h", "linux.h", "placement.h", "memory_map.h", "leave.h", "segue.h"):
        (tmp_path / "src/include" / name).write_text(f'#error "{name} of the host"\n')
    (tmp_path / "src/tree").symlink_to(ROOT)
    (tmp_path / "src/Makefile").write_text(f"""
SEGUE_DIR := tree
SEGUE_ARCH := i386    # what we are
OUT := ../out
SEGUE_OBJDIR := $(OUT)/s  # where objects go
include $(SEGUE_DIR)/stage2/segue.mk
first: $(SEGUE_LIBRARY)
$(OUT)/%.o: %.c
	false
%.o: %.c
	false
%.o: %.asm
	false
CC := {embed.compiler("gcc", "i386")}
CFLAGS := -Iinclude -fno-pie -std=c89 -Wall -Werror -Wdeclaration-after-statement -O1
""")
    before = {path for path in ROOT.rglob("*.o")}
    run("make", "-s", "-j2", cwd=tmp_path / "src")
    assert {path.name for path in (tmp_path / "src").iterdir()} == {"include", "tree", "Makefile"}
    assert {path for path in ROOT.rglob("*.o")} == before
    library = tmp_path / "out/s/libsegue.a"
    assert embed.undefined(library) <= MEMORY
    names = run("ar", "t", library).split()
    assert "exec_i386.o" in names and "purgatory_embed.o" in names and not MEMORY & {name[:-2] for name in names}
    # Nothing is made again, and what depends on a header is.
    assert run("make", cwd=tmp_path / "src").count("-c -o") == 0
    assert run("make", "-n", "-W", "tree/include/segue.h", cwd=tmp_path / "src").count("-c -o") > 20


def test_same_bytes(tmp_path):
    """The same tree and flags make the same archive, wherever it is made."""
    made = []
    for name in ("one", "another"):
        (tmp_path / name).mkdir()
        project(tmp_path / name, f"include {ROOT}/stage2/segue.mk\nall: $(SEGUE_LIBRARY)\n", "SEGUE_ARCH=x86_64",
                f"SEGUE_DIR={ROOT}", f"CC={embed.compiler('gcc', 'x86_64')}", "CFLAGS=-O2")
        made.append((tmp_path / name / "build/segue-x86_64/libsegue.a").read_bytes())
    assert made[0] == made[1]
