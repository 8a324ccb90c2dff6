# SPDX-License-Identifier: MIT
"""Real targets through segue.elf: boots each cell of cells.py and checks it by expect.py."""
import json
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

import bochs
import expect
import images
from cells import INITRD, LARGE, NO_SELF_TESTS, RUN, TABLE, at, cell_id, cell_seconds, ordered, reference_kernel
from images import Part
from qemu import BUILD, CONTROL, PATIENCE, ROOT, Qemu

REFERENCES = os.path.join(BUILD, "test-images", "plain")


class Run:
    """One cell's run, for the checks: way, parts, the expected arguments, the plain boot for comparison."""

    def __init__(self, cell, parts, made):
        self.cell, self.way, self.parts, self.made = cell, cell.way, parts, made
        if cell.way in ("grub1", "grub2", "uefi1", "uefi2"):
            self.parts = [Part(part.path, images.grub_says(part.args)) for part in parts]
        self.line = TABLE[cell.target].line or self.parts[0].args
        large = cell.target.startswith(("large-", "packed-linux"))
        self.initrd = LARGE.path if large else INITRD.path

    def reference(self):
        return plain_boot(self.cell, self.made)

    def plain_dump(self):
        """Return the screen of the same Multiboot target when QEMU itself loads it, without modules."""
        plain = images.qemu_kernel(self.parts[0])
        if self.way in images.MEDIA:
            plain = dict(self.made, args=plain["args"] + self.made["args"])
        with Qemu("plain-" + cell_id(self.cell), memory=f"{self.cell.memory}M", bits=self.cell.bits, **plain) as vm:
            vm.wait_for(r"^Halted\.", screen=True)
            return vm.screen()


def plain_boot(cell, made):
    """Return what our init says when QEMU (or OVMF) itself boots a kernel on the same machine; cached."""
    kernel = at(reference_kernel(cell) + "/linux")
    uefi = cell.way.startswith("uefi")
    extra = TABLE[cell.target].machine
    name = "-".join([os.path.basename(os.path.dirname(kernel)), f"{cell.memory}M", "uefi" if uefi else "bios", *extra])
    hardware = {}
    if cell.way in images.MEDIA:
        # The firmware reserves memory for the controllers that it finds, so they must be the same.
        name += f"-{cell.way}-{cell.bits}"
        extra, hardware = made["args"], dict(machine=made["machine"], bits=cell.bits)
    ingredients = [images.identity(kernel), images.identity(INITRD.path)]

    def make(path):
        plain = images.qemu_linux(Part(kernel, "console=ttyS0 quiet segue.test=wait"), INITRD)
        # The firmware reserves memory for a machine's devices, so the drives are the same as under GRUB.
        with Qemu("plain-" + name, plain["args"] + list(extra), memory=f"{cell.memory}M", uefi=uefi, **hardware) as vm:
            vm.wait_for(r"^INITRAMFS-(OK|BAD) .*\n", timeout=60)
            said = expect.parse_initramfs(vm.serial())
        with open(path, "w") as file:
            json.dump(said, file)

    with open(images.cached(f"plain-{name}.json", ingredients, make)) as file:
        said = json.load(file)
    said["map"] = [tuple(each) for each in said["map"]]
    return said


def is_multiboot(path):
    """Is it an ELF kernel? The other targets here are Linux kernels."""
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def machine(cell, segue, parts, folder):
    """Return QEMU's arguments for a way of booting."""
    target = TABLE[cell.target]
    loader = Part(segue, target.segue)
    iso = os.path.join(folder, "boot.iso")
    if cell.way in images.MEDIA or cell.way in images.BOCHS_MEDIA:
        protocol = "blob" if target.pack and len(parts) == 1 else "Multiboot" if is_multiboot(parts[0].path) else "Linux"
        made = images.segue_medium(cell.way, os.path.join(folder, "medium"), parts[0], parts[1:], target.segue, protocol)
    elif cell.way == "kernel":
        made = images.qemu_kernel(loader, parts)
    elif cell.way == "ipxe":
        made = images.ipxe(os.path.join(folder, "tftp"), loader, parts)
    else:
        build = images.grub_uefi if cell.way.startswith("uefi") else images.grub_bios
        made = build(iso, loader, parts, "multiboot2" if cell.way.endswith("2") else "multiboot")
    made["args"] = made["args"] + list(target.machine)
    return made


