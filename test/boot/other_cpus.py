# SPDX-License-Identifier: MIT
"""Where a host's other CPUs are when the target begins, by QEMU's registers. They wait for a SIPI, or are halted in
purgatory's home in the state that points 24 and 25 of purgatory.asm promise."""
import re
import struct
import time

from gdbstub import parse_registers
from test_state import name32

PAGE = 4096
JUMP_HERE = bytes.fromhex("ebfe")
# mov dword [ICR], NMI to all but self; jmp to it. QEMU delivers an NMI to a CPU that waits for a SIPI; no real CPU
# does.
NMIS_TO_ALL = bytes.fromhex("c7050003e0fe00440c00ebf4")
# the same to the CPU with APIC ID 0
NMIS_TO_0 = bytes.fromhex("c7051003e0fe00000000c7050003e0fe00440000ebea")
# pause; mov eax, [ebx + parking.home]; test eax, eax; jz to the first
WAIT = bytes.fromhex("f3908b431085c074f7")
HALT = bytes.fromhex("f4ebfd")          # hlt; jmp to it
GDT_AT = 160                            # purgatory.asm
REST_STACK_TOP = PAGE + 512             # cpus.asm
EFLAGS_IF = 1 << 9
CODE_64 = 1 << 21


def count(line):
    """Return the number of CPUs of the host with this command line."""
    found = re.search(r"\bcpus=(\d)", line)
    return int(found[1]) if found else 1


def all_registers(stub):
    """Return the registers of each CPU, by its number."""
    parts = re.split(r"^CPU#(\d+)\r?\n", stub.monitor("info registers -a"), flags=re.MULTILINE)[1:]
    return {int(number): parse_registers(text) for number, text in zip(parts[::2], parts[1::2])}


def wide(registers):
    """Return the mask of linear addresses in the CPU's mode, by CS.L."""
    return (1 << (64 if registers["CS"]["flags"] & CODE_64 else 32)) - 1


def executing(stub, address):
    """Return the CPU that is at this linear address; the monitor shows its registers from now on."""
    found = [number for number, registers in all_registers(stub).items()
             if (registers["CS"]["base"] + name32(registers, "EIP")) & wide(registers) == address]
    assert len(found) == 1, f"CPUs {found} are at {address:#x}"
    stub.monitor(f"cpu {found[0]}")
    return found[0]


def home_of(stub, registers):
    """Return the address at which purgatory will run: params.home, read from the workspace at segue_exec()'s first
    instruction."""
    at = registers["RDI"] if wide(registers) >> 32 else name32(registers, "EAX") + registers["SS"]["base"]
    workspace = at & wide(registers)
    return struct.unpack("<I", stub.read_mem(workspace + 12, 4))[0]


def check_waiting(registers, may_halt):
    """Check that the CPU is as INIT leaves it (Intel SDM vol. 3, table 9-1).

    may_halt: the host has halted one with interrupts disabled. QEMU 7.2 does not wake such a CPU for an INIT, and
    handles the INIT only when another event comes, such as the target's SIPI; test_linux_brings_all_up() shows that."""
    assert registers["HLT"] == 1
    if may_halt and not name32(registers, "EFL") & EFLAGS_IF and name32(registers, "EIP") != 0xfff0:
        return
    assert (registers["CS"]["selector"], registers["CS"]["base"], name32(registers, "EIP")) == (0xf000, 0xffff0000, 0xfff0)


def check_resting(registers, stub, home):
    at = name32(registers, "EIP")
    assert registers["HLT"] == 1
    assert home + 2 * PAGE <= at < home + 5 * PAGE, f"{at:#x} is not in the home at {home:#x}"
    assert stub.read_mem(at - 1, len(HALT)) == HALT, "something was written over it"
    for name, want in dict(CR0=0x11, CR2=0, CR3=0, CR4=0, EFER=0, DR0=0, DR1=0, DR2=0, DR3=0, DR7=0x400,
                           ESP=home + REST_STACK_TOP).items():
        assert registers.get(name, want) == want, f"{name} is {registers[name]:#x}, not {want:#x}"
    assert not registers["EFL"] & EFLAGS_IF
    assert registers["GDT"]["base"] == home + GDT_AT and registers["IDT"]["base"] == home + PAGE
    for name in ("CS", "DS", "ES", "FS", "GS", "SS"):
        assert (registers[name]["base"], registers[name]["limit"]) == (0, 0xffffffff), name
    assert registers["LDT"]["selector"] == 0


def run_instead(stub, at, code, bits, seconds=0.1):
    """Let all CPUs run; the CPU that has entered the target runs this code instead of the target's first instructions."""
    was = stub.read_mem(at, len(code))
    stub.write_mem(at, code)
    stub.run()
    time.sleep(seconds)
    stub.stop()
    stub.write_mem(at, was)
    stub.write_registers(bits, eip=at)


def check(stub, line, home, entry, leaver, bits, cpu):
    """Check the other CPUs at the target's first instruction. bits: of the QEMU; cpu: its model."""
    # The Pentium has an APIC, but no IA32_APIC_BASE.
    if cpu == "pentium":
        run_instead(stub, entry, NMIS_TO_ALL, bits)
    elif leaver != 0:
        run_instead(stub, entry, NMIS_TO_0, bits)
    # QEMU's thread for a CPU with a pending INIT may not have run yet; and a CPU that rests must continue to rest.
    run_instead(stub, entry, JUMP_HERE, bits)
    halts = re.search(r"\bothers=(halt|mixed)", line)
    seen = all_registers(stub)
    assert len(seen) == count(line)
    for number, registers in seen.items():
        if number == leaver:
            continue
        try:
            if cpu != "pentium" and number != 0:
                check_waiting(registers, halts)
            else:
                check_resting(registers, stub, home)
        except AssertionError as why:
            raise AssertionError(f"CPU {number}: {why}\n{registers}")
