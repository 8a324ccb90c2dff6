# SPDX-License-Identifier: MIT
"""Multiboot 2 targets: the inspector's verdict from each way of booting, its tags beside those that GRUB gives the same kernel, and
Xen by its own Multiboot 2 header."""
import hashlib
import os
import re
import struct
import zlib

import pytest

import images
from host_matrix import MODES
from images import BUILD, Part
from qemu import Qemu
from test_calls import BAD, TARGET as CALLED, WRONG_DIGEST, machine as caller
from test_digest import WRONG, bundle, read
from test_hosts import machine as host
from test_state import MULTIBOOT2, PASSED, SEGUE, CPUS, check_entry, check_reserved, check_verdict, connect, run_to, verdict

FILES = [Part(os.path.join(BUILD, "inspect", "inspect.plain.elf"), "gamma delta"), Part(SEGUE)]
# Tags by their type. GRUB has APM's; the sections are last in ours.
APM, SECTIONS, CMDLINE, LOADER_NAME, MODULE = 10, 9, 1, 2, 3


def full(*values):
    return pytest.param(*values, marks=pytest.mark.full)


def boot(way, folder, kernel, modules, options="", protocol="multiboot2"):
    """QEMU's arguments for segue.elf with these parts; way "grub": GRUB itself loads the kernel."""
    iso = os.path.join(folder, "boot.iso")
    if way == "grub":
        return images.grub_bios(iso, kernel, modules, protocol)
    if way == "kernel":
        return images.qemu_kernel(Part(SEGUE, options), [kernel, *modules])
    if way in images.MEDIA:
        return images.segue_medium(way, os.path.join(folder, "medium"), kernel, modules, options, "Multiboot")
    make = images.grub_uefi if way == "uefi2" else images.grub_bios
    return make(iso, Part(SEGUE, options), [kernel, *modules], "multiboot" if way == "grub1" else "multiboot2")


@pytest.mark.parametrize("way, memory, options", [
    ("kernel", "64M", ""), ("ide-cd", "16M", ""), ("ide-disk", "64M", ""), ("grub2", "64M", "video=text"),
    full("grub1", "64M", ""), full("uefi2", "256M", ""), full("kernel", "64M", "catcher"), full("kernel", "6G", ""),
    full("kernel", "64M", "within=0-640K,1M-16M"), full("kernel", "64M", "within=1M-16M"), full("ahci-cd", "64M", "modules=stay")])
def test_verdict(way, memory, options, tmp_path):
    target = Part(MULTIBOOT2.path, "strict catcher" if options == "catcher" else "strict")
    name = "multiboot2-" + re.sub(r"\W+", "-", f"{way} {memory} {options}")
    with Qemu(name, memory=memory, **boot(way, str(tmp_path), target, FILES, f"console=ttyS0 {options}".rstrip())) as vm:
        seen = verdict(vm, 60)
        text = vm.serial()
    assert not seen.bad
    assert len(seen.good) >= MULTIBOOT2.few + 10
    said = re.findall(r'^module = start (\w+) end (\w+) crc32 (\w+) string "(.*)"$', text, re.MULTILINE)
    assert [(int(end, 16) - int(start, 16), int(sum_, 16)) for start, end, sum_, _ in said] == [checked(each) for each in FILES]
    assert [line.split(" ", 1)[1:] for _, _, _, line in said] == [["gamma delta"], []]
    if "within" in options:
        ram = [[int(each, 16) for each in re.findall(r"0x\w+", line)] for line in re.findall(r"^mmap\.\d+ = (.*) 1$", text, re.MULTILINE)]
        assert [1 << 20, 15 << 20] in ram and len(ram) == ("0-" in options) + 1


def checked(part):
    with open(part.path, "rb") as file:
        data = file.read()
    return len(data), zlib.crc32(data)


