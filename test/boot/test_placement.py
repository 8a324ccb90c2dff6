# SPDX-License-Identifier: MIT
"""Where a Multiboot target finds its information, its sections and its modules: the same for every way of booting, and
as other boot loaders place them."""
import os
import re
import struct
import zlib

import pytest

import images
import sectors
from images import Part, write
from qemu import Qemu
from test_hosts import host
from test_state import MULTIBOOT, SEGUE, verdict

PAGE = 4096
MODULES = [("first", "one two", 5000), ("second", "", 1), ("third", "three", 300001)]
WORDS = "strict"

# Our hosts: (build, words) with a blob in scattered pages, in odd pieces, above 4 GiB.
HOSTS = {
    "host-pages": ("i386-high", "mode=4k blob=pages"),
    "host-odd": ("i386-low", "mode=flat blob=odd"),
    "host-long-high": ("x86_64", "mode=long blob=high-odd"),
}
WAYS = ["kernel", "grub1", "grub2", "uefi2", "ide-cd", "ahci-disk", "bundle", "bundle-cd", *HOSTS]
LOW, LOW_END = 0x10000, 0x80000     # LOW_TABLES, loaders/multiboot_place.c


def up(value, align):
    return (value + align - 1) & -align


def parts(folder):
    made = []
    for name, args, size in MODULES:
        path = os.path.join(folder, name)
        write(path, bytes((at * 7 + size) & 0xff for at in range(size)))
        made.append(Part(path, args))
    return [Part(MULTIBOOT.path, WORDS), *made]


def bundle(folder, files):
    return images.pack_bundle(os.path.join(folder, "it.bundle"), files[0].path, files[0].args,
                              modules=[(f"{at:02}-{os.path.basename(part.path)}", part.path, part.args)
                                       for at, part in enumerate(files[1:])])


def machine(way, folder, options=""):
    """Return QEMU's arguments for the inspector and its modules."""
    files = parts(folder)
    segue = Part(SEGUE, f"console=ttyS0 {options}".strip())
    if way in HOSTS:
        build, line = HOSTS[way]
        boot = dict(images.qemu_kernel(Part(host(build), line), files), bits=64 if build == "x86_64" else 32)
        if "high" in line:
            boot["machine"] = "pc,max-ram-below-4g=64M"
        return boot
    if way == "kernel":
        return images.qemu_kernel(segue, files)
    if way == "bundle":
        return images.qemu_kernel(segue, [Part(bundle(folder, files))])
    if way == "bundle-cd":
        return images.segue_medium("ide-cd", os.path.join(folder, "medium"), Part(bundle(folder, files)), (), segue.args, "blob")
    if way in images.MEDIA:
        return images.segue_medium(way, os.path.join(folder, "medium"), files[0], files[1:], segue.args, "Multiboot")
    build = images.grub_uefi if way.startswith("uefi") else images.grub_bios
    return build(os.path.join(folder, "boot.iso"), segue, files, "multiboot2" if way.endswith("2") else "multiboot")


def look(name, way, folder, options=""):
    made = machine(way, folder, options)
    memory = "256M" if way.startswith("uefi") else "128M" if "max-ram" in made.get("machine", "") else "64M"
    with Qemu("placement-" + name, memory=memory, **made) as vm:
        seen = verdict(vm, 60)
        text = vm.serial()
    assert not seen.bad, seen.bad
    return seen, text


