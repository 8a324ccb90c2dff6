# SPDX-License-Identifier: MIT
"""A host links the protocols, containers, checks and sentences that it names, and what it leaves away is refused by a sentence that
says so: with segue.mk and with the installed library, linked and booted."""
import re
import shutil
import struct
import subprocess

import pytest

import embed
from embed import ARCHES, HERE, ROOT, run
from images import Part, qemu_kernel
from qemu import Qemu
from test_state import LINUX, MULTIBOOT, MULTIBOOT2, PASSED, PVH, VMLINUX, check_entry, check_verdict, connect, run_to, verdict

LOADERS = ("core", "linux64", "linux", "multiboot2", "multiboot", "pvh", "vmlinux", "elf", "linux16", "boot_sector")
CONTAINERS = ("bundle", "fiwix")
TABLES = """#include "segue.h"
const struct segue_loader *const segue_loaders[] = {{{loaders} NULL}};
const struct segue_container *const segue_containers[] = {{{containers} NULL}};
const struct segue_check *const segue_checks[] = {{{checks} NULL}};
const struct segue_load_extra *const segue_load_extras[] = {{{plan} NULL}};
const struct segue_multiboot_extra *const segue_multiboot_extras[] = {{{sections} NULL}};
"""
EXTRAS = ("exchange", "replay", "translate", "sections")
# protocols, containers, checks, extras, sentences
CHOICES = {
    "multiboot": (("multiboot",), (), (), ("translate",), True),
    "multiboot2": (("multiboot2",), (), (), ("translate", "sections"), True),
    "pvh": (("pvh",), (), (), ("translate",), True),
    "linux": (("linux",), ("bundle",), ("host",), ("replay", "translate"), True),
    "vmlinux": (("vmlinux",), (), (), ("translate",), True),
    "elf": (("elf",), ("fiwix",), ("host",), ("exchange", "replay", "translate"), True),
    "codes": (("linux", "multiboot"), (), (), ("translate", "sections"), False),
}
# A name that only this loader or container has in it, beside its own.
OF = {"linux": "segue_loader_linux", "linux64": "segue_loader_linux64", "vmlinux": "segue_loader_vmlinux",
      "multiboot": "segue_multiboot_pass", "multiboot2": "segue_multiboot2_pass",
      "pvh": "segue_loader_pvh", "linux16": "segue_loader_linux16",
      "boot_sector": "segue_loader_boot_sector", "elf": "segue_loader_elf", "core": "segue_loader_core", "bundle": "segue_bundle_take",
      "fiwix": "segue_container_fiwix", "host": "segue_walk", "exchange": "segue_plan_exchange", "replay": "segue_replay_moves",
      "sections": "segue_elf_has_sections", "translate": "segue_extra_translate"}


def tables(loaders, containers=(), checks=(), extras=EXTRAS):
    return TABLES.format(loaders="".join(f"&segue_loader_{each}, " for each in loaders),
                         containers="".join(f"&segue_container_{each}, " for each in containers),
                         checks="".join(f"&segue_check_{each}, " for each in checks),
                         plan="".join(f"&segue_extra_{each}, " for each in extras if each != "sections"),
                         sections="&segue_extra_sections," if "sections" in extras else "")


def host(folder, arch):
    for each in ("main.c", "kernel.ld", f"boot_{arch}.asm"):
        shutil.copy(HERE / "minimal" / each, folder)
    (folder / "start_kernel.c").write_text(embed.readme_block('#include "segue.h"'))
    return f"ARCH := {arch}\n" + (HERE / "minimal" / "host.mk").read_text()


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    return embed.install(tmp_path_factory.mktemp("installed"))


