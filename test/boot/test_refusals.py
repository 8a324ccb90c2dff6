# SPDX-License-Identifier: MIT
"""Bad modules for segue.elf: each is refused with its code and sentence, and the host keeps running.

The files are real targets with one defect, or the smallest file that has the defect."""
import collections
import os
import re
import struct
import time

import pytest

from cells import INITRD, LARGE, at
from images import Part, make_cpio, pack_bundle, pack_fiwix, qemu_kernel, write
from qemu import Qemu

MULTIBOOT_MAGIC = 0x1BADB002
PT_LOAD = 1


def read(path):
    with open(path, "rb") as file:
        return file.read()


def patch(data, offset, form, *values):
    """Return data with values packed at offset."""
    changed = bytearray(data)
    struct.pack_into(form, changed, offset, *values)
    return bytes(changed)


def elf32(segments=((0x100000, b"\xfa\xf4\xeb\xfd", 4),), entry=0x100000, machine=3, body=b""):
    """Return an ELF32 executable of (physical address, bytes, size in memory); body follows the headers."""
    at_ = 52 + 32 * len(segments) + len(body)
    table, data = b"", b""
    for address, content, size in segments:
        table += struct.pack("<8I", PT_LOAD, at_ + len(data), address, address, len(content), size, 7, 4)
        data += content
    header = b"\x7fELF\x01\x01\x01" + bytes(9)
    header += struct.pack("<HHIIIIIHHHHHH", 2, machine, 1, entry, 52, 0, 0, 52, 32, len(segments), 0, 0, 0)
    return header + table + body + data


def multiboot(flags, checksum=None, *fields):
    """Return a Multiboot 1 header."""
    value = -(MULTIBOOT_MAGIC + flags) & 0xffffffff if checksum is None else checksum
    return struct.pack("<III", MULTIBOOT_MAGIC, flags, value) + struct.pack(f"<{len(fields)}I", *fields)


def example():
    return read(at("multiboot-example/kernel"))


def example_header(data):
    return data.index(struct.pack("<I", MULTIBOOT_MAGIC))


def wrong_checksum(folder):
    data = example()
    return patch(data, example_header(data) + 8, "<I", 0x12345678)


def unknown_flag(folder):
    data = example()
    where = example_header(data)
    flags = struct.unpack_from("<I", data, where + 4)[0] | 1 << 9
    return patch(data, where + 4, "<II", flags, -(MULTIBOOT_MAGIC + flags) & 0xffffffff)


def large_zimage(folder):
    """Return a kernel that loads low and reaches the address where its setup code must go."""
    data = read(at("memtest/ia32.bin"))
    setup = (data[0x1f1] + 1) * 512
    data = patch(patch(data, 0x211, "<B", 0), 0x1f4, "<I", 0x8001)
    return data[:setup] + data[setup:].ljust(0x80010, b"\0")


def flat_outside_file(folder):
    # load_addr lower than header_addr and the header's offset in the file allow
    return multiboot(0x10003, None, 0x100000, 0x200000, 0x201000, 0, 0x100020) + bytes(512)


def bundle(folder, **what):
    return read(pack_bundle(os.path.join(folder, "bundle.cpio"), **what))


def lone_cmdline(folder):
    write(os.path.join(folder, "cmdline"), b"quiet")
    return make_cpio(folder, ["cmdline"])


def linux():
    return read(at("di-i386/linux"))


# make      a function(folder) that returns the first module's bytes, or a list of Parts for all modules
# code      of enum segue_error; it determines the general half of the sentence
# sentence  the other half, which names the segment, the range or the limit
Case = collections.namedtuple("Case", "make code sentence memory args", defaults=("64M", ""))
GREATEST = "x" * 3000

