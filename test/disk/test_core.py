# SPDX-License-Identifier: MIT
"""segue core: cores that cores.py writes, and gdb on what the command makes of them."""
import os
import random
import re
import resource
import shutil
import struct
import subprocess

import pytest

from cores import (EM_386, NOWHERE, PAGE, Load, Tables, build_host, cpu_note, crash_notes, host_note, lay_out, log_note, note,
                   read_core, write_core)
from test_command import SEGUE, segue

RAM = 0x100000                        # where the machine's memory begins
RAM_SIZE = 0x300000


def pattern(size, seed=1):
    return random.Random(seed).randbytes(size)


def small(width=32, **more):
    """A core with three ranges, of which two join."""
    low, high = pattern(0x2000), pattern(0x8000, 2)
    virt = 0xC0000000 if width == 32 else 0xFFFF800000000000
    loads = [Load(virt, 0, low), Load(virt + 0x2000, 0x2000, pattern(0x1000, 3)), Load(NOWHERE, 0x200000, high)]
    values = {"eip": 0x12345678, "esp": 0xC0001000} if width == 32 else {"rip": 0xFFFF800000001234, "r15": 0x1515151515151515}
    notes = host_note(width, **more) + cpu_note(width, 1, **values) + cpu_note(width, 2)
    return write_core(loads, notes)


@pytest.fixture
def core(tmp_path):
    """Writes a file, and runs the command on it."""
    def run(data, *words, status=0):
        (tmp_path / "core").write_bytes(data)
        return segue("core", tmp_path / "core", *words, status=status)
    run.path = tmp_path / "core"
    run.out = tmp_path / "out"
    return run


# ---- the listing ----

def test_listing(core):
    file, offsets = small(cr3=0x5000, cr4=0x10)
    text = core(file).stdout
    assert text.startswith(f"{core.path}: core of a 32-bit host of Segue 0.1.0; ELF64, 44 KiB of memory\n")
    for line in (r"workspace +0x00200000 - 0x00208000", r"restore +entry 0x00200010 \(physical\)", r"return +entry 0x00200020 \(physical\)",
                 r"paging +32-bit; CR0 0x80000011, CR3 0x5000, CR4 0x10, EFER 0x0", r"CPU 0 +pr_pid 1", r"CPU 1 +pr_pid 2",
                 r"+eip +12345678  esp +c0001000", r"notes +Segue 0x5301, 72 bytes", r" +CORE 0x1, 144 bytes: registers of a CPU"):
        assert re.search(rf"^ +{line}", text, re.M), (line, text)
    ranges = re.findall(r"^  0x(\w+) - 0x(\w+) +(\w+) +0x(\w+) +(\d+)$", text, re.M)
    assert ranges == [("00000000", "00003000", "0xc0000000", f"{offsets[0]:08x}", "12288"),
                      ("00200000", "00208000", "nowhere", f"{offsets[2]:08x}", "32768")]
    assert "warning" not in text


def test_listing_of_a_64_bit_host(core):
    text = core(small(64, cr3=0x5000, cr4=0x20, efer=0x500, restore=0, flags=0, back=0)[0]).stdout
    assert "core of a 64-bit host" in text and re.search(r"paging +4-level; CR0", text)
    assert re.search(r"^ +rip +ffff800000001234 ", text, re.M) and "r15     1515151515151515" in text
    assert re.search(r"restore +no: its note names no entry", text) and re.search(r"return +no: the target does not come back", text)
    assert re.search(r"^  0x00000000 - 0x00003000 +0xffff800000000000 ", text, re.M)
    assert re.search(r"paging +5-level", core(small(64, cr3=0x5000, cr4=0x1020, efer=0x500)[0]).stdout)
    assert re.search(r"paging +PAE", core(small(32, cr3=0x5000, cr4=0x20)[0]).stdout)
    assert re.search(r"paging +off", core(small(32, cr0=0x11)[0]).stdout)
    assert re.search(r"paging +unknown", core(small(32, cr0=0)[0]).stdout)


@pytest.mark.parametrize("more, reason", [
    ({"workspace": 0x400000}, "the entry is not in the workspace"), ({"workspace_size": 0x9000}, "its workspace is not in the file"),
    ({"workspace": 2**32, "restore": 16}, "its workspace is not below 4 GiB"), ({"flags": 0}, "its note names no entry for that"),
    ({"workspace": 2**64 - 8}, "its workspace is not below 4 GiB"),
])
def test_what_cannot_be_restored(core, more, reason):
    assert re.search(rf"restore +no: {reason}$", core(small(**more)[0]).stdout, re.M)