@pytest.fixture(scope="module")
def build(tmp_path_factory, prefix):
    """build(way, arch, choice): README's sample as a kernel with this choice, made once."""
    made = {}

    def make(way, arch, choice):
        if (way, arch, choice) in made:
            return made[way, arch, choice]
        folder = tmp_path_factory.mktemp(f"{way}-{arch}-{choice}")
        loaders, containers, checks, extras, sentences = CHOICES[choice]
        lines = host(folder, arch)
        if way == "vendored":
            (folder / "segue").symlink_to(ROOT)
            lines += f"SEGUE_PROTOCOLS := {' '.join(loaders)}\nSEGUE_CONTAINERS := {' '.join(containers)}\n"
            lines += f"SEGUE_CHECKS := {' '.join(checks)}\nSEGUE_EXTRAS := {' '.join(extras)}\n" + ("" if sentences else "SEGUE_SENTENCES := 0\n")
            lines += embed.readme_block("SEGUE_DIR :=").replace("i386", arch)
        else:
            (folder / "tables.c").write_text(tables(loaders, containers, checks, extras))
            lines += "OBJECTS += tables.o\n" + embed.readme_block("CFLAGS +=").replace("i386", arch)
            lines += "" if sentences else "LDLIBS := $(patsubst -lsegue,-lsegue-codes,$(LDLIBS))\n"
        (folder / "Makefile").write_text(lines)
        run("make", "-j2", f"CC={embed.compiler('gcc', arch)}", cwd=folder,
            env={"PKG_CONFIG_PATH": str(prefix / "share" / "pkgconfig")})
        made[way, arch, choice] = folder
        return folder
    return make


WAYS = [(way, arch) for way in ("vendored", "installed") for arch in ARCHES]


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("way, arch", WAYS)
def test_only_what_is_chosen_is_linked(build, way, arch, choice):
    loaders, containers, checks, extras, sentences = CHOICES[choice]
    there = set(re.findall(r" [A-Za-z] (\w+)$", run("nm", build(way, arch, choice) / "kernel.elf"), re.MULTILINE))
    wanted = {*loaders, *containers, *checks, *extras}
    assert {name for name, symbol in OF.items() if symbol in there} == wanted
    assert any(name.startswith("segue_linux") for name in there) == bool({"linux", "vmlinux"} & wanted)
    assert ("segue_elf_open" in there) == bool({"multiboot", "multiboot2", "pvh", "vmlinux", "elf"} & wanted)
    assert ("segue_refuse" in there) == ("segue_say" in there) == sentences


def boot(folder, arch, name, part, **more):
    return Qemu("choices-" + name, **qemu_kernel(Part(str(folder / "kernel32.elf")), [part]), bits=32 if arch == "i386" else 64, **more)


def refusal(folder, arch, name, path):
    with boot(folder, arch, name, Part(str(path))) as vm:
        vm.wait_for(r"^it was refused$")
        return vm.serial().split("starting the module\n")[1].splitlines()[:-1]


@pytest.mark.parametrize("way, arch, choice, target", [
    *((way, arch, "multiboot", MULTIBOOT) for way, arch in WAYS), *((way, arch, "linux", LINUX) for way, arch in WAYS),
    ("vendored", "i386", "multiboot2", MULTIBOOT2), ("vendored", "i386", "vmlinux", VMLINUX), ("installed", "i386", "pvh", PVH),
    ("vendored", "i386", "codes", MULTIBOOT), ("installed", "x86_64", "codes", LINUX)],
                         ids=lambda each: each.name if hasattr(each, "name") else each)
def test_what_is_chosen_starts(build, way, arch, choice, target):
    folder = build(way, arch, choice)
    target.load()
    with boot(folder, arch, f"{way}-{arch}-{choice}", Part(target.path, "strict"), gdb=True, paused=True) as vm, connect(vm) as stub:
        run_to(stub, target.entry, target.code)
        entered = stub.info_registers()
        stub.run()
        seen = verdict(vm)
    check_entry(entered, target, PASSED[target.name])
    # strict wants the information that Segue gives if everything is linked
    if target is MULTIBOOT and "sections" not in CHOICES[choice][3]:
        assert list(seen.bad) == ["segue.flags.elf"]
        del seen.bad["segue.flags.elf"]
    check_verdict(seen, target, entered)


@pytest.mark.parametrize("choice, other, what", (
    ("multiboot", LINUX, "a Linux kernel, for segue_loader_linux"), ("linux", MULTIBOOT, "a Multiboot kernel, for segue_loader_multiboot"),
    ("multiboot", MULTIBOOT2, "a Multiboot 2 kernel, for segue_loader_multiboot2"),
    ("multiboot2", MULTIBOOT, "a Multiboot kernel, for segue_loader_multiboot"),
    ("elf", LINUX, "a Linux kernel, for segue_loader_linux"), ("elf", MULTIBOOT, "a Multiboot kernel, for segue_loader_multiboot")),
                         ids=lambda each: each.name if hasattr(each, "name") else each.split()[0])
