# SPDX-License-Identifier: MIT
"""The digest in a bundle, made by the command and by hashlib; right and wrong ones in info and plan."""
import hashlib
import re
import struct

import pytest

from test_command import linux_kernel, members, multiboot_kernel, segue
from test_command import files  # noqa: F401, a fixture

INITRD = bytes(i * 5 % 239 for i in range(50001))
CODE = linux_kernel()[1024:]


def pack(files, *args):
    out = files / "out.segue"
    segue("pack", "--digest", *args, "-o", out)
    return out


def carried(path):
    text = members(path.read_bytes())["digest"][1]
    assert re.fullmatch(rb"[0-9a-f]{64}\n", text)
    return text.decode().strip()


def elf_64(entry=0x100000):
    """A plain ELF64 of two segments, the second lower than the first."""
    head = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, entry, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    head += struct.pack("<IIQQQQQQ", 1, 7, 0x1000, 0x200000, 0x200000, 777, 5000, 4096)
    head += struct.pack("<IIQQQQQQ", 1, 7, 0x2000, 0x100000, 0x100000, 99, 99, 4096)
    return head.ljust(0x1000, b"\0") + bytes(i % 253 for i in range(0x1100))


def linux(files):
    return ["--kernel", files / "vmlinuz", "--initrd", files / "initrd"], [CODE, INITRD]


def linux_and_modules(files):
    return (["--kernel", files / "vmlinuz", "--initrd", files / "initrd", "--module", files / "two.mod", "--module",
             files / "one.mod"], [CODE, INITRD, b"2", b"first module" * 999])


def multiboot(files):
    return (["--kernel", files / "mb.elf", "--module", f"{files}/one.mod=x y", "--module", files / "two.mod"],
            [multiboot_kernel()[0x1000:], b"first module" * 999, b"2"])


def plain_elf(files):
    (files / "elf64").write_bytes(elf_64())
    return ["--kernel", files / "elf64", "--elf-entry-32"], [elf_64()[0x1000:0x1000 + 777], elf_64()[0x2000:0x2000 + 99]]


@pytest.mark.parametrize("what", [linux, linux_and_modules, multiboot, plain_elf], ids=lambda each: each.__name__)
def test_is_what_hashlib_says(files, what):
    args, parts = what(files)
    out = pack(files, *args)
    digest = hashlib.sha256(b"".join(parts)).hexdigest()
    assert carried(out) == digest
    more = ["--elf-entry-32"] if what is plain_elf else []
    assert re.search(rf"^  digest +{digest}, which is right$", segue("info", *more, out).stdout, re.MULTILINE)
    for memory in ("64M", "1G", "4G"):
        assert segue("plan", *more, "--memory", memory, out).stderr == ""
    # words that become tables change nothing
    other = pack(files, *args, "--cmdline", "other words")
    assert carried(other) == digest


def test_the_rest_of_the_bundle_stays(files):
    args, _ = linux(files)
    with_it = members(pack(files, *args).read_bytes())
    plain = files / "plain.segue"
    segue("pack", *args, "-o", plain)
    without = members(plain.read_bytes())
    assert "digest" not in without and set(with_it) == {"digest", *without}
    assert all(with_it[name][1] == data and with_it[name][0] % 4096 == 0 for name, (_, data) in without.items())
    assert "digest" not in segue("info", plain).stdout


@pytest.mark.parametrize("name", ["kernel", "initrd", "digest"])
def test_a_wrong_one_is_a_warning(files, name):
    args, parts = linux(files)
    out = pack(files, *args)
    data = bytearray(out.read_bytes())
    at = members(data)[name][0]
    data[at + (1024 + 7 if name == "kernel" else 5)] ^= 1
    if name == "digest":
        data[at:at + 64] = b"0123456789ABCDEF" * 4
    out.write_bytes(data)
    kernel, initrd = (members(data)[each][1] for each in ("kernel", "initrd"))
    right = hashlib.sha256(kernel[1024:] + initrd).hexdigest()
    told = segue("info", out).stdout
    assert "which is right" not in told
    assert re.search(rf"^  warning +the digest must be {right}$", told, re.MULTILINE)
    assert f"its digest is wrong; the right one is {right}" in segue("plan", out).stderr


def test_refusals(files):
    done = segue("pack", "--digest", "--format", "fiwix", "--kernel", files / "vmlinuz", "-o", files / "x", status=2)
    assert "Fiwix's format cannot hold a digest" in done.stderr
    (files / "elf64").write_bytes(elf_64())
    done = segue("pack", "--digest", "--kernel", files / "elf64", "-o", files / "x", status=1)
    assert "no digest can be made: " in done.stderr and not (files / "x").exists()
    out = pack(files, *linux(files)[0])
    data = bytearray(out.read_bytes())
    data[members(data)["digest"][0] + 9] = ord("g")
    out.write_bytes(data)
    told = segue("info", out, status=1).stdout
    assert re.search(r"refused +broken digest: digest at offset 0x[0-9a-f]+ \(code 47\)", told)