def test_foreign_cores(core):
    """A core of Linux has no note of ours; a core of makedumpfile leaves out bytes."""
    loads = [Load(0xFFFF888000001000, 0x1000, pattern(0x3000)), Load(0xFFFFFFFF81000000, 0x1000000, pattern(0x2000), 0x100000)]
    text = core(write_core(loads, cpu_note(64, 0) + cpu_note(64, 0) + note(b"VMCOREINFO", 0, b"OSRELEASE=6.1\n"))[0]).stdout
    assert "foreign core: an ELF core without a note of Segue, of a 64-bit machine; ELF64, 20 KiB" in text
    assert re.search(r"left out +1 MiB of its ranges", text) and "VMCOREINFO 0, 14 bytes" in text and "workspace" not in text
    text = core(write_core(loads[:1], b"", is_64=False, machine=EM_386)[0]).stdout
    assert "of a 32-bit machine; ELF32" in text
    # The same virtual addresses all at physical 0, as a program's core has them
    done = core(write_core([Load(0x1000, 0, pattern(PAGE)), Load(0x8000, 0, pattern(PAGE, 2))], cpu_note(64))[0], status=1)
    assert re.search(r"warning +physical 0x0 is in the file twice, at offsets 0x\w+ and 0x\w+$", done.stdout, re.M)
    done = segue("core", core.path, "-o", core.out, status=1)
    assert "it has different bytes for one physical address, so it is not a core of a machine's memory" in done.stderr
    assert not core.out.exists()


def test_a_range_that_is_in_the_file_twice(core):
    """As /proc/vmcore has memory that its host maps twice. Bytes that differ far in are seen."""
    bytes_ = pattern(3 * PAGE)
    loads = [Load(0xC0000000, 0x100000, bytes_), Load(0xD0001000, 0x101000, bytes_[PAGE:])]
    assert "warning" not in core(write_core(loads, host_note() + cpu_note(32, 1))[0]).stdout
    done = segue("core", core.path, "-o", core.out)
    assert done.returncode == 0 and core.out.exists()
    loads[1] = Load(0xD0001000, 0x101000, bytes_[PAGE:-1] + bytes([bytes_[-1] ^ 1]))
    done = core(write_core(loads, host_note() + cpu_note(32, 1))[0], status=1)
    assert "physical 0x101000 is in the file twice" in done.stdout


def test_notes_in_several_segments_and_room_between_them(core):
    """As in a header in memory, before Linux merges its notes."""
    first, second = host_note() + bytes(64), bytes(8) + cpu_note(32, 7) + bytes(16)
    text = core(write_core([Load(0, 0x200000, pattern(0x8000))], first + second)[0]).stdout
    assert "pr_pid 7" in text and "warning" not in text


# ---- a crash ----

def crashed(*more, next_=9, text=b"out of luck"):
    ring = b"new line\nline\nolder line\n".ljust(64, b"\0")
    memory = ring + struct.pack("<I", next_) + bytes(0x8000 - 68)
    kernel = note(b"Segue", 0x5305, b"our kernel\x001.0\0of today\0")
    notes = host_note() + cpu_note(32, 1) + cpu_note(32, 3) + crash_notes((1,), 3, 2, text) + kernel + b"".join(more)
    return write_core([Load(0xC0000000, 0x200000, memory)], notes)[0]


def test_what_a_crash_says(core):
    text = core(crashed(log_note(0x200000, 64, 0x200040))).stdout
    for line in ("crash +out of luck; CPU 2 was noted first", "lost +CPU 1", "host +our kernel 1.0: of today"):
        assert re.search(rf"^  {line}$", text, re.M), (line, text)
    # Each by its number at the host, also after a lost one, and in a core that begins with the one that has crashed.
    assert re.findall(r"^  CPU (\d+) +pr_pid (\d+)$", text, re.M) == [("0", "1"), ("2", "3")]
    assert text.count("CR0 0x80000011, CR2 0xdead, CR3 0x5000, CR4 0x20, EFER 0x500\n") == 2
    assert text.endswith("\n  log, 64 bytes\nline\nolder line\nnew line\n")
    # A number of all bytes so far
    text = core(crashed(log_note(0x200000, 64, 0x200040, flags=1), next_=64 * 7 + 9)).stdout
    assert text.endswith("\n  log, 64 bytes\nline\nolder line\nnew line\n")
    assert "  crash           no reason is told; CPU 2" in core(crashed(text=b"")).stdout


def test_gdb_begins_with_the_cpu_that_has_crashed(core):
    """The others follow in their order, and the host's note stays the first one."""
    core(crashed(), "-o", core.out)
    notes = read_core(core.out.read_bytes())[3]
    assert notes[0][:2] == (b"Segue", 0x5301)
    assert [struct.unpack_from("<I", desc, 24)[0] for name, kind, desc in notes if name == b"CORE"] == [3, 1]
    assert len(notes) == len(read_core(crashed())[3])