@pytest.mark.parametrize("way, arch", WAYS[:1] + WAYS[3:])
def test_what_is_left_away_is_refused(build, way, arch, choice, other, what):
    """The sentence names the loader; the host's own line is the code's meaning."""
    assert refusal(build(way, arch, choice), arch, f"{way}-{arch}-{choice}-no", other.path) == \
        ["its loader is not linked: this is " + what, "its loader is not linked"]


@pytest.mark.parametrize("way, arch", WAYS[:1] + WAYS[3:])
def test_containers_that_are_left_away(build, tmp_path, way, arch):
    with open(LINUX.path, "rb") as file:
        kernel = file.read()
    bundle, fiwix = tmp_path / "bundle", tmp_path / "fiwix"
    run(ROOT / "build" / "segue", "pack", "--kernel", LINUX.path, "-o", bundle)
    fiwix.write_bytes(struct.pack("<II", len(kernel), 0) + kernel)
    for choice, file, name in (("multiboot", bundle, "bundle"), ("multiboot", fiwix, "fiwix"), ("linux", fiwix, "fiwix"),
                               ("elf", bundle, "bundle")):
        assert refusal(build(way, arch, choice), arch, f"{way}-{arch}-{choice}-{name}", file)[0] == \
            f"its loader is not linked: this is a container, for segue_container_{name}"


@pytest.mark.parametrize("way, arch", WAYS[:1] + WAYS[3:])
def test_without_sentences(build, tmp_path, way, arch):
    """A code comes, of which this host prints the meaning; its log function gets nothing."""
    text = tmp_path / "text"
    text.write_text("no kernel\n" * 100)
    assert refusal(build(way, arch, "codes"), arch, f"{way}-{arch}-codes", text) == ["not a kernel Segue knows"]


def test_strerror_is_linked_if_it_is_called(tmp_path, prefix):
    calls = ["load", "ready", "exec"]
    for there in (False, True):
        calls += ["strerror"] if there else []
        (tmp_path / "host.c").write_text("".join(f"void segue_{each}(void);\n" for each in calls) +
                                         "void _start(void) { " + " ".join(f"segue_{each}();" for each in calls) + " }\n")
        for name in ("segue", "segue-codes"):
            run("gcc", "-w", "-ffreestanding", "-nostdlib", "-static", "-no-pie", "-o", tmp_path / "host", tmp_path / "host.c",
                f"-L{prefix}/lib/segue/x86_64", "-l" + name, "-lsegue-memory")
            assert (" T segue_strerror" in run("nm", tmp_path / "host")) == there


def test_a_sentence_for_each_loader(tmp_path, prefix):
    """On the build machine, with tables of every size: each file is refused exactly where its loader is not in the table."""
    files = {"linux": LINUX.path, "multiboot": MULTIBOOT.path, "elf": ROOT / "build/inspect/inspect.plain.elf"}
    sector = tmp_path / "sector"
    sector.write_bytes(bytes(510) + b"\x55\xaa")
    files["boot_sector"] = sector
    for count, chosen in enumerate([(), *((each,) for each in LOADERS), LOADERS[1:], LOADERS[:2] + LOADERS[3:], LOADERS]):
        (tmp_path / "tables.c").write_text(tables(chosen))
        run("gcc", "-O1", f"-I{prefix}/include/segue", "-o", tmp_path / f"p{count}", HERE / "choose.c", tmp_path / "tables.c",
            f"{prefix}/lib/segue/x86_64/libsegue.a")
        for name, path in files.items():
            done = subprocess.run([tmp_path / f"p{count}", path], capture_output=True, text=True, timeout=20, check=True)
            refused = done.stdout.startswith("24 ") and done.stdout.endswith(f", for segue_loader_{name}\n")
            assert refused == (name not in chosen), (chosen, name, done.stdout)