CASES = {
    "no-module": Case(lambda folder: (), None, r"no module, so there is nothing to start"),
    "noise": Case(lambda folder: bytes(range(1, 256)) * 40, 21,
                  r"blob of 10200 bytes"),
    "gzip": Case(lambda folder: [INITRD], 22, r"gzip-compressed"),
    "linux-truncated": Case(lambda folder: linux()[:2000000], 110, r"2000000 bytes, code to 570\d{4}"),
    "linux-old": Case(lambda folder: patch(linux(), 0x206, "<H", 0x1ff), 111, r"1\.255"),
    # test_real_mode.py tests that a 16-bit entry is refused without a BIOS.
    "linux-low": Case(large_zimage, 119, r"\d+ bytes for the setup code, .*, from 0x90000 on"),
    "linux-alignment": Case(lambda folder: patch(linux(), 0x230, "<I", 0x123456), 113,
                            r"kernel_alignment 0x123456"),
    "linux-long-line": Case(lambda folder: [Part(at("di-i386/linux"), GREATEST)], 114,
                            r"3000 bytes, at most 2047"),
    "linux-no-ram": Case(lambda folder: [Part(at("di-amd64/linux"))], 115, r"6\d{7} bytes, .* the largest free piece has \d+"),
    "linux-initrd-no-ram": Case(lambda folder: [Part(at("di-i386/linux")), LARGE], 116,
                                r"325\d{5} bytes, .* the largest free piece has \d+", "60M"),
    "multiboot-checksum": Case(wrong_checksum, 90, r"header at offset 0xa4"),
    "multiboot-flag": Case(unknown_flag, 91, r"bit 9 in flags 0x\w+ of the header at offset 0xa4"),
    "multiboot-addresses": Case(flat_outside_file, 93, r"load_addr 0x200000 is above header_addr 0x100000"),
    "multiboot-no-format": Case(lambda folder: multiboot(3) + bytes(512), 94, r"header at offset 0x0, flags 0x3"),
    "elf-truncated": Case(lambda folder: read(at("gnumach/kernel"))[:300000], 68,
                          r"segment 1, 0x\w+ bytes at offset 0x\w+, file's end 0x493e0"),
    "elf-class": Case(lambda folder: patch(elf32(), 4, "<B", 3), 61, r"3"),
    "elf-machine": Case(lambda folder: elf32(machine=40), 65, r"40 at offset 18"),
    # gnumach without its Multiboot header
    "elf-64-bit": Case(lambda folder: patch(read(at("gnumach/kernel")), 0x1004, "<I", 0), 72, r"64-bit ELF"),
    "vmlinux-hole": Case(lambda folder: elf32(((0x90000, b"\xf4", 4), (0x100000, b"\xf4", 4)), 0x100000), 240,
                         r"vmlinux not in one piece of RAM: 0x90000 to 0x100004", args="vmlinux"),
    "elf-overlap": Case(lambda folder: elf32(((0x100000, b"\xf4" * 64, 64), (0x100020, b"\xf4" * 64, 64))), 131,
                        r"ELF segment 1 at 0x100020 to 0x100060; ELF segment 0x100000 to 0x100040"),
    "elf-outside-ram": Case(lambda folder: elf32(((0xe0000000, b"\xf4", 4096),), 0xe0000000), 132,
                            r"ELF segment 0 at 0xe0000000 to 0xe0001000; RAM is 0x\w+ to 0x\w+"),
    "elf-above-ram": Case(lambda folder: elf32(((0x3000000, b"\xf4", 0x2000000),), 0x3000000), 132,
                          r"ELF segment 0 at 0x3000000 to 0x5000000; RAM is 0x\w+ to 0x3fe0000"),
    "elf-outside-within": Case(lambda folder: elf32(), 139,
                               r"ELF segment 0 at 0x100000 to 0x100004; target_memory is 0x2000000 to 0x3000000",
                               args="within=32M-48M"),
    "within-backwards": Case(lambda folder: elf32(), 17, r"wrong target_memory: range 1 is backwards",
                             args="within=1M-48M,3M-2M"),
    "elf-wraps": Case(lambda folder: elf32(((0xfffff000, b"\xf4", 0x2000),), 0xfffff000), 70,
                      r"segment 0, 0x2000 bytes at 0xfffff000"),
    "elf-entry": Case(lambda folder: elf32(entry=0x500000), 71, r"0x500000"),
    "elf-empty": Case(lambda folder: elf32(()), 67, r"nothing to load"),
    "elf-sizes": Case(lambda folder: elf32(((0x100000, b"\xf4" * 64, 32),)), 69, r"segment 0, 0x40 in the file, 0x20 in memory"),
    "fiwix-kernel": Case(lambda folder: struct.pack("<II", 0x7000000, 0) + linux(), 30,
                         r"117440512 bytes, \d+ left"),
    "fiwix-initrd": Case(lambda folder: struct.pack("<II", len(linux()), 5000) + linux() + bytes(4999), 31,
                         r"5000 bytes, 4999 left"),
    "bundle-truncated": Case(lambda folder: bundle(folder, kernel=at("grub-invaders/kernel"))[:5000], 41,
                             r"kernel at offset 0x0"),
    "bundle-member": Case(lambda folder: bundle(folder, kernel=at("grub-invaders/kernel")).replace(b"kernel\0", b"colonel"[:6] + b"\0"),
                             42, r"colone at offset 0x0"),
    "bundle-no-kernel": Case(lambda folder: lone_cmdline(folder), 44, r"."),
    "bundle-nested": Case(lambda folder: bundle(folder, kernel=pack_fiwix(os.path.join(folder, "inner"), at("di-i386/linux"))),
                          46, r"bundle inside a bundle"),
}


