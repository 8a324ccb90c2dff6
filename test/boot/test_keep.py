# SPDX-License-Identifier: MIT
"""The devices' state that purgatory keeps while a target runs that comes back (stage2/purgatory/keep.asm): a kernel of ours
(test/targets/keep) sets up devices as a host, calls keep_devices, uses and stops them as a target, calls wake_devices, and
compares all that can be read; then the host's interrupts must arrive."""
import functools
import os
import re
import struct
import subprocess

import pytest

import bochs
from device_state import CHECKS, WORDS
from images import Part, grub_iso, qemu_kernel
from purgatory_blocks import blocks, number
from qemu import BUILD, PATIENCE, Qemu
from test_devices import Devices, workspace
from test_state import connect

HERE = 0x400000                 # purgatory's page, as main.c has it
KERNEL = os.path.join(BUILD, "keep/keep.elf")
DONE = r"^keep: (OK|BAD)$"


def listing():
    with open(os.path.join(BUILD, "purgatory.lst")) as file:
        return file.read()


def offset(label, block=None):
    """Return a label's offset in purgatory's pages, from NASM's listing."""
    found = re.search(rf"^ *\d+ [^;\n]*\b{label}:[^\n]*\n(?: *\d+ [^\n]*\n)*? *\d+ ([0-9A-F]{{8}}) ", listing(), re.MULTILINE)
    return int(found[1], 16) + (blocks()[block][0] if block else 0)


def words(line):
    """The kernel's command line: where it finds purgatory's routines, and what it is to do."""
    places = dict(tables=offset("build_tables"), idt=offset("idt_pointer"), quiet=offset("quiet_devices", "devices"),
                  keep=offset("keep_devices", "devices"), wake=offset("wake_devices", "devices"))
    return " ".join([*(f"{name}={place:x}" for name, place in places.items()), line]).strip()


def machine(name, line, **more):
    args = more.pop("args", [])
    boot = qemu_kernel(Part(KERNEL, words(line)))
    boot["args"] += args
    return Qemu("keep-" + re.sub(r"\W+", "-", name), memory="32M", **boot, **more)


def verdict(vm):
    vm.wait_for(DONE, timeout=20, but_not=r"^wrong: exception.*")
    assert "\nkeep: OK\n" in vm.serial(), vm.report("not as before")


CARDS = ["-device", "e1000", "-device", "rtl8139", "-device", "ich9-usb-ehci1,addr=1d.7,multifunction=on",
         "-device", "ich9-usb-uhci1,addr=1d.0,multifunction=on"]
# Timers that are never late, so that the period of a comparator is measured exactly
ICOUNT = ["-icount", "shift=0,sleep=off"]
# Name: words, machine
CELLS = {
    "plain": ("", {}),
    "quiet": ("quiet", {}),
    "often": ("quiet often", dict(args=CARDS)),
    "cards": ("quiet", dict(args=CARDS)),
    "no bus masters": ("quiet nodma", dict(args=CARDS)),
    "stays enabled": ("stays", {}),
    "another ID": ("ids", {}),
    "SMIs": ("smi quiet", {}),
    "SMIs since": ("smi-since differs=3", {}),
    "one-shot": ("oneshot quiet", {}),
    "one-shot, expired": ("expired quiet", {}),
    "disabled by software": ("disabled", {}),
    "off": ("off", {}),
    "HPET off": ("hpet=off", {}),
    "HPET periodic": ("hpet=periodic exact quiet", dict(args=ICOUNT)),
    "HPET stopped": ("hpet=stopped", {}),
    "HPET stopped with interrupts": ("hpet=stopped interrupts lost=1 differs=4", {}),
    "HPET periodic, too slow": ("hpet=slow lost=1 differs=4", {}),
    "HPET of 64 bits": ("hpet=wide", {}),
    "HPET of 64 bits, periodic": ("hpet=periodic 64 exact", dict(args=ICOUNT)),
    "HPET with messages": ("hpet=periodic exact quiet", dict(args=["-global", "hpet.msi=on", *ICOUNT])),
    "ACPI alone": ("acpi quiet", {}),
    "q35": ("quiet often", dict(machine="q35", args=CARDS)),
    "two CPUs": ("quiet", dict(args=["-smp", "2"])),
    "an old IO-APIC": ("quiet", dict(args=["-global", "ioapic.version=17"])),
    "pentium": ("quiet", dict(cpu="pentium")),
    "486": ("quiet", dict(cpu="486", bits=32)),
    "486, isapc": ("quiet isa", dict(cpu="486", bits=32, machine="isapc")),
}