def test_linux_by_its_other_entry(tmp_path, prefix):
    """One loader passes the kernel on to the other, where that is linked."""
    for loaders, words, told in ((("linux",), (), "0 "), (("linux", "linux16"), ("real",), "0 "), (("linux64", "linux"), (), "0 "),
                                 (("linux64", "linux16"), ("real",), "0 "),
                                 (("linux",), ("long",), "24 its loader is not linked: this is a Linux kernel, for segue_loader_linux64"),
                                 (("linux64",), (), "24 its loader is not linked: this is a Linux kernel, for segue_loader_linux\n"),
                                 (("linux64",), ("long",), "120 no 64-bit entry: boot protocol 2.15, 32-bit"),
                                 (("linux64",), ("real",), "24 its loader is not linked: this is a Linux with a 16-bit entry, "
                                                           "for segue_loader_linux16"),
                                 (("linux",), ("real",), "24 its loader is not linked: this is a Linux with a 16-bit entry, "
                                                         "for segue_loader_linux16"),
                                 (("linux16",), ("real",), "0 ")):
        (tmp_path / "tables.c").write_text(tables(loaders))
        run("gcc", "-O1", f"-I{prefix}/include/segue", "-o", tmp_path / "program", HERE / "choose.c", tmp_path / "tables.c",
            f"{prefix}/lib/segue/x86_64/libsegue.a")
        assert run(tmp_path / "program", LINUX.path, *words).startswith(told)


def test_linux_as_an_elf_file(tmp_path, prefix):
    """It passes what is no Linux on to the plain ELF's loader. That one and PVH's do not load what the caller calls a Linux."""
    no_vmlinux = "24 its loader is not linked: this is a Linux as an ELF file, for segue_loader_vmlinux"
    plain = ROOT / "build/inspect/inspect.plain.elf"
    for loaders, path, words, told in (
            (("vmlinux",), VMLINUX.path, (), "0 "), (("vmlinux", "elf"), VMLINUX.path, (), "0 "), (("vmlinux", "elf"), plain, (), "0 "),
            (("vmlinux",), plain, (), "24 its loader is not linked: this is a plain ELF, for segue_loader_elf"),
            (("vmlinux",), plain, ("vmlinux",), "0 "), (("elf",), VMLINUX.path, (), "0 "),
            (("elf",), VMLINUX.path, ("vmlinux",), no_vmlinux), (("pvh",), PVH.path, (), "0 "), (("pvh",), PVH.path, ("vmlinux",), no_vmlinux),
            (("pvh", "elf"), PVH.path, ("vmlinux",), no_vmlinux), (("core", "pvh", "linux16"), PVH.path, ("vmlinux",), no_vmlinux),
            (("pvh", "vmlinux"), PVH.path, ("vmlinux",), "0 "), (("pvh", "vmlinux"), plain, (), "24 its loader is not linked: this is a plain ELF")):
        chosen = program(tmp_path, prefix, loaders, EXTRAS)
        assert run(chosen, path, *words).startswith(told), (loaders, path, words)


def test_checks_that_are_left_away(tmp_path, prefix):
    """A workspace that is not where it is said to be is refused, or believed."""
    for checks, told in (("host",), "12 "), ((), "0 "):
        (tmp_path / "tables.c").write_text(tables(LOADERS, checks=checks))
        run("gcc", "-O1", f"-I{prefix}/include/segue", "-o", tmp_path / "program", HERE / "choose.c", tmp_path / "tables.c",
            f"{prefix}/lib/segue/x86_64/libsegue.a")
        assert run(tmp_path / "program", MULTIBOOT.path).startswith("0 ")
        assert run(tmp_path / "program", MULTIBOOT.path, "wrong").startswith(told)


def program(folder, prefix, loaders, extras):
    (folder / "tables.c").write_text(tables(loaders, extras=extras))
    run("gcc", "-O1", f"-I{prefix}/include/segue", "-o", folder / "program", HERE / "choose.c", folder / "tables.c",
        f"{prefix}/lib/segue/x86_64/libsegue.a")
    return folder / "program"


def test_exchanges_that_are_left_away(tmp_path, prefix):
    """Two segments that change places, with RAM for a copy and without it. Exchanges bring the replay."""
    turned = tmp_path / "turned"
    with open(turned, "wb") as file:
        file.write(struct.pack("<16sHHIIIIIHHHHHH", b"\x7fELF\1\1\1", 2, 3, 1, 0x4002000, 52, 0, 0, 52, 32, 2, 40, 0, 0))
        for offset, at in ((0x1000, 0x4002000), (0x2000, 0x4001000)):
            file.write(struct.pack("<8I", 1, offset, at, at, 4096, 4096, 7, 4096))
        file.write(bytes(0x3000 - file.tell()))
    refused = "140 needs an extra that is not linked: exchange, as no RAM is free to set bytes aside\n"
    for extras, told in ((EXTRAS, "0 \n"), (("replay", "exchange"), "0 \n"), (("exchange",), "0 \n"), (("replay",), refused), ((), refused)):
        chosen = program(tmp_path, prefix, ("elf",), dict.fromkeys(("translate", *extras)))
        assert run(chosen, turned, "full") == told
        assert run(chosen, turned) == "0 \n"


