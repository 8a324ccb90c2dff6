# SPDX-License-Identifier: MIT
"""Nearly valid targets and machines: what can be started is started, and a sentence names the cause."""
import os
import re
import struct

import pytest

import sectors
from cells import INITRD, at
from images import Part, grub_bios, qemu_kernel, segue_command, write
from qemu import BUILD, Qemu
from test_refusals import MULTIBOOT_MAGIC, elf32, multiboot, patch, read

INSPECT = os.path.join(BUILD, "inspect", "inspect.mb.elf")
PASSED = r"^INSPECT: \d+ ok, 0 bad$"
HOSTS = os.path.join(BUILD, "hosts")
WAYS = ("kernel", "grub1", "iso")


def machine(way, folder, segue, kernel, modules=(), options="console=ttyS0,screen"):
    """Return a machine that boots the kernel by QEMU, by GRUB, or from an ISO made by Segue."""
    if way == "kernel":
        return qemu_kernel(Part(segue, options), [kernel, *modules])
    if way == "grub1":
        return grub_bios(os.path.join(folder, "grub.iso"), Part(segue, options), [kernel, *modules])
    image = os.path.join(folder, "segue.iso")
    segue_command("iso", "--kernel", kernel.path, *(["--cmdline", kernel.args] if kernel.args else []),
                  *[word for module in modules for word in ("--module", f"{module.path}={module.args}")],
                  "--options", options, "-o", image)
    return dict(args=["-cdrom", image, "-boot", "d"])


@pytest.mark.parametrize("way", WAYS)
def test_damaged_section_headers(way, segue, tmp_path):
    """The inspector with an e_shentsize of 0 starts, without its sections."""
    data = patch(read(INSPECT), 46, "<H", 0)
    assert struct.unpack_from("<H", data, 48)[0] > 0
    write(str(tmp_path / "k"), data)
    with Qemu(f"odd-sections-{way}", **machine(way, str(tmp_path), segue, Part(str(tmp_path / "k")))) as vm:
        vm.wait_for(PASSED, timeout=30, but_not=r"^Refused: .*")
        assert "the kernel gets no ELF sections: headers of 0 bytes each, not 40" in vm.serial()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name, body, sentence", [
    ("late", bytes(0x3000) + multiboot(3), r"at offset 0x3\w+ is not in the first 8192 bytes"),
    ("odd", bytes(2) + multiboot(3), r"at offset 0x\w+ is not at a multiple of 4"),
    ("flags", struct.pack("<III", MULTIBOOT_MAGIC, -MULTIBOOT_MAGIC & 0xffffffff, 1), r"at offset 0x\w+ has no flags"),
])
def test_header_nearly_right(name, body, sentence, way, segue, tmp_path):
    """It is started as a plain ELF, and a warning says why it is not a Multiboot kernel."""
    # "K" and a newline to COM1; cli; hlt
    code = b"\x66\xba\xf8\x03\xb0\x4b\xee\xb0\x0a\xee\xfa\xf4\xeb\xfd"
    write(str(tmp_path / "k"), elf32(((0x100000, code, len(code)),), body=body))
    with Qemu(f"odd-header-{name}-{way}", **machine(way, str(tmp_path), segue, Part(str(tmp_path / "k")))) as vm:
        vm.wait_for(r"(?s)^Starting\..*^K$", timeout=30, but_not=r"^Refused: .*")
        assert re.search("taken for a plain ELF: the Multiboot header " + sentence, vm.serial())


@pytest.mark.parametrize("way", WAYS)
def test_a_64_bit_kernel_on_a_32_bit_cpu(way, segue, targets, tmp_path):
    options = machine(way, str(tmp_path), segue, Part(at("di-amd64/linux")))
    with Qemu(f"odd-64-{way}", cpu="qemu32", memory="256M", **options) as vm:
        vm.wait_for(r"^Starting\.", timeout=60, but_not=r"^Refused: .*")
        assert "the kernel needs a 64-bit CPU, and this one has no 64-bit mode" in vm.serial()


@pytest.mark.parametrize("way", WAYS)
def test_a_stray_multiboot_header(way, segue, tmp_path):
    """memtest86+ 5.01's shape: a Linux from before HdrS that holds a Multiboot header with flags 0."""
    path = str(tmp_path / "kernel")
    data = sectors.assemble(path, "kernel.asm")
    where = data.index(bytes(16), 0x40) + 3 & ~3
    assert where + 12 <= 0x1f1
    write(path, patch(data, where, "<III", MULTIBOOT_MAGIC, 0, -MULTIBOOT_MAGIC & 0xffffffff))
    with Qemu(f"odd-stray-{way}", memory="16M",
              **machine(way, str(tmp_path), segue, Part(path, "vga=ask words"))) as vm:
        vm.wait_for(r"^That is all\.$", timeout=30, but_not=r"^Refused: .*")
        assert "This is the kernel's code.\n" in vm.serial() and "Command line: vga=ask words\n" in vm.serial()


