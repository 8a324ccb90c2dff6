# SPDX-License-Identifier: MIT
"""A host panics, and Debian's Linux, which was loaded for that, has the host's memory and CPUs in /proc/vmcore. Its init is
test/targets/initramfs/post_mortem."""
import os
import re
import shutil
import struct
import subprocess

import pytest

from cells import INITRD, at
from host_matrix import MODES
from images import Part, qemu_kernel, write
from qemu import ROOT, Qemu
from test_hosts import host

# 96 MiB, and 64 KiB to 576 KiB: all that Linux gets of 256 MiB.
START, END = 0x3000000, 0x9000000
# In base memory, which is saved; beside the memory that Linux gets.
SUMS = ((0x20000, 0x60000), (0x2000000, 0x2040000), (END, END + 0x40000))
BAD = r"^(Refused: .*|BAD: .*|host: exception .*|host: out of .*|segue: .*|LINUX-BAD .*|.*Kernel panic.*)"
LINUX = {"amd64": ("cloud-amd64/linux", "x86_64"), "i386": ("di-i386/linux", "i686")}


@pytest.fixture(scope="module")
def post_mortem(targets, tmp_path_factory):
    """An initrd to append to the other one: an init."""
    tree = tmp_path_factory.mktemp("post_mortem")
    shutil.copyfile(os.path.join(ROOT, "test/targets/initramfs/post_mortem"), tree / "init")
    os.chmod(tree / "init", 0o755)
    packed = subprocess.run(["cpio", "-o", "--quiet", "-H", "newc"], input=b"init\n", cwd=tree, stdout=subprocess.PIPE, check=True).stdout
    path = str(tree) + ".cpio"
    write(path, packed)
    return path


def bytes_said(text, what):
    return bytes.fromhex("".join(re.findall(rf"^{what}: ([0-9a-f ]+?)\s*$", text, re.MULTILINE)).replace(" ", ""))


def notes_of(data):
    """Name, type, contents; as Linux reads them, to the first empty name."""
    found, offset = [], 0
    while offset + 12 <= len(data):
        name_size, size, kind = struct.unpack_from("<III", data, offset)
        if not name_size:
            break
        name_at = offset + 12
        at_ = name_at + -(-name_size // 4) * 4
        found.append((data[name_at:name_at + name_size].rstrip(b"\0").decode(), kind, data[at_:at_ + size]))
        offset = at_ + -(-size // 4) * 4
    return found


CELLS = [
    pytest.param("4k-high", "amd64"),
    pytest.param("long", "i386"),
]


@pytest.mark.parametrize("mode, arch", CELLS)
def test_crash(mode, arch, post_mortem, row):
    build, words = MODES[mode]
    kernel, machine = LINUX[arch]
    sums = ",".join(f"{start:x}-{end:x}" for start, end in SUMS)
    line = f"{words} direct pit quiet=all crash core lowtoo target={START:x} tsize={END - START:x} sums={sums}"
    boot = qemu_kernel(Part(host(build), line), [Part(at(kernel), f"console=ttyS0 quiet dead.sums={sums}"), INITRD, Part(post_mortem)])
    with Qemu(f"crash-{mode}-{arch}", memory="256M", cpu="max", **boot) as vm:
        vm.wait_for("^linux: that is all", timeout=90, but_not=BAD)
        said = vm.serial()
        assert f"\nlinux: {machine}, 1 CPU" in said
        figures = [re.findall(rf"^{who}: crc32 0*(\w+)$", said, re.MULTILINE) for who in ("host", "linux")]
        assert len(figures[0]) == len(SUMS) and figures[0] == figures[1]
        notes = notes_of(bytes_said(said, "notes"))
        print(notes)
        row(vm.elapsed())