def machine(case, segue, folder, options):
    made = case.make(folder)
    if isinstance(made, bytes):
        path = os.path.join(folder, "bad")
        write(path, made)
        made = [Part(path)]
    return qemu_kernel(Part(segue, f"{options} {case.args}".strip()), made)


@pytest.mark.parametrize("name", CASES)
def test_refusal(name, segue, targets, tmp_path):
    """Check the sentence, the code, and that the host still runs: a key reboots it."""
    case = CASES[name]
    with Qemu("refusal-" + name, memory=case.memory, writable=True,
              **machine(case, segue, str(tmp_path), "console=ttyS0")) as vm:
        said = vm.wait_for(r"^Refused: (.*)\n(?:Code (\d+): .*\n)?Waiting; Enter reboots\.\n",
                           timeout=15, but_not=r"^Starting\.")
        assert re.search(case.sentence, said[1]), f"refused, but by {said[1]!r}"
        assert case.code is None or int(said[2]) == case.code, f"refused, but by code {said[2]}: {said[1]}"
        time.sleep(0.3)
        assert vm.running(), vm.report("the host stopped after its refusal")
        vm.send("\r")
        vm.wait_exit(5)


def test_every_refusal_has_its_own_sentence():
    codes = [case.code for case in CASES.values() if case.code]
    # Outside RAM is tested both below and far above it.
    assert sorted(set(codes)) == sorted(set(codes) | {132}) and len(codes) - len(set(codes)) == 1


def test_panic_reboots(segue, targets, tmp_path):
    """panic=2: the machine reboots two seconds after a refusal, not earlier."""
    with Qemu("refusal-panic", **machine(CASES["noise"], segue, str(tmp_path), "console=ttyS0 panic=2")) as vm:
        vm.wait_for(r"^Refused: ", timeout=15)
        refused = time.monotonic()
        assert vm.wait_exit(10) == 0
        assert 1.2 < time.monotonic() - refused < 8


def test_quiet_still_refuses(segue, targets, tmp_path):
    """quiet hides what was found, but not the reason of a refusal."""
    with Qemu("refusal-quiet", **machine(CASES["noise"], segue, str(tmp_path), "console=ttyS0 quiet")) as vm:
        vm.wait_for(r"^Refused: ", timeout=15)
        assert "started by" not in vm.serial()