@pytest.mark.parametrize("log, next_", [
    (log_note(0x200000, 64, 0x200040), 65), (log_note(0x200000, 0x9000, 0x200040), 9), (log_note(0x100000, 64, 0x200040), 9),
    (log_note(0x200000, 64, 0x300000), 9), (log_note(0x200000, 64, 0x200040, 2), 9), (log_note(2**64 - 32, 64, 0x200040), 9),
    (log_note(0x200000, 64, 0x207FFD), 9),
])
def test_a_log_that_cannot_be_shown(core, log, next_):
    assert core(crashed(log, next_=next_)).stdout.endswith("  not shown: it is not in the core, or its end is outside of it\n")


def test_a_log_of_a_wrong_size(core):
    for size in (0, (16 << 20) + 1, 2**64 - 1):
        assert "  not shown: it must have 1 byte to 16 MiB\n" in core(crashed(log_note(0x200000, size, 0x200040))).stdout


# ---- broken files ----

def cut_at(size):
    return lambda file: file[:size]


def poke(at, form, value):
    def change(file):
        file = bytearray(file)
        struct.pack_into("<" + form, file, at, value)
        return bytes(file)
    return change


PROGRAMS = 64
NOTES = 64 + 4 * 56


@pytest.mark.parametrize("change, sentence", [
    (cut_at(0), "the file is empty"), (cut_at(3), "not an ELF core: the first bytes are not those of an ELF file"),
    (cut_at(15), "cut: the ELF header ends with the file, after 15 bytes"),
    (cut_at(63), "cut: the ELF header ends with the file, after 63 bytes"),
    (cut_at(200), "cut: its 4 program headers at offset 0x40 do not end in the file of 0xc8 bytes"),
    (lambda file: b"just text", "not an ELF core"), (lambda file: b"\x1f\x8b\x08" + bytes(99), "compressed by gzip: unpack it first"),
    (lambda file: b"\xfd7zXZ\0" + bytes(99), "compressed by xz: unpack it first"),
    (lambda file: b"KDUMP   " + bytes(99), "a dump in a format of makedumpfile; it writes an ELF core with -E and without -F"),
    (lambda file: b"makedumpfile" + bytes(99), "a dump in a format of makedumpfile"),
    (poke(4, "B", 3), "its class is 3, neither 1 (32 bits) nor 2 (64 bits)"),
    (poke(5, "B", 2), "an ELF file that is not little-endian: its data encoding is 2"),
    (poke(16, "H", 2), "an ELF file, but no core: its type is 2, and a core's is 4"),
    (poke(18, "H", 40), "a core of another machine than x86: its e_machine is 40"),
    (poke(54, "H", 32), "its program headers have 32 bytes each instead of 56"),
    (poke(56, "H", 0), "a core without program headers"),
    (poke(32, "Q", 2**64 - 8), "cut: its 4 program headers at offset 0xfffffffffffffff8 do not end in the file"),
    (lambda file: poke(40, "Q", len(file))(poke(56, "H", 0xffff)(file)), "cut: the section header 0 at offset"),
    (lambda file: poke(40, "Q", 0)(poke(56, "H", 0xffff)(file)), "cut: its 65535 program headers at offset 0x40 do not end in the file"),
    (lambda file: poke(40, "Q", 8)(poke(56, "H", 0xffff)(file)), "section header 0 says that there are"),
])
def test_refusals(core, change, sentence):
    done = core(change(small()[0]), status=1)
    assert done.stdout == "" and done.stderr.startswith(f"segue: {core.path}: ") and sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("change, sentence", [
    (lambda file: file[:-1], r"cut: program header 3, physical 0x200000: 0x1 of its 0x8000 bytes at offset 0x\w+ are past the end of the file"),
    (cut_at(NOTES + 100), r"cut: program header 0: 0x\w+ of 0x\w+ bytes of notes at offset 0x120 are past the end"),
    (poke(PROGRAMS + 56 + 24, "Q", 2**64 - 0x1000), r"program header 1: 0x2000 bytes at physical 0xfffffffffffff000 wrap"),
    (poke(PROGRAMS + 56 + 16, "Q", 2**64 - 0x1fff), r"program header 1: 0x2000 bytes at virtual 0xffffffffffffe001 wrap"),
    (poke(PROGRAMS + 56 + 8, "Q", 2**64 - 8), r"cut: program header 1, physical 0x0: 0x2000 of its 0x2000 bytes"),
    (poke(NOTES + 4, "I", 71), r"the note of the host has 71 bytes and says 0x48: it must have 72 or more"),
    (poke(NOTES + 20, "I", 73), r"the note of the host has 72 bytes and says 0x49"),
    (poke(NOTES + 20, "I", 0), r"the note of the host has 72 bytes and says 0x0"),
    (poke(NOTES + 28, "I", 33), r"the note of the host says that it has 33 bits: it must be 32 or 64"),
    (poke(NOTES + 28, "I", 64), r"CPU 0 has the registers of a 32-bit host, but the host has 64 bits"),
    (poke(NOTES + 4, "I", 2**32 - 1), r"note 0, with a name of 0x6 bytes and 0xffffffff bytes, is longer than the 0x\w+ bytes that are left"),
    (poke(NOTES, "I", 2**32 - 1), r"note 0, with a name of 0xffffffff bytes"),
    (poke(NOTES + 92 + 4, "I", 140), r"an NT_PRSTATUS note has 140 bytes: it must have 144 \(32-bit\) or 336 \(64-bit\)"),
    (lambda file: write_core([Load(0, 0, bytes(PAGE))], host_note() + b"\1" * 5)[0], r"the notes end with 0x5 bytes that are no note"),
])
def test_damage_has_a_sentence_and_the_rest_is_shown(core, change, sentence):
    done = core(change(small()[0]), status=1)
    assert re.search(rf"^  warning +{sentence}", done.stdout, re.M), done.stdout
    assert "physical" in done.stdout and done.stderr == ""


