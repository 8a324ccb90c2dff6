# SPDX-License-Identifier: MIT
"""A Linux with CONFIG_KEXEC_JUMP as a subroutine: a host calls it again and again. It comes back through jump.sh and build/jump.elf,
and goes on where it was. Its init is test/targets/initramfs/jump. Debian's kernels lack that option: fetch builds this one."""
import os
import re
import struct

import pytest

from cells import at
from gdbstub import GdbStub
from host_matrix import MODES
from images import Part, have, qemu_kernel
from qemu import BUILD, Qemu
from test_hosts import host
from test_linux_calls import BAD, END, PATTERN, START, WORD, archive_of, inits

CALLS = 4
LINKED_AT = 0xa0000
CR4_LA57, EFER_NXE = 1 << 12, 1 << 11
MSR_PAT, MSR_TSC_AUX = 0x277, 0xc0000103
RDMSR, WRMSR = b"\x0f\x32", b"\x0f\x30"


@pytest.fixture(scope="module")
def initrds(targets, tmp_path_factory):
    """Linux's initrds: amd64's busybox, then kexec with its libraries, the way back, and an init."""
    have("fetch", "linux-jump", "kexec-amd64")
    have("initramfs/build", "run")
    files = [*inits("jump"), *((os.path.join(BUILD, name), name) for name in ("jump.elf", "jump.sh")), (at("kexec-amd64/sbin/kexec"), "bin/kexec")]
    for folder, _, names in os.walk(at("kexec-amd64")):
        for name in names:
            if ".so" in name:
                # Programs name a library by its major version, the package by the minor one too.
                wanted = re.sub(r"(\.so\.[\d.]+)\.\d+$", r"\1", name)
                files.append((os.path.join(folder, name), ("lib64/" if name.startswith("ld-") else "lib/") + wanted))
    return [Part(at("initramfs-run.cpio.gz")), Part(archive_of(tmp_path_factory.mktemp("jump"), files))]


CELLS = [
    pytest.param("4k-high", "max", ""),
    pytest.param("pae-high", "qemu64", ""),
    pytest.param("long", "qemu64", ""),
    pytest.param("long", "max", " linux64"),
    pytest.param("la57", "max", ""),
]


def boot_of(mode, more, initrds):
    """QEMU's arguments for a host that calls Linux."""
    build, words = MODES[mode]
    lent = f"pattern={PATTERN[0]:x}-{PATTERN[1]:x}"
    line = (f"{words} direct pit apictimer quiet=all calls={CALLS} core again linux={WORD:x} lowtoo target={START:x} "
            f"tsize={END - START:x} {lent}{more}")
    return qemu_kernel(Part(host(build), line), [Part(at("linux-jump/linux"), f"console=ttyS0 quiet lent.word={WORD:x} lent.{lent}"),
                                                 *initrds])


@pytest.mark.full
@pytest.mark.parametrize("mode, cpu, more", CELLS)
def test_linux_is_called_again(mode, cpu, more, initrds, row):
    boot = boot_of(mode, more, initrds)
    with Qemu(f"jump-{mode}-{cpu}{more.strip()}", memory="256M", cpu=cpu, **boot) as vm:
        vm.wait_for(f"^host: {CALLS} calls, 0 bad", timeout=120, but_not=BAD)
        said = vm.serial()
        # Linux starts once. What it says in one call is all that it says between the host's lines.
        assert said.count("linux: x86_64, 1 CPU, ") == 1
        told = re.findall(r"^host: call (\d+), word (\w+)$", said, re.MULTILINE)
        assert [int(number) for number, _ in told] == list(range(CALLS))
        assert int(re.search(r"^linux: first word (\w+)$", said, re.MULTILINE)[1], 16) == int(told[0][1], 16)
        words = [int(each or "0", 16) for each in re.findall(r"^linux: said (\w*)$", said, re.MULTILINE)]
        assert words == [0 if number == "2" else int(each, 16) for number, each in told[1:]]
        assert "\njump.sh: kexec failed: Device or resource busy\n" in said
        sums = re.findall(r"^host: crc32 0*(\w+)$", said, re.MULTILINE)
        assert re.findall(r"^linux: call (\d+), crc32 0*(\w+)$", said, re.MULTILINE) == [(str(i), each) for i, each in enumerate(sums)]
        assert len(set(sums)) == CALLS
        row(vm.elapsed())


