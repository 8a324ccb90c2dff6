# SPDX-License-Identifier: MIT
"""segue_exec() and segue_park() called by a host that did not call segue_ready(). If they cannot continue, they print a
sentence on port 0xE9 and on the serial port that segue_load() was told of, and the CPU halts."""
import os
import re
import time

import pytest

import host_matrix
from images import qemu_kernel, Part
from qemu import PATIENCE, Qemu
from test_hosts import host, modules_of
from test_state import MULTIBOOT

NOTHING = "segue: segue_exec() or segue_park() was called, and nothing is loaded in that workspace, " \
          "or another CPU is leaving by it; stopped"
WRONG_CPU = "segue: segue_exec() was called on a CPU that is not the boot CPU, without SEGUE_LOAD_ANY_CPU; stopped"
MODES = ("flat", "4k-high", "4k-bases", "pae-high", "long", "la57")
# Words of the host, the sentence, and whether a serial port is known by then
CASES = {
    "empty": ("blind=empty", NOTHING, False),
    "unloaded": ("blind=unloaded", NOTHING, True),
    "wiped": ("blind=wiped", NOTHING, True),
    "null": ("blind=null", NOTHING, True),
    "park empty": ("blind=empty parks", NOTHING, False),
    "park unloaded": ("blind=unloaded parks", NOTHING, True),
    "park null": ("blind=null parks", NOTHING, True),
    "another CPU": ("blind=ap cpus=2 leaver=other", WRONG_CPU, True),
    "another CPU, INIT": ("blind=ap cpus=2 leaver=other init", WRONG_CPU, True),
}


def few(mode, case):
    return [] if mode in ("4k-high", "long") or case in ("unloaded", "another CPU") else [pytest.mark.full]


def halted(vm, sentence, on_serial):
    """Wait for the sentence on the debug port; then check that the CPU is where it stops forever."""
    path = vm.path("debugcon")
    end = time.monotonic() + 20 * PATIENCE
    said = ""
    while sentence not in said and time.monotonic() < end:
        time.sleep(0.1)
        if os.path.exists(path):
            with open(path, errors="replace") as file:
                said = file.read()
    assert said.splitlines()[-1:] == [sentence], vm.report(f"port 0xE9: {said[-300:]!r}")
    time.sleep(0.2)
    assert (sentence in vm.serial().splitlines()) == on_serial, vm.serial()[-1000:]
    assert vm.running() and not re.search(r"^INSPECT", vm.serial(), re.MULTILINE)
    found = re.findall(r"[ER]FL=(\w+) .*HLT=(\d)", vm.hmp("info registers -a"))
    assert any(hlt == "1" and not int(flags, 16) >> 9 & 1 for flags, hlt in found), found


@pytest.mark.parametrize("mode, case", [pytest.param(mode, case, marks=few(mode, case))
                                        for mode in MODES for case in CASES])
def test_a_sentence_and_a_halt(mode, case):
    build, mode_words = host_matrix.MODES[mode]
    words, sentence, on_serial = CASES[case]
    MULTIBOOT.load()
    boot = qemu_kernel(Part(host(build), f"{mode_words} {words}"), modules_of(MULTIBOOT))
    name = "blind-" + re.sub(r"\W+", "-", f"{mode}-{case}")
    boot["args"] += ["-smp", "2"] if "cpus=2" in words else []
    vm = Qemu(name, bits=64, cpu="max", memory="64M", **boot)
    vm.args += ["-debugcon", "file:" + vm.path("debugcon")]
    with vm:
        halted(vm, sentence, on_serial)


def test_a_486_has_no_msr_to_look_at():
    """On a CPU without IA32_APIC_BASE the calling CPU counts as the boot CPU."""
    MULTIBOOT.load()
    boot = qemu_kernel(Part(host("i386-high"), "mode=4k blind=ap"), modules_of(MULTIBOOT))
    with Qemu("blind-486", bits=32, cpu="486", memory="64M", **boot) as vm:
        vm.wait_for(r"^INSPECT: \d+ ok, 0 bad$", timeout=20, but_not=r"^segue: .*|^host: exception.*")