def test_many_faults(core):
    """The sentences are counted, not printed without end."""
    loads = [Load(0, 2**64 - PAGE, bytes(PAGE)) for _ in range(30)]
    done = core(write_core(loads, host_note())[0], status=1)
    assert done.stdout.count("wrap") == 16 and "warning         and 14 more" in done.stdout


def test_a_second_host(core):
    done = core(write_core([Load(0, 0x200000, bytes(0x8000))], host_note() + host_note(64))[0], status=1)
    assert "it has a second note of a host; the first one counts" in done.stdout and "32-bit host" in done.stdout


def test_later_version_of_the_note(core):
    assert "warning" not in core(write_core([Load(0, 0x200000, bytes(0x8000))], host_note(size=80, more=bytes(8)))[0]).stdout


def test_what_is_no_file(core, tmp_path):
    assert "No such file" in segue("core", tmp_path / "none", status=1).stderr
    assert "this is a folder" in segue("core", tmp_path, status=1).stderr
    done = subprocess.run([SEGUE, "core", "/dev/stdin"], input=b"x" * 99, capture_output=True, timeout=60)
    assert done.returncode == 1 and b"it cannot be read in any order: copy it to a file first" in done.stderr
    core(small()[0])
    assert "this is a file that is read" in segue("core", core.path, "-o", core.path, status=1).stderr
    os.mkfifo(tmp_path / "pipe")
    assert "not an ordinary file" in segue("core", core.path, "-o", tmp_path / "pipe", status=1).stderr


@pytest.mark.parametrize("words, sentence", [
    ([], "exactly one FILE is needed"), (["a", "b"], "exactly one FILE is needed"),
    (["a", "--paging", "6"], "--paging 6 is not 32, pae, 4 or 5"), (["a", "--paging", "4"], "--paging says how to read --page-tables"),
    (["a", "--page-tables"], "--page-tables needs an argument"),
])
def test_usage(words, sentence):
    assert segue("core", *words, status=2).stderr.startswith(f"segue core: {sentence}")


def test_page_tables_needs_a_number(core):
    core(small()[0])
    assert "--page-tables 12x is neither a number nor the word note" in segue("core", core.path, "--page-tables", "12x", status=2).stderr


# ---- what is written ----

def bytes_of(file, programs):
    return {each.virt: (each.phys, file[each.offset:each.offset + each.filesz]) for each in programs if each.type == 1}


def test_32_bit_core_is_converted(core):
    file, _ = small()
    loads = bytes_of(file, read_core(file)[2])
    done = core(file, "-o", core.out)
    assert done.stdout == f"{core.out}: ELF32 core for gdb, 1 ranges, {core.out.stat().st_size} bytes\n"
    assert "warning: 32 KiB that are mapped nowhere are left out" in done.stderr
    width, machine, programs, notes = read_core(core.out.read_bytes())
    assert (width, machine) == (32, EM_386) and notes == read_core(file)[3]
    assert bytes_of(core.out.read_bytes(), programs) == {0xC0000000: (0, loads[0xC0000000][1] + loads[0xC0002000][1])}
    assert all(each.offset % PAGE == each.phys % PAGE for each in programs if each.type == 1)
    # Its own output is a core as well.
    text = segue("core", core.out).stdout
    assert "ELF32, 12 KiB" in text and re.search("restore +no: its workspace is not in the file", text)


def test_64_bit_core_keeps_all_memory(core):
    file, _ = small(64)
    low, middle, high = (file[each.offset:each.offset + each.filesz] for each in read_core(file)[2][1:])
    assert core(file, "-o", core.out).stderr == ""
    width, machine, programs, notes = read_core(core.out.read_bytes())
    assert (width, machine) == (64, 62) and notes == read_core(file)[3]
    assert bytes_of(core.out.read_bytes(), programs) == {
        0xFFFF800000000000: (0, low + middle), 0x4000000000200000: (0x200000, high)}


