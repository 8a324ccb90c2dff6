# SPDX-License-Identifier: MIT
"""Linux as an ELF file: the inspector's verdict and QEMU's registers at its first instruction, Debian's vmlinux from hosts in several
modes, and kernels that `segue pack` has unpacked from each compression."""
import os
import re
import subprocess

import pytest

import host_matrix
import images
from cells import BUSYBOX_LINE, INITRD, at, segue_pack
from images import Part
from qemu import Qemu
from test_hosts import BAD, DIRTY, hand_over, machine
from test_state import CPUS, PASSED, SEGUE, VMLINUX as INSPECTOR, check_entry, check_reserved, check_verdict, connect, run_to, verdict

VMLINUX = {each: Part(at(f"vmlinux-{each}/vmlinux"), BUSYBOX_LINE) for each in ("i386", "amd64")}


def full(*values):
    return pytest.param(*values, marks=pytest.mark.full)


@pytest.mark.parametrize("memory, options", [
    ("64M", ""), full("6G", ""), full("64M", "vmlinux"), full("64M", "within=64K-640K,16M-32M"), full("64M", "catcher")])
def test_verdict(memory, options):
    target = Part(INSPECTOR.path, "strict catcher" if options == "catcher" else "strict")
    made = images.qemu_kernel(Part(SEGUE, f"console=ttyS0 {options}"), [target, INITRD])
    with Qemu("vmlinux-" + re.sub(r"\W+", "-", f"{memory} {options}"), memory=memory, **made) as vm:
        seen = verdict(vm)
    assert not seen.bad
    assert len(seen.good) >= INSPECTOR.few
    # as text: nothing else of the page is the file's
    assert {name: seen.values["hdr." + name] for name in ("version", "relocatable_kernel", "cmdline_size", "setup_sects")} == \
        {"version": "0x0000020f", "relocatable_kernel": "0", "cmdline_size": "2047", "setup_sects": "0"}
    assert seen.number("hdr.initrd_addr_max") == 0x7fffffff
    assert seen.number("ramdisk_size") == os.path.getsize(INITRD.path)


@pytest.mark.parametrize("cpu", [CPUS[0], *(full(each) for each in CPUS[1:])], ids=lambda each: each.name)
@pytest.mark.parametrize("catcher", [False, full(True)])
def test_entry_state(cpu, catcher):
    INSPECTOR.load()
    made = images.qemu_kernel(Part(SEGUE, "catcher" if catcher else ""), [Part(INSPECTOR.path, "strict catcher" if catcher else "strict")])
    with Qemu(f"vmlinux-state-{cpu.name}-{catcher}", memory="64M", cpu=cpu.model, bits=cpu.bits, gdb=True, paused=True, **made) as vm, \
            connect(vm) as stub:
        run_to(stub, INSPECTOR.entry, INSPECTOR.code)
        entered = stub.info_registers()
        stub.run()
        seen = verdict(vm)
    check_entry(entered, INSPECTOR, PASSED["vmlinux"], catcher)
    check_verdict(seen, INSPECTOR, entered)
    if catcher:
        check_reserved(seen, entered)


@pytest.mark.parametrize("mode, line", [
    ("4k-high", "blob=pages"), full("flat", "blob=odd"), full("4m-high", "blob=odd from=irq"), full("pae-high", "blob=pages stack=page"),
    full("base", "blob=pages from=nmi"), full("long", "blob=high from=df"), full("la57", "blob=pages")])
def test_inspector_from_a_host(mode, line, row):
    build, mode_words = host_matrix.MODES[mode]
    row(hand_over(f"vmlinux-{mode}", build, f"{mode_words} {line}", INSPECTOR, 64 if mode in host_matrix.LONG else 32, "max"))


# Debian's, to its initramfs's marker: from a flat host and from paged ones.
REAL = [("flat", "i386", "blob=odd " + DIRTY, 64, "i386"), ("4k-high", "i386", "blob=pages from=irq globals " + DIRTY, 64, "i386"),
        full("pae-high", "i386", "blob=pages " + DIRTY, 64, "i386"), full("4m-high", "i386", "blob=odd " + DIRTY, 64, "i386"),
        full("base", "i386", "blob=pages " + DIRTY, 64, "i386"), full("long", "i386", "blob=pages from=df globals " + DIRTY, 96, "x86_64"),
        full("la57", "i386", "blob=odd stack=page " + DIRTY, 96, "x86_64"), full("long", "i386", "blob=high " + DIRTY, 6144, "x86_64"),
        ("long", "amd64", "blob=pages from=irq globals " + DIRTY, 256, "x86_64"), full("flat", "amd64", "blob=odd " + DIRTY, 256, "x86_64"),
        full("4k-high", "amd64", "blob=pages " + DIRTY, 256, "x86_64"), full("pae-high", "amd64", "blob=odd " + DIRTY, 256, "x86_64"),
        full("la57", "amd64", "blob=pages " + DIRTY, 256, "x86_64"), full("long", "amd64", "blob=high-odd from=df " + DIRTY, 6144, "x86_64")]


