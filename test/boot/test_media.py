# SPDX-License-Identifier: MIT
"""segue.elf reads its blob from its boot medium: what arrives in memory, and the sentence for what cannot be read.
cells.py has the other ways to boot."""
import os
import re
import struct
import time

import pytest

from images import BUILD, run, write
from qemu import Qemu

COMMAND = os.path.join(BUILD, "segue")
KERNEL = os.path.join(BUILD, "inspect", "inspect.bzimage")
BLOCK = 2048
INITRD = 5 << 20
# A blob begins with these bytes, which are rare elsewhere on these media.
BUNDLE = b"070701"


def read(path):
    with open(path, "rb") as file:
        return file.read()


class Image:
    """An image that `segue iso` or `segue disk` makes of the inspector and an initrd of noise."""

    def __init__(self, folder, kind, options="console=ttyS0,screen", size=INITRD):
        self.initrd = os.urandom(size)
        write(os.path.join(folder, "initrd"), self.initrd)
        self.path = os.path.join(folder, "image." + kind)
        run([COMMAND, kind, "--kernel", KERNEL, "--initrd", os.path.join(folder, "initrd"), "--cmdline", "strict",
             "--options", options, "-o", self.path])
        self.data = bytearray(read(self.path))
        step = BLOCK if kind == "iso" else 512
        self.blob = next(at for at in range(0, len(self.data), step) if self.data[at:at + 6] == BUNDLE)

    def rewrite(self):
        write(self.path, bytes(self.data))
        return self


WAYS = {
    "cd-q35": ("iso", "q35", ["ide-cd,bus=ide.0,drive=d"]),
    "disk-pc": ("disk", "pc", ["ide-hd,drive=d"]),
    "iso-on-virtio": ("iso", "q35", ["virtio-blk-pci,drive=d"]),
}


def machine(name, way, image, memory="64M", error=None, **more):
    """error: blkdebug's options."""
    _, board, device = WAYS[way]
    node = {"driver": "file", "filename": image.path, "node-name": "file", "read-only": "off"}
    args = ["-blockdev", ",".join(f"{key}={value}" for key, value in node.items())]
    if error:
        args += ["-blockdev", "driver=blkdebug,node-name=bad,image=file," +
                 ",".join(f"inject-error.0.{key}={value}" for key, value in error.items())]
    args += ["-blockdev", f"driver=raw,node-name=d,file={'bad' if error else 'file'}"]
    return Qemu(f"media-{name}", memory=memory, machine=board, args=args + ["-device", device[0]], **more)


def boots(vm, image):
    """Check that the inspector passes, and that the initrd's bytes are at the address it was told."""
    vm.wait_for(r"^INSPECT: \d+ ok, 0 bad$", timeout=30, but_not=r"^Refused|INSPECT: \d+ ok, [1-9]")
    said = vm.serial()
    place = re.search(r"^  0x([0-9a-f]+)\.\.0x[0-9a-f]+  initrd", said, re.MULTILINE)
    assert vm.memory_at(int(place[1], 16), len(image.initrd)) == image.initrd
    assert re.search(r"^Read: \d+ KiB in .*\.\s*$", said, re.MULTILINE), vm.report("how much was read is not shown")
    return said


def refuses(vm, sentence):
    said = vm.wait_for(r"^Refused: (.*)\n(?:.*\n)*?Waiting; Enter reboots\.\n", timeout=30, but_not=r"^Starting\.")
    assert re.search(sentence, said[0]), f"refused, but by {said[0]!r}"
    time.sleep(0.2)
    assert vm.running(), vm.report("the host stopped after its refusal")


@pytest.mark.parametrize("way", WAYS)
def test_boot(way, tmp_path):
    image = Image(tmp_path, WAYS[way][0])
    with machine("boot-" + way, way, image) as vm:
        said = boots(vm, image)
        assert "no seal" not in said
        moved = re.search(r"^Plan: .*, (\d+) moved", said, re.MULTILINE)
        # the initrd stays where it was read to
        assert int(moved[1]) < 1 << 20, vm.report("what was read is moved again")