def test_what_an_elf32_core_cannot_have(core):
    loads = [Load(0xC0000000, 0x200000, pattern(0x8000)), Load(0xD0000000, 2**32, pattern(PAGE, 2)),
             Load(2**32, 0x300000, pattern(PAGE, 3)), Load(0xFFFFF000, 0x400000, pattern(2 * PAGE, 4))]
    done = core(write_core(loads, host_note() + cpu_note(32) + cpu_note(64))[0], "-o", core.out)
    assert "4 KiB at physical addresses from 4 GiB on are left out" in done.stderr
    assert "8 KiB that are mapped nowhere are left out" in done.stderr
    assert "1 notes with registers of another width are left out" in done.stderr
    _, _, programs, notes = read_core(core.out.read_bytes())
    assert bytes_of(core.out.read_bytes(), programs) == {
        0xC0000000: (0x200000, loads[0].data), 0xFFFFF000: (0x400000, loads[3].data[:PAGE])}
    assert [(name, len(desc)) for name, _, desc in notes] == [(b"Segue", 72), (b"CORE", 144)]


@pytest.mark.parametrize("width, base, name", [(32, 0xC0000000, "esp"), (64, 0xFFFFFFFF80000000, "rsp")])
def test_a_stack_that_no_range_has(core, width, base, name):
    """gdb would only say that it cannot access memory. The page below a range is the one that an overflow has met."""
    def stderr(*stacks):
        cpus = b"".join(cpu_note(width, 1 + i, **{name: at}) for i, at in enumerate(stacks))
        return core(write_core([Load(base, 0x200000, pattern(0x8000))], host_note(width) + cpus)[0], "-o", core.out).stderr

    assert stderr(base + 0x7FF0, base, base - 8, 0) == ""
    text = stderr(base + 16, base + 0x8000, base - PAGE - 8)
    assert f"no range has the stacks of 2 CPUs, the first at virtual {base + 0x8000:#x} of pr_pid 2; --page-tables note takes" in text


def test_ranges_that_begin_within_a_page(core):
    """As purgatory's saves and a BIOS's memory map have them."""
    loads = [Load(0xFFFF800000000123, 0x123, pattern(0x2001)), Load(0xFFFF800000009C00, 0x9C00, pattern(0x400, 2))]
    core(write_core(loads, host_note(64) + cpu_note(64))[0], "-o", core.out)
    programs = read_core(core.out.read_bytes())[2]
    assert bytes_of(core.out.read_bytes(), programs) == {each.virt: (each.phys, each.data) for each in loads}
    assert all(each.offset % PAGE == each.phys % PAGE for each in programs if each.type == 1)


def test_two_mappings_share_their_bytes(core):
    data = pattern(0x100000)
    loads = [Load(0x1000, 0x1000, data), Load(0xC0001000, 0x1000, data)]
    core(write_core(loads, host_note(workspace=0x1000) + cpu_note(32))[0], "-o", core.out)
    out = core.out.read_bytes()
    assert len(out) < len(data) + 2 * PAGE
    assert bytes_of(out, read_core(out)[2]) == {0x1000: (0x1000, data), 0xC0001000: (0x1000, data)}


@pytest.mark.parametrize("width, at", [(32, 24), (64, 32)])
def test_cpus_get_numbers_for_gdb(core, width, at):
    """0 and numbers that occur twice confuse gdb; good ones are kept."""
    def pids(*given):
        notes = host_note(width) + b"".join(cpu_note(width, pid) for pid in given)
        core(write_core([Load(0, 0x200000, bytes(0x8000))], notes)[0], "-o", core.out)
        return [struct.unpack_from("<I", desc, at)[0] for name, _, desc in read_core(core.out.read_bytes())[3] if name == b"CORE"]
    assert pids(0, 0, 0) == [1, 2, 3] and pids(5, 5) == [1, 2] and pids(9, 4) == [9, 4]


def test_what_there_is_of_a_cut_core_is_written(core):
    file, _ = small(64)
    done = core(file[:-0x1000], "-o", core.out)
    assert "warning: cut: program header 3" in done.stderr
    assert len(bytes_of(core.out.read_bytes(), read_core(core.out.read_bytes())[2])[0x4000000000200000][1]) == 0x7000


def test_more_headers_than_e_phnum_counts(core):
    """Every second page of 70,000, so that none merge; the number is in section header 0 on both sides."""
    page = pattern(16)
    loads = [Load(0xFFFF800000000000 + 2 * PAGE * i, 2 * PAGE * i, page) for i in range(70000)]
    # All pages have one offset in the file: their bytes are equal.
    file, _ = write_core(loads, host_note(64, workspace=0) + cpu_note(64))
    text = core(file).stdout
    assert len(re.findall(r"^  0x\w+ - ", text, re.M)) == 70000 and "1.1 MiB of memory" in text
    core(file, "-o", core.out)
    programs = read_core(core.out.read_bytes())[2]
    assert len(programs) == 70001 and {each.phys for each in programs[1:]} == {load.phys for load in loads}