@pytest.mark.parametrize("cpu", [CPUS[0], *(full(each) for each in CPUS[1:])], ids=lambda each: each.name)
@pytest.mark.parametrize("catcher", [False, full(True)])
def test_entry_state(cpu, catcher):
    """QEMU's registers at the first instruction, and the verdict."""
    MULTIBOOT2.load()
    made = images.qemu_kernel(Part(SEGUE, "catcher" if catcher else ""), [Part(MULTIBOOT2.path, "strict catcher" if catcher else "strict")])
    with Qemu(f"multiboot2-state-{cpu.name}-{catcher}", memory="64M", cpu=cpu.model, bits=cpu.bits, gdb=True, paused=True, **made) as vm, \
            connect(vm) as stub:
        run_to(stub, MULTIBOOT2.entry, MULTIBOOT2.code)
        entered = stub.info_registers()
        stub.run()
        seen = verdict(vm)
    check_entry(entered, MULTIBOOT2, PASSED["multiboot2"], catcher)
    check_verdict(seen, MULTIBOOT2, entered)
    assert entered.get("EAX", entered.get("RAX")) == 0x36d76289
    if catcher:
        check_reserved(seen, entered)


def tags_of(text):
    """{type: what the inspector says of the tag, with its size}, without addresses in the target."""
    blocks = re.findall(r"^(tag\.\d+ = .*\n(?:(?!tag\.)\S.* = .*\n)*)", text[text.index("multiboot2.size"):], re.MULTILINE)
    return [(int(re.match(r"tag\.(\d+)", block)[1]), re.sub(r"^(tag\.\d+ = size \d+) crc32 \w+", r"\1", block)) for block in blocks]


def sections_of(block):
    """Sections that are in the image: type, address, size; of those that float the size only."""
    rows = re.findall(r"^elf\.section\.\d+ = type (\d+) addr (\w+) size (\w+)$", block, re.MULTILINE)
    return [(kind, addr if int(kind) in (0, 1, 8) else "", size) for kind, addr, size in rows]


@pytest.mark.parametrize("way, memory", [("grub2", "64M"), full("grub2", "6G")])
def test_the_same_as_grub(way, memory, tmp_path):
    """GRUB gives the kernel these tags, and no others; the map, memory sizes, screen, RSDP, sections and load base are the same."""
    said = {}
    for loader in ("grub", way):
        folder = str(tmp_path / loader)
        os.makedirs(folder)
        options = "console=ttyS0 video=text argv0=no" if loader == way else ""
        with Qemu(f"multiboot2-{loader}-{memory}", memory=memory, **boot(loader, folder, Part(MULTIBOOT2.path, "alpha beta"), FILES, options)) as vm:
            assert not verdict(vm, 60).bad
            said[loader] = tags_of(vm.serial()[vm.serial().rindex("Segue's inspector"):].split("\nok: ")[0] + "\n")
    grub, ours = said["grub"], said[way]
    order = [kind for kind, _ in grub if kind not in (APM, SECTIONS)]
    assert [kind for kind, _ in ours] == order[:-1] + [SECTIONS, 0]
    for kind, block in ours:
        others = [text for each, text in grub if each == kind]
        if kind == MODULE:
            assert re.sub("start .* crc32", "", block) in [re.sub("start .* crc32", "", each) for each in others]
        elif kind == SECTIONS:
            assert sections_of(block) == sections_of(others[0])
        elif kind == LOADER_NAME:
            assert "Segue" in block and "GRUB" in others[0]
        else:
            assert block == others[0], kind


def segments(kernel):
    """(offset, size) in the file of each segment of an ELF32 that is loaded."""
    at, count = struct.unpack_from("<I", kernel, 28)[0], struct.unpack_from("<H", kernel, 44)[0]
    headers = [struct.unpack_from("<5I", kernel, at + 32 * i) for i in range(count)]
    return [(offset, size) for kind, offset, _, _, size in headers if kind == 1]


def digest_of(kernel):
    return hashlib.sha256(b"".join(kernel[offset:offset + size] for offset, size in segments(kernel))).hexdigest()


def sealed(folder, path, right):
    """Make a bundle of a kernel and its digest; if that is to be wrong, the last byte that is loaded has another bit. Return its
    path, the digest in it, and the digest of the bytes in it."""
    kernel = bytearray(read(path))
    must_be = digest_of(kernel)
    if not right:
        kernel[sum(segments(kernel)[-1]) - 1] ^= 0x20
    return bundle(os.path.join(folder, "sealed"), digest=must_be.encode() + b"\n", kernel=bytes(kernel)), must_be, digest_of(kernel)


