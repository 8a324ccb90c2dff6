# SPDX-License-Identifier: MIT
"""A host is saved to a disk by its target (test/targets/save), counts on, and is started again from there by segue.elf, after a
reset and in a new QEMU: it goes on in its segue_call(), with its counter, its memory and its timer of then."""
import os
import re

import pytest

from host_matrix import MODES
from images import Part, grub_iso, segue_command, small_elf
from qemu import BUILD, Qemu, comma
from test_hosts import host

TARGET = os.path.join(BUILD, "save", "save.elf")
BAD = r"^(Refused: .*|BAD: .*|host: exception .*|host: out of .*|segue: .*)"
RESTORED = 185
OVER = 183
ROOM = 8 << 20  # of the partition for the core


def empty_disk(folder):
    """A disk that segue.elf starts from, with room for a core in place of its kernel."""
    kernel, disk = os.path.join(folder, "kernel"), os.path.join(folder, "disk.img")
    small_elf(kernel, 0x100000)
    with open(kernel, "r+b") as file:
        file.truncate(ROOM)
    segue_command("disk", kernel, "-o", disk)
    return disk


def machine(name, disk, cd=None, **more):
    args = ["-drive", f"if=ide,format=raw,file={comma(disk)}"]
    if cd:
        args += ["-drive", f"if=ide,index=2,media=cdrom,format=raw,file={comma(cd)}", "-boot", "once=d,order=c"]
    return Qemu(name, args=args, memory="32M", cpu="max", reboot=True, **more)


def saved(vm):
    """Wait until the host is saved and counts on; return its count and sum of then, and the core's size."""
    found = vm.wait_for(r"^host: saved at count (\d+), sum (\w+), (\d+) bytes, 0 bad\n(?s:.*)^host: counts on to (\d+)$", timeout=60, but_not=BAD)
    count, size, end = int(found[1]), int(found[3]), int(found[4])
    assert end > count and size > 1 << 19
    return found[1], found[2], size


def goes_on(vm, count, total):
    found = vm.wait_for(r"^host: segue_call: (\d+) .*\nhost: restored at count (\d+), sum (\w+), (\d+) bad$", timeout=60,
                        but_not=r"^(Refused: .*|BAD: .*|host: exception .*|segue: .*)")
    assert found.groups() == (str(RESTORED), count, total, "0")
    # The target of then is gone; another one can be loaded and called.
    found = vm.wait_for(r"^host: called: (\d+)\n(?s:.*)^host: loaded again: (\d+)\nhost: called again: (\d+)\nhost: goes on at count (\d+): 1$", timeout=30)
    assert found.groups() == (str(OVER), "0", "0", str(int(count) + 1))


@pytest.mark.parametrize("bits, mode, state", [(32, "4k-high", "tss msr fpu=sse cr4=all"), (32, "pae-high", "stage=pages"),
                                               (64, "long", "tss msr fpu=avx cr4=all"), (64, "la57", "")])
def test_after_a_reset_and_in_a_new_machine(bits, mode, state, tmp_path, row):
    build, words = MODES[mode]
    disk = empty_disk(str(tmp_path))
    line = f"{words} direct pit calls=1 snapshot lowtoo quiet=all {state}"
    cd = grub_iso(str(tmp_path / "boot.iso"), Part(host(build), line), [Part(TARGET)])
    with machine(f"snapshot-{mode}", disk, cd, bits=bits if mode != "la57" else 64) as vm:
        count, total, size = saved(vm)
        vm.qmp("system_reset")
        vm.wait_for(r"^Target: ELF core, entry 0x\w+, \d+ segments:$", timeout=30)
        goes_on(vm, count, total)
    assert size < ROOM
    with machine(f"snapshot-{mode}-anew", disk, bits=bits) as vm:
        goes_on(vm, count, total)
        row(vm.elapsed())
    assert re.search(r"^ELF segment at 0x0 to \w+ takes the BIOS's vectors and data", vm.serial(), re.MULTILINE)
