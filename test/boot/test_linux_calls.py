# SPDX-License-Identifier: MIT
"""Debian's Linux as a subroutine: a host calls it, it reads and writes the host's memory, and comes back through
build/return.elf (kexec). It cannot be called again. Its init is test/targets/initramfs/come_back."""
import os
import re
import shutil
import subprocess

import pytest

from cells import INITRD, at
from host_matrix import MODES
from images import Part, qemu_kernel, write
from qemu import BUILD, ROOT, Qemu
from test_hosts import host

WORD = 0x5e90e14
# 96 MiB, and 64 KiB to 576 KiB: all that Linux gets of 256 MiB.
START, END = 0x3000000, 0x9000000
# What is read lies partly in the memory that Linux gets; the words are one in it and one beside it.
PATTERN = (END - 0x40000, END + 0x40000)
SPOTS = (0x5000004, 0x9123450)
BAD = r"^(Refused: .*|BAD: .*|host: exception .*|host: out of .*|segue: .*|LINUX-BAD .*|.*Kernel panic.*)"
LINUX = {"amd64": ("cloud-amd64/linux", "x86_64"), "i386": ("di-i386/linux", "i686")}


@pytest.fixture(scope="module")
def come_back(targets, tmp_path_factory):
    """An initrd to append to the other one: kexec with its library, our way back, and an init."""
    done = subprocess.run([os.path.join(ROOT, "test/targets/fetch"), "kexec-i386", "libc-i386"], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(done.stderr.strip())
    tree = tmp_path_factory.mktemp("come_back")
    for file, name in ((at("kexec-i386/kexec"), "bin/kexec"), (at("libc-i386/libc.so.6"), "lib/libc.so.6"),
                       (at("libc-i386/ld-linux.so.2"), "lib/ld-linux.so.2"), (os.path.join(BUILD, "return.elf"), "return.elf"),
                       (os.path.join(ROOT, "test/targets/initramfs/come_back"), "init")):
        (tree / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(file, tree / name)
        os.chmod(tree / name, 0o755)
    listed = subprocess.run(["find", "."], cwd=tree, stdout=subprocess.PIPE, check=True).stdout
    packed = subprocess.run(["cpio", "-o", "--quiet", "-H", "newc"], input=listed, cwd=tree, stdout=subprocess.PIPE, check=True).stdout
    path = str(tree) + ".cpio"
    write(path, packed)
    return path


CELLS = [
    pytest.param("4k-high", "amd64", "max"),
    pytest.param("long", "i386", "max"),
    pytest.param("4k-high", "i386", "max", marks=pytest.mark.full),
    pytest.param("long", "amd64", "qemu64", marks=pytest.mark.full),
]


@pytest.mark.parametrize("mode, arch, cpu", CELLS)
def test_linux_comes_back(mode, arch, cpu, come_back, row):
    build, words = MODES[mode]
    kernel, machine = LINUX[arch]
    lent = f"pattern={PATTERN[0]:x}-{PATTERN[1]:x} spots={SPOTS[0]:x},{SPOTS[1]:x}"
    line = f"{words} direct pit apictimer quiet=all calls=1 core linux={WORD:x} lowtoo target={START:x} tsize={END - START:x} {lent}"
    asked = f"lent.word={WORD:x} " + " ".join("lent." + each for each in lent.split())
    boot = qemu_kernel(Part(host(build), line), [Part(at(kernel), f"console=ttyS0 quiet {asked}"), INITRD, Part(come_back)])
    with Qemu(f"linux-calls-{mode}-{arch}-{cpu}", memory="256M", cpu=cpu, **boot) as vm:
        vm.wait_for("^host: 1 calls, 0 bad", timeout=90, but_not=BAD)
        said = vm.serial()
        assert f"\nlinux: {machine}, 1 CPU\n" in said
        figures = re.findall(r"^(?:host|linux): crc32 0*(\w+)$", said, re.MULTILINE)
        assert len(figures) == 2 and figures[0] == figures[1]
        assert re.findall(r"^host: (\w+) has (\w+)$", said, re.MULTILINE) == \
            [(f"{spot:x}", f"{0xc0ffee01 + number:x}") for number, spot in enumerate(SPOTS)]
        row(vm.elapsed())