# 32-bit and 64-bit hosts with paging on
hosts = pytest.mark.parametrize("mode", ["pae-high", "long", full("flat"), full("4k-high"), full("4m-high"), full("la57")])


@hosts
@pytest.mark.parametrize("right", [True, False], ids=["right", "wrong"])
def test_digest_from_a_host(mode, right, tmp_path):
    """The inspector is entered if its digest is right, with what the host knows of ACPI. Otherwise purgatory prints both digests."""
    path, must_be, digest = sealed(tmp_path, MULTIBOOT2.path, right)
    build, words = MODES[mode]
    with host(f"multiboot2-digest-{mode}-{right}", build, f"{words} acpi", [Part(path, "strict")], bits=64, cpu="max") as vm:
        if right:
            seen = verdict(vm)
            assert not seen.bad and len(seen.good) >= MULTIBOOT2.few
            assert [size for kind, size in re.findall(r"^tag\.(\d+) = size (\d+)", vm.serial(), re.MULTILINE) if kind == "14"] == ["28"]
        else:
            found = vm.wait_for(WRONG, timeout=20, but_not="^INSPECT|exception")
            assert found.groups() == (digest, must_be, "stopped")


@hosts
def test_comes_back(mode):
    """segue_call() of a kernel that has headers of both versions, by the second."""
    with caller(f"multiboot2-{mode}", mode, "direct pit calls=3 multiboot=2", words="mb2") as vm:
        vm.wait_for(r"^host: 3 calls, 0 bad", timeout=30, but_not=BAD)


@hosts
@pytest.mark.parametrize("right", [True, False], ids=["right", "wrong"])
def test_comes_back_with_a_digest(mode, right, tmp_path):
    """If the digest is wrong, nothing is entered, and the host gets all of its memory back."""
    path, _, _ = sealed(tmp_path, CALLED, right)
    with caller(f"multiboot2-digest-{mode}-{right}", mode, "direct pit calls=2 multiboot=2", target=path, words="mb2") as vm:
        if right:
            vm.wait_for(r"^host: 2 calls, 0 bad", timeout=30, but_not=BAD)
        else:
            found = vm.wait_for(r"^Refused: segue_call: (\d+) .*, (\d+) bad", timeout=30, but_not="^BAD|exception")
            assert (int(found[1]), found[2]) == (WRONG_DIGEST, "0")


@pytest.mark.parametrize("way, memory, options", [
    ("kernel", "128M", "multiboot=2"), full("grub2", "6G", "multiboot=2"), full("ide-cd", "512M", "multiboot=2")])
def test_xen(way, memory, options, targets, tmp_path):
    """Xen by its Multiboot 2 header, which asks for the highest place."""
    kernel = Part(images.there(os.path.join(images.TARGETS, "xen/kernel")), "com1=115200,8n1 console=com1 noreboot")
    with Qemu(f"multiboot2-xen-{way}-{memory}", memory=memory, **boot(way, str(tmp_path), kernel, [], f"console=ttyS0 {options}")) as vm:
        vm.wait_for(r"dom0 kernel not specified", timeout=90, but_not=r"^Refused: .*")
        text = vm.serial()
    assert re.search(r"Multiboot 2", text), text[:2000]
    line = re.search(r"^\(XEN\) Command line: (.*)$", text, re.MULTILINE)
    assert line and line[1] == kernel.args


@pytest.mark.full
def test_xen_with_dom0(targets, tmp_path):
    kernel = Part(images.there(os.path.join(images.TARGETS, "xen/kernel")), "com1=115200,8n1 console=com1 noreboot dom0_mem=512M")
    linux = Part(images.there(os.path.join(images.TARGETS, "di-amd64/linux")), "console=hvc0 earlyprintk=xen quiet segue.test=wait")
    initrd = Part(images.there(os.path.join(images.TARGETS, "initramfs.cpio.gz")))
    made = boot("kernel", str(tmp_path), kernel, [linux, initrd], "console=ttyS0 multiboot=2")
    with Qemu("multiboot2-dom0", memory="1024M", **made) as vm:
        vm.wait_for(r"^INITRAMFS-(OK|BAD) .*\n", timeout=120, but_not=r"^Refused: .*")
        assert "INITRAMFS-OK" in vm.serial()