def run_here(stub, code, **registers):
    """Run one instruction where the CPU has stopped, then restore memory and RIP. Return the registers after it."""
    rip = stub.info_registers()["RIP"]
    there = stub.read_mem(rip, len(code))
    stub.write_mem(rip, code)
    stub.write_registers(64, **registers)
    stub.step()
    after = stub.info_registers()
    stub.write_mem(rip, there)
    stub.write_registers(64, eip=rip)
    return after


def read_msr(stub, number):
    after = run_here(stub, RDMSR, ecx=number)
    return after["RDX"] << 32 | after["RAX"]


@pytest.mark.full
@pytest.mark.parametrize("cpu", ["max", "qemu64"])
def test_entry_state(cpu, initrds):
    """Linux is entered by a call, with what it relies on as it left it."""
    with open(os.path.join(BUILD, "jump.elf"), "rb") as file:
        entry, = struct.unpack_from("<Q", file.read(), 24)
    boot = boot_of("4k-high", "", initrds)
    with Qemu(f"jump-state-{cpu}", memory="256M", cpu=cpu, gdb=True, paused=True, **boot) as vm, GdbStub(vm.gdb_port) as stub:
        # jump.elf is placed at the start of Linux's code.
        stub.run()
        room = int(vm.wait_for(r"^linux: .* code at (\w+)", timeout=60, but_not=BAD)[1], 16)
        entry += room - LINKED_AT
        stub.stop()
        stub.break_at(entry)
        stub.cont(timeout=60)
        left = stub.info_registers()
        assert left["RIP"] == entry
        linux, = struct.unpack("<Q", stub.read_mem(left["RSP"], 8))
        stub.clear_break(entry)
        # As another Linux could leave them; this one leaves what is there at reset.
        msrs = {MSR_PAT: 0x0007010500070106, **({MSR_TSC_AUX: 0x5a} if cpu == "max" else {})}
        for number, value in msrs.items():
            run_here(stub, WRMSR, ecx=number, eax=value & 0xffffffff, edx=value >> 32)
        stub.break_at(linux)
        stub.cont(timeout=60)
        found = stub.info_registers()
        assert {number: read_msr(stub, number) for number in msrs} == msrs
        called_from, = struct.unpack("<Q", stub.read_mem(found["RSP"], 8))
    assert found["RIP"] == linux
    for each in ("CR0", "CR4", "EFER"):
        assert found[each] == left[each], each
    assert bool(found["CR4"] & CR4_LA57) == (cpu == "max") and found["EFER"] & EFER_NXE
    assert found["RFL"] == 2
    assert found["CS"]["selector"] == 0x10 and found["SS"]["selector"] == 0x18
    assert room <= called_from < room + 0x1000 and room <= found["RSP"] < room + 0x1000
    assert found["CR3"] - room == (0x1000 if cpu == "max" else 0x2000)
    assert found["GDT"]["base"] >> 39 == 0xfffffe0000000000 >> 39


def one_file(initrds, path):
    """QEMU takes one initrd."""
    with open(path, "wb") as file:
        for each in initrds:
            with open(each.path, "rb") as part:
                data = part.read()
            file.write(data + bytes(-len(data) % 4))
    return str(path)


SAID_WITHOUT = [
    "jump.sh: no host has called this Linux: /proc/cmdline has no kexec_jump_back_entry=", "linux: jump.sh has failed",
    *(f"jump.sh: {each} is no number of 32 bits, decimal or 0x..." for each in ("09", "0x", "1x", "0x123456789")), "jump.sh: 1",
    "jump.sh: 4294967296 has more than 32 bits"]


@pytest.mark.full
@pytest.mark.parametrize("memory, room, sentence", [("2G", "0x4000000", "there is no host at its return address"),
                                                    ("6G", "0x4000000", "its memory or Linux's is above 4 GiB"),
                                                    ("6G", "0x140000000", "its memory or Linux's is above 4 GiB")])
def test_no_host(memory, room, sentence, initrds, tmp_path):
    """No host has called: each refusal is printed, and Linux goes on."""
    initrd = one_file(initrds, tmp_path / "initrd")
    with Qemu(f"jump-no-host-{memory}-{room}", ["-kernel", at("linux-jump/linux"), "-initrd", initrd, "-append",
                                                f"console=ttyS0 quiet lent.room={room} lent.word=1"], memory=memory, cpu="max") as vm:
        vm.wait_for(f"^linux: back from {room}", timeout=60)
        said = vm.serial().replace("\r", "")
    assert [each for each in said.splitlines() if re.match("jump.sh:|segue:|linux: ", each)] == \
        [*SAID_WITHOUT, *[f"segue: jump.elf: {sentence}; Linux goes on"] * 2, f"linux: back from {room}"]
