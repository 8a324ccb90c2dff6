# SPDX-License-Identifier: MIT
"""Targets that may use a part of the memory only (target_memory, within=): they are placed in it, are told of no other RAM,
and leave other memory alone."""
import os
import re

import pytest

import bochs
import expect
import images
from cells import INITRD, at
from images import Part
from qemu import Qemu
from test_hosts import machine
from test_state import (LINUX, MULTIBOOT, PASSED, SEGUE, Verdict, check_entry, check_verdict, connect, run_to, verdict)

K, M = 1 << 10, 1 << 20
RAM, RESERVED = 1, 2
# Without RAM at 0, Multiboot's mem_lower is 0. The inspector does not expect that.
NO_LOWER = {"protocol.mem_lower": "got 0 want 1 to 640"}
# A PC's RAM in low memory ends at the EBDA.
EBDA = 0x9fc00


def told(seen):
    """Return the map that the inspector read, as [(start, end, type)]."""
    entries = [[int(each, 0) for each in value.split()[:3]] for name, value in seen.values.items()
               if re.fullmatch(r"(mmap|e820)\.\d+", name)]
    return [(start, start + size, kind) for start, size, kind in entries]


def ram_of(entries):
    return expect.merged((start, end) for start, end, kind in entries if kind == RAM)


def inside(start, end, ranges):
    return any(low <= start and end <= high for low, high in ranges)


def check_placed(text, ranges):
    """All segments that segue.elf prints lie in the ranges."""
    segments = [(int(start, 16), int(end, 16)) for start, end in
                re.findall(r"^  0x([0-9a-f]+)\.\.0x([0-9a-f]+)  ", text, re.MULTILINE)]
    assert len(segments) == int(re.search(r"^Target: .*, (\d+) segments:", text, re.MULTILINE)[1])
    assert all(inside(start, end, ranges) for start, end in segments), segments


def check_multiboot(seen, ranges):
    """Everything that the inspector has or points to lies in the ranges."""
    assert seen.bad == ({} if ranges[0][0] == 0 else NO_LOWER), seen.bad
    number = seen.number
    places = [(number("ebx"), number("ebx") + 120),
              (number("mmap.addr"), number("mmap.addr") + int(seen.values["mmap.length"], 0)),
              (number("elf.addr"), number("elf.addr") + 40 * int(seen.values["elf.num"], 0))]
    places += [(number(f"module.{at_}.start"), number(f"module.{at_}.end")) for at_ in range(2)]
    assert all(inside(start, end, ranges) for start, end in places), [[hex(each) for each in place] for place in places]


def modules(folder):
    made = []
    for name, size in (("first", 5000), ("second", 70001)):
        path = os.path.join(folder, name)
        images.write(path, bytes(at_ * 7 & 0xff for at_ in range(size)))
        made.append(Part(path, name))
    return [Part(MULTIBOOT.path, "strict"), *made]


# within=, and the RAM that the inspector at 1 MiB must be told of in 64 MiB
MULTIBOOT_WITHIN = {
    "low-and-high": ("0-640K,1M-16M", [[0, EBDA], [1 * M, 16 * M]]),
    "as-for-linux": ("64K-640K,1M-16M", [[64 * K, EBDA], [1 * M, 16 * M]]),
    "high": ("0x100000-0x1000000", [[1 * M, 16 * M]]),
    "pieces": ("1M-2M,40M-0x2c00000,2M-3M", [[1 * M, 3 * M], [40 * M, 44 * M]]),
}


