# SPDX-License-Identifier: MIT
"""Purgatory's window: exceptions are printed, an NMI is harmless, and a target at the workspace's address makes
purgatory and its list move to other pages."""
import os
import re
import struct
import subprocess

import pytest

from images import Part, qemu_kernel
from qemu import BUILD, LOGS, Qemu
from test_state import PLAIN, SEGUE, SEGUE_DEBUG, Verdict, connect

# reset_cpu's first instructions (xor eax, eax; mov dr0, eax): after the moves, before the target.
RESET_CPU = bytes.fromhex("31c00f23c0")
# The end of the NMI's handler: add esp, 4; iretd
NMI_DONE = bytes.fromhex("83c404cf")
PT_LOAD, PROGRAM_HEADER = 1, 32


def exec_address():
    listing = subprocess.run(["nm", SEGUE_DEBUG], stdout=subprocess.PIPE, text=True, check=True).stdout
    return int(re.search(r"^([0-9a-f]+) T segue_exec$", listing, re.MULTILINE)[1], 16)


def start(name, file):
    return Qemu("purgatory-" + name, memory="64M", bits=32, gdb=True, paused=True,
                **qemu_kernel(Part(SEGUE), [Part(file, "strict")]))


def at_exec(stub):
    """Run to segue_exec(); return the workspace's address and purgatory's page."""
    stub.break_at(exec_address())
    stub.cont(20)
    stub.clear_break(exec_address())
    workspace = stub.info_registers()["EAX"]
    return workspace, stub.read_mem(workspace, 4096)


@pytest.mark.parametrize("code, vector, error", [
    ("0f0b", 6, 0),                     # ud2
    ("66b828008ed8", 13, 0x28),         # mov ax, 28h; mov ds, ax: beyond the GDT's limit
    ("cd23", 13, 0x23 * 8 + 2),         # int 23h: beyond the IDT's limit
], ids=["ud2", "selector", "interrupt"])
def test_an_exception_is_printed(code, vector, error):
    with start(f"exception-{vector}-{error}", PLAIN.load().path) as vm, connect(vm) as stub:
        workspace, page = at_exec(stub)
        at = workspace + page.index(RESET_CPU)
        stub.ask(f"M{at:x},{len(code) // 2:x}:{code}")
        fault = at + (4 if code.startswith("66b8") else 0)
        stub.send("c")
        vm.wait_for(rf"segue: exception {vector:08X}, error code {error:08X}, EIP {fault:08X}, CR2 [0-9A-F]{{8}} "
                    r"between host and target; stopped", timeout=10)
        assert "INSPECT" not in vm.serial()


def test_an_nmi_is_survived():
    with start("nmi", PLAIN.load().path) as vm, connect(vm) as stub:
        workspace, page = at_exec(stub)
        at, handled = workspace + page.index(RESET_CPU), workspace + page.index(NMI_DONE)
        stub.break_at(at)
        stub.cont(10)
        stub.clear_break(at)
        stub.break_at(handled)
        vm.qmp("inject-nmi")
        stub.cont(10)
        assert stub.info_registers()["EIP"] == handled, "the NMI did not come"
        stub.clear_break(handled)
        stub.send("c")
        vm.wait_for(r"^INSPECT: \d+ ok, 0 bad$", timeout=20)
        assert "exception" not in vm.serial()


def with_bss(name, start_, end):
    """Make the plain inspector with one more segment, of zeros only."""
    with open(PLAIN.load().path, "rb") as file:
        data = bytearray(file.read())
    table, = struct.unpack_from("<I", data, 28)
    count, = struct.unpack_from("<H", data, 44)
    headers = data[table:table + count * PROGRAM_HEADER]
    headers += struct.pack("<8I", PT_LOAD, 0, start_, start_, 0, end - start_, 6, 4096)
    struct.pack_into("<I", data, 28, len(data))
    struct.pack_into("<H", data, 44, count + 1)
    path = os.path.join(LOGS, f"inspect-{name}.elf")
    os.makedirs(LOGS, exist_ok=True)
    with open(path, "wb") as file:
        file.write(data + headers)
    return path


def test_the_target_goes_where_the_workspace_lies():
    with start("probe", with_bss("probe", 0x1000000, 0x1001000)) as vm, connect(vm) as stub:
        workspace, _ = at_exec(stub)
    zeros = workspace - 0x4000, workspace + 0x20000
    with start("moves-out", with_bss("moves-out", *zeros)) as vm, connect(vm) as stub:
        again, page = at_exec(stub)
        assert again == workspace, "segue.elf put its workspace elsewhere: the test proves nothing"
        home, = struct.unpack_from("<I", page, 12)
        assert not zeros[0] - 8192 < home < zeros[1]
        stub.break_at(PLAIN.entry)
        stub.cont(20)
        registers = stub.info_registers()
        base = registers["GDT"]["base"] if isinstance(registers["GDT"], dict) else registers["GDT"][0]
        assert home <= base < home + 4096
        assert stub.read_mem(zeros[0], 0x24000).count(0) == 0x24000
        stub.clear_break(PLAIN.entry)
        stub.send("c")
        vm.wait_for(r"^INSPECT: \d+ ok, \d+ bad$", timeout=20)
        assert Verdict(vm.serial()).bad == {}
