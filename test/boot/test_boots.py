# SPDX-License-Identifier: MIT
"""Real targets through segue.elf: each cell of cells.py boots and is looked at by expect.py."""
import json
import os
import shutil

import pytest

import expect
import images
from cells import INITRD, LARGE, REFERENCE_KERNEL, TABLE, at, cell_id, cell_seconds, ordered
from images import Part
from qemu import BUILD, Qemu

REFERENCES = os.path.join(BUILD, "test-images", "plain")


class Run:
    """One cell's run, for the checks: way, parts, the expected arguments, the plain boot to compare with."""

    def __init__(self, cell, parts):
        self.cell, self.way, self.parts = cell, cell.way, parts
        if cell.way in ("grub1", "grub2", "uefi1", "uefi2"):
            self.parts = [Part(part.path, images.grub_says(part.args)) for part in parts]
        self.line = TABLE[cell.target].line or self.parts[0].args
        large = cell.target.startswith(("large-", "packed-linux"))
        self.initrd = LARGE.path if large else INITRD.path

    def reference(self):
        return plain_boot(self.cell)

    def plain_dump(self):
        """The screen of the same Multiboot target when QEMU itself loads it, without modules."""
        with Qemu("plain-" + cell_id(self.cell), memory=f"{self.cell.memory}M",
                  **images.qemu_kernel(self.parts[0])) as vm:
            vm.wait_for(r"^Halted\.", screen=True)
            return vm.screen()


def plain_boot(cell):
    """What our init says when QEMU (or OVMF) itself boots the same kernel on the same machine; kept."""
    kernel = at(REFERENCE_KERNEL[cell.target] + "/linux")
    uefi = cell.way.startswith("uefi")
    # The 32-bit kernel has no EFI stub that a 64-bit firmware starts; the map is the firmware's either way.
    if uefi:
        kernel = at("di-amd64/linux")
    extra = TABLE[cell.target].machine
    name = "-".join([os.path.basename(os.path.dirname(kernel)), f"{cell.memory}M", "uefi" if uefi else "bios", *extra])
    ingredients = [images.identity(kernel), images.identity(INITRD.path)]

    def make(path):
        plain = images.qemu_linux(Part(kernel, "console=ttyS0 quiet segue.test=wait"), INITRD)
        # The firmware reserves memory for what a machine has: the same drives as under GRUB.
        with Qemu("plain-" + name, plain["args"] + list(extra), memory=f"{cell.memory}M", uefi=uefi) as vm:
            vm.wait_for(r"^INITRAMFS-(OK|BAD) .*\n", timeout=60)
            said = expect.parse_initramfs(vm.serial())
        with open(path, "w") as file:
            json.dump(said, file)

    with open(images.cached(f"plain-{name}.json", ingredients, make)) as file:
        said = json.load(file)
    said["map"] = [tuple(each) for each in said["map"]]
    return said


def machine(cell, segue, parts, folder):
    """QEMU's arguments for a way in."""
    target = TABLE[cell.target]
    loader = Part(segue, target.segue)
    iso = os.path.join(folder, "boot.iso")
    if cell.way == "kernel":
        made = images.qemu_kernel(loader, parts)
    elif cell.way == "ipxe":
        made = images.ipxe(os.path.join(folder, "tftp"), loader, parts)
    else:
        build = images.grub_uefi if cell.way.startswith("uefi") else images.grub_bios
        made = build(iso, loader, parts, "multiboot2" if cell.way.endswith("2") else "multiboot")
    made["args"] = made["args"] + list(target.machine)
    return made


@pytest.mark.parametrize("cell", [pytest.param(each, id=cell_id(each), marks=[pytest.mark.full] if each.full else [])
                                  for each in ordered()])
def test_boot(cell, segue, targets, note):
    name = cell_id(cell)
    target = TABLE[cell.target]
    folder = os.path.join(BUILD, "test-images", name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    parts = target.pack(folder) if target.pack else target.modules
    run = Run(cell, parts)
    with Qemu(name, memory=f"{cell.memory}M", **machine(cell, segue, parts, folder)) as vm:
        # Twice as long as measured on an idle machine with one QEMU, and then some.
        # Measured on an idle machine with one QEMU; two cores shared by others can be five times slower.
        timeout = 30 + 4 * cell_seconds(cell)
        for marker in target.marker:
            vm.wait_for(marker, screen=target.screen, timeout=timeout, but_not=r"^Refused: .*")
        seconds = vm.elapsed()
        said = target.check(vm, cell, run) if target.check else ""
    note(seconds, said)
    # The image is kept where the cell failed.
    shutil.rmtree(folder)


def test_shell(segue, targets, note):
    """What `make run` boots gives a shell that answers."""
    parts = [Part(at("cloud-amd64/linux"), "console=ttyS0"), INITRD]
    with Qemu("shell", memory="512M", writable=True, **images.qemu_kernel(Part(segue), parts)) as vm:
        vm.wait_for(r"segue# ", timeout=60, but_not=r"^Refused: .*")
        vm.send("echo $((6 * 7)) $(uname -m)\n")
        vm.wait_for(r"^42 x86_64\n", timeout=20)
        vm.send("poweroff -f\n")
        vm.wait_exit(20)