@pytest.mark.parametrize("cell", CELLS)
def test_as_before(cell):
    line, more = CELLS[cell]
    with machine(cell, line, **{"cpu": "max", **more}) as vm:
        verdict(vm)


BOCHS = {
    "pentium": ("pentium", "quiet"),
    "tigerlake": ("tigerlake", "quiet hpet=periodic exact"),
    "moved": ("tigerlake", "moves quiet base=fed80000"),
    "x2APIC": ("tigerlake", "x2apic often"),
    # Bochs enables no local APIC again once it was off.
    "to x2APIC": ("tigerlake", "to-x2 lost=1 differs=1"),
    "off": ("tigerlake", "off quiet"),
    "TSC deadline": ("tigerlake", "deadline quiet"),
    "x2APIC, TSC deadline": ("tigerlake", "x2apic deadline"),
}


@pytest.mark.parametrize("cell", BOCHS)
def test_in_bochs(cell, tmp_path):
    assert not bochs.missing(), bochs.missing()
    cpu, line = BOCHS[cell]
    iso = grub_iso(str(tmp_path / "boot.iso"), Part(KERNEL, words(line)))
    done = bochs.Bochs(f"keep-{cell}", iso, cpu=cpu).wait_for(DONE)
    assert "\nkeep: OK\n" in done.serial, done.serial


# ---- called by purgatory ----
def test_kept_before_they_are_quieted():
    """A loaded target gets params.kept from us. Purgatory saves the host's devices there, and then quiets them."""
    at_kept = 0x1800000
    with Devices("kept", "i386-high", "mode=4k live=all quiet=all", at_exec=True, args=ICOUNT) as devices:
        devices.stub.write_mem(workspace(devices) + number("PURGATORY_PARAMS_AT") + number("params.kept"),
                               struct.pack("<I", at_kept))
        devices.go_to(0x200000)
        kept = devices.vm.memory_at(at_kept, number("kept.entries") + 24 * 8)
        assert all(CHECKS[word](devices) for word in WORDS)

    def word(name, index=0):
        return struct.unpack_from("<I", kept, number(f"kept.{name}") + 4 * index)[0]

    assert word("lost") == 0
    assert word("local_base") == 0xfee00900 and word("local_apic") == 0xfee00000
    assert word("hpet") == 0xfed00000 and word("hpet_configuration") == 3 and word("comparators", 5) == 100000
    assert word("io_apic_count") == 24 and [word("entries", 2 * pin) & 0x1ffff for pin in (1, 14, 23)] == [0x21, 0x2e, 0x200]
    assert kept[number("kept.rtc_b")] & 0x70 == 0x70 and kept[number("kept.system_b")] & 3 == 3
    # Its timer is periodic, with vector 2Fh (test/hosts/devices.c).
    assert word("local", 6) & ~(1 << 12) == 1 << 17 | 0x2f and word("local", 14) == 100000


# ---- by the emulator's own account ----
@functools.cache
def symbol(name):
    listed = subprocess.run(["nm", KERNEL], stdout=subprocess.PIPE, text=True, check=True).stdout
    return int(re.search(rf"^([0-9a-f]+) T {name}$", listed, re.MULTILINE)[1], 16)


def dump(vm):
    """What QEMU's monitor shows of APICs and HPET, without what time changes and without the command of a sent interrupt."""
    local = re.sub(r"^ICR\s.*$|current_count = \d+", "", vm.hmp("info lapic"), flags=re.MULTILINE)
    assert "initial_count = " in local
    hpet = vm.hmp("xp /2wx 0xfed00010") + "".join(vm.hmp(f"xp /2wx {0xfed00100 + each * 0x20:#x}") for each in range(3))
    # The requests that the PICs have latched: of timers, which go on meanwhile.
    return local, re.sub(r"^(pic\d: )irr=\w+", r"\1", vm.hmp("info pic"), flags=re.MULTILINE), hpet


def stop(stub, name):
    stub.break_at(symbol(name))
    stub.cont(20 * PATIENCE)
    stub.clear_break(symbol(name))


