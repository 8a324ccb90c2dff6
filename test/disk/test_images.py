# SPDX-License-Identifier: MIT
"""`segue iso` and `segue disk`: what is on the images, seen by others' programs and by a reader of our own."""
import os
import re
import resource
import shutil
import signal
import stat
import struct
import subprocess
import time
from pathlib import Path

import pytest

from test_command import ROOT, SEGUE, files, linux_kernel, members, multiboot_kernel, segue  # noqa: F401 (files is a fixture)

SECTOR = 2048
MAGIC = b"SegueSeal 1\n"
KINDS = ("iso", "disk")


def seal_of(blob):
    """As container/seal.h has it."""
    padded = blob + bytes(-len(blob) % SECTOR)
    total = sums = 0
    for at in range(0, len(padded), SECTOR):
        total += sum(struct.unpack_from("<512I", padded, at))
        sums += total
    return MAGIC + struct.pack("<QIII", len(blob), total & 0xFFFFFFFF, sums & 0xFFFFFFFF, 0)


def records(image, at, size):
    """name -> (offset, size, is a folder) of a folder of an ISO: ECMA-119, 9.1."""
    found, end = {}, at + size
    while at < end:
        length = image[at]
        if not length:
            at = (at // SECTOR + 1) * SECTOR
            continue
        name = image[at + 33:at + 33 + image[at + 32]]
        start, = struct.unpack_from("<I", image, at + 2)
        bytes_there, = struct.unpack_from("<I", image, at + 10)
        if name not in (b"\0", b"\1"):
            found[name.decode().split(";")[0].rstrip(".").lower()] = (start * SECTOR, bytes_there, bool(image[at + 25] & 2))
        at += length
    return found


def iso_files(image):
    assert image[0x8001:0x8006] == b"CD001"
    root = records(image, struct.unpack_from("<I", image, 0x8000 + 158)[0] * SECTOR, struct.unpack_from("<I", image, 0x8000 + 166)[0])
    assert list(root) == ["segue"] and root["segue"][2]
    return {name: (at, image[at:at + size]) for name, (at, size, _) in records(image, *root["segue"][:2]).items()}


def boot_parts(segue_program):
    """The boot sector and the boot image that are part of the command: build/mbr.bin, build/boot.img."""
    folder = Path(segue_program).parent
    return (folder / "mbr.bin").read_bytes(), (folder / "boot.img").read_bytes()


def disk_blob(image):
    """(options, blob) as container/media_format.h has it."""
    kind, start, _ = partitions(image)[0]
    assert kind == 0x7F
    header = image[start * 512:start * 512 + 512]
    assert header[:8] == b"SegueDsk" and struct.unpack_from("<II", header, 16) == (512, 1)
    size, = struct.unpack_from("<Q", header, 8)
    return header[24:].split(b"\0")[0].decode(), image[start * 512 + 512:start * 512 + 512 + size]


def partitions(image):
    return [(image[0x1C2 + 16 * i], *struct.unpack_from("<II", image, 0x1C6 + 16 * i)) for i in range(4)]


def blob_on(kind, image):
    return disk_blob(image)[1] if kind == "disk" else iso_files(image)["blob"][1]


def options_on(kind, image):
    return disk_blob(image)[0] if kind == "disk" else iso_files(image).get("options", (0, b""))[1].decode()


def make(kind, files, *words, out="out", **more):
    done = segue(kind, *words, "-o", files / out, **more)
    return done, (files / out).read_bytes() if (files / out).exists() else None


@pytest.mark.parametrize("kind", KINDS)
def test_blob_is_what_pack_makes_and_its_seal(kind, files):
    words = ["--kernel", files / "vmlinuz", "--initrd", files / "initrd", "--cmdline", "a=b c"]
    segue("pack", *words, "-o", files / "bundle")
    _, image = make(kind, files, *words, "--options", "panic=10")
    bundle = (files / "bundle").read_bytes()
    assert blob_on(kind, image) == bundle + seal_of(bundle)
    assert options_on(kind, image).rstrip("\n") == "panic=10"
    _, image = make(kind, files, files / "bundle")
    assert blob_on(kind, image) == bundle + seal_of(bundle)
    assert options_on(kind, image) == ""
    segue("pack", *words, "--seal", "-o", files / "sealed")
    assert (files / "sealed").read_bytes() == bundle + seal_of(bundle)
    assert blob_on(kind, make(kind, files, files / "sealed")[1]) == bundle + seal_of(bundle)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kernel", [multiboot_kernel(), linux_kernel(), multiboot_kernel(size=2048 - 0x1000 % 2048 + 4)],
                         ids=["multiboot", "linux", "other-size"])
