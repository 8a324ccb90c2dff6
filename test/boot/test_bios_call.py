# SPDX-License-Identifier: MIT
"""BIOS services from 32-bit code: segue.elf's bios_open(), bios_call() and bios_is_there(), called through QEMU's gdb
stub when a boot loader has just entered segue.elf."""
import os
import struct
import subprocess

import pytest

from gdbstub import GdbStub
from images import Part, grub_bios, grub_uefi, run
from qemu import BUILD, Qemu

SEGUE = os.path.join(BUILD, "segue.elf")
SEGUE_DEBUG = os.path.join(BUILD, "segue.debug.elf")
HANDLER_SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bios_handler.asm")
HANDLER, SEEN = 0x600, 0x700

# bios.h
BIOS_CALL_SIZE = 0x2000
REGISTERS = struct.Struct("<7I2HI")
NAMES = ("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "ds", "es", "eflags")
CARRY, INTERRUPTS, DIRECTION = 1 << 0, 1 << 9, 1 << 10
CR0_PE = 1 << 0
SMAP = 0x534d4150

# The address to which a call returns. Stack and registers lie above it, at an odd megabyte that is reached only with
# A20 enabled.
RETURN_TO, STACK_TOP, REGISTERS_AT = 0x300000, 0x380000, 0x390000
PAGES = [0x1000, 0x8e000]
GIVEN = dict(eax=0x11223344, ebx=0x55667788, ecx=0x99aabbcc, edx=0xddeeff00, esi=0x12345678, edi=0x9abcdef0,
             ebp=0x0fedcba9, ds=0x4444, es=0x5555, eflags=0)
VECTOR_USER = 0x60
# State that can be recognised afterwards: CR0.MP and NE, CR4.OSFXSR, another IDT.
MARK_AT = 0x310000
MARK = bytes.fromhex("0f20c0 0c22 0f22c0"        # mov eax, cr0; or al, 0x22; mov cr0, eax
                     "0f20e0 0d00020000 0f22e0"  # mov eax, cr4; or eax, 0x200; mov cr4, eax
                     "0f011d1b003100 c3"         # lidt [0x31001b]; ret
                     "7707 00003300")

pages = pytest.mark.parametrize("page", PAGES, ids=hex)


def symbols():
    found = {}
    for line in subprocess.run(["nm", SEGUE_DEBUG], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines():
        value, _, name = line.split()
        found[name] = int(value, 16)
    return found


class Machine:
    """segue.elf stopped at its first instruction."""

    def __init__(self, name, args=None, bits=32, **more):
        self.bits, self.names = bits, symbols()
        self.vm = Qemu("bios-" + name, args or ["-kernel", SEGUE], bits=bits, gdb=True, paused=True, **more)

    def __enter__(self):
        self.vm.__enter__()
        self.cpu = GdbStub(self.vm.gdb_port)
        self.cpu.break_at(self.names["entry"])
        self.cpu.cont(40)
        self.cpu.clear_break(self.names["entry"])
        self.cpu.break_at(RETURN_TO)
        return self

    def __exit__(self, *_):
        self.cpu.close()
        self.vm.__exit__(*_)

    def call(self, name, *arguments):
        """Call a function of segue.elf or at an address; return EAX. .before and .after are all registers."""
        stack = STACK_TOP - 4 * (len(arguments) + 1)
        self.cpu.write_mem(stack, struct.pack(f"<{len(arguments) + 1}I", RETURN_TO, *arguments))
        self.cpu.write_registers(self.bits, eip=self.names.get(name, name), esp=stack)
        self.before = self.cpu.info_registers()
        self.cpu.cont(10)
        self.after = self.cpu.info_registers()
        return self.after["EAX"]

    def bios(self, vector, **values):
        self.cpu.write_mem(REGISTERS_AT, REGISTERS.pack(*(values.get(name, 0) for name in NAMES)))
        self.call("bios_call", vector, REGISTERS_AT)
        return dict(zip(NAMES, REGISTERS.unpack(self.cpu.read_mem(REGISTERS_AT, REGISTERS.size))))

    def assert_restored(self):
        for name in ("EBX", "ESI", "EDI", "EBP", "CS", "DS", "ES", "FS", "GS", "SS", "GDT", "IDT", "CR0", "CR3", "CR4"):
            assert self.after[name] == self.before[name], name
        # the call has popped the return address
        assert self.after["ESP"] == self.before["ESP"] + 4
        assert self.after["EFL"] & (INTERRUPTS | DIRECTION) == 0
        assert self.after["A20"] == 1

    def plant_handler(self, folder):
        path = str(folder / "handler.bin")
        run(["nasm", "-f", "bin", "-o", path, HANDLER_SOURCE])
        with open(path, "rb") as file:
            self.cpu.write_mem(HANDLER, file.read())
        self.cpu.write_mem(4 * VECTOR_USER, struct.pack("<2H", HANDLER, 0))


@pages
def test_registers_go_both_ways(page, tmp_path):
    with Machine(f"registers-{page:x}") as machine:
        machine.call("bios_open", page)
        machine.plant_handler(tmp_path)
        machine.cpu.write_mem(MARK_AT, MARK)
        machine.call(MARK_AT)
        back = machine.bios(VECTOR_USER, **GIVEN)
        machine.assert_restored()
        assert machine.after["IDT"]["limit"] == 0x777 and machine.after["CR0"] & 0x22 == 0x22
        assert machine.after["CR4"] & 0x200
        seen = machine.cpu.read_mem(SEEN, 54)
        assert seen[:32] == REGISTERS.pack(*GIVEN.values())[:32]
        esp, ss, cr0 = struct.unpack_from("<IH2xI", seen, 32)
        assert ss == page >> 4 and 0x1800 < esp < BIOS_CALL_SIZE
        assert cr0 == machine.before["CR0"] & ~CR0_PE
        assert struct.unpack_from("<H", seen, 44)[0] & (INTERRUPTS | DIRECTION) == INTERRUPTS
        assert struct.unpack_from("<HI", seen, 48) == (0x3ff, 0)
        assert [back[name] for name in NAMES[:7]] == list(range(0xa0000001, 0xa0000008))
        assert (back["ds"], back["es"]) == (0x2222, 0x3333)
        assert back["eflags"] & (CARRY | DIRECTION) == CARRY | DIRECTION


@pages
def test_writes_its_pages_only(page, tmp_path):
    def rest(machine):
        memory = machine.vm.memory_at(0, 0xa0000)
        # SEEN, and the BIOS's clock, whose interrupt may come
        return memory[:0x46c], memory[0x471:SEEN], memory[SEEN + 54:page], memory[page + BIOS_CALL_SIZE:]

    with Machine(f"pages-{page:x}") as machine:
        machine.plant_handler(tmp_path)
        before = rest(machine)
        machine.call("bios_open", page)
        machine.bios(VECTOR_USER, **GIVEN)
        assert rest(machine) == before


@pages
def test_many_calls(page):
    """As stage 2 calls it: many times, each with what the previous call returned."""
    with Machine(f"map-{page:x}") as machine:
        machine.call("bios_open", page)
        ranges, more = [], 0
        while True:
            back = machine.bios(0x15, eax=0xe820, ebx=more, ecx=20, edx=SMAP, es=0x800, edi=0)
            machine.assert_restored()
            if back["eflags"] & CARRY or len(ranges) > 20:
                break
            assert back["eax"] == SMAP and back["ecx"] == 20
            ranges.append(struct.unpack("<2QI", machine.cpu.read_mem(0x8000, 20)))
            more = back["ebx"]
            if not more:
                break
        assert (0, 0x9fc00, 1) in ranges
        assert any(start == 0x100000 and kind == 1 for start, _, kind in ranges)
        for letter in "Segue!":
            machine.bios(0x10, eax=0x0e00 | ord(letter), ebx=7)
        assert "Segue!" in machine.vm.screen()


def test_a20_that_the_bios_shuts():
    with Machine("a20") as machine:
        machine.call("bios_open", PAGES[0])
        assert machine.bios(0x15, eax=0x2400)["eax"] >> 8 & 0xff == 0
        machine.assert_restored()
        # INT 15h, AX=2402h: A20 is enabled again
        assert machine.bios(0x15, eax=0x2402)["eax"] & 0xff == 1


def test_refusal_of_the_bios():
    with Machine("refusal") as machine:
        machine.call("bios_open", PAGES[0])
        back = machine.bios(0x13, eax=0x4100, ebx=0x55aa, edx=0x9e)
        assert back["eflags"] & CARRY and back["eax"] >> 8 & 0xff == 1


def grub(firmware, folder):
    make = grub_uefi if firmware == "uefi" else grub_bios
    return make(str(folder / "grub.iso"), Part(SEGUE), protocol="multiboot2")


@pytest.mark.parametrize("firmware", ["bios", "uefi"])
def test_bios_is_there_after_grub(firmware, tmp_path):
    with Machine("there-" + firmware, bits=64, memory="256M", **grub(firmware, tmp_path)) as machine:
        assert machine.call("bios_is_there") & 0xff == (firmware == "bios")


# Changes that make a BIOS look absent: address and value of a word.
NOT_THERE = {
    "int-13h-in-memory": (0x13 * 4 + 2, 0x1000),
    "int-15h-in-empty-rom": (0x15 * 4 + 2, 0xd000),
    "no-memory": (0x413, 0),
    "too-much-memory": (0x413, 641),
}


@pytest.mark.parametrize("name", NOT_THERE)
def test_bios_is_not_there(name):
    address, value = NOT_THERE[name]
    with Machine("not-there-" + name) as machine:
        assert machine.call("bios_is_there") & 0xff == 1
        machine.cpu.write_mem(address, struct.pack("<H", value))
        assert machine.call("bios_is_there") & 0xff == 0