def test_the_emulator_agrees():
    with machine("dump", "oneshot", cpu="max", gdb=True, paused=True) as vm, connect(vm) as stub:
        stop(stub, "target")
        before = dump(vm)
        stop(stub, "purgatory_wakes")
        assert all(one != two for one, two in zip(before, dump(vm)))
        stop(stub, "interrupts_arrive")
        assert dump(vm) == before


def test_more_entries_than_fit():
    """Eight IO-APICs that seem to have 240 entries each: 880 are kept, and the others are counted."""
    with machine("overflow", "acpi lost=410", cpu="max", bits=32, gdb=True, paused=True) as vm, connect(vm) as stub:
        stop(stub, "purgatory_keeps")
        stub.write_mem(HERE + blocks()["devices"][0] + 8, struct.pack("<I", 0xfec00000) * 8)
        routine = HERE + offset("keep_io_apic", "devices")
        # pop edi; jc; inc edx
        counted = routine + re.search(rb"\x5f\x72.\x42", stub.read_mem(routine, 64)).start() + 3
        stub.break_at(counted)
        for _ in range(8):
            stub.cont(20 * PATIENCE)
            assert stub.info_registers()["EIP"] == counted
            stub.write_registers(32, edx=239)
            stub.step()
        stub.clear_break(counted)
        stub.run()
        verdict(vm)


# ---- the modes of the local APIC, which neither QEMU nor Bochs leads through "off" ----
EN, X2, BSP, USUAL = 1 << 11, 1 << 10, 1 << 8, 0xfee00000
MODES = {"off": 0, "xAPIC": EN, "x2APIC": EN | X2}
BASE, TPR, EOI, SPURIOUS, ICR, INITIAL, CURRENT = 0x1b, 0x808, 0x80b, 0x80f, 0x830, 0x838, 0x839
ISR, TMR, IRR = range(0x810, 0x818), range(0x818, 0x820), range(0x820, 0x828)
READ_ONLY = {0x802: 0, 0x803: 0x60015, 0x80a: 0, 0x80d: 1, CURRENT: 0, **dict.fromkeys([*ISR, *TMR, *IRR], 0)}
READ_WRITE = {TPR: 0, SPURIOUS: 0xff, 0x828: 0, ICR: 0, INITIAL: 0, 0x83e: 0,
              **dict.fromkeys([0x82f, *range(0x832, 0x838)], 1 << 16)}


