# SPDX-License-Identifier: MIT
"""The same machine boots twice with the same RAM contents, as after a warm reset: the second boot must not trust
anything that the first left in memory. Covers each way of booting, a chain of two Segues, and hosts whose workspace
is not cleared."""
import os
import re

import pytest

import images
from cells import INITRD, NO_SELF_TESTS, at
from images import Part, qemu_kernel, write
from qemu import Qemu
from test_digest import Case, WRONG
from test_hosts import host
from test_state import LINUX, MULTIBOOT, SEGUE

GOOD = r"^INSPECT: \d+ ok, 0 bad$"
BAD = r"^(Refused: .*|No free memory.*|BAD: .*|segue: .*|host: exception .*)"
WAYS = ("kernel", "grub1", "grub2", "ide-cd", "ahci-cd", "ide-disk", "virtio-disk")


def made(way, folder, parts, options=""):
    """Return a machine that boots segue.elf, or a medium made by Segue, with these parts."""
    loader = Part(SEGUE, options)
    if way in images.MEDIA:
        return images.segue_medium(way, os.path.join(folder, "medium"), parts[0], parts[1:], options,
                                   "blob" if parts[0].path.endswith("bundle") else
                                   "Multiboot" if parts[0].path.endswith(".elf") else "Linux")
    if way == "kernel":
        return qemu_kernel(loader, parts)
    return images.grub_bios(os.path.join(folder, "boot.iso"), loader, parts, "multiboot2" if way == "grub2" else "multiboot")


def twice(marker):
    return rf"(?s){marker}.*{marker}"


@pytest.mark.parametrize("target", [MULTIBOOT, LINUX], ids=lambda each: each.name)
@pytest.mark.parametrize("way", WAYS)
def test_each_way(way, target, tmp_path, note):
    """The inspector resets the machine through the keyboard controller."""
    with Qemu(f"twice-{way}-{target.name}", memory="64M", reboot=True,
              **made(way, str(tmp_path), [Part(target.path, "strict reboot")])) as vm:
        vm.wait_for(twice(GOOD), timeout=60, but_not=BAD)
        note(vm.elapsed())


@pytest.mark.parametrize("way", ["kernel", "ide-cd", "ide-disk"])
def test_a_chain_of_two(way, tmp_path, note):
    """segue.elf starts segue.elf; their workspaces may have the same address. Then all of it runs a second time."""
    parts = [Part(SEGUE, "verbose"), Part(MULTIBOOT.path, "strict reboot")]
    with Qemu(f"twice-chain-{way}", memory="64M", reboot=True, **made(way, str(tmp_path), parts)) as vm:
        vm.wait_for(twice(GOOD), timeout=60, but_not=BAD)
        assert vm.serial().count("Starting.") >= 4
        note(vm.elapsed())


# The segue command refuses to write a medium with a wrong digest.
@pytest.mark.parametrize("way", ["kernel", "grub1"])
def test_a_wrong_digest_again_and_again(way, tmp_path, note):
    """digest=reboot: after the reset the same sentence appears, and no other hides it."""
    case = Case(str(tmp_path), kernel_bit=42)
    with Qemu(f"twice-digest-{way}", memory="64M", reboot=True,
              **made(way, str(tmp_path), [Part(case.path)], "digest=reboot panic=3")) as vm:
        vm.wait_for(twice(WRONG), timeout=60, but_not=r"^Refused: .*|^INSPECT")
        note(vm.elapsed())


REBOOT = b"""#!/bin/sh
mount -t proc proc /proc
echo UP-AND-AWAY $(cat /proc/cmdline) > /dev/console
/bin/busybox reboot -f
"""


@pytest.mark.parametrize("way, linux, memory", [("kernel", "di-i386/linux", 64), ("ide-cd", "di-i386/linux", 64),
                                                pytest.param("ahci-disk", "di-i386/linux", 64, marks=pytest.mark.full),
                                                pytest.param("kernel", "cloud-amd64/linux", 160, marks=pytest.mark.full)])