def test_sections_that_are_left_away(tmp_path, prefix):
    for extras in (("translate", "sections"), ("translate",)):
        names = run(program(tmp_path, prefix, ("multiboot",), extras), MULTIBOOT.path, "segments").split("\n")
        assert "Multiboot information" in names
        assert ("ELF section headers" in names) == ("sections" in extras)


def test_translate_that_is_left_away(tmp_path, prefix):
    for extras, told in ((("translate",), "0 \n"), ((), "140 needs an extra that is not linked: translate\n")):
        assert run(program(tmp_path, prefix, ("multiboot",), extras), MULTIBOOT.path) == told


def test_a_second_table_is_an_error_where_all_is_taken(tmp_path, prefix):
    """As segue.h says."""
    (tmp_path / "tables.c").write_text(tables(("multiboot",)))
    run("gcc", "-c", "-ffreestanding", f"-I{prefix}/include/segue", "-o", tmp_path / "tables.o", tmp_path / "tables.c")
    library = prefix / "lib/segue/x86_64/libsegue.a"
    run("ld", "-r", "-o", tmp_path / "whole.o", tmp_path / "tables.o", "--whole-archive", library, status=1)


def test_a_new_choice_makes_it_anew(tmp_path):
    lines = "include $(SEGUE_DIR)/stage2/segue.mk\nall: $(SEGUE_LIBRARY)\n"
    (tmp_path / "Makefile").write_text(lines)

    def made(*words, status=0):
        return run("make", "-j2", "all", f"SEGUE_DIR={ROOT}", "SEGUE_ARCH=x86_64", "CFLAGS=-O0", *words, cwd=tmp_path, status=status)

    def members():
        return set(run("ar", "t", tmp_path / "build/segue-x86_64/libsegue.a").split())
    made("SEGUE_PROTOCOLS=boot_sector", "SEGUE_CONTAINERS=")
    assert "boot_sector.o" in members() and not {"linux.o", "multiboot.o", "elf.o", "bundle.o"} & members()
    assert "-c -o" not in made("SEGUE_PROTOCOLS=boot_sector", "SEGUE_CONTAINERS=")
    made("SEGUE_PROTOCOLS=boot_sector linux16", "SEGUE_CONTAINERS=", "SEGUE_SENTENCES=0")
    assert {"linux_real.o", "linux_read.o"} < members() and not {"linux.o", "log.o"} & members()
    made("SEGUE_PROTOCOLS=boot_sector linux16", "SEGUE_EXTRAS=replay")
    assert {"check_plan.o", "replay.o"} < members() and not {"exchange.o", "plan_exchange.o", "elf_sections.o"} & members()
    made("SEGUE_PROTOCOLS=boot_sector linux16", "SEGUE_EXTRAS=exchange")
    assert {"check_plan.o", "replay.o", "exchange.o"} < members() and "replay_extra.o" not in members()
    made("SEGUE_EXTRAS=none", status=2)
    made("SEGUE_PROTOCOLS=multiboot2")
    assert {"multiboot2.o", "multiboot_common.o", "elf_move.o"} < members() and not {"multiboot.o", "multiboot_info.o"} & members()
    made("SEGUE_PROTOCOLS=multiboot")
    assert {"multiboot.o", "multiboot_common.o"} < members() and not {"multiboot2.o", "elf_move.o", "pvh.o", "elf_notes.o"} & members()
    made("SEGUE_PROTOCOLS=pvh")
    assert {"pvh.o", "multiboot_place.o", "elf_notes.o", "rsdp.o"} < members() and not {"multiboot_sections.o", "elf_sections.o", "linux.o"} & members()
    made("SEGUE_PROTOCOLS=multiboot3", status=2)
    made("SEGUE_PROTOCOLS=", status=2)