class Model:
    """IA32_APIC_BASE and the x2APIC's MSRs (Intel SDM vol. 3, 10.12.1.2 and 10.12.5): what a CPU refuses fails the test."""

    def __init__(self):
        self.base, self.modes = USUAL | BSP | EN, []
        self.reset()

    def reset(self):
        self.registers = {**READ_ONLY, **READ_WRITE}

    def mode(self):
        return self.base & (EN | X2)

    def read(self, msr):
        if msr == BASE:
            return self.base
        assert self.mode() == EN | X2 and msr in self.registers, f"RDMSR of {msr:#x}"
        return self.registers[msr]

    def write(self, msr, value):
        if msr == BASE:
            before, self.base = self.mode(), value
            self.modes.append(self.mode())
            assert (before, self.mode()) in {(0, 0), (0, EN), (EN, EN), (EN, 0), (EN, EN | X2), (EN | X2, EN | X2),
                                             (EN | X2, 0)}, f"from mode {before:#x} to {self.mode():#x}"
            if self.mode() == 0:
                self.reset()
            return
        assert self.mode() == EN | X2 and (msr in READ_WRITE or msr == EOI), f"WRMSR of {msr:#x}"
        assert value < 1 << 32 and (value == 0 or msr not in (EOI, 0x828)), f"{value:#x} written to {msr:#x}"
        if msr == EOI:
            served = [number for number in range(256) if self.registers[ISR[number // 32]] >> number % 32 & 1]
            if served:
                self.registers[ISR[served[-1] // 32]] &= ~(1 << served[-1] % 32)
            return
        if msr == ICR:
            assert value >> 8 == 0x440 and self.registers[SPURIOUS] & 0x100, f"{value:#x} sent"
            self.registers[IRR[(value & 0xff) // 32]] |= 1 << value % 32
        if msr in (0x82f, *range(0x832, 0x838)):
            # A disabled local APIC masks its entries.
            assert self.registers[SPURIOUS] & 0x100 or value & 1 << 16, f"{value:#x} written to {msr:#x}"
        if msr == INITIAL:
            self.registers[CURRENT] = value
        self.registers[msr] = value


HOST_X2 = {TPR: 0x20, SPURIOUS: 0x1ef, INITIAL: 50000, CURRENT: 4711, 0x83e: 0xb, 0x832: 1 << 17 | 0x61, 0x835: 0x700,
           0x836: 0x400, 0x837: 0xfe, 0x834: 0x400, 0x833: 0x200, IRR[3]: 1 << 5, IRR[5]: 1 << 9, TMR[5]: 1 << 9, 0x828: 0}
TARGET_X2 = {TPR: 0x60, SPURIOUS: 0xff, INITIAL: 7, ISR[1]: 3, ISR[7]: 1 << 31, IRR[3]: 0, IRR[5]: 0, 0x836: 1 << 16, 0x828: 0x40}


def msr_instructions():
    """Addresses of RDMSR and WRMSR in the devices' block, and of write_msr."""
    listed = listing()
    listed = listed[listed.index(" quiet_devices:"):listed.index(" blocks_end:")]
    found = re.findall(r"^ *\d+ ([0-9A-F]{8}) 0F3[02] ", listed, re.MULTILINE)
    assert len(found) >= 5
    return [HERE + blocks()["devices"][0] + int(each, 16) for each in found] + [HERE + offset("write_msr")]


def run_by_model(stub, model, places, end):
    """Run to a function of the kernel's. The model executes RDMSR and WRMSR."""
    for each in [*places, symbol(end)]:
        stub.break_at(each)
    while True:
        stub.cont(20 * PATIENCE)
        cpu = stub.info_registers()
        if cpu["EIP"] == symbol(end):
            break
        assert model and cpu["EIP"] in places, f"{cpu['EIP']:#x} was reached"
        changed = {"eip": cpu["EIP"] + 2}
        if stub.read_mem(cpu["EIP"], 2) == b"\x0f\x32":
            value = model.read(cpu["ECX"])
            changed |= {"eax": value & 0xffffffff, "edx": value >> 32}
        else:
            model.write(cpu["ECX"], cpu["EDX"] << 32 | cpu["EAX"])
        stub.write_registers(32, **changed)
    for each in [*places, symbol(end)]:
        stub.clear_break(each)


@pytest.mark.parametrize("target", MODES)
@pytest.mark.parametrize("host", MODES)
def test_the_way_between_modes(host, target):
    """The MSRs are a model's, so that a host in any mode gets it back from any other one, by steps that a CPU allows."""
    model, places = Model(), msr_instructions()
    with machine(f"modes-{host}-{target}", "quiet", cpu="max", bits=32, gdb=True, paused=True) as vm, connect(vm) as stub:
        stop(stub, "purgatory_keeps")
        model.base = USUAL | BSP | MODES[host]
        if host == "x2APIC":
            model.registers.update(HOST_X2)
        run_by_model(stub, model, places, "target")
        stop(stub, "purgatory_wakes")
        model.base = USUAL | BSP | MODES[target]
        if target != host:
            model.reset()
        if target == "x2APIC":
            model.registers.update(TARGET_X2)
        if host != "x2APIC":
            # No interrupt is in the model; QEMU's own local APIC has some.
            model.registers.update({TPR: 0})
        run_by_model(stub, model, places, "purgatory_woke")
        assert model.base == USUAL | BSP | MODES[host]
        if host == "x2APIC":
            # A level-triggered interrupt comes again from its IO-APIC.
            kept = {**READ_ONLY, **READ_WRITE, **HOST_X2, IRR[5]: 0, TMR[5]: 0, CURRENT: 50000}
            assert {**model.registers, ICR: 0} == kept
        if host == "off":
            assert model.modes[-1:] != [EN]


@pytest.mark.parametrize("cpu", ["486", "pentium"])
def test_no_msr(cpu):
    """A 486 has no MSRs, and a Pentium none for its local APIC, which can be neither off nor in x2APIC mode."""
    places = msr_instructions()
    with machine("msr-" + cpu, "quiet", cpu=cpu, bits=32, gdb=True, paused=True) as vm, connect(vm) as stub:
        run_by_model(stub, None, places, "interrupts_arrive" if cpu == "pentium" else "purgatory_woke")