def boot_in_bochs(cell, name, medium):
    """Boot in Bochs; return the seconds until the target's markers were on the serial port."""
    assert not bochs.missing(), bochs.missing()
    began = time.monotonic()
    machine = bochs.Bochs(name, medium, memory=cell.memory, disk=cell.way == "bochs-disk")
    machine.wait_for(*TABLE[cell.target].marker, timeout=60 + 4 * cell_seconds(cell))
    return time.monotonic() - began


@pytest.mark.parametrize("cell", [pytest.param(each, id=cell_id(each), marks=[pytest.mark.full] if each.full else [])
                                  for each in ordered()])
def test_boot(cell, segue, targets, note):
    name = cell_id(cell)
    target = TABLE[cell.target]
    folder = os.path.join(BUILD, "test-images", name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    parts = target.pack(folder) if target.pack else target.modules
    made = machine(cell, segue, parts, folder)
    if cell.way in images.BOCHS_MEDIA:
        note(boot_in_bochs(cell, name, os.path.join(folder, "medium")), "Bochs")
        shutil.rmtree(folder)
        return
    run = Run(cell, parts, made)
    with Qemu(name, memory=f"{cell.memory}M", bits=cell.bits, one_thread="-smp" in TABLE[cell.target].machine,
              **made) as vm:
        # Measured on an idle machine with one QEMU; on two shared cores it can take five times as long.
        timeout = 30 + 4 * cell_seconds(cell)
        for marker in target.marker:
            vm.wait_for(marker, screen=target.screen, timeout=timeout, but_not=r"^Refused: .*")
        seconds = vm.elapsed()
        said = target.check(vm, cell, run) if target.check else ""
    note(seconds, said)
    # Keep the image if the cell failed.
    shutil.rmtree(folder)


class MakeRun:
    """`make run-now` as a user on a terminal has it, but on pipes."""

    def __init__(self, *words):
        self.said = ""
        self.process = subprocess.Popen(
            ["make", "--no-print-directory", f"B={os.path.relpath(BUILD, ROOT)}", "run-now", *words], cwd=ROOT,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        os.set_blocking(self.process.stdout.fileno(), False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()

    def wait_for(self, pattern, timeout):
        end = time.monotonic() + timeout * PATIENCE
        while not re.search(pattern, self.said, re.M):
            alive = self.process.poll() is None
            more = self.process.stdout.read()
            self.said += re.sub(r"\r+\n?", "\n", CONTROL.sub("", more.decode("latin-1"))) if more else ""
            assert more or alive, f"`make run` ended before {pattern!r} came:\n{self.said[-3000:]}"
            assert time.monotonic() < end, f"no {pattern!r} within {timeout * PATIENCE:g} s:\n{self.said[-3000:]}"
            time.sleep(0.1)

    def send(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()


VIA = {"iso": "Booting from DVD/CD", "disk": "Booting from Hard Disk", "grub": "Welcome to GRUB", "kernel": "Booting from ROM"}


@pytest.mark.parametrize("via", [None, *(pytest.param(via, marks=pytest.mark.full) for via in VIA)], ids=lambda via: via or "default")
def test_make_run(via, segue, targets, note, tmp_path):
    """`make run`, with no arguments and by each way, gives a shell that answers. With no arguments it boots an ISO."""
    for each in RUN:
        at(each)
    words = [f"ISO={tmp_path}/it's one.iso", f"DISK={tmp_path}/it's, one.img", *([f"VIA={via}"] if via else [])]
    start = time.monotonic()
    with MakeRun(*words) as run:
        run.wait_for(r"segue# ", 60)
        seconds = time.monotonic() - start
        run.send("echo $((6 * 7)) $(uname -m)\n")
        run.wait_for(r"^42 x86_64\n", 20)
        run.send("poweroff -f\n")
        assert run.process.wait(20 * PATIENCE) == 0
    assert VIA[via or "iso"] in run.said
    note(seconds)
