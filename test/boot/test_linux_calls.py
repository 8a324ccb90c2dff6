# SPDX-License-Identifier: MIT
"""Debian's Linux as a subroutine: a host calls it, it reads and writes the host's memory, and comes back through
build/return.elf (kexec). It cannot be called again. Its init is test/targets/initramfs/come_back."""
import gzip
import os
import re
import shutil
import subprocess

import pytest

from cells import INITRD, at
from host_matrix import LONG, MODES
from images import Part, have, qemu_kernel, write
from qemu import BUILD, ROOT, Qemu
from test_hosts import LONG_BASE, host

WORD = 0x5e90e14
# 96 MiB, and 64 KiB to 576 KiB: all that Linux gets of 256 MiB.
START, END = 0x3000000, 0x9000000
# What is read lies partly in the memory that Linux gets; the words are one in it, one above and one below, in what Linux's map calls
# reserved from the BIOS's memory on: such a range takes iomem=relaxed if the kernel has CONFIG_IO_STRICT_DEVMEM, as Debian's have.
PATTERN = (END - 0x40000, END + 0x40000)
SPOTS = (0x5000004, 0x9123450, 0x2f00008)
BAD = r"^(Refused: .*|BAD: .*|host: exception .*|host: out of .*|segue: .*|LINUX-BAD .*|.*Kernel panic.*)"
LINUX = {"amd64": ("cloud-amd64/linux", "x86_64"), "i386": ("di-i386/linux", "i686")}


# The installer's kernels have them as modules, in this order.
CONSOLE = ("virtio", "virtio_ring", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "virtio_console")