def limit_memory():
    resource.setrlimit(resource.RLIMIT_AS, (64 << 20, 64 << 20))


def test_large_cores_are_not_read_into_memory(core):
    """8 GiB are shown, and 200 MiB converted, in 64 MiB of memory."""
    for size, words in ((8 << 30, []), (200 << 20, ["-o", core.out])):
        file, offsets = write_core([Load(0xFFFF800000000000, 0x200000, b"")], host_note(64) + cpu_note(64))
        file = poke(PROGRAMS + 56 + 40, "Q", size)(poke(PROGRAMS + 56 + 32, "Q", size)(file))
        core.path.write_bytes(file)
        os.truncate(core.path, offsets[0] + size)
        done = segue("core", core.path, *words, preexec_fn=limit_memory)
        assert words or "8 GiB of memory" in done.stdout
    with open(core.path, "rb") as one, open(core.out, "rb") as other:
        assert core.out.stat().st_size - size < 2 * PAGE
        one.seek(offsets[0])
        assert one.read(99) == other.read(99)[99:] + bytes(99)


# ---- page tables ----

MODES = {"32": (32, 0x80000011, 0x10, 0), "pae": (32, 0x80000011, 0x20, 0), "4": (64, 0x80000011, 0x20, 0x500), "5": (64, 0x80000011, 0x1020, 0x500)}
HIGH = {"32": 0xC0000000, "pae": 0xC0000000, "4": 0xFFFF800000000000, "5": 0xFF00000000000000}


def paged(mode, map_all, **more):
    """A core without virtual addresses whose tables map_all(tables) fills."""
    width, cr0, cr4, efer = MODES[mode]
    memory = bytearray(pattern(RAM_SIZE, 5))
    memory[0x100000:0x140000] = bytes(0x40000)
    tables = Tables(mode, memory, RAM, RAM + 0x100000)
    map_all(tables)
    notes = host_note(width, **{"cr0": cr0, "cr3": tables.cr3, "cr4": cr4, "efer": efer, **more}) + cpu_note(width)
    return write_core([Load(NOWHERE, RAM, bytes(memory))], notes)[0], bytes(memory), tables


def virtual_ranges(text):
    return [(int(virt, 16), int(start, 16), int(size)) for start, virt, size in
            re.findall(r"^  0x(\w+) - 0x\w+ +0x(\w+) +(\d+)$", text, re.M)]


@pytest.mark.parametrize("mode", MODES)
def test_page_tables(core, mode):
    """Pages that join, a hole, two mappings of one page, memory that the core does not have, large pages."""
    high, large = HIGH[mode], 0x400000 if mode == "32" else 0x200000

    def map_all(tables):
        tables.map_range(high, 0x150000, 5 * PAGE)
        tables.map_range(high + 8 * PAGE, 0x180000, PAGE)
        tables.map_range(0x10000, 0x150000, 2 * PAGE)
        tables.map_range(high + 0x800000, 0xFEE00000, PAGE)          # a device
        tables.map(high + 0x1000000, 0, 2)                           # partly in the core
        tables.map(2**32 - large, 0x40000000, 2)                     # not in the core

    file, memory, tables = paged(mode, map_all)
    part = min(large, RAM + RAM_SIZE) - RAM
    expected = [(0x10000, 0x150000, 2 * PAGE), (high, 0x150000, 5 * PAGE), (high + 8 * PAGE, 0x180000, PAGE),
                (high + 0x1000000 + RAM, RAM, part)]
    assert virtual_ranges(core(file, "--page-tables", "note").stdout) == expected
    assert virtual_ranges(segue("core", core.path, "--page-tables", hex(tables.cr3)).stdout) == expected
    assert virtual_ranges(segue("core", core.path, "--page-tables", hex(tables.cr3), "--paging", mode).stdout) == expected
    segue("core", core.path, "--page-tables", "note", "-o", core.out)
    width, _, programs, _ = read_core(core.out.read_bytes())
    found = bytes_of(core.out.read_bytes(), programs)
    assert width == MODES[mode][0]
    assert {virt: each for virt, each in found.items() if virt >> 62 != 1} == {
        virt: (phys, memory[phys - RAM:phys - RAM + size]) for virt, phys, size in expected}
    if width == 64:
        rest = {virt: each for virt, each in found.items() if virt >> 62 == 1}
        assert rest == {0x4000000000000000 + RAM + part: (RAM + part, memory[part:])}