@pytest.mark.parametrize("name, line, mode", [
    ("tab", "quiet\tvga=ask", "fffd"), ("quotes", 'a="b vga=3" vga="ask"', "fffd"), ("end", "vga=ask -- vga=3", "fffd"),
    ("inside", 'a="b vga=ask"', "ffff"),
])
@pytest.mark.parametrize("way", ["bundle", "iso"])
def test_words_of_a_command_line(way, name, line, mode, segue, tmp_path):
    """vga= as our kernel's setup code finds it, by Linux's rules for words; no shell is involved."""
    path = str(tmp_path / "kernel")
    sectors.assemble(path, "kernel.asm")
    boot = machine("iso", str(tmp_path), segue, Part(path, line))
    if way == "bundle":
        segue_command("pack", "--kernel", path, "--cmdline", line, "-o", str(tmp_path / "bundle"))
        boot = qemu_kernel(Part(segue, "console=ttyS0"), [Part(str(tmp_path / "bundle"))])
    with Qemu(f"odd-words-{way}-{name}", memory="16M", **boot) as vm:
        vm.wait_for(r"^That is all\.$", timeout=30, but_not=r"^Refused: .*")
        assert f"Video mode {mode}\n" in vm.serial()


@pytest.mark.parametrize("kib, sentence", [
    (1152, r"^Refused: segue\.elf needs RAM from 0x00100000 to 0x001[0-9A-F]{5}, and there is less\.$"),
    (1216, r"^Refused: module 0, 0x\w+ to 0x\w+, is beyond RAM, which ends at 0x00130000\.$"),
    (1536, r"^Refused: no free memory for a workspace of \d+ bytes; the largest free piece has \d+\.$"),
])
def test_little_memory(kib, sentence, segue):
    with Qemu(f"odd-memory-{kib}", memory=f"{kib}K", **qemu_kernel(Part(segue, "console=ttyS0"), [Part(INSPECT)])) as vm:
        vm.wait_for(sentence, timeout=20, but_not=r"^Starting\.")


@pytest.mark.parametrize("name, magic", [("xz", b"\xfd7zXZ\0"), ("zstd", b"\x28\xb5\x2f\xfd")])
def test_compressed(name, magic, segue, tmp_path):
    write(str(tmp_path / "k"), magic + bytes(5000))
    with Qemu(f"odd-{name}", **qemu_kernel(Part(segue, "console=ttyS0"), [Part(str(tmp_path / "k"))])) as vm:
        vm.wait_for(rf"^Refused: compressed: blob, by {name}; if it is an initrd, hand it over after the kernel\.", timeout=20)


# ---- boot loaders that put a file's name first ----
def named(path, build, name):
    """Return a host that gives its Multiboot targets another boot loader's name, as long as its own."""
    data = read(os.path.join(HOSTS, build + ".elf"))
    assert data.count(b"Segue 0.1.0\0") > 0 and len(name) == 11
    write(str(path), data.replace(b"Segue 0.1.0\0", name + b"\0"))
    return str(path)


@pytest.mark.parametrize("build, mode", [("i386-low", "flat"), ("x86_64", "long")])
@pytest.mark.parametrize("name, line", [(b"Limine 10.1", "kernel root=/dev/sda one"), (b"qemu 2.11.1", "sda one")])
def test_names_of_files(name, line, build, mode, segue, tmp_path):
    """segue.elf as a target, with strings as Limine passes them, without a name in front. Names from known boot loaders
    are removed."""
    outer = named(tmp_path / "outer", build, name)
    with Qemu(f"odd-name-{name[:4].decode()}-{build}",
              **qemu_kernel(Part(outer, f"mode={mode} noname"), [Part(segue, "console=ttyS0,screen"),
                                                                Part(INSPECT, "root=/dev/sda one")])) as vm:
        vm.wait_for(PASSED, timeout=40, but_not=r"^Refused: .*")
        said = vm.serial()
        assert f"started by {name.decode()}" in said
        assert f'multiboot.cmdline = "{line}"' in said


@pytest.mark.parametrize("option, line", [("", "kernel /boot/ns one"), (" argv0=no", "/boot/ns one")])
def test_an_entry_of_grub_2_that_repeats_the_path(option, line, segue, tmp_path):
    """module /boot/ns /boot/ns one: the path is an argument, and argv[0] with argv0=no."""
    with Qemu("odd-repeated" + option.replace(" ", "-"), **grub_bios(str(tmp_path / "iso"), Part(segue, "console=ttyS0" + option),
                                          [Part(INSPECT, "/boot/ns one")])) as vm:
        vm.wait_for(PASSED, timeout=40, but_not=r"^Refused: .*")
        assert f'multiboot.cmdline = "{line}"' in vm.serial()


# ---- hosts that know little ----
@pytest.mark.parametrize("build, mode", [("i386-low", "flat"), ("x86_64", "long")])
@pytest.mark.parametrize("words, expected", [("map=one", r"Memory: \d+K"), ("columns=0", r"Console: colour VGA\+ 80x25")])
def test_linux_of_a_host_that_knows_little(words, expected, build, mode, targets):
    """A map of one entry is used, and a text screen of unknown width counts as 80 by 25."""
    host = os.path.join(HOSTS, build + ".elf")
    line = "console=ttyS0 earlyprintk=ttyS0 panic=1"
    with Qemu(f"odd-host-{build}-{words[:3]}", memory="256M",
              **qemu_kernel(Part(host, f"mode={mode} {words}"), [Part(at("di-i386/linux"), line), Part(INITRD.path)])) as vm:
        vm.wait_for(expected, timeout=60, but_not=r"^Refused: .*")
        said = vm.serial()
        assert "Linux version" in said
        if words == "map=one":
            assert "BIOS-e820: [mem 0x0000000000100000" in said and "BIOS-e801" not in said and "BIOS-88" not in said