def archive_of(tree, files=()):
    """Return the path of an archive of the folder tree, to which these files are copied first: (path, name in the archive)."""
    for file, name in files:
        (tree / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(file, tree / name)
        os.chmod(tree / name, 0o755)
    listed = subprocess.run(["find", "."], cwd=tree, stdout=subprocess.PIPE, check=True).stdout
    packed = subprocess.run(["cpio", "-o", "--quiet", "-H", "newc"], input=listed, cwd=tree, stdout=subprocess.PIPE, check=True).stdout
    path = str(tree) + ".cpio"
    write(path, packed)
    return path


@pytest.fixture(scope="module")
def console(targets, tmp_path_factory):
    """An initrd with what a virtio console needs."""
    folder = tmp_path_factory.mktemp("console")
    with gzip.open(at("di-i386/initrd.gz")) as file:
        archive = file.read()
    names = subprocess.run(["cpio", "-t", "--quiet"], input=archive, stdout=subprocess.PIPE, check=True).stdout.decode().splitlines()
    found = [next(each for each in names if each.endswith(f"/{name}.ko")) for name in CONSOLE]
    subprocess.run(["cpio", "-id", "--quiet", *found], input=archive, cwd=folder, check=True)
    (folder / "tree/modules").mkdir(parents=True)
    for number, each in enumerate(found):
        shutil.copyfile(folder / each, folder / f"tree/modules/{number:02}-{CONSOLE[number]}.ko")
    return archive_of(folder / "tree")


def inits(name):
    """The files of an init in test/targets/initramfs, for archive_of()."""
    folder = os.path.join(ROOT, "test/targets/initramfs")
    return [(os.path.join(folder, name), "init"), (os.path.join(folder, "lent.sh"), "lent.sh"),
            (os.path.join(BUILD, "host_memory.sh"), "host_memory.sh")]


def pack_come_back(tree):
    """Return an initrd to append to the other one: kexec with its library, our way back, and an init. The folder tree is filled."""
    have("fetch", "kexec-i386", "libc-i386")
    return archive_of(tree, [(at("kexec-i386/kexec"), "bin/kexec"), (at("libc-i386/libc.so.6"), "lib/libc.so.6"),
                             (at("libc-i386/ld-linux.so.2"), "lib/ld-linux.so.2"), (os.path.join(BUILD, "return.elf"), "return.elf"),
                             *inits("come_back")])


@pytest.fixture(scope="module")
def come_back(targets, tmp_path_factory):
    return pack_come_back(tmp_path_factory.mktemp("come_back"))


CELLS = [
    pytest.param("4k-high", "amd64", "max", ""),
    pytest.param("long", "i386", "max", ""),
    pytest.param("4k-high", "i386", "max", "", marks=pytest.mark.full),
    pytest.param("long", "amd64", "qemu64", "", marks=pytest.mark.full),
    # Entered in 64-bit mode, it comes back in the same way.
    pytest.param("long", "amd64", "max", " linux64", marks=pytest.mark.full),
]


def check_gdb(build, width, core, crc):
    """gdb reads a variable of the host's by its name, at the host's own address."""
    kernel = os.path.join(BUILD, f"hosts/{build}.kernel.elf")
    symbols = f"symbol-file -o {LONG_BASE:#x} {kernel}" if width == 64 else f"symbol-file {kernel}"
    said = subprocess.run(["gdb", "-nx", "-batch", "-ex", symbols, "-ex", f"core-file {core}", "-ex", "print/x *(unsigned int *)&lent_crc",
                           "-ex", "info symbol $pc"], capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    text = said.stdout + said.stderr
    assert f"$1 = 0x{crc}\n" in text and re.search(r"^call\b.* in section \.text", text, re.MULTILINE), text


@pytest.mark.parametrize("mode, arch, cpu, more", CELLS)
def test_linux_comes_back(mode, arch, cpu, more, come_back, console, tmp_path, row):
    build, words = MODES[mode]
    kernel, machine = LINUX[arch]
    lent = f"pattern={PATTERN[0]:x}-{PATTERN[1]:x} spots={','.join(f'{each:x}' for each in SPOTS)}"
    line = f"{words} direct pit apictimer quiet=all calls=1 core linux={WORD:x} lowtoo target={START:x} tsize={END - START:x} {lent}{more}"
    asked = f"lent.word={WORD:x} " + " ".join("lent." + each for each in lent.split())
    saves = arch == "i386"
    saved, core = tmp_path / "vmcore", tmp_path / "core"
    boot = qemu_kernel(Part(host(build), line), [Part(at(kernel), f"console=ttyS0 quiet iomem=relaxed {asked}"), INITRD, Part(come_back),
                                                 *([Part(console)] if saves else [])])
    boot["args"] += ["-device", "virtio-serial-pci,max_ports=2", "-chardev", f"file,id=vmcore,path={saved}", "-device",
                     "virtserialport,chardev=vmcore,nr=1"] if saves else []
    with Qemu(f"linux-calls-{mode}-{arch}-{cpu}{more.strip()}", memory="256M", cpu=cpu, **boot) as vm:
        vm.wait_for("^host: 1 calls, 0 bad", timeout=90, but_not=BAD)
        said = vm.serial()
        assert f"\nlinux: {machine}, 1 CPU\n" in said
        figures = re.findall(r"^(?:host|linux): crc32 0*(\w+)$", said, re.MULTILINE)
        assert len(figures) == 2 and figures[0] == figures[1]
        assert re.findall(r"^host: (\w+) has (\w+)$", said, re.MULTILINE) == \
            [(f"{spot:x}", f"{0xc0ffee01 + number:x}") for number, spot in enumerate(SPOTS)]
        row(vm.elapsed())
    if not saves:
        return
    assert saved.stat().st_size == int(re.search(r"^linux: saved (\d+) bytes$", said, re.MULTILINE)[1])
    done = subprocess.run([os.path.join(BUILD, "segue"), "core", "-o", str(core), str(saved)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and not done.stderr, done.stdout + done.stderr
    check_gdb(build, 64 if mode in LONG else 32, core, figures[0])
    saved.unlink()
    core.unlink()
