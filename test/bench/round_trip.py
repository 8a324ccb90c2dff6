#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Instructions and bytes of a round trip of segue_call(), by the size of the target's memory.

QEMU's -icount shift=0,sleep=off makes an instruction a nanosecond, whatever the machine; the time-stamp counter counts them. The
third call of a load is measured: there to the target's first instruction, and back. `fixed` is what a call takes whatever the
size: the row of memory that the host does not use. `a dword` is what is left, by the dwords of the host that change places with the
target's, there and back. The floor of that is 4: each is read and written once a side. `written` is what purgatory's list of exchanges
writes in both crossings, its floor two times target memory and staging.
"""
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "test", "boot"))
from images import Part, qemu_kernel, small_elf  # noqa: E402  (the path above is what finds it)
from qemu import Qemu  # noqa: E402

MINIMAL = os.path.join(ROOT, "test/embed/minimal")
MEBIBYTE = 1 << 20
TARGET_AT = 64 * MEBIBYTE  # round_trip.c
# pop ebx (the return address); mov esp, TARGET_AT + 4096; then rdtsc; call ebx; jmp to the rdtsc
TARGET = b"\x5b\xbc" + (TARGET_AT + 4096).to_bytes(4, "little") + bytes.fromhex("0f31ffd3ebfa")
ROWS = [("1 MiB", "1"), ("16 MiB", "16"), ("64 MiB", "64"), ("64 MiB, unused", "64 unused")]
INCLUDES = [f"-I{ROOT}/{each}" for each in ("include", "stage2", "loaders")]
FLAGS = {"i386": ["-m32", "-march=i386"], "x86_64": ["-m64", "-mno-red-zone"]}


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)


def host(folder, arch):
    objects = []
    for name in (f"{MINIMAL}/boot_{arch}.asm", f"{MINIMAL}/main.c", f"{HERE}/round_trip.c"):
        objects.append(os.path.join(folder, os.path.basename(name) + ".o"))
        if name.endswith(".asm"):
            run("nasm", "-f", "elf64" if arch == "x86_64" else "elf32", "-o", objects[-1], name)
        else:
            run("gcc", *FLAGS[arch], "-std=c11", "-O2", "-ffreestanding", "-fno-pic", "-fno-stack-protector",
                "-fno-asynchronous-unwind-tables", "-mgeneral-regs-only", *INCLUDES, "-c", "-o", objects[-1], name)
    kernel = os.path.join(folder, arch)
    run("ld", "-m", {"i386": "elf_i386", "x86_64": "elf_x86_64"}[arch], "-T", f"{MINIMAL}/kernel.ld", "-z", "noexecstack",
        "-o", kernel, *objects, f"{ROOT}/build/{arch}/libsegue.a", f"{ROOT}/build/{arch}/libsegue-memory.a")
    run("objcopy", "-O", "elf32-i386", kernel, kernel + ".32")
    return kernel + ".32"


def measure(arch, kernel, target, words):
    medium = qemu_kernel(Part(kernel), [Part(target, words)])
    medium["args"] += ["-icount", "shift=0,sleep=off"]
    with Qemu(f"round-trip-{arch}-{words.replace(' ', '-')}", **medium, memory="256M", bits=64 if arch == "x86_64" else 32) as vm:
        found = vm.wait_for(r"^there (\w+) back (\w+) ready (\w+) listed (\w+)$", timeout=120, but_not="^it was refused|^segue:")
    return [int(each, 16) for each in found.groups()]


def main():
    print(f"{'host':8}{'target memory':16} {'there':>12} {'back':>12} {'both':>12} {'written':>12} {'floor':>12} {'a dword':>8} {'floor':>6}")
    with tempfile.TemporaryDirectory() as folder:
        target = small_elf(os.path.join(folder, "target"), TARGET_AT, TARGET, MEBIBYTE // 2)
        for arch in ("i386", "x86_64"):
            kernel = host(folder, arch)
            seen = {words: measure(arch, kernel, target, words) for _, words in ROWS}
            fixed = sum(seen["64 unused"][:2])
            for name, words in ROWS:
                there, back, _, listed = seen[words]
                size = 0 if "unused" in words else int(words) * MEBIBYTE
                each = f"{(there + back - fixed) / (2 * size / 4):8.2f} {4:6}" if size else ""
                print(f"{arch:8}{name:16} {there:12} {back:12} {there + back:12} {2 * 2 * listed:12} {2 * 2 * size:12} {each}")
            print(f"{arch:8}fixed: {fixed} instructions a call; segue_ready() takes {seen['64 unused'][2]}, most of them for the sum of the workspace, "
                  "which is made again after the return")


if __name__ == "__main__":
    main()
