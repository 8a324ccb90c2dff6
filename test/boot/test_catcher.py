# SPDX-License-Identifier: MIT
"""The catcher: what a target does wrong in its first steps is printed, with the registers that the emulator shows at
the faulting instruction; the same target without a catcher resets the machine."""
import os
import re
import subprocess

import pytest

import bochs
from cells import BUSYBOX_LINE, INITRD, MEMTEST_LINE, at
from images import Part, grub_iso, qemu_kernel
from qemu import LOGS, ROOT, Qemu
from test_state import (CATCHER_SIZE, LINUX, MULTIBOOT, PASSED, PLAIN, SEGUE, Verdict, check_entry, check_reserved,
                        check_verdict, connect, name32, run_to, verdict)

SOURCE = os.path.join(ROOT, "test/targets/fault/fault.asm")
FAULT = 0x200100
EFLAGS_TF, EFLAGS_RF = 1 << 8, 1 << 16


class Case:
    """vector, error, mnemonic, cr2, eip: what must be said. moved: EIP is so far behind FAULT. flags: set in EFLAGS by
    the case itself. paging, gdt: turned on, loaded (catcher.asm's contract, points 3 and 4)."""

    def __init__(self, vector, error=0, mnemonic="", moved=0, cr2=0, eip=FAULT, flags=0, paging=False, gdt=False):
        self.vector, self.error, self.mnemonic, self.cr2, self.eip = vector, error, mnemonic, cr2, eip + moved
        self.flags, self.paging, self.gdt = flags, paging, gdt


CASES = {
    "FIRST": Case(6, mnemonic="UD"),
    "UNDEFINED": Case(6, mnemonic="UD"),
    "SELECTOR": Case(13, 0x28, "GP"),
    "STACK_SELECTOR": Case(13, 0x28, "GP"),
    "DIVIDE": Case(0, mnemonic="DE"),
    "FAR_JUMP": Case(13, 0x1234, "GP"),
    "BREAKPOINT": Case(3, mnemonic="BP", moved=1),
    "STEP": Case(1, mnemonic="DB", moved=7, flags=EFLAGS_TF),
    "INTERRUPT": Case(13, 0x80 * 8 + 2, "GP"),
    "DEVICE": Case(7, mnemonic="NM"),
    "ZERO_STACK": Case(6, mnemonic="UD"),
    "ROM_STACK": Case(6, mnemonic="UD"),
    "GDT": Case(8, mnemonic="DF", gdt=True),
    "READ": Case(14, 0, "PF", cr2=0x40001234, paging=True),
    "FETCH": Case(14, 0, "PF", cr2=0x40005678, eip=0x40005678, paging=True),
}
# What it does not catch: contract, points 3 and 5.
UNCAUGHT = {"IDT": Case(6), "UNMAPPED_CATCHER": Case(6, paging=True)}
CPUS = [(32, "486"), (32, "max"), (64, "max")]
cpus = pytest.mark.parametrize("bits, cpu", CPUS, ids=lambda each: str(each))

BLOCK = re.compile(
    r"^segue: exception (?P<vector>\w{8}), error code (?P<error>\w{8}), EIP (?P<EIP>\w{8}), CR2 (?P<CR2>\w{8})\n"
    r"#(?P<mnemonic>..) in the target, which has no IDT of its own yet\n"
    r"EAX (?P<EAX>\w{8}) EBX (?P<EBX>\w{8}) ECX (?P<ECX>\w{8}) EDX (?P<EDX>\w{8})\n"
    r"ESI (?P<ESI>\w{8}) EDI (?P<EDI>\w{8}) EBP (?P<EBP>\w{8}) ESP (?P<ESP>\w{8})\n"
    r"EFLAGS (?P<EFL>\w{8}) CR0 (?P<CR0>\w{8}) CS (?P<CS>\w{8}) SS (?P<SS>\w{8})\n"
    r"DS (?P<DS>\w{8}) ES (?P<ES>\w{8}) FS (?P<FS>\w{8}) GS (?P<GS>\w{8})\n"
    r"(?:code(?P<code>(?: \w\w){16}))?; stopped$", re.MULTILINE)


def build(name):
    """One of fault.asm's kernels; its path and its bytes from FAULT on."""
    os.makedirs(LOGS, exist_ok=True)
    path = os.path.join(LOGS, f"fault-{name}.bin")
    case = {**CASES, **UNCAUGHT}[name]
    subprocess.run(["nasm", "-f", "bin", "-o", path, SOURCE, f"-DCASE_{name}", *(["-DPAGING"] if case.paging else [])],
                   check=True, timeout=20)
    with open(path, "rb") as file:
        return path, file.read()[0x100:0x110]


def fields(found):
    """The printed block's numbers."""
    return {name: int(value, 16) for name, value in found.groupdict().items()
            if value is not None and name not in ("mnemonic", "code")}


def check(found, case, registers, code):
    """What was printed against what the case asks for, and against the emulator's registers at FAULT."""
    said = fields(found)
    assert (said["vector"], said["error"], said["EIP"], found["mnemonic"]) == (case.vector, case.error, case.eip,
                                                                             case.mnemonic)
    assert said["CR2"] == case.cr2
    assert said["EFL"] & ~EFLAGS_RF == name32(registers, "EFL") | case.flags
    for name in ("EAX", "EBX", "ECX", "EDX", "ESI", "EDI", "EBP", "ESP", "CR0"):
        assert said[name] == name32(registers, name), name
    for name in ("CS", "SS", "DS", "ES", "FS", "GS"):
        assert said[name] == registers[name]["selector"], name
    if case.paging:
        assert not found["code"]
    else:
        shown = bytes.fromhex(found["code"])
        assert shown.startswith(code[case.eip - FAULT:])


@pytest.mark.parametrize("name", CASES)
@cpus
def test_a_fault_is_printed(name, bits, cpu):
    path, code = build(name)
    with Qemu(f"catcher-{name}-{cpu}-{bits}", bits=bits, cpu=cpu, gdb=True, paused=True,
              **qemu_kernel(Part(SEGUE, "catcher"), [Part(path)])) as vm, connect(vm) as stub:
        run_to(stub, FAULT, code)
        registers = stub.info_registers()
        stub.run()
        vm.wait_for(BLOCK.pattern, timeout=10)
        check(BLOCK.search(vm.serial()), CASES[name], registers, code)
        if not CASES[name].paging and not CASES[name].gdt:
            # On the screen as well.
            vm.wait_for(r"segue: exception [\s\S]*#" + CASES[name].mnemonic + r" in the target[\s\S]*; stopped$",
                        screen=True, timeout=5)
        stub.stop()
        # It has stopped, with interrupts off; more than once does it not print.
        assert stub.info_registers()["HLT"] == 1
        assert len(BLOCK.findall(vm.serial())) == 1


@pytest.mark.parametrize("name", CASES)
def test_without_a_catcher_the_machine_resets(name):
    path, _ = build(name)
    with Qemu(f"no-catcher-{name}", bits=32, cpu="max", **qemu_kernel(Part(SEGUE), [Part(path)])) as vm:
        assert vm.wait_exit(20) == 0
        assert "Starting." in vm.serial() and "exception" not in vm.serial()


@pytest.mark.parametrize("name", UNCAUGHT)
def test_what_it_does_not_catch_resets_as_without(name):
    path, _ = build(name)
    with Qemu(f"catcher-{name}", bits=32, cpu="max", **qemu_kernel(Part(SEGUE, "catcher"), [Part(path)])) as vm:
        assert vm.wait_exit(20) == 0
        assert "Starting." in vm.serial() and "exception" not in vm.serial()
