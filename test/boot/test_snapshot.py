# SPDX-License-Identifier: MIT
"""A host is saved to a disk by its target (test/targets/save), counts on, and is started again from there: after a reset and in a
new QEMU, by segue.elf in all its ways and by another host. It goes on in its segue_call(), with its counter, its memory and its
timer of then."""
import os
import re
import struct
import subprocess

import pytest

from host_matrix import MODES
from images import Part, grub_bios, grub_iso, qemu_kernel, segue_command, segue_medium, small_elf
from qemu import BUILD, Qemu, comma
from test_hosts import host

SEGUE = os.path.join(BUILD, "segue.elf")
TARGET = os.path.join(BUILD, "save", "save.elf")
BAD = r"^(Refused: .*|BAD: .*|host: exception .*|host: out of .*|segue: .*)"
RESTORED, OVER = 185, 183
CUT, NO_RAM, FOREIGN = 68, 132, 220
ROOM = 8 << 20  # of the partition for the core
MEMORY = "32M"


def empty_disk(folder):
    """A disk that segue.elf starts from, with room for a core in place of its kernel."""
    kernel, disk = os.path.join(folder, "kernel"), os.path.join(folder, "disk.img")
    small_elf(kernel, 0x100000)
    with open(kernel, "r+b") as file:
        file.truncate(ROOM)
    segue_command("disk", kernel, "-o", disk)
    return disk


def core_on(disk):
    """The file that the target has written (loaders/container/media_format.h)."""
    with open(disk, "rb") as file:
        mbr = file.read(512)
        entries = [mbr[0x1be + 16 * i:0x1ce + 16 * i] for i in range(4)]
        file.seek(512 * struct.unpack_from("<I", next(each for each in entries if each[4] == 0x7f), 8)[0])
        header = file.read(512)
        return file.read(struct.unpack_from("<Q", header, 8)[0])


def machine(name, disk, cd=None, **more):
    args = ["-drive", f"if=ide,format=raw,file={comma(disk)}"]
    if cd:
        args += ["-drive", f"if=ide,index=2,media=cdrom,format=raw,file={comma(cd)}", "-boot", "once=d,order=c"]
    return Qemu(name, args=args, cpu="max", reboot=True, **{"memory": MEMORY, **more})


def host_of(mode, disk, state, folder, **more):
    """A machine whose host is saved to the disk, from a CD that is booted once."""
    build, words = MODES[mode]
    line = f"{words} direct pit calls=1 core snapshot lowtoo tsize=20000 quiet=all {state}"
    cd = grub_iso(os.path.join(folder, "boot.iso"), Part(host(build), line), [Part(TARGET)])
    return machine(f"snapshot-{mode}", disk, cd, **more)


def saved(vm):
    """Wait until the host is saved and counts on; return its count and sum of then."""
    found = vm.wait_for(r"^host: saved at count (\d+), sum (\w+), (\d+) bytes, 0 bad\n(?s:.*)^host: counts on to (\d+)$",
                        timeout=60, but_not=BAD)
    count, size, end = int(found[1]), int(found[3]), int(found[4])
    assert end > count and 1 << 19 < size < ROOM
    return found[1], found[2]


def goes_on(vm, count, total):
    found = vm.wait_for(r"^host: segue_call: (\d+) .*\nhost: restored at count (\d+), sum (\w+), (\d+) bad$", timeout=60,
                        but_not=BAD)
    assert found.groups() == (str(RESTORED), count, total, "0")
    # The target of then is gone; another one can be loaded and called.
    found = vm.wait_for(r"^host: called: (\d+)\n(?s:.*)^host: loaded again: (\d+)\nhost: called again: (\d+)\n"
                        r"host: goes on at count (\d+): 1$", timeout=30)
    assert found.groups() == (str(OVER), "0", "0", str(int(count) + 1))