@pytest.mark.parametrize("mode", MODES)
def test_a_table_that_maps_itself(core, mode):
    """The tables are memory of the host like any other."""
    def map_all(tables):
        tables.map_range(HIGH[mode], 0x150000, PAGE)
        if mode != "pae":
            tables.put(tables.cr3, (1 << tables.bits) - 1, tables.cr3 | 3)
    file, _, tables = paged(mode, map_all)
    ranges = virtual_ranges(core(file, "--page-tables", "note").stdout)
    assert (HIGH[mode], 0x150000, PAGE) in ranges
    if mode != "pae":
        top = 2**MODES[mode][0] - PAGE
        assert any(virt <= top < virt + size and phys + (top - virt) == tables.cr3 for virt, phys, size in ranges)


def test_1_gib_pages_and_pse36(core):
    file, _, _ = paged("4", lambda tables: tables.map(HIGH["4"], 0, 3))
    assert virtual_ranges(core(file, "--page-tables", "note").stdout) == [(HIGH["4"] + RAM, RAM, RAM_SIZE)]
    # 4 MiB pages above 4 GiB are somewhere else; without CR4.PSE there are none.
    file, _, _ = paged("32", lambda tables: (tables.map(0, 2**32, 2), tables.map(0x400000, 0, 2)))
    assert virtual_ranges(core(file, "--page-tables", "note").stdout) == [(0x400000 + RAM, RAM, RAM_SIZE)]
    file, _, _ = paged("32", lambda tables: (tables.map(0x400000, RAM + 0x101000, 2), tables.map_range(0, 0x150000, PAGE)), cr4=0)
    assert (0x400000 + RAM, RAM, RAM_SIZE) not in virtual_ranges(core(file, "--page-tables", "note").stdout)


def test_page_tables_refusals(core):
    file, _, tables = paged("4", lambda tables: tables.map_range(HIGH["4"], 0x150000, PAGE), cr0=0)
    assert "no note says what CR3 was; give it as a number, and --paging" in core(file, "--page-tables", "note", status=1).stderr
    assert "no note says how the host paged; give --paging 32, pae, 4 or 5" in core(file, "--page-tables", "0x200000", status=1).stderr
    assert virtual_ranges(core(file, "--page-tables", hex(tables.cr3), "--paging", "4").stdout) == [(HIGH["4"], 0x150000, PAGE)]
    done = core(file, "--page-tables", "0x7000000", "--paging", "4", status=1)
    assert "warning: the page table at 0x7000000, for virtual 0x0, is not in the core" in done.stderr
    assert "the page tables at 0x7000000 map none of the core's memory (4-level paging)" in done.stderr
    file, _, tables = paged("32", lambda tables: tables.map_range(0, 0x150000, PAGE), cr0=0x11)
    assert "the host did not page: its CR0 is 0x11" in core(file, "--page-tables", "note", status=1).stderr

    def loops(tables):
        for i in range(512):
            tables.put(tables.cr3, i, tables.cr3 | 3)
    done = core(paged("5", loops)[0], "--page-tables", "note", status=1)
    assert re.search(r"the page tables at 0x200000 (do not end after \d+ tables|map more than \d+ ranges)", done.stderr)

    def absent(tables):
        tables.map_range(0, 0x150000, PAGE)
        for i in range(1, 4):
            tables.put(tables.cr3, i, 0x50000000 | 3)
    done = core(paged("32", absent)[0], "--page-tables", "note")
    assert "warning: 3 page tables are not in the core, the first at 0x50000000 for virtual 0x400000" in done.stderr


# ---- gdb ----

@pytest.fixture(scope="module", params=[32, 64])
def host(request, tmp_path_factory):
    if not shutil.which("gdb"):
        pytest.skip("gdb is not installed")
    built = build_host(tmp_path_factory.mktemp(f"host{request.param}"), request.param)
    if not built:
        pytest.skip(f"no compiler makes {request.param}-bit programs")
    return built