@pytest.mark.parametrize("name", MULTIBOOT_WITHIN)
def test_multiboot(name, tmp_path):
    words, ranges = MULTIBOOT_WITHIN[name]
    segue = Part(SEGUE, f"console=ttyS0 within={words}")
    with Qemu("within-multiboot-" + name, memory="64M", **images.qemu_kernel(segue, modules(str(tmp_path)))) as vm:
        seen = verdict(vm)
        check_placed(vm.serial(), ranges)
    entries = told(seen)
    assert ram_of(entries) == ranges
    # What was RAM stays in the map.
    assert expect.merged((start, end) for start, end, _ in entries if start < 64 * M) == [[0, 0xa0000], [0xf0000, 64 * M]]
    assert (EBDA, 0xa0000, RESERVED) in entries
    check_multiboot(seen, ranges)
    assert int(seen.values["multiboot.mem_lower"], 0) == (EBDA // K if ranges[0][0] == 0 else 0)
    assert [1 * M, 1 * M + int(seen.values["multiboot.mem_upper"], 0) * K] in ranges


@pytest.mark.parametrize("way", ["bochs-cd", "bochs-disk"])
def test_multiboot_in_bochs(way, tmp_path):
    assert not bochs.missing(), bochs.missing()
    medium, files = str(tmp_path / "medium"), modules(str(tmp_path))
    images.segue_medium(way, medium, files[0], files[1:], "console=ttyS0 within=64K-640K,1M-16M", "Multiboot")
    vm = bochs.Bochs("within-" + way, medium, memory=32, disk=way == "bochs-disk")
    seen = Verdict(vm.wait_for(r"^INSPECT: \d+ ok, \d+ bad$", timeout=120).serial)
    ranges = ram_of(told(seen))
    assert ranges == [[64 * K, ranges[0][1]], [1 * M, 16 * M]] and ranges[0][1] <= 640 * K
    check_multiboot(seen, ranges)


# Hosts in each kind of mode, with blobs of pages and, in 64-bit mode, above 4 GiB
HOSTS = {
    "4k-multiboot": ("i386-high", "mode=4k blob=pages", MULTIBOOT, "100000-400000"),
    "pae-linux": ("i386-high", "mode=pae blob=odd catcher", LINUX, "10000-a0000,1000000-1400000"),
    "long-multiboot": ("x86_64", "mode=long blob=high-odd catcher", MULTIBOOT, "100000-400000,10000-a0000"),
    "long-linux": ("x86_64", "mode=long", LINUX, "1000000-1400000"),
}


@pytest.mark.parametrize("name", HOSTS)
def test_host(name):
    """Through segue_exec() of a host: the registers at the first instruction, the verdict, the map."""
    build, line, target, words = HOSTS[name]
    target.load()
    ranges = sorted([int(each, 16) for each in pair.split("-")] for pair in words.split(","))
    files = [Part(target.path, "strict catcher" if "catcher" in line else "strict")]
    with machine("within-" + name, build, f"{line} within={words}", files, bits=64 if build == "x86_64" else 32, cpu="max",
                 gdb=True, paused=True) as vm, connect(vm) as stub:
        run_to(stub, target.entry, target.code)
        entered = stub.info_registers()
        stub.run()
        seen = verdict(vm)
        warned = re.search(r"Linux may panic without 64 KiB to 640 KiB in target_memory", vm.serial())
    assert bool(warned) == (name == "long-linux")
    check_entry(entered, target, PASSED[target.name], "catcher" in line)
    if target is MULTIBOOT:
        assert seen.bad == NO_LOWER
        seen.bad.clear()
    check_verdict(seen, target, entered)
    seen_ram = ram_of(told(seen))
    assert all(inside(start, end, ranges) for start, end in seen_ram), seen_ram
    missing = expect.total(ranges) - expect.total(seen_ram)
    assert missing == (0xa0000 - EBDA if [0x10000, 0xa0000] in ranges else 0) + (16384 if "catcher" in line else 0)
    # Purgatory's GDT is in memory that the target is not told of.
    assert not any(start <= entered["GDT"]["base"] < end for start, end in seen_ram)


# 96 MiB at 256 MiB, and what Linux needs below 1 MiB
LINUX_WITHIN = "64K-640K,256M-352M"


@pytest.mark.parametrize("kernel", ["di-i386", "cloud-amd64"])
def test_linux(kernel, targets):
    """Linux runs in 96 MiB of 512, and other memory stays as it was."""
    segue = Part(SEGUE, f"console=ttyS0 within={LINUX_WITHIN}")
    files = [Part(at(kernel + "/linux"), "console=ttyS0 segue.test=wait"), INITRD]
    with Qemu("within-linux-" + kernel, memory="512M", **images.qemu_kernel(segue, files)) as vm:
        vm.wait_for(r"^INITRAMFS-(OK|BAD) .*\n", timeout=60, but_not=r"^Refused: .*|Kernel panic")
        text = vm.serial()
        # QEMU's boot loader and segue.elf use memory below 64 MiB, segue.elf also the end of RAM.
        for start, end in ((64 * M, 256 * M), (352 * M, 480 * M)):
            assert not vm.memory_at(start, end - start).strip(b"\0"), f"something was written from {start:#x} on"
        # Linux did use what it got.
        assert vm.memory_at(256 * M, 96 * M).strip(b"\0")
    said = expect.parse_initramfs(text)
    check_placed(text, [[64 * K, EBDA], [256 * M, 352 * M]])
    assert said["verdict"] == "OK" and said["digest"] == expect.digest_of(INITRD.path)
    assert expect.ram(said["map"]) == [[64 * K, EBDA], [256 * M, 352 * M]]
    assert said["acpi"].split(), "the ACPI tables are outside, and still found"
    usable = re.findall(r"BIOS-e820: \[mem 0x0*([0-9a-f]+)-0x0*([0-9a-f]+)\] usable", text)
    assert [[int(start, 16), int(end, 16) + 1] for start, end in usable] == [[64 * K, EBDA], [256 * M, 352 * M]]
    total = int(re.search(r"Memory: \d+K/(\d+)K available", text)[1])
    assert 96 * K - 1024 <= total <= 96 * K + 1024
    assert "Linux may panic" not in text


def test_linux_without_low_memory(targets):
    """The warning tells the truth."""
    segue = Part(SEGUE, "console=ttyS0 within=256M-352M")
    files = [Part(at("cloud-amd64/linux"), "console=ttyS0 earlyprintk=serial segue.test=wait"), INITRD]
    with Qemu("within-linux-low", memory="512M", **images.qemu_kernel(segue, files)) as vm:
        vm.wait_for(r"^Linux may panic without 64 KiB to 640 KiB in target_memory$")
        vm.wait_for(r"Kernel panic - not syncing: Real mode trampoline was not allocated", timeout=60,
                    but_not=r"^INITRAMFS-OK")


def test_real_mode(targets):
    """A Linux in real mode is placed inside, and is warned of: the BIOS tells it of all memory."""
    segue = Part(SEGUE, "console=ttyS0 linux16 within=64K-640K,256M-352M")
    files = [Part(at("di-i386/linux"), "console=ttyS0 quiet segue.test=wait"), INITRD]
    with Qemu("within-linux16", memory="512M", **images.qemu_kernel(segue, files)) as vm:
        vm.wait_for(r"^the BIOS tells the target of RAM outside target_memory$", timeout=20)
        vm.wait_for(r"^INITRAMFS-OK .*\n", timeout=60, but_not=r"^Refused: .*|Kernel panic")
        text = vm.serial()
    assert expect.ram(expect.parse_initramfs(text)["map"])[-1][1] > 500 * M
    check_placed(text, [[64 * K, EBDA], [256 * M, 352 * M]])
