# SPDX-License-Identifier: MIT
"""Media whose boot sectors are targets: test/targets/real/, assembled, on a floppy or in partitions of a disk."""
import os
import struct
import subprocess

from images import write
from qemu import ROOT

REAL = os.path.join(ROOT, "test/targets/real")
SECTOR = 512
FLOPPY = 1474560
# Partition number -> first sector; the entries differ in other fields too.
PARTITIONS = {1: 2048, 2: 6144, 4: 10240}
PARTITION_SIZE = 2048


def assemble(path, source, *define):
    """Assemble a source in test/targets/real to path, and return its bytes."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    subprocess.run(["nasm", "-f", "bin", *define, "-o", path, os.path.join(REAL, source)], check=True, timeout=20)
    with open(path, "rb") as file:
        return file.read()


def boot_sector(path):
    """Write the floppy's boot sector alone, 512 bytes."""
    write(path, assemble(path + ".bin", "boot_sector.asm")[:SECTOR])
    return path


def floppy(path):
    """Write a floppy image of 1.44 MB."""
    code = assemble(path + ".bin", "boot_sector.asm")
    write(path, code + bytes(FLOPPY - len(code)))
    return path


def entry(number):
    """Return the partition's entry: active or not, type, first sector, sectors."""
    return struct.pack("<B3sB3sII", 0x80 if number == 1 else 0, b"\x11\x22\x33", 0x0b + number, b"\x44\x55\x66",
                       PARTITIONS[number], PARTITION_SIZE)


def disk(path):
    """Write a disk with a table of three partitions. Its own boot sector has no code, so only chain= can start them."""
    code = assemble(path + ".bin", "boot_sector.asm", "-DPARTITION")
    data = bytearray(SECTOR * (max(PARTITIONS.values()) + PARTITION_SIZE))
    for number, first in PARTITIONS.items():
        data[446 + (number - 1) * 16:446 + number * 16] = entry(number)
        data[first * SECTOR:first * SECTOR + len(code)] = code
    data[510:512] = b"\x55\xaa"
    write(path, bytes(data))
    return path


def drive(path, interface="ide"):
    return ["-drive", f"format=raw,if={interface},file={path}"]