@pytest.mark.parametrize("mode, kernel, line, memory, emulator", REAL)
def test_debian_from_a_host(mode, kernel, line, memory, emulator, targets, row):
    build, mode_words = host_matrix.MODES[mode]
    # The one for amd64 has PVH's note too, which counts first.
    mode_words += " vmlinux" if kernel == "amd64" else ""
    with machine(f"vmlinux-real-{mode}-{kernel}-{memory}", build, f"{mode_words} {line}", [VMLINUX[kernel], INITRD], memory=f"{memory}M",
                 bits=64 if emulator == "x86_64" else 32, cpu="max") as vm:
        vm.wait_for(r"^host: leaving", timeout=30, but_not=BAD)
        vm.wait_for(r"^INITRAMFS-OK ", timeout=60, but_not=BAD + "|INITRAMFS-BAD")
        row(vm.elapsed())


@pytest.mark.parametrize("way, memory", [("kernel", "160M"), full("grub2", "6G"), full("uefi2", "512M"), full("ide-cd", "256M")])
def test_debian_64(way, memory, targets, tmp_path):
    """The 64-bit one from segue.elf; cells.py has the 32-bit one."""
    options = "console=ttyS0 vmlinux"
    segue, iso = Part(SEGUE, options), str(tmp_path / "boot.iso")
    parts = [VMLINUX["amd64"], INITRD]
    if way == "kernel":
        made = images.qemu_kernel(segue, parts)
    elif way in images.MEDIA:
        made = images.segue_medium(way, str(tmp_path / "medium"), parts[0], parts[1:], options, "Linux")
    else:
        made = (images.grub_uefi if way == "uefi2" else images.grub_bios)(iso, segue, parts, "multiboot2")
    with Qemu(f"vmlinux-amd64-{way}", memory=memory, **made) as vm:
        vm.wait_for(r"^INITRAMFS-OK ", timeout=90, but_not=BAD + "|INITRAMFS-BAD")
        assert re.search(r"^Target: Linux.*, 64-bit entry 0x01000000, ", vm.serial(), re.MULTILINE)


@pytest.mark.full
@pytest.mark.parametrize("kernel, options", [("i386", "within=64K-640K,16M-80M"), ("amd64", "within=64K-640K,16M-160M"), ("amd64", "catcher")])
def test_debian_with_options(kernel, options, targets):
    """In a part of the memory, of which it is told alone; with the catcher."""
    made = images.qemu_kernel(Part(SEGUE, f"console=ttyS0 vmlinux {options}"), [VMLINUX[kernel], INITRD])
    with Qemu("vmlinux-" + re.sub(r"\W+", "-", f"{kernel} {options}"), memory="256M", **made) as vm:
        vm.wait_for(r"^INITRAMFS-OK ", timeout=60, but_not=BAD + "|INITRAMFS-BAD")


def test_a_cpu_without_64_bits(targets):
    """The 64-bit kernel is refused there, before anything has changed."""
    made = images.qemu_kernel(Part(SEGUE, "console=ttyS0 vmlinux"), [VMLINUX["amd64"], INITRD])
    with Qemu("vmlinux-no-64", memory="256M", cpu="qemu32", bits=32, **made) as vm:
        said = vm.wait_for(r"^Refused: (.*)\n(?:Code (\d+): .*\n)?", timeout=30, but_not=r"^Starting\.")
    assert int(said[2]) == 121 and "no 64-bit CPU" in said[1], said[0]


# A bzImage as the boot loader gets it, and Debian's vmlinux, from each compressor's own program.
PACKERS = {
    "gzip": ("gzip", "-1", "-c"), "xz": ("xz", "-0", "-c"), "zstd": ("zstd", "-q", "-1", "-c"), "lz4": ("lz4", "-q", "-1", "-c"),
    "lz4-legacy": ("lz4", "-q", "-l", "-c"), "lzma": ("xz", "--format=lzma", "-0", "-c"), "bzip2": ("bzip2", "-1", "-c"),
}


@pytest.mark.full
@pytest.mark.parametrize("kernel", ["vmlinux-i386/vmlinux", "di-i386/linux"])
@pytest.mark.parametrize("packer", PACKERS)
def test_packed_kernels(packer, kernel, targets, tmp_path):
    packed = tmp_path / "kernel"
    packed.write_bytes(subprocess.run([*PACKERS[packer], at(kernel)], check=True, capture_output=True).stdout)
    bundle = segue_pack(str(tmp_path / "bundle"), "--kernel", str(packed), "--initrd", INITRD.path, "--cmdline", BUSYBOX_LINE, "--digest")
    with Qemu(f"packed-{packer}-{os.path.basename(kernel)}", memory="128M", **images.qemu_kernel(Part(SEGUE, "console=ttyS0"), [Part(bundle)])) as vm:
        vm.wait_for(r"^INITRAMFS-OK ", timeout=60, but_not=BAD + "|INITRAMFS-BAD")
