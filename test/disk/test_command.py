# SPDX-License-Identifier: MIT
"""The segue command, as a user sees it. SEGUE names another binary than build/segue."""
import gzip
import hashlib
import lzma
import os
import re
import resource
import shutil
import struct
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SEGUE = os.environ.get("SEGUE", str(ROOT / "build" / "segue"))
PAGE = 4096


def segue(*args, status=0, **more):
    done = subprocess.run([SEGUE, *map(str, args)], capture_output=True, text=True, timeout=60, **more)
    assert done.returncode == status, done.stdout + done.stderr
    return done


def multiboot_kernel(flags=3, size=3000, bss=5000, load=0x100000):
    """An ELF32 kernel of one segment with a Multiboot header; offset 0x1000, physical and virtual addresses differ."""
    body = struct.pack("<III", 0x1BADB002, flags, -(0x1BADB002 + flags) & 0xFFFFFFFF)
    body += struct.pack("<5I", 0, 0, 0, 0, 0) + struct.pack("<4I", 0, 1024, 768, 32)
    body += bytes(i * 7 % 251 for i in range(size - len(body)))
    header = b"\x7fELF\1\1\1" + bytes(9) + struct.pack(
        "<HHIIIIIHHHHHH", 2, 3, 1, 0xC0000000 + load + 64, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    program = struct.pack("<8I", 1, 0x1000, 0xC0000000 + load, load, size, size + bss, 7, PAGE)
    return (header + program).ljust(0x1000, b"\0") + body


def linux_kernel(code_size=70000, init_size=0x200000, version=0x20F):
    code = bytes(i * 13 % 241 for i in range(code_size))
    setup = bytearray(2 * 512)
    setup[0x1F1] = 1
    struct.pack_into("<I", setup, 0x1F4, code_size // 16)
    struct.pack_into("<H", setup, 0x1FE, 0xAA55)
    setup[0x200:0x202] = b"\xeb\x6a"
    setup[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", setup, 0x206, version)
    struct.pack_into("<H", setup, 0x20E, 0x300 - 0x200)
    setup[0x211] = 1
    struct.pack_into("<I", setup, 0x214, 0x100000)
    struct.pack_into("<I", setup, 0x22C, 0x7FFFFFFF)
    struct.pack_into("<I", setup, 0x230, 0x200000)
    setup[0x234] = 1
    setup[0x235] = 21
    struct.pack_into("<H", setup, 0x236, 1)
    struct.pack_into("<I", setup, 0x238, 2047)
    struct.pack_into("<QI", setup, 0x258, 0x1000000, init_size)
    setup[0x300:0x310] = b"9.8.7-test (me)\0"
    return bytes(setup) + code


@pytest.fixture
def files(tmp_path):
    (tmp_path / "mb.elf").write_bytes(multiboot_kernel())
    (tmp_path / "vmlinuz").write_bytes(linux_kernel())
    (tmp_path / "initrd").write_bytes(bytes(i * 5 % 239 for i in range(50001)))
    (tmp_path / "one.mod").write_bytes(b"first module" * 999)
    (tmp_path / "two.mod").write_bytes(b"2")
    return tmp_path


def members(archive):
    """name -> (offset of the data, data), read by nobody's code but this."""
    found, at = {}, 0
    while True:
        assert archive[at:at + 6] == b"070701"
        fields = [int(archive[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        name = archive[at + 110:at + 110 + fields[11]].split(b"\0")[0].decode()
        data = (at + 110 + fields[11] + 3) & ~3
        if name == "TRAILER!!!":
            return found
        assert fields[5] == 0 and fields[2] == 0 and fields[3] == 0
        found[name] = (data, archive[data:data + fields[6]])
        at = (data + fields[6] + 3) & ~3


# ---- the command itself ----

def test_version_and_help():
    header = (ROOT / "include" / "segue.h").read_text()
    version = re.search(r'SEGUE_VERSION_STRING "(.*)"', header).group(1)
    assert segue("--version").stdout == f"segue {version}\n"
    overview = segue("help").stdout
    for command in ("pack", "iso", "disk", "info", "plan", "core", "crashkit"):
        assert f"segue {command}" in overview
        help_text = segue("help", command).stdout
        assert help_text.startswith(f"segue {command} ")
        assert segue(command, "--help").stdout == help_text
        assert max(map(len, help_text.splitlines())) <= 110


@pytest.mark.parametrize("words", [
    [], ["frobnicate"], ["help", "frobnicate"], ["help", "pack", "plan"],
    ["pack"], ["pack", "--kernel", "k"], ["pack", "-o", "out"], ["pack", "--format", "zip"], ["pack", "stray"],
    ["pack", "--kernel", "k", "--kernel", "k"], ["pack", "--nonsense"],
    ["pack", "--format", "fiwix", "--kernel", "k", "--cmdline", "c", "-o", "out"],
    ["info"], ["info", "a", "b"], ["info", "--nonsense", "a"],
    ["core"], ["core", "a", "b"], ["core", "--page-tables", "x", "a", "--paging", "3"],
    ["plan"], ["plan", "a", "b"], ["plan", "--memory", "much", "a"], ["plan", "--memory", "512", "a"],
    ["plan", "--memory", "12Q", "a"], ["plan", "--at", "-1", "a"], ["plan", "--at"],
    ["plan", "--memory", "99999999999999999999M", "a"], ["plan", "--memory", "0", "a"],
])
def test_usage_errors(words, tmp_path):
    done = segue(*words, status=2, cwd=tmp_path)
    assert done.stdout == "" and "segue" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words, sentence", [
    (["pack", "--cmdline", "a", "--cmdline", "a"], "--cmdline is given twice"),
    (["pack", "--kernel=k", "--kernel=k"], "--kernel is given twice"),
    (["pack", "-o", "a", "--output", "b"], "--output is given twice"), (["pack", "-oa", "-ob"], "-o is given twice"),
    (["pack", "--seal", "--seal"], "--seal is given twice"), (["pack", "--digest", "--digest"], "--digest is given twice"),
    (["pack", "--format", "bundle", "--format", "fiwix"], "--format is given twice"),
    (["iso", "--options", "quiet", "--options", "quiet"], "--options is given twice"),
    (["disk", "--cmdline", "a", "--cmdline", "b"], "--cmdline is given twice"),
    (["info", "--linux16", "--linux16", "a"], "--linux16 is given twice"),
    (["plan", "--memory", "1G", "--memory", "2G", "a"], "--memory is given twice"),
    (["core", "--gdb", "a", "--gdb", "b", "c"], "--gdb is given twice"), (["core", "--page", "1", "a"], "--page is not an option"),
    (["plan", "--map", "map", "--memory", "1G", "a"], "--map and --memory"),
    (["pack", "--modul", "a"], "--modul is not an option; --module must not be abbreviated"),
    (["pack", "--modul=a=b"], "--modul=a=b is not an option; --module must not be abbreviated"),
    (["iso", "--opt", ""], "--opt is not an option; --options must"), (["info", "--linux", "a"], "--linux is not an option"),
    (["plan", "--m", "a"], "--m is not an option"), (["plan", "--work", "4096", "a"], "--work is not an option"),
    (["pack", "--nonsense"], "--nonsense is not an option"), (["disk", "-x"], "-x is not an option"),
    (["pack", "--cmdline"], "--cmdline needs an argument"), (["iso", "-o"], "-o needs an argument"),
    (["pack", "--seal=yes"], "--seal takes no argument"),
    (["plan", "--workspace", "0x123", "a"], "--workspace 0x123 is not on a page"),
    (["plan", "--workspace", "4G", "a"], "--workspace 0x100000000 is not below 4 GiB"),
    *((["plan", "--within", each, "a"], f"--within {each} is not a range such as 64K-640K")
      for each in ("64K", "64K-", "-64K", "64K-640Q", "1-2-3", "0x10-x20", "")),
    (["plan", "--within", "2M-1M", "a"], "--within 2M-1M is empty"),
    (["plan", "--within", "1M-1M", "a"], "--within 1M-1M is empty"),
])
def test_usage_sentences(words, sentence, tmp_path):
    done = segue(*words, status=2, cwd=tmp_path)
    assert done.stderr.startswith(f"segue {words[0]}: {sentence}"), done.stderr
    assert len(done.stderr.splitlines()) == 2 and list(tmp_path.iterdir()) == []


# ---- pack ----

def test_pack_round_trip(files):
    out = files / "out.segue"
    segue("pack", "--kernel", files / "mb.elf", "--cmdline", "a=1 b", "--initrd", files / "initrd",
          "--module", f"{files}/one.mod=x y=z", "--module", files / "two.mod", "-o", out)
    archive = out.read_bytes()
    found = members(archive)
    assert {name: data for name, (_, data) in found.items()} == {
        "cmdline": b"a=1 b",
        "kernel": (files / "mb.elf").read_bytes(),
        "initrd": (files / "initrd").read_bytes(),
        "modules": b"",
        "modules/00-one.mod": (files / "one.mod").read_bytes(),
        "modules/00-one.mod.cmdline": b"x y=z",
        "modules/01-two.mod": b"2",
    }
    for name in ("kernel", "initrd", "modules/00-one.mod", "modules/01-two.mod"):
        assert found[name][0] % PAGE == 0, name
    for tool in ("cpio", "bsdcpio"):
        if tool == "bsdcpio" and not shutil.which(tool):
            continue
        listed = subprocess.run([tool, "-t"], input=archive, capture_output=True, check=True).stdout.decode().split()
        assert listed == list(found), tool
        there = files / tool
        there.mkdir()
        subprocess.run([tool, "-i", "-d"], input=archive, capture_output=True, check=True, cwd=there)
        for name, (_, data) in found.items():
            assert name == "modules" or (there / name).read_bytes() == data, (tool, name)


def test_pack_is_reproducible(files):
    for name in ("a", "b"):
        os.utime(files / "vmlinuz", (len(name), ord(name)))
        segue("pack", "--kernel", files / "vmlinuz", "--initrd", files / "initrd", "-o", files / name)
    assert (files / "a").read_bytes() == (files / "b").read_bytes()


def test_pack_gunzips_the_kernel_only(files):
    (files / "k.gz").write_bytes(gzip.compress(linux_kernel()))
    (files / "i.gz").write_bytes(gzip.compress(b"initrd"))
    done = segue("pack", "--kernel", files / "k.gz", "--initrd", files / "i.gz", "-o", files / "out")
    assert f"{files}/k.gz: unpacked by gzip from " in done.stdout
    found = members((files / "out").read_bytes())
    assert found["kernel"][1] == linux_kernel()
    assert found["initrd"][1] == (files / "i.gz").read_bytes()


def test_pack_joins_initrds(files):
    segue("pack", "--kernel", files / "vmlinuz", "--initrd", files / "initrd", "--initrd", files / "two.mod", "-o", files / "out")
    assert members((files / "out").read_bytes())["initrd"][1] == (files / "initrd").read_bytes() + b"\0\0\0" + b"2"


@pytest.mark.parametrize("verb", ("pack", "plan"))
def test_module_with_equals_in_its_name(files, verb):
    """The longest name that is a file's; what follows it are the arguments."""
    for name in ("a", "a=b.img", "a=b.img=c"):
        (files / name).write_bytes(name.encode())
    (files / "a=b").mkdir()
    for words, name, arguments in (("a=b.img", "a=b.img", None), ("a=b.img=", "a=b.img", ""), ("a=b.img=x=y z", "a=b.img", "x=y z"),
                                   ("a=b.img=c=d", "a=b.img=c", "d"), ("a=b.imgs", "a", "b.imgs"), ("a=b", "a", "b"),
                                   ("a", "a", None), ("a= b.img", "a", " b.img")):
        if verb == "pack":
            segue("pack", "--kernel", files / "mb.elf", "--module", words, "-o", "out", cwd=files)
            found = members((files / "out").read_bytes())
            assert found[f"modules/00-{name}"][1] == name.encode()
            assert found.get(f"modules/00-{name}.cmdline", (0, None))[1] == (None if arguments is None else arguments.encode())
        else:
            text = segue("plan", "mb.elf", "--module", words, cwd=files).stdout
            assert re.search(rf" {len(name)}  module", text), text
    done = segue("pack", "--kernel", files / "mb.elf", "--module", "none=b=c", "-o", "out", status=1, cwd=files)
    assert "segue: none: No such file" in done.stderr


def test_pack_fiwix(files):
    kernel, initrd = linux_kernel(), (files / "initrd").read_bytes()
    out = files / "out"
    segue("pack", "--format", "fiwix", "--kernel", files / "vmlinuz", "--initrd", files / "initrd", "-o", out)
    assert out.read_bytes() == struct.pack("<II", len(kernel), len(initrd)) + kernel + initrd
    assert "Linux in a Fiwix blob" in segue("info", out).stdout
    segue("pack", "--format", "fiwix", "--kernel", files / "vmlinuz", "-o", out)
    assert out.read_bytes() == struct.pack("<II", len(kernel), 0) + kernel


def test_pack_orders_many_modules(files):
    words = []
    for i in range(101):
        (files / f"m{i}").write_bytes(str(i).encode())
        words += ["--module", files / f"m{i}"]
    segue("pack", "--kernel", files / "mb.elf", *words, "-o", files / "out")
    text = segue("info", files / "out").stdout
    assert re.findall(r"^ +m(\d+)$", text, re.M) == [str(i) for i in range(101)]
    names = [name for name in members((files / "out").read_bytes()) if name.startswith("modules/")]
    assert names == sorted(names) and names[0] == "modules/000-m0" and names[-1] == "modules/100-m100"


@pytest.mark.parametrize("kernel, sentence", [
    (b"", "empty blob"),
    (b"just text, no kernel at all", "not a kernel Segue knows: kernel of 27 bytes"),
    (struct.pack("<II", 70000 + 1024, 0) + linux_kernel(), "is already a Fiwix blob"),
    (struct.pack("<II", 71025, 0) + linux_kernel(), "71025 bytes, 71024 left"),
], ids=["empty", "text", "fiwix", "fiwix-too-long"])
def test_pack_refuses(files, kernel, sentence):
    (files / "k").write_bytes(kernel)
    done = segue("pack", "--kernel", files / "k", "-o", files / "out", status=1)
    assert done.stderr.startswith(f"segue: {files}/k: ") and sentence in done.stderr
    assert not (files / "out").exists()


def test_pack_refuses_a_bundle_as_kernel(files):
    segue("pack", "--kernel", files / "vmlinuz", "-o", files / "inner")
    done = segue("pack", "--kernel", files / "inner", "-o", files / "out", status=1)
    assert "is already a bundle" in done.stderr


def test_pack_refuses_files(files):
    done = segue("pack", "--kernel", files / "none", "-o", files / "out", status=1)
    assert f"{files}/none: No such file" in done.stderr
    done = segue("pack", "--kernel", files / "vmlinuz", "-o", files / "no" / "out", status=1)
    assert f"{files}/no/out: " in done.stderr
    (files / "m.cmdline").write_bytes(b"x")
    done = segue("pack", "--kernel", files / "mb.elf", "--module", files / "m.cmdline", "-o", files / "out", status=1)
    assert ".cmdline" in done.stderr
    (files / "empty").write_bytes(b"")
    done = segue("pack", "--kernel", files / "vmlinuz", "--initrd", files / "empty", "-o", files / "out", status=1)
    assert f"{files}/empty: the initrd has no bytes" in done.stderr
    assert not (files / "out").exists()


@pytest.mark.parametrize("form", ["bundle", "fiwix"])
def test_pack_refuses_what_segue_would(files, form):
    """By the sentences with which info refuses it, or iso where that is due to what the kernel is packed with."""
    (files / "k").write_bytes(multiboot_kernel(flags=0x8003 & ~3 | 3))
    for kernel in (files / "k", Path("/bin/ls")):
        refusal = segue("info", kernel, status=1).stdout
        done = segue("pack", "--kernel", kernel, "--format", form, "-o", files / "out", status=1)
        assert done.stdout == "" and done.stderr.startswith(f"segue: {kernel}: ") and "warning" not in done.stderr
        if form == "bundle":
            assert done.stderr.split(": ", 2)[2].strip() in refusal
    assert not (files / "out").exists()


def test_pack_refuses_a_command_line_that_is_too_long(files):
    words = ["--kernel", files / "vmlinuz", "--cmdline", "x" * 5000, "-o", files / "out"]
    done = segue("pack", *words, status=1)
    assert re.search(r"command line.* 5000\b.* 2047\b", done.stderr)
    assert segue("disk", *words, status=1).stderr == done.stderr
    assert not (files / "out").exists()


# ---- a bundle that cpio made ----

def test_hand_made_bundle(files):
    tree = files / "tree"
    (tree / "modules").mkdir(parents=True)
    (tree / "kernel").write_bytes(multiboot_kernel())
    (tree / "cmdline").write_text("from echo\n")
    (tree / "modules" / "10-late").write_bytes(b"late")
    (tree / "modules" / "09-early").write_bytes(b"early")
    (tree / "modules" / "09-early.cmdline").write_text("its words\n")
    archive = subprocess.run("find . | cpio -o -H newc", shell=True, cwd=tree, capture_output=True, check=True).stdout
    (files / "hand").write_bytes(archive)
    text = segue("info", files / "hand").stdout
    assert re.search(r"^  command line +from echo$", text, re.M)
    assert re.findall(r"^ {20}(\S.*)$", text, re.M) == ["early its words", "late"]
    (files / "crc").write_bytes(subprocess.run("find . | cpio -o -H crc", shell=True, cwd=tree, capture_output=True,
                                               check=True).stdout)
    assert segue("info", files / "crc").stdout.splitlines()[1:] == text.splitlines()[1:]


def test_what_is_no_bundle_gets_a_hint(files):
    (files / "init").write_bytes(b"#!")
    archive = subprocess.run("echo init | cpio -o -H newc", shell=True, cwd=files, capture_output=True, check=True).stdout
    (files / "initramfs").write_bytes(archive)
    text = segue("info", files / "initramfs", status=1).stdout
    assert "init at offset 0x0; if it is an initrd, hand it over after the kernel (code 42)" in text
    (files / "initramfs.xz").write_bytes(lzma.compress(archive))
    text = segue("info", files / "initramfs.xz", status=1).stdout
    assert "hand it over after the kernel (code 42)" in text and "unpacked by xz" in text
    (files / "k").write_bytes(b"\x89LZO" + bytes(100))
    assert "compressed: blob, by lzop; if it is an initrd, hand it over after the kernel (code 23)" in segue("info", files / "k", status=1).stdout


SALT = struct.pack("<III", 6, 11, 0x100) + b"Linux\0\0\0" + b"6.1.0-test\0\0"
GUEST = struct.pack("<III", 4, 6, 6) + b"Xen\0" + b"linux\0\0\0"


def vmlinux(note=SALT, is_64=False):
    """Linux as an ELF file: two segments with a gap between them, and a note."""
    machine, base, form = (62, 0xFFFFFFFF80000000, "<IIQQQQQQ") if is_64 else (3, 0xC0000000, "<8I")
    rows = [(1, 0x1000, 0x1000000, 3000, 3000), (1, 0x2000, 0x1800000, 500, 9000), (4, 0x3000, 0x1000100, len(note), len(note))]
    if is_64:
        header = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, 0x1000000, 64, 0, 0, 64, 56, 3, 0, 0, 0)
        table = b"".join(struct.pack(form, kind, 7, at, base + dest, dest, size, all_, PAGE) for kind, at, dest, size, all_ in rows)
    else:
        header = b"\x7fELF\1\1\1" + bytes(9) + struct.pack("<HHIIIIIHHHHHH", 2, machine, 1, 0x1000000, 52, 0, 0, 52, 32, 3, 0, 0, 0)
        table = b"".join(struct.pack(form, kind, at, base + dest, dest, size, all_, 7, PAGE) for kind, at, dest, size, all_ in rows)
    body = bytes(i * 11 % 249 for i in range(0x2000))
    return ((header + table).ljust(0x1000, b"\0") + body + note).ljust(0x3100, b"\0")


# ---- Linux as an ELF file ----

def test_info_vmlinux(files):
    (files / "k").write_bytes(vmlinux())
    text = segue("info", files / "k").stdout
    for line in (r"k: Linux, \d+ bytes", r"ELF +32-bit, little-endian, i386", r"  Linux +vmlinux, build salt 6\.1\.0-test\n", r"boots as +Linux\n",
                 r"entry +0x01000000 \(physical\)", r"needs +8\.0 MiB \(0x802328\) for itself",
                 r"0x01000000 - 0x01800000 +3000 bytes \+ +8385608  ELF segment", r"0x01800000 - 0x01802328 +500 bytes \+ +8500  ELF segment 1"):
        assert re.search(line, text), (line, text)
    (files / "k").write_bytes(vmlinux(GUEST))
    text = segue("info", files / "k").stdout
    assert re.search(r"  Linux +vmlinux\n", text) and "boots as        Linux\n" in text


def test_vmlinux_without_notes(files):
    """Older kernels have none: the user says what it is, to info, plan and pack; and an image's segue.elf is told."""
    (files / "k").write_bytes(vmlinux(b""))
    assert "boots as        ELF, entered" in segue("info", files / "k").stdout
    assert "boots as        Linux\n" in segue("info", "--vmlinux", files / "k").stdout
    assert f"k: ELF, entry" in segue("plan", files / "k").stdout
    assert f"k: Linux, entry" in segue("plan", "--vmlinux", files / "k").stdout
    segue("pack", "--vmlinux", "--kernel", files / "k", "--initrd", files / "initrd", "--digest", "-o", files / "b")
    assert "digest" in segue("info", "--vmlinux", files / "b").stdout
    segue("disk", "--vmlinux", "--kernel", files / "k", "--options", "quiet", "-o", files / "image")
    assert re.search(r"options +quiet vmlinux\n", segue("info", "--vmlinux", files / "image").stdout)
    segue("disk", "--vmlinux", "--kernel", files / "k", "--options", "vmlinux", "-o", files / "image")
    assert re.search(r"options +vmlinux\n", segue("info", "--vmlinux", files / "image").stdout)
    segue("disk", "--vmlinux", "--elf-entry-32", "--kernel", files / "k", "-o", files / "image")
    assert re.search(r"options +elf64=32bit vmlinux\n", segue("info", "--vmlinux", files / "image").stdout)


def test_a_64_bit_vmlinux(files):
    (files / "k").write_bytes(vmlinux(is_64=True))
    text = segue("info", files / "k").stdout
    assert "boots as        Linux, by its 64-bit entry\n" in text and re.search(r"needs +a 64-bit CPU\n", text)
    assert "k: Linux, 64-bit entry 0x01000000, " in segue("plan", files / "k").stdout
    segue("pack", "--kernel", files / "k", "-o", files / "out")
    (files / "old").write_bytes(vmlinux(b"", is_64=True))
    assert "64-bit ELF entry (code 72)" in segue("info", files / "old", status=1).stdout
    assert "boots as        Linux, by its 64-bit entry\n" in segue("info", "--vmlinux", files / "old").stdout


# ---- compressed kernels ----

def tool(*words):
    return lambda data: subprocess.run(words, input=data, capture_output=True, check=True).stdout


# What the compressors' own programs write; name, the words of a refusal
PACKERS = {
    "gzip": ("gzip", "gunzip", tool("gzip", "-9", "-n")), "xz": ("xz", "unxz", tool("xz", "-6")),
    "xz-crc32-x86": ("xz", "unxz", tool("xz", "--check=crc32", "--x86", "--lzma2=dict=1MiB")),
    "zstd": ("zstd", "unzstd", tool("zstd", "-q", "-19")), "zstd-ultra": ("zstd", "unzstd", tool("zstd", "-q", "--ultra", "-22", "--check")),
    "lz4": ("lz4", "unlz4", tool("lz4", "-q", "-9")), "lz4-legacy": ("lz4", "unlz4", tool("lz4", "-q", "-l", "-9")),
    "lzma": ("lzma", "unlzma", tool("xz", "--format=lzma", "-9")),
    "lzma-sized": ("lzma", "unlzma", lambda data: (lambda packed: packed[:5] + struct.pack("<Q", len(data)) + packed[13:])(
        lzma.compress(data, lzma.FORMAT_ALONE))),
    "bzip2": ("bzip2", "bunzip2", tool("bzip2", "-9")),
}
packers = pytest.mark.parametrize("packer", PACKERS)


def incompressible(size):
    return b"".join(hashlib.sha256(struct.pack("<I", i)).digest() for i in range(size // 32))


@packers
def test_compressed_kernels(files, packer):
    """Named by info and plan, unpacked by pack: the kernel in the bundle is the one that was compressed."""
    name, _, pack = PACKERS[packer]
    for kind, kernel in (("vmlinux", vmlinux()), ("bzimage", linux_kernel() + incompressible(9 << 17)), ("mb", multiboot_kernel())):
        packed = pack(kernel)
        (files / kind).write_bytes(packed)
        text = segue("info", files / kind).stdout
        assert f"{len(kernel)} bytes unpacked by {name} from {len(packed)}\n" in text
        assert f" (unpacked by {name}): " in segue("plan", files / kind).stdout
        done = segue("pack", "--kernel", files / kind, "--cmdline", "a", "-o", files / "out")
        assert f"{kind}: unpacked by {name} from " in done.stdout
        found = members((files / "out").read_bytes())["kernel"][1]
        assert hashlib.sha256(found).digest() == hashlib.sha256(kernel).digest()
    (files / "plain").write_bytes(kernel)
    segue("disk", "--kernel", files / "plain", "-o", files / "a.img")
    segue("disk", "--kernel", files / kind, "-o", files / "b.img")
    assert (files / "a.img").read_bytes() == (files / "b.img").read_bytes()


@packers
def test_compressed_in_pieces(files, packer):
    """Files that were compressed one by one and joined are one file; zeros may follow, other bytes may not (but after gzip)."""
    name, verb, pack = PACKERS[packer]
    kernel = linux_kernel()
    packed = pack(kernel[:50000]) + pack(kernel[50000:])
    (files / "k").write_bytes(packed + bytes(16))
    segue("pack", "--kernel", files / "k", "-o", files / "out")
    assert members((files / "out").read_bytes())["kernel"][1] == kernel
    (files / "k").write_bytes(packed + b"\0\0\0\0rubbish at the end")
    done = segue("pack", "--kernel", files / "k", "-o", files / "out2", status=0 if name == "gzip" else 1)
    if name != "gzip":
        assert f"segue: {files}/k: {verb} stops at offset {len(packed)}: other bytes follow\n" == done.stderr
        assert not (files / "out2").exists()


@packers
def test_compressed_and_cut(files, packer):
    """At any place: the sentence names the file, and how far it was read."""
    _, verb, pack = PACKERS[packer]
    packed = pack(multiboot_kernel())
    for cut in {13, 14, 20, 21, 40, len(packed) // 3, len(packed) // 2, *(len(packed) - each for each in range(1, 14))}:
        (files / "k").write_bytes(packed[:cut])
        done = segue("info", files / "k", status=1)
        found = re.search(rf"^segue: {files}/k: {verb} stops at offset (\d+): the file ends too early\n$", done.stderr)
        # A legacy frame ends where the file does. What is left of the kernel is judged as such.
        assert found or packer == "lz4-legacy" and cut == len(packed), (cut, len(packed), done.stdout, done.stderr)
        assert int(found[1]) <= cut and done.stdout == ""


@packers
def test_compressed_and_damaged(files, packer):
    """A byte that is changed is found by the format's checksum, or is not used. lzma and the legacy lz4 have no checksum."""
    name, verb, pack = PACKERS[packer]
    kernel = linux_kernel()
    packed = pack(kernel)
    found = 0
    places = [len(packed) * i // 24 for i in range(1, 24)]
    for at in places:
        broken = bytearray(packed)
        broken[at] ^= 0x55
        (files / "k").write_bytes(broken)
        done = subprocess.run([SEGUE, "pack", "--kernel", files / "k", "-o", files / "out"], capture_output=True, text=True, timeout=60)
        assert done.returncode in (0, 1), done.stderr
        if done.returncode:
            assert done.stderr.startswith(f"segue: {files}/k: ") and len(done.stderr.splitlines()) == 1
            found += f"{verb} stops at offset " in done.stderr
            assert not (files / "out").exists()
        else:
            got = members((files / "out").read_bytes())["kernel"][1]
            assert got == kernel or packer in ("lzma", "lzma-sized", "lz4-legacy")
            (files / "out").unlink()
    assert found > len(places) * 3 // 4 or packer in ("lzma", "lzma-sized", "lz4-legacy") and found > 0


@pytest.mark.parametrize("packer", ["gzip", "xz-crc32-x86", "zstd", "lz4", "lz4-legacy", "lzma-sized", "bzip2"])
def test_compressed_bomb(files, packer):
    """A few bytes that stand for very many are refused, before they fill memory."""
    _, verb, _ = PACKERS[packer]
    fast = {"gzip": tool("gzip", "-1"), "xz-crc32-x86": tool("xz", "-0"), "zstd": tool("zstd", "-q", "-1"), "lz4": tool("lz4", "-q", "-1"),
            "lz4-legacy": tool("lz4", "-q", "-l", "-1"), "lzma-sized": tool("xz", "-0", "--format=lzma"), "bzip2": tool("bzip2", "-1")}
    packed = fast[packer](bytes(32 << 20)) * 9
    (files / "k").write_bytes(packed)
    done = segue("pack", "--kernel", files / "k", "-o", files / "out", status=1)
    assert done.stderr == f"segue: {files}/k: {verb} stops: there are more than {256 << 20} bytes in a file of {len(packed)}\n"
    assert not (files / "out").exists()


def test_unpacked_size_grows_with_the_file(files):
    """64 times its compressed size may be in it, if that is more than 256 MiB."""
    kernel = linux_kernel(code_size=70000) + incompressible(5 << 20) + bytes(270 << 20)
    (files / "k").write_bytes(tool("zstd", "-q", "-1")(kernel))
    assert f"{len(kernel)} bytes unpacked by zstd" in segue("info", files / "k").stdout


def test_xz_that_needs_much_memory(files):
    """A dictionary of 1.5 GiB, which no kernel has."""
    packed = bytearray(lzma.compress(linux_kernel(), lzma.FORMAT_ALONE))
    packed[1:5] = struct.pack("<I", 3 << 29)
    (files / "k").write_bytes(packed)
    assert "unlzma stops at offset 13: it needs more than 1 GiB of memory" in segue("info", files / "k", status=1).stderr


def test_lz4_legacy_at_every_byte(files):
    """Segue reads these blocks itself: cut at each byte, and with each length changed, it ends in a sentence or a result."""
    packed = PACKERS["lz4-legacy"][2](multiboot_kernel(size=700))
    for at in range(4, len(packed)):
        (files / "k").write_bytes(packed[:at])
        done = subprocess.run([SEGUE, "info", files / "k"], capture_output=True, text=True, timeout=60)
        assert done.returncode == 1 and (done.stderr.startswith(f"segue: {files}/k: unlz4 stops at offset ") or at < 13), (at, done)
    for size in (1, len(packed) - 9, len(packed) - 7, 0x808081, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF):
        (files / "k").write_bytes(packed[:4] + struct.pack("<I", size) + packed[8:])
        done = segue("info", files / "k", status=1)
        assert re.search(r"unlz4 stops at offset 4: the (data is damaged|file ends too early)|unlz4 stops at offset \d+: ", done.stderr), (size, done)


def test_info_names_the_payload(files):
    """A bzImage's own payload, by its header (protocol 2.08)."""
    for packer, name in (("gzip", "gzip"), ("xz", "xz"), ("zstd", "zstd"), ("lz4-legacy", "lz4"), ("lzma", "lzma"), ("bzip2", "bzip2")):
        payload = PACKERS[packer][2](vmlinux())
        kernel = bytearray(linux_kernel())
        kernel[1024 + 0x400:1024 + 0x400 + len(payload)] = payload
        struct.pack_into("<II", kernel, 0x248, 0x400, len(payload))
        (files / "k").write_bytes(kernel)
        assert re.search(rf"^  +payload +\S+ \S+ at offset 0x800, {name}$", segue("info", files / "k").stdout, re.M), packer
    struct.pack_into("<II", kernel, 0x248, 0x400, 1 << 20)
    (files / "k").write_bytes(kernel)
    assert not re.search(r"^  +payload", segue("info", files / "k").stdout, re.M)


def test_other_cpio_formats_are_told(files):
    for form in ("bin", "odc"):
        archive = subprocess.run(f"echo mb.elf | cpio -o -H {form}", shell=True, cwd=files, capture_output=True, check=True)
        (files / form).write_bytes(archive.stdout)
        assert "cpio -o -H newc" in segue("info", files / form, status=1).stdout


# ---- info ----

def test_info_linux(files):
    text = segue("info", files / "vmlinuz").stdout
    for line in (r"boot protocol 2\.15", r"9\.8\.7-test \(me\)", r"needs +2 MiB \(0x200000\)", r"prefers +0x1000000",
                 r"entry +0x01000000 \(physical\)", r"64-bit entry", r"2047 bytes at most",
                 r"0x01000000 - 0x01200000 +70000 bytes \+ +2027152  Linux kernel"):
        assert re.search(line, text), (line, text)


def test_info_multiboot(files):
    (files / "k").write_bytes(multiboot_kernel(flags=7))
    text = segue("info", files / "k").stdout
    for line in (r"header at offset 0x1000", r"page-aligned modules, memory information, video mode \(flags 0x7\)",
                 r"1024x768, 32 bits", r"entry +0xc0100040 \(virtual", r"entry +0x00100040 \(physical\)",
                 r"0x00100000 - 0x00101f40 +3000 bytes \+ +5000  ELF segment\n"):
        assert re.search(line, text), (line, text)


def test_info_gunzips(files):
    (files / "k.gz").write_bytes(gzip.compress(multiboot_kernel()))
    text = segue("info", files / "k.gz").stdout
    assert "Multiboot 1, 7096 bytes unpacked by gzip from" in text


def test_info_of_a_refused_file(files):
    (files / "k").write_bytes(multiboot_kernel(flags=0x13))
    done = segue("info", files / "k", status=1)
    assert re.search(r"refused, 7096 bytes", done.stdout)
    assert re.search(r"asks for .*bit 4", done.stdout) and re.search(r"refused .*\(code 91\)", done.stdout)
    (files / "k").write_bytes(multiboot_kernel()[:0x1800])
    assert "(code 68)" in segue("info", files / "k", status=1).stdout


def test_info_elf64_is_64_bit_unless_told(files):
    kernel = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0x100000, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    kernel += struct.pack("<IIQQQQQQ", 1, 7, 0x1000, 0x100000, 0x100000, 16, 16, PAGE)
    (files / "k").write_bytes(kernel.ljust(0x1010, b"\x90"))
    assert "(code 72)" in segue("info", files / "k", status=1).stdout
    assert "boots as        ELF" in segue("info", "--elf-entry-32", files / "k").stdout


def pvh_kernel(*entries):
    """An ELF64 of one segment at 1 MiB, with Xen's note 18 for each of these entries (bytes)."""
    notes = b"".join(struct.pack("<III", 4, len(each), 18) + b"Xen\0" + each.ljust(-len(each) % 4 + len(each), b"\0") for each in entries)
    kernel = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0x100000, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    kernel += struct.pack("<IIQQQQQQ", 1, 7, 0x1000, 0x100000, 0x100000, 16, 16, PAGE)
    kernel += struct.pack("<IIQQQQQQ", 4, 4, 0x200, 0, 0, len(notes), 0, 4)
    return (kernel.ljust(0x200, b"\0") + notes).ljust(0x1010, b"\x90")


def test_info_pvh(files):
    (files / "k").write_bytes(pvh_kernel(struct.pack("<Q", 0x100004)))
    text = segue("info", files / "k").stdout
    for line in (r"PVH +entry 0x100004\n", r"boots as +PVH\n", r"entry +0x00100004 \(physical\)", r"a 64-bit CPU", r" 457 bytes +PVH start info\n"):
        assert re.search(line, text), (line, text)
    (files / "k").write_bytes(pvh_kernel(struct.pack("<Q", 0x100004), struct.pack("<I", 0x100008)))
    text = segue("info", files / "k", status=1).stdout
    assert re.search(r"PVH +entry 0x100004\n +PVH +entry 0x100008\n", text) and "0x100004 and 0x100008 (code 231)" in text
    (files / "k").write_bytes(pvh_kernel(b"12345"))
    text = segue("info", files / "k", status=1).stdout
    assert re.search(r"PVH +a note of 5 bytes\n", text) and "(code 230)" in text


def many_headers(notes, loads):
    """An ELF32 of 3 MB: so many PT_NOTEs over the same 2 MiB of notes, and segments of 16 bytes at these addresses."""
    size, count = 2 << 20, notes + len(loads)
    table = 52 + 32 * count
    rows = [(4, table, 0, 0, size, 0)] * notes + [(1, table, at, at, 8, 16) for at in loads]
    header = b"\x7fELF\1\1\1" + bytes(9) + struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, loads[0] if loads else 0, 52, 0, 0, 52, 32, count, 0, 0, 0)
    return header + b"".join(struct.pack("<8I", *row, 0, 0) for row in rows) + (struct.pack("<III", 4, 0, 1) + b"GNU\0") * (size // 16)


def seconds_of_info(path, status):
    """Of the CPU, which may be 15 at most."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    segue("info", path, status=status, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (15, 15)))
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


@pytest.mark.parametrize("notes, loads", [(65535, 0), (32767, 32768)])
def test_info_of_overlapping_notes(files, notes, loads):
    """Its time is not program headers times notes: it takes a fifth of a second, and took a minute."""
    (files / "k").write_bytes(many_headers(notes, range(0x110010, 0x110010 + 16 * loads, 16)))
    seconds_of_info(files / "k", 0 if loads else 1)


def test_info_of_segments_in_reverse(files):
    """Each is inserted before all others: four times as long as in their order, and it was sixty times."""
    loads = range(0x100000, 0x100000 + 16 * 65535, 16)
    (files / "up").write_bytes(many_headers(0, loads))
    (files / "down").write_bytes(many_headers(0, loads[::-1]))
    assert seconds_of_info(files / "down", 0) < 15 * seconds_of_info(files / "up", 0)


def test_info_reads_as_many_notes_as_the_pvh_loader(files):
    """The second PT_NOTE begins at a note; the first, with all the file, has none."""
    for size, told in ((0x1010 - 24, True), (0x1010 - 23, False)):
        kernel = bytearray(pvh_kernel(struct.pack("<Q", 0x100004)))
        kernel[56] = 3
        kernel[64 + 2 * 56:64 + 3 * 56] = kernel[64 + 56:64 + 2 * 56]
        struct.pack_into("<QQQQ", kernel, 64 + 56 + 8, 0, 0, 0, size)
        (files / "k").write_bytes(kernel)
        text = segue("info", files / "k", status=0 if told else 1).stdout
        assert ("PVH   " in text) == told and ("boots as        PVH\n" in text) == told, text


def test_pack_and_plan_pvh(files):
    """Modules with their lines in a bundle; the plan places them after the kernel."""
    (files / "k").write_bytes(pvh_kernel(struct.pack("<I", 0x100004)))
    segue("pack", "--kernel", files / "k", "--cmdline", "a b", "--module", f"{files / 'vmlinuz'}=c d", "-o", files / "out")
    text = segue("plan", files / "out").stdout
    assert "PVH in a bundle" in text and re.search(r"0x00101000 - 0x\w+ +\d+  module,", text), text
    done = segue("pack", "--kernel", files / "k", "--cmdline", "a", "-o", files / "out", "--initrd", files / "vmlinuz")
    assert not done.stderr


@pytest.mark.parametrize("cut, reason", [(20, "too early"), (-4, "too early"), (None, "incorrect data check")])
def test_broken_gzip_names_file_and_offset(files, cut, reason):
    packed = bytearray(gzip.compress(linux_kernel()))
    if cut is None:
        packed[-6] ^= 1
    else:
        packed = packed[:cut]
    (files / "k.gz").write_bytes(packed)
    for words in (["info"], ["plan"], ["pack", "-o", files / "out", "--kernel"]):
        done = segue(*words, files / "k.gz", status=1)
        offset = re.search(rf"^segue: {files}/k.gz: gunzip stops at offset (\d+): .*{reason}", done.stderr)
        assert offset and 0 < int(offset.group(1)) <= len(packed), done.stderr


def test_info_prints_no_control_characters(files):
    kernel = bytearray(linux_kernel())
    kernel[0x300:0x30A] = b"\x1b[2J\r\n\x9b1m"[:10]
    (files / "k").write_bytes(kernel)
    raw = subprocess.run([SEGUE, "info", files / "k"], capture_output=True, check=True, timeout=60).stdout
    assert not set(raw) & (set(range(32)) - {10} | set(range(127, 256)))


# ---- plan ----

PLAN_FIGURES = re.compile(
    r"payload (\d+) bytes .*: (\d+) in place, (\d+) moved, (\d+) of these set aside; (\d+) zeroed")
PLAN_MOVE = re.compile(r"^ *(\d+)  (copy|swap|zero) +(?:0x([0-9a-f]+) (?:->|<>))? +0x([0-9a-f]+) +(\d+)(  from)?", re.M)
PLAN_SEGMENT = re.compile(
    r"^  [a-zA-Z]  0x([0-9a-f]+) - 0x([0-9a-f]+) +(\d+)  ([^,\n]+)(?:, (\d+) of them)?(?:, (in place|zeros)|, from 0x([0-9a-f]+))?$",
    re.M)


def moves_of(text):
    for i, (number, kind, source, dest, size, descending) in enumerate(PLAN_MOVE.findall(text)):
        assert int(number) == i + 1
        yield kind, int(source or "0", 16), int(dest, 16), int(size), bool(descending)


def run_moves(text, memory):
    """Does what the plan says, byte after byte where ranges meet."""
    for kind, source, dest, size, descending in moves_of(text):
        if kind == "zero":
            memory[dest:dest + size] = bytes(size)
        elif kind == "copy":
            if abs(source - dest) < size:
                assert descending == (dest > source)
            memory[dest:dest + size] = memory[source:source + size]
        else:
            for i in (range(size - 1, -1, -1) if descending else range(size)):
                memory[dest + i], memory[source + i] = memory[source + i], memory[dest + i]


def check_plan(text, blob, blob_at, top):
    memory = bytearray(os.urandom(1 << 20) * (top >> 20))
    memory[blob_at:blob_at + len(blob)] = blob
    before = bytes(memory)
    run_moves(text, memory)
    payload, in_place, moved, aside, zeroed = map(int, PLAN_FIGURES.search(text).groups())
    moves = list(moves_of(text))
    assert sum(m[3] * (2 if m[0] == "swap" else 1) for m in moves if m[0] != "zero") == moved
    assert sum(m[3] for m in moves if m[0] == "zero") == zeroed
    assert moved <= payload + aside and in_place <= payload
    segments = PLAN_SEGMENT.findall(text)
    assert segments
    total = 0
    for start, end, size, name, some, how, source in segments:
        start, end = int(start, 16), int(end, 16)
        count = 0 if how == "zeros" else int(some or size)
        source = start if how == "in place" else int(source or "0", 16)
        assert end - start == int(size)
        total += count
        assert memory[start:start + count] == before[source:source + count], name
    assert total == payload
    return memory


@pytest.mark.parametrize("at", [0x100000, 0xFFF001, 0x1000000, 0x1000200, 0x1000400, 0x1010000, 0x0FE0003, 0x1F00000])
def test_plan_moves_every_byte_to_its_place(files, at):
    segue("pack", "--kernel", files / "vmlinuz", "--initrd", files / "initrd", "--cmdline", "c", "-o", files / "b")
    text = segue("plan", files / "b", "--memory", "32M", "--at", hex(at)).stdout
    memory = check_plan(text, (files / "b").read_bytes(), at, 32 << 20)
    assert memory[0x1000000:0x1000000 + 70000] == linux_kernel()[1024:]
    initrd = (files / "initrd").read_bytes()
    start = int(re.search(r"0x([0-9a-f]+) - .*  initrd", text).group(1), 16)
    assert memory[start:start + len(initrd)] == initrd


@pytest.mark.parametrize("at", [0x100000, 0xFF000, 0x101234, 0x800000])
def test_plan_multiboot(files, at):
    if at == 0xFF000:
        segue("plan", files / "mb.elf", "--memory", "16M", "--at", hex(at), status=1)
        return
    text = segue("plan", files / "mb.elf", "--memory", "16M", "--at", hex(at)).stdout
    memory = check_plan(text, multiboot_kernel(), at, 16 << 20)
    assert memory[0x100000:0x100000 + 8000] == multiboot_kernel()[0x1000:] + bytes(5000)


def test_plan_puts_pages_to_use_where_they_lie(files):
    segue("pack", "--kernel", files / "vmlinuz", "--initrd", files / "initrd", "-o", files / "b")
    text = segue("plan", files / "b").stdout
    assert re.search(r"initrd, 50001 of them, in place|initrd, in place", text), text


def test_plan_draws_two_bars_of_one_width(files):
    for memory in ("8M", "512M", "6G"):
        text = segue("plan", files / "mb.elf", "--memory", memory, "--module", f"{files}/one.mod=words").stdout
        before = re.search(r"^before \|(.*)\|$", text, re.M).group(1)
        after = re.search(r"^after  \|(.*)\|$", text, re.M).group(1)
        assert len(before) == len(after) >= 72
        letters = set(re.findall(r"^  (\S)  0x", text, re.M))
        assert letters - {"+", "="} <= set(after), text
        assert "+" in before and "%" in after and "0" in after
    # the hole below 4 GiB
    assert "        " in before and before.index("        ") == after.index("        ")


def test_plan_takes_modules_and_their_words(files):
    text = segue("plan", files / "mb.elf", "--module", f"{files}/one.mod=a=b", "--module", files / "two.mod").stdout
    assert len(re.findall(r"  module [01]\b", text)) == 2
    assert re.search(r"^  =  .*  one\.mod$", text, re.M) and re.search(r"^  =  .*  two\.mod$", text, re.M)


def test_plan_refusals(files):
    done = segue("plan", files / "vmlinuz", "--memory", "16M", status=1)
    assert done.stdout == "" and done.stderr.startswith(f"segue: {files}/vmlinuz: ") and "(code 115)" in done.stderr
    done = segue("plan", files / "mb.elf", "--memory", "1M", status=1)
    assert "no RAM" in done.stderr
    done = segue("plan", files / "mb.elf", "--at", "0xa0000", status=1)
    assert "outside RAM" in done.stderr
    done = segue("plan", files / "mb.elf", "--at", "2M", "--workspace", "2M", status=1)
    assert "the workspace" in done.stderr and "0x200000" in done.stderr
    done = segue("plan", files / "mb.elf", "--module", files / "none", status=1)
    assert f"{files}/none: No such file" in done.stderr


def test_plan_at_and_workspace(files):
    text = segue("plan", files / "mb.elf", "--at", "0x300001", "--workspace", "5M").stdout
    assert re.search(r"^  =  0x00300001 - 0x00301bb9 +7096  mb.elf$", text, re.M)
    assert re.search(r"^  \+  0x00500000 - ", text, re.M)


def test_plan_above_4_gib(files):
    text = segue("plan", files / "mb.elf", "--memory", "8G", "--at", "0x180000001").stdout
    assert re.search(r"^  =  0x180000001 - 0x180001bb9 +7096  mb.elf$", text, re.M)
    assert re.search(r"^ +\d+  copy  0x180[0-9a-f]{6} -> 0x00[0-9a-f]{6} ", text, re.M)


def test_plan_within(files):
    words = ["plan", files / "mb.elf", "--memory", "64M", "--module", f"{files}/one.mod=words"]
    # The kernel is at 1 MiB.
    text = segue(*words, "--within", "1M-2MiB", "--within", "0x2000000-0x3000000").stdout
    gets = re.search(r"^the target gets\n((?:  .*\n)+)", text, re.M)[1]
    places = [(int(start, 16), int(end, 16)) for start, end in re.findall(r"0x(\w+) - 0x(\w+)", gets)]
    # The kernel, the module; the information, at a distance from them; purgatory, in the workspace.
    assert len(places) == 4 and all(1 << 20 <= start and end <= 2 << 20 for start, end in places[:2])
    assert places[2][0] == 0x2000000 and places[3][0] > 0x3000000
    before, after = re.findall(r"^(?:before|after) *\|(.*)\|$", text, re.M)
    assert "-" in after and "." in after and "-" not in before and "- not for the target" in text
    assert "not for the target" not in segue(*words).stdout
    done = segue(*words, "--within", "2M-4M", status=1)
    assert "segment outside target_memory: ELF segment 0 at 0x100000 to 0x101f40; " \
        "target_memory is 0x200000 to 0x400000 (code 139)" in done.stderr
    done = segue(*words, "--within", "640K-1M", status=1)
    assert "wrong target_memory: no RAM below 4 GiB (code 17)" in done.stderr
    out = files / "plan.svg"
    segue(*words, "--within", "1M-2M", "--svg", out)
    assert "not for target" in out.read_text()
    segue(*words, "--svg", out)
    assert "not for target" not in out.read_text()
    done = segue("plan", files / "vmlinuz", "--within", "16M-32M")
    assert "warning: Linux may panic without 64 KiB to 640 KiB in target_memory" in done.stderr
    done = segue("plan", files / "vmlinuz", "--within", "16M-32M", "--within", "64K-640K")
    assert done.stderr == ""


def test_plan_with_a_map_from_a_log(files):
    (files / "map").write_text(
        "[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable\n"
        "[    0.000000] BIOS-e820: [mem 0x00000000000f0000-0x00000000000fffff] reserved\n"
        "\n# and by hand\n"
        "0x100000 0x800000 ram\n0x800000 0x900000 acpi nvs\n0x900000 0x1000000 RAM\n")
    text = segue("plan", files / "mb.elf", "--map", files / "map", "--at", "9M").stdout
    assert "memory as in" in text and re.search(r"^  =  0x00900000", text, re.M)
    # ends are inclusive in a log
    (files / "log").write_text("[mem 0x0000000000100000-0x00000000004fffff] usable\n")
    segue("plan", files / "mb.elf", "--map", files / "log", "--at", hex(0x500000 - 7096))
    segue("plan", files / "mb.elf", "--map", files / "log", "--at", hex(0x500001 - 7096), status=1)
    done = segue("plan", files / "mb.elf", "--map", files / "map", "--at", "8M", status=1)
    assert "outside RAM" in done.stderr
    (files / "map").write_text("0 0x9f000 ram\n0x9f000 0x9f000 reserved\n0x100000 0x8000000 ram\n[mem 0x9000000-0x8ffffff] usable\n")
    assert "line" not in segue("plan", files / "mb.elf", "--map", files / "map", "--at", "8M").stderr
    (files / "map").write_text("0x2000 0x1000 ram\n")
    assert "line 1" in segue("plan", files / "mb.elf", "--map", files / "map", status=1).stderr
    (files / "map").write_text("0 0x1000 ram\nnonsense\n")
    done = segue("plan", files / "mb.elf", "--map", files / "map", status=1)
    assert f"{files}/map: line 2" in done.stderr
    for line in ("0 9fc00 ram", "0 0x9fc00 ram\nf0000 100000 ram", "0xf0000 FFFFF 1"):
        (files / "map").write_text(line + "\n")
        done = segue("plan", files / "mb.elf", "--map", files / "map", status=1)
        assert f"line {len(line.splitlines())} is neither" in done.stderr and "a hexadecimal number begins with 0x" in done.stderr
    for line in ("nonsense", "0 0x1000 fc", "[mem 0x5-0x3] usable", "0 0x1000 face it"):
        (files / "map").write_text(line + "\n")
        done = segue("plan", files / "mb.elf", "--map", files / "map", status=1)
        assert "line 1 is neither" in done.stderr and "begins with 0x" not in done.stderr
    (files / "map").write_text("\n")
    assert "no line" in segue("plan", files / "mb.elf", "--map", files / "map", status=1).stderr


SVG = "{http://www.w3.org/2000/svg}"


def test_plan_svg(files):
    out = files / "plan.svg"
    odd = files / "a<b>&'\"\x01\xff.elf"
    odd.write_bytes(multiboot_kernel())
    text = segue("plan", odd, "--at", "0x100800", "--memory", "16M", "--module", files / "one.mod", "--svg", out).stdout
    root = ElementTree.parse(out).getroot()
    assert root.tag == SVG + "svg"
    words = ["".join(t.itertext()) for t in root.iter(SVG + "text")]
    assert "before" in words and "after" in words and "a<b>&'\"???.elf" in words and "purgatory" in words
    moves = [m for m in moves_of(text) if m[0] != "zero"]
    assert moves
    assert [w for w in words if re.fullmatch(r"\d{1,2}", w)] == [str(i + 1) for i, m in enumerate(moves_of(text)) if m[0] != "zero"]
    assert "ELF segment" in words
    assert "0x00100000" in words
    width, height = float(root.get("width")), float(root.get("height"))
    for rect in root.iter(SVG + "rect"):
        if rect.get("x") and rect.get("y"):
            assert 0 <= float(rect.get("x")) <= width - float(rect.get("width"))
            assert 0 <= float(rect.get("y")) <= height - float(rect.get("height")) + 0.01
            assert float(rect.get("height")) > 0


def test_plan_svg_that_cannot_be_written(files):
    done = segue("plan", files / "mb.elf", "--svg", files / "no" / "plan.svg", status=1)
    assert f"{files}/no/plan.svg: " in done.stderr


def test_full_standard_output_is_told(files):
    with open("/dev/full", "w") as full:
        done = subprocess.run([SEGUE, "info", files / "mb.elf"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1 and "cannot be written" in done.stderr


# ---- targets that start in real mode ----
def boot_sector():
    return bytes(510) + b"\x55\xaa"


def zimage():
    kernel = bytearray(linux_kernel(version=0x202))
    kernel[0x211] = 0
    return bytes(kernel)


@pytest.mark.parametrize("make, protocol, entry", [
    (boot_sector, "boot sector", "0x00007c00"), (zimage, "Linux", "0x00090200"),
])
def test_what_starts_in_real_mode(tmp_path, make, protocol, entry):
    """info says that it needs a BIOS; plan and pack take it."""
    file = tmp_path / "file"
    file.write_bytes(make())
    said = segue("info", file).stdout
    assert re.search(rf"^  boots as +{protocol}, by a 16-bit entry: only on a PC with a BIOS$", said, re.M), said
    assert re.search(rf"^  entry +{entry} ", said, re.M), said
    assert f"16-bit entry {entry}" in segue("plan", file).stdout
    done = segue("pack", "--kernel", file, "-o", tmp_path / "bundle")
    assert "warning" not in done.stderr
    assert f"{protocol} in a bundle" in segue("info", tmp_path / "bundle").stdout


def test_linux16(tmp_path):
    """An ordinary kernel goes through its setup code where that is asked for."""
    file = tmp_path / "file"
    file.write_bytes(linux_kernel())
    assert "16-bit" not in segue("info", file).stdout
    assert re.search(r"^  boots as +Linux, by a 16-bit entry", segue("info", "--linux16", file).stdout, re.M)
    assert "16-bit entry 0x00010200" in segue("plan", "--linux16", file).stdout


def test_linux64(tmp_path):
    """A kernel that has a 64-bit entry is entered there where that is asked for; one that has none is refused."""
    file = tmp_path / "file"
    kernel = bytearray(linux_kernel())
    kernel[0x236] &= 0xfe
    file.write_bytes(kernel)
    assert "no 64-bit entry: boot protocol 2." in segue("info", "--linux64", file, status=1).stdout
    kernel[0x236] |= 1
    file.write_bytes(kernel)
    assert "by its 64-bit entry" not in segue("info", file).stdout
    said = segue("info", "--linux64", file).stdout
    assert re.search(r"^  boots as +Linux, by its 64-bit entry$", said, re.M), said
    assert re.search(r"28672 bytes +64-bit tables$", said, re.M), said
    assert "64-bit entry 0x01000200" in segue("plan", "--linux64", file).stdout


def test_an_initrd_stays_above_4_gib(tmp_path):
    """A bundle's initrd lies on a page boundary in it."""
    kernel = bytearray(linux_kernel())
    kernel[0x236] |= 3
    (tmp_path / "kernel").write_bytes(kernel)
    (tmp_path / "initrd").write_bytes(bytes(range(256)) * 100)
    segue("pack", "--kernel", tmp_path / "kernel", "--initrd", tmp_path / "initrd", "-o", tmp_path / "bundle")
    for words, place in (((), r"0x7fff\w+"), (("--linux64",), r"0x1000\w+")):
        said = segue("plan", *words, "--at", "0x100000000", "--memory", "8G", tmp_path / "bundle").stdout
        assert re.search(rf"^  \w  {place} - \w+ +\d+  initrd, 25600 of them{', in place' if words else ''}", said, re.M), said


def test_a_kernel_above_4_gib(tmp_path):
    """One that finds no room below, if its header lets it lie there."""
    kernel = bytearray(linux_kernel())
    file, picture = tmp_path / "file", tmp_path / "picture.svg"
    words = ("--memory", "8G", "--within", "64K-640K", "--within", "4G-5G", "--cmdline", "quiet", file)
    for flags, why in ((1, "bit 1 of its xloadflags is 0"), (3, None)):
        kernel[0x236] = kernel[0x236] & 0xfc | flags
        file.write_bytes(kernel)
        said = segue("plan", "--linux64", "--svg", picture, *words, status=1 if why else 0)
        assert not why or why in said.stderr
    assert "64-bit entry 0x100000200" in said.stdout and "entry 0x100000200." in picture.read_text()
    assert re.search(r"^  \w  0x100000000 - \w+ +\d+  Linux kernel", said.stdout, re.M), said.stdout
    assert re.search(r"^  \w  0x10\w{7} - \w+ +\d+  Linux boot parameters", said.stdout, re.M), said.stdout
    assert re.search(r"^  \w  0x\w{8} - \w+ +32768  64-bit tables, in place", said.stdout, re.M), said.stdout


def test_catcher(tmp_path):
    """It is a segment like any other, at the top of RAM."""
    file = tmp_path / "file"
    file.write_bytes(linux_kernel())
    assert "catcher, 2048" not in segue("plan", file).stdout
    said = segue("plan", "--catcher", "--memory", "64M", file).stdout
    assert re.search(r"0x03fdc000 - 0x03fe0000 +16384  catcher, 2048 of them", said), said


# ---- make iso, make disk, make run ----

@pytest.mark.parametrize("words", [["KERNEL={files}/nope"], ["KERNEL={files}/vmlinuz", "INITRD={files}/nope"]], ids=["kernel", "initrd"])
def test_make_names_a_file_that_is_missing(words, files):
    done = subprocess.run(["make", "iso-now", *(each.format(files=files) for each in words), f"ISO={files}/out.iso"], cwd=ROOT,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and not (files / "out.iso").exists()
    assert f"There is no file {files}/nope. KERNEL= and INITRD= name the files to boot." in done.stderr
    assert "No rule" not in done.stderr
