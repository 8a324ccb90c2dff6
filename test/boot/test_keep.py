# SPDX-License-Identifier: MIT
"""The devices' state that purgatory keeps while a target runs that comes back (stage2/purgatory/keep.asm): a kernel of ours
(test/targets/keep) sets up devices as a host, calls keep_devices, uses and stops them as a target, calls wake_devices, and
compares all that can be read; then the host's interrupts must arrive."""
import os
import re
import subprocess

import pytest

import bochs
from images import Part, grub_iso, qemu_kernel
from purgatory_blocks import blocks
from qemu import BUILD, PATIENCE, Qemu
from test_state import connect

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
# Name: words, machine
CELLS = {
    "plain": ("", {}),
    "quiet": ("quiet", {}),
    "cards": ("quiet", dict(args=CARDS)),
    "no bus masters": ("quiet nodma", dict(args=CARDS)),
    "stays enabled": ("stays", {}),
    "another ID": ("ids", {}),
    "SMIs": ("smi quiet", {}),
    "one-shot": ("oneshot quiet", {}),
    "one-shot, expired": ("expired quiet", {}),
    "disabled by software": ("disabled", {}),
    "off": ("off", {}),
    "HPET off": ("hpet=off", {}),
    "HPET periodic": ("hpet=periodic quiet", {}),
    "HPET of 64 bits": ("hpet=wide", {}),
    "HPET with messages": ("hpet=periodic quiet", dict(args=["-global", "hpet.msi=on"])),
    "ACPI alone": ("acpi quiet", {}),
    "q35": ("quiet hpet=periodic", dict(machine="q35", args=CARDS)),
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
    "tigerlake": ("tigerlake", "quiet hpet=periodic"),
    "moved": ("tigerlake", "moves quiet base=fed80000"),
    "x2APIC": ("tigerlake", "x2apic"),
    # Bochs enables no local APIC again once it was off.
    "to x2APIC": ("tigerlake", "to-x2 lost=1 gone"),
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


# ---- by the emulator's own account ----
def symbol(name):
    listed = subprocess.run(["nm", KERNEL], stdout=subprocess.PIPE, text=True, check=True).stdout
    return int(re.search(rf"^([0-9a-f]+) T {name}$", listed, re.MULTILINE)[1], 16)


def dump(vm):
    """What QEMU's monitor shows of APICs and HPET, without what time changes and without the command of a sent interrupt."""
    local = re.sub(r"^ICR\s.*$|current_count = \d+", "", vm.hmp("info lapic"), flags=re.MULTILINE)
    assert "initial_count = " in local
    hpet = vm.hmp("xp /2wx 0xfed00010") + "".join(vm.hmp(f"xp /2wx {0xfed00100 + each * 0x20:#x}") for each in range(3))
    return local, vm.hmp("info pic"), hpet


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