def gdb(host, core):
    """What gdb says of a core with the commands of someone who looks for a fault."""
    words = ["print witness", "print idle", "print *idle.next", "bt", "info threads", "thread 2", "bt", "x/s idle.name"]
    done = subprocess.run(["gdb", "-nx", "-batch", *(part for word in words for part in ("-ex", word)), str(host.path), str(core)],
                          capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def check_gdb(text, width):
    assert "$1 = 4711" in text
    assert text.count("counter = 1234605616436508552") == 2 and text.count('"idle task"') >= 2
    one, threads, other = text.partition("$3 = ")[2].partition("  Id ")[0], *text.partition("  Id ")[2].split("[Switching", 1)
    frame = r"^#(\d) .*?(\w+) \("
    assert re.findall(frame, one, re.M) == [("0", "third"), ("1", "second"), ("2", "first"), ("3", "entry")], text
    assert re.findall(frame, other, re.M) == [("0", "waits"), ("0", "waits"), ("1", "entry")], text
    assert re.findall(r"^[* ] (\d) +LWP \d +0x\w+ in (\w+) \(", threads, re.M) == [("1", "third"), ("2", "waits")], text
    # Where clang and GCC have a 32-bit argument without optimisation: in the caller's frame, which lay_out() makes.
    assert width == 64 or "third (number=42)" in one
    assert "warning" not in text.lower(), text


def host_core(host, loads_of, tables=None):
    """loads_of(memory) are the core's loads."""
    memory = bytearray(RAM_SIZE)
    one, other = lay_out(host, memory, lambda virt: virt - host.base - RAM)
    notes = {"cr0": 0x80000011}
    if tables:
        width, cr0, cr4, efer = MODES[tables]
        made = Tables(tables, memory, RAM, RAM + 0x200000)
        made.map_range(host.base + RAM, RAM, 0x100000)
        notes = {"cr0": cr0, "cr3": made.cr3, "cr4": cr4, "efer": efer}
    notes = host_note(host.width, **notes) + cpu_note(host.width, 0, **one) + cpu_note(host.width, 0, **other)
    return write_core(loads_of(bytes(memory)), notes)[0]


def test_gdb_takes_no_note_of_ours_for_a_cpu(host, core):
    """BFD goes by type and size only, so the host's note, which may grow, must have a type that is nobody's."""
    size = {32: 144, 64: 336}[host.width]
    notes = host_note(host.width, size=size, more=bytes(size - 72)) + cpu_note(host.width)
    file = write_core([Load(host.base + RAM, RAM, bytes(PAGE))], notes)[0]
    assert f"core of a {host.width}-bit host of Segue" in core(file).stdout
    segue("core", core.path, "-o", core.out)
    done = subprocess.run(["gdb", "-nx", "-batch", "-ex", "info threads", str(host.path), str(core.out)], capture_output=True,
                          text=True, timeout=120, stdin=subprocess.DEVNULL)
    assert re.findall(r"^[* ] (\d+) ", done.stdout, re.M) == ["1"], done.stdout + done.stderr


def test_gdb_by_the_mappings_of_the_host(host, core):
    """And with memory that it maps nowhere beside it."""
    file = host_core(host, lambda memory: [Load(NOWHERE, 0, pattern(0x1000)), Load(host.base + RAM, RAM, memory[:0x200000]),
                                           Load(NOWHERE, RAM + 0x200000, memory[0x200000:])])
    done = core(file, "-o", core.out, "--gdb", host.path)
    assert done.stdout.splitlines()[-1] == f"gdb {host.path} {core.out}"
    check_gdb(gdb(host, core.out), host.width)


@pytest.mark.parametrize("host, mode", [(MODES[mode][0], mode) for mode in MODES], indirect=["host"])
def test_gdb_by_page_tables(host, core, mode):
    file = host_core(host, lambda memory: [Load(NOWHERE, RAM, memory)], mode)
    core(file, "--page-tables", "note", "-o", core.out)
    check_gdb(gdb(host, core.out), host.width)


def test_gdb_line(core, tmp_path):
    """It says how to make the core that gdb needs; the kernel's class must be the host's."""
    (tmp_path / "host's.elf").write_bytes(b"\x7fELF\1" + bytes(99))
    (tmp_path / "host64.elf").write_bytes(b"\x7fELF\2" + bytes(99))
    (tmp_path / "text").write_bytes(b"no ELF file at all")
    text = core(small()[0], "--gdb", tmp_path / "host's.elf").stdout
    quoted = f"'{tmp_path}/host'\\''s.elf'"
    assert text == f"segue core {core.path} -o {core.path}.gdb\ngdb {quoted} {core.path}.gdb\n"
    text = core(paged("32", lambda tables: tables.map_range(0, RAM, PAGE))[0], "--page-tables", "note", "--gdb", tmp_path / "host's.elf").stdout
    assert text == f"segue core {core.path} --page-tables note -o {core.path}.gdb\ngdb {quoted} {core.path}.gdb\n"
    assert "the host has 32 bits, but this ELF file has another class; gdb needs the host's ELF32 file" in \
        core(small()[0], "--gdb", tmp_path / "host64.elf", status=1).stderr
    assert "not an ELF file; gdb needs the host's" in core(small()[0], "--gdb", tmp_path / "text", status=1).stderr
    assert "No such file" in core(small()[0], "--gdb", tmp_path / "none", status=1).stderr
    good = write_core([Load(0xFFFF800000000000, 0x200000, bytes(0x8000))], host_note(64) + cpu_note(64))[0]
    assert core(good, "--gdb", tmp_path / "host64.elf").stdout == f"gdb {tmp_path}/host64.elf {core.path}\n"