@pytest.mark.parametrize("way", ["cd-q35", "disk-pc"])
def test_an_error_that_goes_away(way, tmp_path):
    image = Image(tmp_path, WAYS[way][0])
    error = {"event": "read_aio", "errno": 5, "sector": (image.blob + (1 << 20)) // 512, "once": "on"}
    with machine("once-" + way, way, image, error=error) as vm:
        boots(vm, image)


@pytest.mark.parametrize("way", ["cd-q35", "disk-pc"])
def test_an_error_that_stays(way, tmp_path):
    image = Image(tmp_path, WAYS[way][0])
    at = image.blob + (1 << 20) + 8192
    sector = at // (BLOCK if way == "cd-q35" else 512)
    name = "/segue/blob" if way == "cd-q35" else "Segue's partition"
    with machine("always-" + way, way, image, error={"event": "read_aio", "errno": 5, "sector": at // 512}) as vm:
        refuses(vm, rf"{name}: sector {sector} of drive 0x[0-9a-f]{{2}} cannot be read: .+ \(status 0x[0-9a-f]{{2}}\)\.")


def test_a_truncated_disk(tmp_path):
    image = Image(tmp_path, "disk")
    start, count = struct.unpack_from("<II", image.data, 446 + 8)
    whole = start + count
    del image.data[image.blob + (2 << 20):]
    sectors = len(image.data) // 512
    with machine("truncated-disk", "disk-pc", image.rewrite()) as vm:
        refuses(vm, rf"Segue's partition: sector {sectors} of drive 0x80 cannot be read: .*\n"
                    rf"The medium has {sectors} of its {whole} sectors: it was cut short\.")


@pytest.mark.parametrize("options", ["with", "without"])
def test_a_truncated_iso(options, tmp_path):
    """The options lie behind the blob, and are read first. The BIOS does not tell a CD's size: the ISO does."""
    image = Image(tmp_path, "iso")
    if options == "without":
        image = remade(image, tmp_path, "-rm", "/segue/options", "--")
        image.data = bytearray(read(image.path))
    whole = struct.unpack_from("<I", image.data, 16 * BLOCK + 80)[0]
    del image.data[image.blob + (2 << 20):]
    sectors = len(image.data) // BLOCK
    name = "/segue/options" if options == "with" else "/segue/blob"
    with machine("truncated-iso-" + options, "cd-q35", image.rewrite()) as vm:
        refuses(vm, rf"{name}: sector \d+ of drive 0x[0-9a-f]+ cannot be read: unsupported track or bad medium "
                    rf"\(status 0x0c\)\.\nThe medium has {sectors} of its {whole} sectors: it was cut short\.")


@pytest.mark.parametrize("way", ["cd-q35", "disk-pc"])
def test_a_changed_byte(way, tmp_path):
    image = Image(tmp_path, WAYS[way][0])
    image.data[image.blob + (3 << 20)] ^= 1
    with machine("changed-" + way, way, image.rewrite()) as vm:
        refuses(vm, r"what was read is not what was written: its sum does not match its seal\.")


def remade(image, folder, *commands):
    """Remake the image with xorriso alone, as disk/README.md says; its boot record is kept."""
    path = os.path.join(folder, "remade.iso")
    run(["xorriso", "-indev", image.path, "-outdev", path, "-boot_image", "any", "replay", *commands, "-commit"])
    image.path = path
    return image


def test_a_missing_blob(tmp_path):
    image = remade(Image(tmp_path, "iso"), tmp_path, "-rm", "/segue/blob", "--")
    with machine("missing", "cd-q35", image) as vm:
        refuses(vm, r"/segue/blob: there is no such file on the medium\.")


def test_another_blob_without_a_seal(tmp_path):
    """A plain kernel that xorriso has put on the ISO."""
    image = remade(Image(tmp_path, "iso"), tmp_path, "-rm", "/segue/blob", "--", "-map", KERNEL, "/segue/blob")
    with machine("unsealed", "cd-q35", image) as vm:
        vm.wait_for(r"^INSPECT: \d+ ok, 0 bad$", timeout=30)
        assert "/segue/blob has no seal" in vm.serial()


def test_a_blob_larger_than_memory(tmp_path):
    image = Image(tmp_path, "iso", size=20 << 20)
    with machine("large", "cd-q35", image, memory="16M") as vm:
        refuses(vm, rf"/segue/blob: an initrd of {20 << 20} bytes does not fit; the largest free piece of memory has \d+")


def test_quiet(tmp_path):
    """The options come from the medium as well."""
    image = Image(tmp_path, "iso", options="console=ttyS0 quiet")
    with machine("quiet", "cd-q35", image) as vm:
        vm.wait_for(r"^INSPECT: \d+ ok, 0 bad$", timeout=30)
        assert not re.search(r"Read|Segue \d|Starting", vm.serial())