@pytest.mark.parametrize("bits, mode, state", [
    (32, "4k-high", "tss msr fpu=sse cr4=all"), (32, "4k-bases", ""), (32, "pae-high", "stage=pages"), (32, "flat", "apictimer"),
    (64, "long", "tss msr fpu=avx cr4=all"), (64, "la57", "dr=on"),
])
def test_after_a_reset_and_in_a_new_machine(bits, mode, state, tmp_path, row):
    disk = empty_disk(str(tmp_path))
    with host_of(mode, disk, state, str(tmp_path), bits=bits) as vm:
        count, total = saved(vm)
        vm.qmp("system_reset")
        vm.wait_for(r"^Target: ELF core, entry 0x\w+, \d+ segments:$", timeout=30)
        goes_on(vm, count, total)
        assert re.search(r"^ELF segment at 0x0 to \w+ takes the BIOS's vectors and data", vm.serial(), re.MULTILINE)
    with machine(f"snapshot-{mode}-anew", disk, bits=bits) as vm:
        goes_on(vm, count, total)
        row(vm.elapsed())


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    """A host of 64 bits: the core as a file, its count and its sum."""
    folder = tmp_path_factory.mktemp("snapshot")
    disk = empty_disk(str(folder))
    with host_of("long", disk, "msr", str(folder)) as vm:
        count, total = saved(vm)
    path = folder / "core"
    path.write_bytes(core_on(disk))
    return str(path), count, total


def test_the_command_shows_it(snapshot):
    def run(command):
        return subprocess.run([os.path.join(BUILD, "segue"), command, snapshot[0]], stdout=subprocess.PIPE, text=True, check=True).stdout

    entry = re.search(r"^ +restore +entry (0x\w+) \(physical\)$", run("core"), re.MULTILINE)
    info = run("info")
    assert re.search(r"^ +boots as +ELF core, a saved host, ", info, re.MULTILINE) and "a 64-bit CPU" in info
    assert entry and f"entry           {entry[1]} (physical)" in info
    assert "ELF core, entry " + entry[1] in run("plan")


def by(way, core, folder):
    if way == "kernel":
        return qemu_kernel(Part(SEGUE), [Part(core)])
    if way in ("multiboot", "multiboot2"):
        return grub_bios(os.path.join(folder, "grub.iso"), Part(SEGUE), [Part(core)], way)
    if way in MODES:
        # At another place than the host in the core.
        build, words = MODES[way]
        return qemu_kernel(Part(host(build), f"{words} wsp=1500000"), [Part(core)])
    return segue_medium(way, os.path.join(folder, "medium"), Part(core), protocol="blob")


@pytest.mark.parametrize("way", ["kernel", "multiboot", "multiboot2", "ide-cd", "ide-disk", "flat", "4k-high", "long"])
def test_ways(way, snapshot, tmp_path, row):
    """By segue.elf from each boot loader and medium, sealed, and by hosts in other modes."""
    core, count, total = snapshot
    with Qemu(f"snapshot-by-{way}", memory=MEMORY, cpu="max", reboot=True, **by(way, core, str(tmp_path))) as vm:
        goes_on(vm, count, total)
        row(vm.elapsed())


def cut(data):
    return data[:-1]


def foreign(data):
    return data.replace(b"Segue\0", b"Other\0", 1)


@pytest.mark.parametrize("spoil, memory, code, sentence", [
    (cut, MEMORY, CUT, "ELF segment past the file's end"), (foreign, MEMORY, FOREIGN, "foreign core"),
    (bytes, "24M", NO_RAM, "segment outside RAM"),
])
def test_refused(spoil, memory, code, sentence, snapshot, tmp_path):
    """A core that was cut, that is of another kernel, and a machine with less memory."""
    core, _, _ = snapshot
    with open(core, "rb") as file:
        data = spoil(file.read())
    path = tmp_path / "core"
    path.write_bytes(data)
    with Qemu("snapshot-refused", memory=memory, **qemu_kernel(Part(SEGUE), [Part(str(path))])) as vm:
        found = vm.wait_for(r"^Refused: (.*)\nCode (\d+)", timeout=10)
        assert (int(found[2]), found[1].startswith(sentence)) == (code, True), found[0]