class Expected:
    """The expected places, from the kernel's file alone: information low; sections after the kernel; modules on pages,
    in order."""

    def __init__(self, path):
        with open(path, "rb") as file:
            data = file.read()
        phoff, shoff = struct.unpack_from("<II", data, 28)
        count, = struct.unpack_from("<H", data, 44)
        section_count, = struct.unpack_from("<H", data, 48)
        loaded = [struct.unpack_from("<8I", data, phoff + 32 * at) for at in range(count)]
        end = max(paddr + memsz for kind, _, _, paddr, _, memsz, _, _ in loaded if kind == 1)
        floats = {}
        for at in range(section_count):
            _, kind, flags, _, offset, size, *_ = struct.unpack_from("<10I", data, shoff + 40 * at)
            if kind not in (0, 8) and not flags & 2:
                floats[at] = offset, size
        start = min(offset for offset, _ in floats.values()) & -16
        assert len(floats) >= 3, "no symbols in the inspector: this shows nothing"
        self.sections = {at: up(end, 16) + offset - start for at, (offset, _) in floats.items()}
        end = up(end, 16) + max(offset + size for offset, size in floats.values()) - start
        self.modules = []
        for _, _, size in MODULES:
            self.modules.append((up(end, PAGE), up(end, PAGE) + size))
            end = up(end, PAGE) + size


def section_address(seen, at):
    return int(re.search(r"addr (0x\w+)", seen.values[f"elf.section.{at}"])[1], 16)


def modules(seen):
    return [(seen.number(f"module.{at}.start"), seen.number(f"module.{at}.end")) for at in range(len(MODULES))]


def check_modules_whole(seen, folder):
    for at, (name, _, _) in enumerate(MODULES):
        with open(os.path.join(folder, name), "rb") as file:
            assert seen.number(f"module.{at}.crc32") == zlib.crc32(file.read()), f"{name} is not whole"


@pytest.mark.parametrize("way", WAYS)
def test_one_rule(way, targets, tmp_path):
    folder = str(tmp_path)
    seen, text = look("rule-" + way, way, folder)
    wanted = Expected(MULTIBOOT.path)
    assert seen.number("ebx") == LOW
    assert seen.number("multiboot.mods_addr") == LOW + 0x78
    assert LOW < seen.number("elf.addr") < LOW_END
    for at, address in wanted.sections.items():
        assert section_address(seen, at) == address, f"section {at}"
    assert modules(seen) == wanted.modules
    check_modules_whole(seen, folder)
    if way not in HOSTS:
        size = sum(size for _, _, size in MODULES)
        assert re.search(rf"^modules: {size} bytes from {wanted.modules[0][0]:#x} on, of which \d+ are moved$", text, re.M)


def test_modules_stay(targets, tmp_path):
    """modules=stay: modules stay where QEMU put them, which is on pages."""
    folder = str(tmp_path)
    seen, text = look("stay", "kernel", folder, "modules=stay")
    found = [int(at, 16) for at in re.findall(r"^Module \d+: (0x\w+),", text, re.M)][1:]
    assert [start for start, _ in modules(seen)] == found and modules(seen) != Expected(MULTIBOOT.path).modules
    assert re.search(r"^modules: \d+ bytes from 0x\w+ on, of which 0 are moved$", text, re.M)
    check_modules_whole(seen, folder)


@pytest.mark.parametrize("way", ["kernel", "grub1", "ide-cd", "ahci-disk"])
def test_the_first_page(way, targets, tmp_path):
    """A kernel that covers the BIOS's vectors and data gets that memory, and a warning says so."""
    folder = str(tmp_path)
    kernel = os.path.join(folder, "first_page")
    sectors.assemble(kernel, "first_page.asm")
    files, segue = [Part(kernel)], Part(SEGUE, "console=ttyS0")
    if way == "kernel":
        made = images.qemu_kernel(segue, files)
    elif way == "grub1":
        made = images.grub_bios(os.path.join(folder, "boot.iso"), segue, files)
    else:
        made = images.segue_medium(way, os.path.join(folder, "medium"), files[0], (), segue.args, "Multiboot")
    with Qemu("placement-first-page-" + way, **made) as vm:
        vm.wait_for(r"^FIRST-PAGE-(OK|BAD)$", timeout=30, but_not=r"^Refused: ")
        assert "FIRST-PAGE-OK" in vm.serial()
        assert re.search(r"^ELF segment at 0x0 to 0x2800 takes the BIOS's vectors and data, below 0x500$", vm.serial(), re.M)


