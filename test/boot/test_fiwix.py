# SPDX-License-Identifier: MIT
"""Fiwix itself, with our kexec.c (test/hosts/fiwix), starts real targets, and refuses some blobs.

SEGUE_FIWIX names that kernel. Nothing of Fiwix is fetched or built here, so without it all tests are skipped. Fiwix
1.7.0, also without changes, sometimes waits forever for its first IDE disk, and init is then never reached."""
import os
import re
import shutil
import struct
import subprocess
import tempfile

import pytest

from cells import LARGE, NO_SELF_TESTS, at, segue_pack
from expect import digest_of, parse_initramfs
from images import pack_fiwix, write
from qemu import BUILD, Qemu

FIWIX = os.environ.get("SEGUE_FIWIX")
if not FIWIX:
    pytest.skip("SEGUE_FIWIX names no Fiwix that was built with test/hosts/fiwix/kexec.c", allow_module_level=True)

ROOT_LINE = "root=/dev/hda rootfstype=ext2"
LINUX_LINE = f"console=ttyS0 quiet {NO_SELF_TESTS} segue.test=wait"
XEN_LINE = "com1=115200,8n1 console=com1 noreboot"
DOM0_LINE = "console=hvc0 earlyprintk=xen quiet segue.test=wait"
# Fiwix's limits on a parameter and on the whole command line
PARAMETER_MAX, LINE_MAX = 99, 255


