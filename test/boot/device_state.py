# SPDX-License-Identifier: MIT
"""The state of devices at a target's first instruction, from QEMU's monitor: is each as SEGUE_LOAD_QUIET_* promises?"""
import re
import time

PCI_BRIDGE = 6
PCI_BUS_MASTER = 4


def pics(vm):
    """Return (vectors, masks, in service) of the second PIC and the first. QEMU shows them in any order."""
    found = re.findall(r"^pic([01]): irr=\w+ imr=(\w+) isr=(\w+) hprio=\w irq_base=(\w+)", vm.hmp("info pic"),
                       re.MULTILINE)
    return [tuple(int(each, 16) for each in (base, masks, served))
            for _, masks, served, base in sorted(found, reverse=True)]


class DeviceState:
    """The devices of a stopped machine."""

    cpu = 0                             # APIC ID of the CPU that enters the target

    def __init__(self, vm, stub, cpu=0):
        self.vm, self.stub, self.cpu = vm, stub, cpu

    def out(self, port, value, size="b"):
        self.vm.hmp(f"o /{size} {port:#x} {value:#x}")

    def port(self, port, size="b"):
        return int(re.search(r"= 0x(\w+)", self.vm.hmp(f"i /{size} {port:#x}"))[1], 16)

    def memory(self, address, count):
        """Read 64-bit words of device memory."""
        said = self.vm.hmp(f"xp /{count}gx {address:#x}")
        return [int(each, 16) for each in re.findall(r"0x(\w{16})\b", said)]

    def io_apic(self):
        said = self.vm.hmp("info pic")
        pins = re.findall(r"^ +pin \d+ +0x(\w+)", said, re.MULTILINE)
        assert len(pins) == 24
        # The last pin delivers SMIs, which belong to the firmware.
        return [int(each, 16) for each in pins] == [1 << 16] * 23 + [0x200] and "Remote IRR (none)" in said

    def lapic(self):
        said = self.vm.hmp(f"info lapic {self.cpu}")
        entries = {name: int(value, 16) for name, value in re.findall(r"^(LVT\w*)\s+0x(\w+)", said, re.MULTILINE)}
        wanted = dict(LVT0=0x700, LVT1=0x400, LVTPC=1 << 16, LVTERR=1 << 16, LVTTHMR=0x200, LVTT=1 << 16)
        return entries == wanted and all(re.search(each, said, re.MULTILINE) for each in (
            r"initial_count = 0 ", r"^SPIV\s+0x0000010f", r"^ISR\s+\(none\)\s+IRR\s+\(none\)", r"TPR 0x00"))

    def pic(self):
        return pics(self.vm) == [(0x70, 0xff, 0), (0x08, 0xff, 0)]

    def pit(self):
        # 8254: read-back of counter 0's status, then its count, which shows the reload value
        self.out(0x43, 0xe2)
        mode = self.port(0x40) & 0x3f
        counts = []
        for _ in range(8):
            self.out(0x43, 0xd2)
            counts.append(self.port(0x40) | self.port(0x40) << 8)
            self.stub.run()
            time.sleep(0.01)
            self.stub.stop()
        return mode == 0x36 and max(counts) > 0x1000 and self.port(0x61) & 3 == 0

    def rtc(self):
        self.out(0x70, 0x0b)
        return self.port(0x71) & 0x70 == 0

    def hpet(self):
        comparators = [self.memory(0xfed00100 + 0x20 * each, 1)[0] for each in range(3)]
        return self.memory(0xfed00010, 1)[0] & 3 == 0 and not any(each & (1 << 2 | 1 << 14) for each in comparators)

    def functions(self, buses=1):
        """Return the PCI functions present: address -> (base class, header type, command)."""
        found = {}
        for address in range(0x80000000, 0x80000000 + (buses << 16), 0x100):
            def register(number):
                self.out(0xcf8, address | number, "w")
                return self.port(0xcfc, "w")
            if register(0) & 0xffff != 0xffff:
                found[address] = (register(8) >> 24, register(12) >> 16 & 0xff, register(4) & 0xffff)
        return found

    def dma(self, buses=1):
        functions = self.functions(buses).values()
        assert len(functions) > 3
        return not any(command & PCI_BUS_MASTER for base_class, _, command in functions if base_class != PCI_BRIDGE)

    def blank(self):
        return self.vm.memory_at(0xb8000, 0x8000) == b"\x20\x07" * 0x4000


WORDS = ("ioapic", "lapic", "pic", "pit", "rtc", "hpet", "dma")
CHECKS = {"ioapic": DeviceState.io_apic, **{word: getattr(DeviceState, word) for word in WORDS[1:]}}


def loud_ones(state, line):
    """Return the devices that the host's line leaves running and that have not been quieted. The PIT is left out: it
    shows its state only when the target runs."""
    running = re.search(r"\blive=(\S+)", line)[1].split(",")
    checks = {**CHECKS, "vga": DeviceState.blank}
    del checks["pit"]
    return [word for word, check in checks.items() if (word in running or "all" in running) and not check(state)]