def test_a_bare_kernel_is_a_blob(kind, kernel, files):
    (files / "k").write_bytes(kernel)
    _, image = make(kind, files, files / "k")
    assert blob_on(kind, image) == kernel + seal_of(kernel)


def test_fiwix_blob_keeps_its_bytes(files):
    words = ["--format", "fiwix", "--kernel", files / "vmlinuz", "--initrd", files / "initrd"]
    segue("pack", *words, "-o", files / "plain")
    plain = (files / "plain").read_bytes()
    for kind in KINDS:
        assert blob_on(kind, make(kind, files, *words)[1]) == plain + seal_of(plain)


def test_iso_boots_both_ways(files):
    mbr, boot = boot_parts(SEGUE)
    _, image = make("iso", files, "--kernel", files / "vmlinuz")
    found = iso_files(image)
    at, there = found["boot.img"]
    assert there[64:] == boot[64:] and there[:8] == boot[:8]
    # the boot information table: primary volume descriptor, this file, its length, the sum of its words from 64 on
    words = struct.unpack(f"<{(len(there) - 64 + 3) // 4}I", there[64:] + bytes(-len(there) % 4))
    assert struct.unpack_from("<4I", there, 8) == (16, at // SECTOR, len(boot), sum(words) & 0xFFFFFFFF)
    # the boot record names the catalog, the catalog the file (El Torito 1.0, 2.0 and figure 7)
    catalog = struct.unpack_from("<I", image, 17 * SECTOR + 0x47)[0] * SECTOR
    assert image[17 * SECTOR:17 * SECTOR + 30] == b"\0CD001\1EL TORITO SPECIFICATION"
    assert struct.unpack_from("<BBHBBHI", image, catalog + 32) == (0x88, 0, 0, 0, 0, 4, at // SECTOR)
    # as a disk: our boot sector, patched; one active partition
    assert image[:0x1B0] == mbr[:0x1B0] and image[510:512] == b"\x55\xaa"
    assert struct.unpack_from("<Q", image, 0x1B0)[0] == at // 512 + 4
    listed = partitions(image)
    assert listed[0][1:] == (1, len(image) // 512 - 1) and listed[1:] == [(0, 0, 0)] * 3
    assert image[0x1BE] == 0x80 and len(image) % SECTOR == 0
    report = subprocess.run(["xorriso", "-indev", files / "out", "-report_el_torito", "plain", "-report_system_area", "plain"],
                            capture_output=True, text=True, check=True).stdout
    assert re.search(r"^El Torito boot img : +1  BIOS  y   none  0x0000  0x00 +4 +%d$" % (at // SECTOR), report, re.M), report
    assert "grub2-mbr" in report and re.search(r"^MBR partition +: +1 +0x80 +0xcd +1 +%d$" % (len(image) // 512 - 1), report, re.M)


def test_disk_layout(files):
    mbr, boot = boot_parts(SEGUE)
    _, image = make("disk", files, "--kernel", files / "vmlinuz", "--initrd", files / "initrd")
    assert image[:0x1B0] == mbr[:0x1B0] and image[510:512] == b"\x55\xaa"
    assert struct.unpack_from("<Q", image, 0x1B0)[0] == 1
    assert image[512:512 + len(boot) - SECTOR] == boot[SECTOR:]
    assert not any(image[512 + len(boot) - SECTOR:2048 * 512])
    _, start, size = partitions(image)[0]
    assert start == 2048 and (start + size) % (255 * 63) == 0 and len(image) >= (start + size) * 512
    assert len(image) % (16 * 63 * 512) == 0
    end = start * 512 + 512 + len(disk_blob(image)[1])
    assert end <= (start + size) * 512 < end + 255 * 63 * 512 and not any(image[end:])
    listed = subprocess.run(["sfdisk", "-d", files / "out"], capture_output=True, text=True, check=True)
    assert re.search(rf"start= *2048, size= *{size}, type=7f, bootable$", listed.stdout, re.M), listed.stdout
    assert listed.stderr == "" and listed.stdout.count("type=") == 1
    # cylinder, head and sector mean the same as the sector numbers: 255 heads, 63 sectors
    for at, sector in ((0x1BF, start), (0x1C3, start + size - 1)):
        head, low, cylinder = image[at:at + 3]
        assert (((low & 0xC0) << 2 | cylinder) * 255 + head) * 63 + (low & 63) - 1 == sector


@pytest.mark.parametrize("more", [0, 1])
def test_partition_holds_the_last_byte(more, files):
    """A blob that just fills the partition up to a cylinder's end, and one of a byte more."""
    (files / "k").write_bytes(multiboot_kernel().ljust((255 * 63 - 2048 - 1) * 512 - 32 + more, b"\0"))
    _, image = make("disk", files, files / "k")
    assert partitions(image)[0][1:] == (2048, (1 + more) * 255 * 63 - 2048)
    assert disk_blob(image)[1] == (files / "k").read_bytes() + seal_of((files / "k").read_bytes())


def test_disk_signature_is_the_content_s(files):
    signatures = set()
    for cmdline, options in (("a", ""), ("b", ""), ("a", "quiet"), ("a", "")):
        _, image = make("disk", files, "--kernel", files / "vmlinuz", "--cmdline", cmdline, "--options", options)
        signatures.add(image[440:444])
    assert len(signatures) == 3 and bytes(4) not in signatures


@pytest.mark.parametrize("kind", KINDS)
def test_images_are_reproducible(kind, files):
    words = [kind, "--kernel", files / "vmlinuz", "--initrd", files / "initrd", "--options", "verbose", "-o"]
    segue(*words, files / "a")
    time.sleep(1.1)
    elsewhere = files / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    (elsewhere / ".xorrisorc").write_text("-publisher FROM_RC\n")
    (elsewhere / ".mkisofsrc").write_text("PUBL=FROM_RC\n")
    environment = {**os.environ, "TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8", "HOME": str(elsewhere)}
    subprocess.run(["sh", "-c", 'umask 077; exec "$@"', "sh", SEGUE, *map(str, words), elsewhere / "b"], check=True,
                   env=environment, cwd=elsewhere, capture_output=True)
    assert (files / "a").read_bytes() == (elsewhere / "b").read_bytes()
    assert (elsewhere / "b").stat().st_mode & 0o777 == 0o600


def test_source_date_epoch(files):
    words = ["--kernel", files / "vmlinuz"]
    for date, year in (("86400", b"1970010200000000"), ("1700000000", b"2023111422132000"), (None, b"1980010100000000")):
        environment = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
        if date:
            environment["SOURCE_DATE_EPOCH"] = date
        _, image = make("iso", files, *words, env=environment)
        assert image[0x8000 + 813:0x8000 + 829] == year
    for date in ("tomorrow", "-1", "99999999999"):
        done = segue("iso", *words, "-o", files / "no", status=1, env={**os.environ, "SOURCE_DATE_EPOCH": date})
        assert "SOURCE_DATE_EPOCH" in done.stderr and date in done.stderr
    assert not (files / "no").exists()


def test_readme_remakes_an_iso_with_xorriso_alone(files):
    """The commands stand in disk/README.md; they are run as they stand there."""
    text = (ROOT / "disk/README.md").read_text()
    commands = [line.strip() for line in text.splitlines() if line.startswith("    xorriso ")]
    assert len(commands) == 2 and "-extract" in commands[0] and "-boot_image any replay" in commands[1], commands
    _, first = make("iso", files, "--kernel", files / "vmlinuz", "--options", "quiet", out="old.iso")
    segue("pack", "--kernel", files / "mb.elf", "--initrd", files / "initrd", "--seal", "-o", files / "new.blob")
    for command in commands:
        subprocess.run(command, shell=True, check=True, cwd=files, capture_output=True)
    assert (files / "old.blob").read_bytes() == iso_files(first)["blob"][1]
    image = (files / "new.iso").read_bytes()
    found, before = iso_files(image), iso_files(first)
    assert found["blob"][1] == (files / "new.blob").read_bytes()
    assert found["options"][1] == b"quiet\n"
    at, boot = found["boot.img"]
    assert boot[64:] == before["boot.img"][1][64:] and struct.unpack_from("<I", boot, 12)[0] == at // SECTOR
    assert struct.unpack_from("<Q", image, 0x1B0)[0] == at // 512 + 4
    assert image[:0x1B0] == first[:0x1B0] and image[0x1BE] == 0x80
    catalog = struct.unpack_from("<I", image, 17 * SECTOR + 0x47)[0] * SECTOR
    assert struct.unpack_from("<BBHBBHI", image, catalog + 32) == (0x88, 0, 0, 0, 0, 4, at // SECTOR)
    assert "Multiboot 1 in a bundle" in segue("info", files / "new.iso").stdout


# ---- options ----

@pytest.mark.parametrize("kind", KINDS)
def test_options_are_what_segue_elf_takes(kind, files):
    most = 'cmdline="' + "x" * (487 - 10) + '"'
    _, image = make(kind, files, "--kernel", files / "mb.elf", "--options", most)
    assert options_on(kind, image).rstrip("\n") == most
    for options, words in ((most + " ", "487"), ("panik=10", "panik=10"), ("panic=soon", "panic=soon"), ("cmdline='a", "quote"),
                           ("quiet\nverbose", "control"), ("quiet\x7f", "control")):
        done, image = make(kind, files, "--kernel", files / "mb.elf", "--options", options, out="no", status=2)
        assert image is None and words in done.stderr and "--options" in done.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_elf_entry_32_becomes_an_option(kind, files):
    for given, written in (("", "elf64=32bit"), ("quiet", "quiet elf64=32bit"), ("elf64=32bit", "elf64=32bit")):
        _, image = make(kind, files, "--kernel", files / "mb.elf", "--elf-entry-32", "--options", given)
        assert options_on(kind, image).rstrip("\n") == written
    plain = bytearray(elf64_kernel())
    (files / "k64").write_bytes(plain)
    done, _ = make(kind, files, files / "k64", out="no", status=1)
    assert "64-bit ELF entry" in done.stderr
    _, image = make(kind, files, files / "k64", "--options", "elf64=32bit")
    assert blob_on(kind, image) == plain + seal_of(plain)


@pytest.mark.parametrize("kind", KINDS)
def test_cmdline_among_the_options_is_tried(kind, files):
    kernel = bytearray(linux_kernel())
    struct.pack_into("<I", kernel, 0x238, 20)
    (files / "k").write_bytes(kernel)
    make(kind, files, files / "k", "--options", "cmdline='" + "x" * 20 + "'")
    done, image = make(kind, files, files / "k", "--options", "cmdline='" + "x" * 21 + "'", out="no", status=1)
    assert "21 bytes, at most 20" in done.stderr and image is None


def elf64_kernel():
    """A plain ELF64 of one segment, without a Multiboot header."""
    header = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0x100000, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    program = struct.pack("<IIQQQQQQ", 1, 7, 0x1000, 0x100000, 0x100000, 512, 512, 0x1000)
    return (header + program).ljust(0x1000, b"\0") + b"\xf4" * 512


# ---- the seal, and images as input ----

def test_info_tells_of_the_seal(files):
    (files / "sealed").mkdir()
    for name in ("mb.elf", "vmlinuz"):
        segue("disk", files / name, "-o", files / "img")
        blob = disk_blob((files / "img").read_bytes())[1]
        (files / "sealed" / name).write_bytes(blob)
        assert re.search(r"^  seal +fits", segue("info", files / "sealed" / name).stdout, re.M)
        # what Segue makes of it is the same
        assert moved(segue("info", files / "sealed" / name).stdout) == moved(segue("info", files / name).stdout) != []
        for at, sentence in ((100, "damaged"), (len(blob) - 20, "another size"), (len(blob) - 9, "damaged"), (len(blob) - 1, "damaged")):
            bad = bytearray(blob)
            bad[at] ^= 1
            (files / "bad").write_bytes(bad)
            assert re.search(r"^  seal .*" + sentence, segue("info", files / "bad", status=1).stdout, re.M)
            assert sentence in segue("iso", files / "bad", "-o", files / "no", status=1).stderr
        # sectors in the wrong order have the same sum
        body = blob[:-32]
        swapped = body[:2048] + body[4096:6144] + body[2048:4096] + body[6144:]
        assert swapped == body or seal_of(swapped)[20:24] == seal_of(body)[20:24]
        (files / "bad").write_bytes(swapped + blob[-32:])
        assert "damaged" in segue("info", files / "bad", status=1).stdout
    assert not (files / "no").exists()


def moved(text):
    return re.findall(r"^  0x.*$", text, re.M)


@pytest.mark.parametrize("load_end", [0, 0x100000 + 3000], ids=["to-the-end", "told"])
def test_a_seal_is_none_of_an_address_field_kernel(load_end, files):
    """Without a load_end_addr all of the file is loaded: all but the seal."""
    load, size = 0x100000, 3000
    header = struct.pack("<III5I", 0x1BADB002, 0x10003, -(0x1BADB002 + 0x10003) & 0xFFFFFFFF, load, load, load_end, load + 9000, load)
    kernel = header.ljust(size, b"k")
    (files / "k").write_bytes(kernel)
    (files / "s").write_bytes(kernel + seal_of(kernel))
    assert moved(segue("info", files / "s").stdout) == moved(segue("info", files / "k").stdout)
    assert any(" 3000 bytes" in line for line in moved(segue("info", files / "k").stdout))


@pytest.mark.parametrize("kind", KINDS)
def test_images_are_looked_into(kind, files):
    words = ["--kernel", files / "vmlinuz", "--initrd", files / "initrd", "--cmdline", "some words"]
    make(kind, files, *words, "--options", "panic=3")
    segue("pack", *words, "-o", files / "bundle")
    text = segue("info", files / "out").stdout
    assert re.search(r"^  image +" + ("ISO" if kind == "iso" else "disk image"), text, re.M)
    assert re.search(r"^  options +panic=3$", text, re.M) and re.search(r"^  seal +fits", text, re.M)
    assert moved(text) == moved(segue("info", files / "bundle").stdout)
    assert "Linux in a bundle" in segue("plan", files / "out").stdout
    done = segue(kind, files / "out", "-o", files / "no", status=1)
    assert "already an image" in done.stderr and not (files / "no").exists()


def test_anothers_partition_of_the_same_type_is_passed_over(files):
    """As segue.elf does at the boot."""
    _, image = make("disk", files, "--kernel", files / "vmlinuz")
    ours, other = image[0x1BE:0x1CE], struct.pack("<4xB3xII", 0x7F, 1, 1)
    (files / "two").write_bytes(image[:0x1BE] + other + ours + image[0x1DE:])
    assert "disk image, blob at" in segue("info", files / "two").stdout


@pytest.mark.parametrize("kind", KINDS)
def test_cut_images_are_told(kind, files):
    _, image = make(kind, files, "--kernel", files / "vmlinuz", "--initrd", files / "initrd")
    blob = blob_on(kind, image)
    start = image.index(blob)
    (files / "cut").write_bytes(image[:start + len(blob) - 1])
    done = segue("info", files / "cut", status=1)
    assert "cut short" in done.stderr and f"{files}/cut" in done.stderr
    if kind == "iso":
        for name in (b"bloby;1", b"blob.x1"):
            assert b"blob.;1" in image
            (files / "other").write_bytes(image.replace(b"blob.;1", name))
            assert "without the file /segue/blob" in segue("info", files / "other", status=1).stderr
    else:
        (files / "other").write_bytes(image[:2048 * 512 + 20] + b"\2" + image[2048 * 512 + 21:])
        assert "version 2" in segue("info", files / "other", status=1).stderr


def test_images_are_read_as_segue_elf_does(files):
    """One reader: what it refuses at the boot, the command refuses too, in the same words."""
    _, image = make("disk", files, "--kernel", files / "vmlinuz")
    (files / "small").write_bytes(image[:0x1CA] + struct.pack("<I", 2) + image[0x1CE:])
    assert "larger than the partition" in segue("info", files / "small", status=1).stderr
    _, image = make("iso", files, "--kernel", files / "vmlinuz")
    record = image.index(b"blob.;1") - 33
    (files / "woven").write_bytes(image[:record + 26] + b"\1" + image[record + 27:])
    assert "interleaved" in segue("info", files / "woven", status=1).stderr
    descriptor = 16 * 2048
    (files / "second").write_bytes(image[:descriptor] + b"\0" + image[descriptor + 1:descriptor + 2048]
                                   + image[descriptor:descriptor + 2048] + image[descriptor + 4096:])
    assert re.search(r"^  image +ISO", segue("info", files / "second").stdout, re.M)


def test_info_reads_a_pipe(files):
    os.mkfifo(files / "pipe")
    writer = subprocess.Popen(["cp", files / "vmlinuz", files / "pipe"])
    assert moved(segue("info", files / "pipe").stdout) == moved(segue("info", files / "vmlinuz").stdout) != []
    assert writer.wait(10) == 0


# ---- refusals ----

@pytest.mark.parametrize("kind", KINDS)
def test_image_usage(kind, files):
    for words, sentence in ((["-o", "out"], "is missing"), (["--kernel", "mb.elf"], "-o OUT is missing"), (["mb.elf"], "-o OUT is missing"),
                            (["mb.elf", "vmlinuz", "-o", "out"], "vmlinuz"), (["mb.elf", "--initrd", "initrd", "-o", "out"], "whole blob"),
                            (["mb.elf", "--cmdline", "x", "-o", "out"], "whole blob"), (["mb.elf", "--kernel", "mb.elf", "-o", "out"], "whole"),
                            (["--initrd", "initrd", "-o", "out"], "is missing"), (["--frob", "mb.elf", "-o", "out"], "--frob is not an option")):
        before = set(files.iterdir())
        done = segue(kind, *words, status=2, cwd=files)
        assert sentence in done.stderr and done.stdout == "" and set(files.iterdir()) == before


@pytest.mark.parametrize("kind", KINDS)
def test_image_refusals(kind, files):
    """What cannot be made leaves nothing behind, and what was there stays."""
    (files / "text").write_text("no kernel")
    (files / "old").write_text("precious")
    (files / "folder").mkdir()
    (files / "video").write_bytes(multiboot_kernel(flags=0x8003 & ~3 | 3))
    before = {path.name: path.read_bytes() for path in files.iterdir() if path.is_file()}
    for words, out, sentence in ((["text"], "old", "not a kernel"), (["--kernel", "text"], "old", "not a kernel"),
                                 (["none"], "old", "none: No such file"), (["--kernel", "none"], "old", "none: No such file"),
                                 (["video"], "old", "video: "), (["--kernel", "video"], "old", "video: "),
                                 (["mb.elf"], "mb.elf", "a file that is read"), (["--kernel", "mb.elf"], "mb.elf", "a file that is read"),
                                 (["--kernel", "vmlinuz", "--initrd", "initrd"], "initrd", "a file that is read"),
                                 (["mb.elf"], "folder", "this is a folder"), (["mb.elf"], "/dev/null", "not an ordinary file"),
                                 (["mb.elf"], "no/where", "no/where: ")):
        done = segue(kind, *words, "-o", out, status=1, cwd=files)
        assert sentence in done.stderr and done.stdout == "", (words, done.stderr)
        assert {path.name: path.read_bytes() for path in files.iterdir() if path.is_file()} == before, words
    assert not list(files.glob("*.??????")) and not list((files / "folder").iterdir())
    assert os.path.exists("/dev/null") and not os.path.isfile("/dev/null")


# Each verb that writes, with each input that it has: {input} is one of the names below.
WRITERS = {
    "pack --kernel {kernel} -o {out}": ("kernel",),
    "pack --kernel {mb} --module {module}=arguments -o {out}": ("mb", "module"),
    "pack --kernel {kernel} --initrd {initrd} -o {out}": ("kernel", "initrd"),
    "pack --format fiwix --kernel {kernel} --initrd {initrd} -o {out}": ("kernel", "initrd"),
    "iso --kernel {mb} --module {module} -o {out}": ("mb", "module"),
    "iso {kernel} -o {out}": ("kernel",),
    "disk --kernel {kernel} --initrd {initrd} -o {out}": ("kernel", "initrd"),
    "disk {kernel} -o {out}": ("kernel",),
    "plan {kernel} --module {initrd} --map {map} --svg {out}": ("kernel", "initrd", "map"),
    "plan {mb} --module {module}=arguments --svg {out}": ("mb", "module"),
    "plan {image} --svg {out}": ("image",),
}
INPUTS = {"kernel": "vmlinuz", "mb": "mb.elf", "initrd": "initrd", "module": "one.mod", "map": "map", "image": "an.img"}


def writes(line, files, out, **more):
    return segue(*line.format(out=out, **INPUTS).split(), cwd=files, **more)


@pytest.fixture
def inputs(files):
    (files / "map").write_text("0 0x9f000 ram\n0x100000 0x20000000 ram\n")
    segue("disk", "vmlinuz", "-o", "an.img", cwd=files)
    return files


def tree(folder):
    """What is there, links too."""
    return {str(path.relative_to(folder)): (path.is_symlink(), path.read_bytes() if path.is_file() else None)
            for path in folder.rglob("*")}


@pytest.mark.parametrize("line", WRITERS)
def test_nothing_is_written_over_an_input(inputs, line):
    """By its own name, another path, a hard link, a symbolic link, a link to that."""
    for name in WRITERS[line]:
        os.link(inputs / INPUTS[name], inputs / "hard")
        (inputs / "soft").symlink_to(INPUTS[name])
        (inputs / "softer").symlink_to("soft")
        before = tree(inputs)
        for out in (INPUTS[name], f"./{INPUTS[name]}", str(inputs / INPUTS[name]), "hard", "soft", "softer"):
            done = writes(line, inputs, out, status=1)
            assert f"segue: {out}: this is a file that is read" in done.stderr
            assert tree(inputs) == before
        for link in ("hard", "soft", "softer"):
            (inputs / link).unlink()


@pytest.mark.parametrize("line", WRITERS)
def test_only_ordinary_files_are_written(inputs, line):
    """The device is one of the test's own, where it may make one: what goes wrong would take the machine's away."""
    os.mkfifo(inputs / "pipe")
    try:
        os.mknod(inputs / "full", stat.S_IFCHR | 0o666, os.makedev(1, 7))
        device = [("full", "not an ordinary file")]
    except PermissionError:
        device = []
    (inputs / "folder").mkdir()
    (inputs / "to-pipe").symlink_to("pipe")
    (inputs / "to-nothing").symlink_to("nothing")
    before = tree(inputs)
    for out, sentence in (("pipe", "not an ordinary file"), ("to-pipe", "not an ordinary file"), *device, ("folder", "this is a folder"),
                          ("/dev/stdout", "not an ordinary file"), ("-", "standard output is used for messages"), ("to-nothing", "a link to a file that does not exist"),
                          ("nowhere/out", "nowhere/out: ")):
        done = writes(line, inputs, out, status=1)
        assert sentence in done.stderr, done.stderr
        assert tree(inputs) == before
    assert stat.S_ISFIFO((inputs / "pipe").stat().st_mode)
    assert not device or stat.S_ISCHR((inputs / "full").stat().st_mode)


@pytest.mark.parametrize("line", WRITERS)
def test_standard_output_is_not_replaced(inputs, line):
    with open(inputs / "log", "w") as log:
        done = subprocess.run([SEGUE, *line.format(out="/dev/stdout", **INPUTS).split()], cwd=inputs, stdout=log,
                              stderr=subprocess.PIPE, text=True, timeout=60)
        assert done.returncode == 1 and "standard output or standard error goes to this file" in done.stderr
        assert os.fstat(log.fileno()).st_ino == os.stat(inputs / "log").st_ino


@pytest.mark.parametrize("line", WRITERS)
def test_what_is_replaced(inputs, line):
    """The link stays and so does the mode; another name of the old file keeps what it had; nothing is left beside it."""
    (inputs / "old").write_text("precious")
    (inputs / "old").chmod(0o640)
    os.link(inputs / "old", inputs / "old-too")
    (inputs / "link").symlink_to("old")
    names = set(tree(inputs))
    writes(line, inputs, "link")
    assert (inputs / "link").is_symlink() and (inputs / "old").stat().st_mode & 0o777 == 0o640
    assert (inputs / "old-too").read_text() == "precious" != (inputs / "old").read_bytes()
    assert set(tree(inputs)) == names


@pytest.mark.parametrize("line", [each for each in WRITERS if not each.startswith("iso")])
def test_failed_write_leaves_the_old_file(inputs, line):
    """No room for the new one: a limit of one block."""
    (inputs / "old").write_text("precious")
    before = tree(inputs)

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512))

    done = writes(line, inputs, "old", status=1, preexec_fn=limit)
    assert "segue: old: " in done.stderr
    assert tree(inputs) == before


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_digest_is_refused(kind, files):
    segue("pack", "--kernel", files / "vmlinuz", "--digest", "-o", files / "bundle")
    blob = (files / "bundle").read_bytes()
    at, digits = members(blob)["digest"]
    make(kind, files, files / "bundle")
    (files / "wrong").write_bytes(blob[:at] + (b"1" if digits[:1] == b"0" else b"0") + blob[at + 1:])
    done, image = make(kind, files, files / "wrong", out="no", status=1)
    assert "digest" in done.stderr and image is None


@pytest.mark.parametrize("kind", KINDS)
def test_names_do_not_matter(kind, files):
    odd = files / "it's \"odd\" = \\ -o, ünï"
    odd.mkdir()
    shutil.copy(files / "vmlinuz", odd / "k=1")
    make(kind, files, "--kernel", files / "vmlinuz", out="plain")
    segue(kind, "--kernel", odd / "k=1", "-o", odd / "o=u t")
    assert (odd / "o=u t").read_bytes() == (files / "plain").read_bytes()
    segue(kind, "--kernel", "../vmlinuz", "-o", "./-rf", cwd=odd)
    assert sorted(path.name for path in odd.iterdir()) == ["-rf", "k=1", "o=u t"]
    # a link leads to the file that is replaced
    (files / "link").symlink_to(odd / "-rf")
    (odd / "-rf").write_text("old")
    segue(kind, "--kernel", files / "vmlinuz", "-o", files / "link")
    assert (files / "link").is_symlink() and (odd / "-rf").read_bytes() == (files / "plain").read_bytes()


def fake_xorriso(folder, script):
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "bin" / "xorriso").write_text(script)
    (folder / "bin" / "xorriso").chmod(0o755)
    return {**os.environ, "PATH": f"{folder}/bin:/bin:/usr/bin"}


def test_xorriso_missing_or_failing(files):
    (files / "nothing").mkdir()
    before = set(files.iterdir())
    done = segue("iso", files / "mb.elf", "-o", files / "out", status=1, env={**os.environ, "PATH": str(files / "nothing")})
    assert "xorriso cannot be started" in done.stderr and set(files.iterdir()) == before
    environment = fake_xorriso(files, "#!/bin/sh\necho first; echo 'xorriso : FAILURE : out of cheese' >&2; exit 5\n")
    before = set(files.iterdir())
    done = segue("iso", files / "mb.elf", "-o", files / "out", status=1, env=environment)
    assert "exit status 5" in done.stderr and "out of cheese" in done.stderr and set(files.iterdir()) == before
    environment = fake_xorriso(files, "#!/bin/sh\nkill -9 $$\n")
    done = segue("iso", files / "mb.elf", "-o", files / "out", status=1, env=environment)
    assert "signal 9" in done.stderr and set(files.iterdir()) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted(number, files):
    """Nothing stays, and neither does the program that was at work."""
    environment = fake_xorriso(files, "#!/bin/sh\necho $$ > \"$TELL\"; exec sleep 50\n")
    environment["TELL"] = str(files / "tell")
    (files / "out").write_text("old")
    before = set(files.iterdir())
    # Under nohup, or in the background of a script, the tests themselves are started with signals ignored, which is inherited.
    work = subprocess.Popen([SEGUE, "iso", files / "mb.elf", "-o", files / "out"], env=environment, stderr=subprocess.PIPE,
                            preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))
    deadline = time.monotonic() + 20
    while not ((files / "tell").exists() and (files / "tell").read_text().endswith("\n")):
        assert time.monotonic() < deadline and work.poll() is None
        time.sleep(0.02)
    work.send_signal(number)
    assert work.wait(20) == -number
    work.stderr.close()
    other = int((files / "tell").read_text())
    while os.path.exists(f"/proc/{other}") and "Z" not in Path(f"/proc/{other}/stat").read_text().rsplit(")", 1)[1][:3]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert set(files.iterdir()) == before | {files / "tell"} and (files / "out").read_text() == "old"


@pytest.mark.parametrize("kind", KINDS)
def test_full_disk(kind, files):
    """A limit on a file's size stands for it."""
    before = set(files.iterdir())
    done = subprocess.run(["sh", "-c", 'ulimit -f 100; trap "" XFSZ; exec "$@"', "sh", SEGUE, kind, files / "vmlinuz", "-o", files / "out"],
                          capture_output=True, text=True)
    assert done.returncode == 1 and "File too large" in done.stderr, done
    assert set(files.iterdir()) == before


def test_more_than_4_gib_is_refused(files):
    with open(files / "huge", "wb") as out:
        out.truncate((4 << 30) + 1)
    done = segue("iso", "--kernel", files / "vmlinuz", "--initrd", files / "huge", "-o", files / "out", status=1)
    assert "huge" in done.stderr and "4294967295 bytes" in done.stderr and not (files / "out").exists()