def root_image(path, blob):
    """Make a root file system with our init and the blob; Fiwix reads only ext2 revision 0."""
    assert shutil.which("mke2fs", path=os.environ["PATH"] + ":/usr/sbin:/sbin"), "mke2fs is missing: install e2fsprogs"
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        os.makedirs(os.path.join(folder, "sbin"))
        os.makedirs(os.path.join(folder, "dev"))
        shutil.copy(os.path.join(BUILD, "hosts", "fiwix-init"), os.path.join(folder, "sbin", "init"))
        shutil.copyfile(blob, os.path.join(folder, "blob"))
        blocks = os.path.getsize(blob) * 102 // 100 // 1024 + 2048
        done = subprocess.run(["mke2fs", "-q", "-r", "0", "-O", "none", "-b", "1024", "-d", folder, path, f"{blocks}k"],
                              env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"},
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0, done.stdout


def fiwix(name, folder, blob, protocol, line, console="ttyS0", **more):
    """Start Fiwix, which copies the blob into its last RAM disk and shuts down."""
    image = os.path.join(folder, "root.img")
    root_image(image, blob)
    parameter = f'kexec_cmdline="{line}"'
    words = f"{ROOT_LINE} console=/dev/{console} kexec_proto={protocol} " \
            f"kexec_size={-(-os.path.getsize(blob) // 1024)} {parameter} -- kexec"
    assert len(parameter) <= PARAMETER_MAX and len(words) <= LINE_MAX
    return Qemu("fiwix-" + name, ["-kernel", FIWIX, "-append", words,
                                  "-drive", f"file={image},format=raw,if=ide,snapshot=on"], **more)


def left(vm):
    """Wait for Fiwix's line on what it starts; return the protocol in it."""
    vm.wait_for(r"^init: /blob is in /dev/ram0", timeout=60, but_not=r"^PANIC|^WARNING: RAMdisk")
    return vm.wait_for(r"^kexec: (.*), entry 0x\w+, \d+ KB moved in \d+ moves; leaving Fiwix\.", timeout=10,
                       but_not=r"^ERROR: kexec: .*")[1]


def sizes(name, plain, full):
    """Return parameters in MB, with names for the table."""
    return pytest.mark.parametrize("memory", [pytest.param(each, id=f"{name}-{each}M", marks=() if each in plain else pytest.mark.full)
                                              for each in plain + full])


@sizes("fiwix", [64], [1024, 3072])
def test_to_fiwix(memory, tmp_path, row):
    with fiwix(f"fiwix-{memory}", str(tmp_path), FIWIX, "multiboot1", f"{ROOT_LINE} console=/dev/ttyS0",
               memory=f"{memory}M", bits=32) as vm:
        assert left(vm) == "Multiboot 1"
        vm.wait_for(r"^init: FIWIX-INIT-OK", timeout=30)
        row(vm.elapsed())
        second = vm.serial().partition("leaving Fiwix")[2]
    assert re.search(r"^bootloader\s+-\s+Segue ", second, re.MULTILINE)
    assert f"cmdline='{ROOT_LINE} console=/dev/ttyS0'" in second


# Fiwix's own code places the initrd without a check that RAM is there.
@sizes("linux-i386", [256, 3072], [160, 512, 1024, 2048])
def test_to_linux(memory, targets, tmp_path, row):
    blob = pack_fiwix(str(tmp_path / "blob"), at("di-i386/linux"), LARGE.path)
    with fiwix(f"linux-{memory}", str(tmp_path), blob, "linux", LINUX_LINE, memory=f"{memory}M", bits=32) as vm:
        assert left(vm) == "Linux"
        vm.wait_for(r"^INITRAMFS-(OK|BAD) .*\n", timeout=60)
        row(vm.elapsed())
        said = parse_initramfs(vm.serial())
    assert said["verdict"] == "OK" and said["digest"] == digest_of(LARGE.path)
    assert said["cmdline"] == f"[{LINUX_LINE}]"
    assert "FACP" in said["acpi"]


@pytest.mark.full
def test_to_the_installer(targets, tmp_path, row):
    blob = pack_fiwix(str(tmp_path / "blob"), at("di-i386/linux"), at("di-i386/initrd.gz"))
    with fiwix("installer", str(tmp_path), blob, "linux", "console=ttyS0 priority=critical", memory="512M", bits=32) as vm:
        left(vm)
        vm.wait_for("Select a language", timeout=120)
        row(vm.elapsed())


def test_to_xen(targets, tmp_path, row):
    with fiwix("xen", str(tmp_path), at("xen/kernel"), "multiboot1", XEN_LINE, memory="256M") as vm:
        left(vm)
        vm.wait_for(r"dom0 kernel not specified", timeout=30)
        row(vm.elapsed())
        assert re.search(r"^\(XEN\) Command line: " + re.escape(XEN_LINE) + "$", vm.serial(), re.MULTILINE)


def test_to_xen_with_dom0_in_a_bundle(targets, tmp_path, row):
    """This is more than Fiwix's formats can hold. The bundle contains the command lines; an empty one from Fiwix does
    not override them."""
    blob = segue_pack(str(tmp_path / "blob"), "--kernel", at("xen/kernel"), "--cmdline", XEN_LINE + " dom0_mem=512M",
                      "--module", f"{at('di-amd64/linux')}={DOM0_LINE}", "--module", LARGE.path)
    with fiwix("dom0", str(tmp_path), blob, "multiboot1", "", memory="1G") as vm:
        assert left(vm) == "Multiboot 1"
        vm.wait_for(r"^INITRAMFS-(OK|BAD) .*\n", timeout=60)
        row(vm.elapsed())
        said = parse_initramfs(vm.serial())
    assert said["verdict"] == "OK" and said["digest"] == digest_of(LARGE.path)


def test_a_digest_finds_what_no_length_tells(targets, tmp_path, row):
    """A truncated file in a larger RAM disk; the wrong digest is reported before the target is entered."""
    blob = segue_pack(str(tmp_path / "blob"), "--digest", "--kernel", at("di-i386/linux"), "--initrd", at("initramfs.cpio.gz"),
                      "--cmdline", LINUX_LINE)
    data = read(blob)
    write(blob, data[:-100000].ljust(len(data), b"\0")[:-512] + data[-512:])
    with fiwix("digest", str(tmp_path), blob, "linux", "", memory="128M", bits=32) as vm:
        left(vm)
        vm.wait_for(r"^segue: digest is [0-9a-f]{64}, must be [0-9a-f]{64}; stopped", timeout=30, but_not="^INITRAMFS")
        row(vm.elapsed())


def test_the_kernel_counts_not_the_parameter(targets, tmp_path, row):
    blob = pack_fiwix(str(tmp_path / "blob"), at("di-i386/linux"), at("initramfs.cpio.gz"))
    with fiwix("other", str(tmp_path), blob, "multiboot1", LINUX_LINE, memory="128M", bits=32) as vm:
        assert left(vm) == "Linux"
        vm.wait_for(r"^INITRAMFS-OK ", timeout=60)
        row(vm.elapsed())
        assert "kexec_proto=multiboot1, but the RAM disk holds a kernel for 'Linux', which is started." in vm.serial()


def read(path):
    with open(path, "rb") as file:
        return file.read()


def cut_initrd():
    linux, initrd = read(at("di-i386/linux")), read(at("initramfs.cpio.gz"))
    return struct.pack("<II", len(linux), len(initrd)) + linux + initrd[:-4096]


def cut_kernel():
    return read(FIWIX)[:100000]


def wild_segment():
    """Move the second segment of Fiwix to where there is no RAM."""
    data = bytearray(read(FIWIX))
    table = struct.unpack_from("<I", data, 28)[0]
    struct.pack_into("<I", data, table + 32 + 12, 0x70000000)
    return bytes(data)


# the blob, kexec_proto=, the message
BAD = {
    "truncated initramfs": (cut_initrd, "linux", r"Fiwix initramfs past the blob: 1331789 bytes, "),
    "truncated ELF": (cut_kernel, "multiboot1", r"ELF segment past the file's end: segment 1, "),
    "wild ELF": (wild_segment, "multiboot1", r"segment outside RAM: ELF segment 1 at 0x70000000 to "),
    "zeros": (lambda: bytes(65536), "multiboot1", r"not a kernel Segue knows: blob of 65536 bytes"),
    "gzip": (lambda: b"\x1f\x8b\x08" + bytes(65533), "linux", r"gzip-compressed: blob"),
}


@pytest.mark.parametrize("what", BAD)
def test_refused(what, targets, tmp_path, row):
    """One message, and Fiwix shuts down as it does without kexec: a key reboots."""
    make, protocol, sentence = BAD[what]
    blob = str(tmp_path / "blob")
    write(blob, make())
    with fiwix("bad-" + what.replace(" ", "-"), str(tmp_path), blob, protocol, LINUX_LINE, console="tty0", memory="128M",
               bits=32) as vm:
        said = vm.wait_for(r"^ERROR: kexec: (.*)", screen=True, timeout=60)
        assert re.match(sentence, said[1]), said[1]
        vm.wait_for(r"Press Any Key to Reboot", screen=True, timeout=10)
        assert len(re.findall("ERROR: kexec", vm.screen())) == 1
        vm.qmp("send-key", keys=[{"type": "qcode", "data": "a"}])
        vm.wait_exit()
        row(vm.elapsed(), said[1])