def test_linux_that_reboots(way, linux, memory, targets, tmp_path, note):
    """Linux reboots through the keyboard controller (reboot=k), from our init in a second initrd."""
    write(str(tmp_path / "init"), REBOOT)
    os.chmod(tmp_path / "init", 0o755)
    write(str(tmp_path / "extra"), images.make_cpio(str(tmp_path), ["init"]))
    parts = [Part(at(linux), f"console=ttyS0 quiet {NO_SELF_TESTS} reboot=k"), INITRD, Part(str(tmp_path / "extra"))]
    with Qemu(f"twice-linux-{way}-{linux[:5]}", memory=f"{memory}M", reboot=True,
              **made(way, str(tmp_path), parts)) as vm:
        vm.wait_for(twice(r"^UP-AND-AWAY .*reboot=k"), timeout=60, but_not=BAD)
        note(vm.elapsed())


@pytest.mark.parametrize("way", ["kernel", "ide-disk", *(pytest.param(each, marks=pytest.mark.full)
                                                        for each in ("grub1", "ide-cd"))])
def test_memtest_after_a_reset(way, targets, tmp_path, note):
    """A target overwrites all free RAM, and the machine's reset button is pressed."""
    parts = [Part(at("memtest/ia32.bin"), "console=ttyS0,115200")]
    with Qemu(f"twice-memtest-{way}", memory="64M", reboot=True, **made(way, str(tmp_path), parts)) as vm:
        vm.wait_for(r"Memtest86\+ v6", timeout=30, but_not=BAD)
        vm.qmp("system_reset")
        vm.wait_for(twice(r"Memtest86\+ v6"), timeout=40, but_not=BAD)
        note(vm.elapsed())


def test_the_button_before_the_target_runs(tmp_path):
    """A reset between segue_load() and segue_exec(), when the target is complete in the workspace and the screen asks
    its question."""
    with Qemu("twice-refused", memory="64M", reboot=True,
              **made("kernel", str(tmp_path), [Part(MULTIBOOT.path, "strict")])) as vm:
        vm.wait_for(r"^Starting\.", timeout=20)
        vm.qmp("system_reset")
        vm.wait_for(r"(?s)^Starting\..*^Starting\..*" + GOOD, timeout=30, but_not=BAD)


HOSTS = [("i386-low", "mode=flat"), ("i386-high", "mode=4k"), ("i386-high", "mode=pae"), ("x86_64", "mode=long"),
         ("i386-high", "mode=4k cpus=3 others=park"), ("x86_64", "mode=long cpus=3 others=park")]


@pytest.mark.parametrize("build, line", HOSTS, ids=[re.sub(r"\W+", "-", " ".join(each)) for each in HOSTS])
def test_a_host_whose_workspace_is_not_cleared(build, line, note):
    """The page allocator gives the workspace the same pages, in which CPUs waited in the boot before."""
    boot = qemu_kernel(Part(host(build), line), [Part(MULTIBOOT.path, "strict reboot")])
    boot["args"] += ["-smp", "3"] if "cpus=3" in line else []
    with Qemu("twice-host-" + re.sub(r"\W+", "-", f"{build}-{line}"), memory="64M", cpu="max", reboot=True, **boot) as vm:
        vm.wait_for(twice(GOOD), timeout=60, but_not=BAD)
        note(vm.elapsed())


def test_what_a_loader_did_not_clear(tmp_path):
    """segue.elf's .bss is full of ones, as if its loader did not zero it (here p_memsz is set to p_filesz)."""
    with open(SEGUE, "rb") as file:
        elf = bytearray(file.read())
    table = int.from_bytes(elf[28:32], "little")
    count = int.from_bytes(elf[44:46], "little")
    for number in range(count):
        at_ = table + 32 * number
        kind, offset, _, _, file_size, memory_size = (int.from_bytes(elf[at_ + 4 * i:at_ + 4 * i + 4], "little")
                                                      for i in range(6))
        if kind == 1 and memory_size > file_size:
            elf[at_ + 4:at_ + 8] = len(elf).to_bytes(4, "little")
            elf[at_ + 16:at_ + 20] = memory_size.to_bytes(4, "little")
            elf += elf[offset:offset + file_size] + b"\xff" * (memory_size - file_size)
    path = str(tmp_path / "segue.elf")
    write(path, bytes(elf))
    with Qemu("twice-bss", memory="64M", bits=32, **qemu_kernel(Part(path), [Part(MULTIBOOT.path, "strict")])) as vm:
        vm.wait_for(GOOD, timeout=20, but_not=BAD)
