# SPDX-License-Identifier: MIT
"""Checks of a target's output on its command line, modules, memory map and tables, beyond its marker."""
import os
import re

from images import BUILD, MEDIA

RAM = "System RAM"


def parse_initramfs(text):
    """Return what our init printed, as a dict; the map is a list of (start, end exclusive, type)."""
    at = text.rfind("INITRAMFS-BEGIN")
    assert at >= 0, "INITRAMFS-BEGIN did not come"
    text = text[at:]
    said = {key: value for key, value in re.findall(r"^(\w+): ?(.*)$", text, re.MULTILINE) if key != "map"}
    said["map"] = [(int(start, 16), int(end, 16) + 1, kind.strip()) for start, end, kind
                   in re.findall(r"^map: (0x\w+) (0x\w+) (.*)$", text, re.MULTILINE)]
    found = re.search(r"^INITRAMFS-(OK|BAD) size=(\d+) digest=(\w+)", text, re.MULTILINE)
    said["verdict"], said["size"], said["digest"] = found[1], int(found[2]), found[3]
    return said


def merged(ranges):
    """Return the ranges sorted, with adjacent ones joined."""
    result = []
    for start, end in sorted(ranges):
        if result and start <= result[-1][1]:
            result[-1][1] = max(end, result[-1][1])
        else:
            result.append([start, end])
    return result


def ram(ranges):
    return merged((start, end) for start, end, kind in ranges if kind == RAM)


def total(ranges):
    return sum(end - start for start, end in ranges)


def overlap(one, two):
    return total([(max(a, c), min(b, d)) for a, b in one for c, d in two if max(a, c) < min(b, d)])


def digest_of(initrd):
    with open(os.path.join(BUILD, "targets", re.sub(r"\.cpio\.gz$", ".sha256", os.path.basename(initrd)))) as file:
        return file.read().strip()


def initramfs(vm, cell, run):
    """Check digest, command line, memory map, ACPI and CPUs against a plain boot of the same machine."""
    said = parse_initramfs(vm.serial())
    assert said["digest"] == digest_of(run.initrd), "the initramfs did not arrive whole"
    assert said["verdict"] == "OK"
    assert said["cmdline"] == f"[{run.line}]"
    compare_maps(said, run.reference(), cell.way)
    plain = run.reference()
    assert said["acpi"].split() == plain["acpi"].split() and "FACP" in said["acpi"], \
        f"ACPI tables {said['acpi']!r}, a plain boot has {plain['acpi']!r}"
    assert said["cpus"] == plain["cpus"]
    if not cell.way.startswith("uefi"):
        assert said["rsdp"] == plain["rsdp"]
    if cell.way == "grub2":
        # GRUB has switched to graphics, because segue.elf's Multiboot 2 header accepts a framebuffer.
        assert re.search(r"^framebuffer: \S+", vm.serial(), re.MULTILINE), "no framebuffer was handed on"
    elif not cell.way.startswith("uefi"):
        assert said["console"] == plain["console"]
    return f"{len(said['map'])} ranges, {len(said['acpi'].split())} ACPI tables"


def compare_maps(said, plain, way):
    if way.startswith("uefi"):
        # GRUB frees its pages after it passed on the map, so a few pages differ; what is not RAM must stay the same.
        taken = [(start, end) for start, end, kind in plain["map"] if kind != RAM]
        wrong = overlap(ram(said["map"]), merged(taken))
        assert wrong <= 64 << 10, f"{wrong} bytes are RAM here and reserved in a plain boot:\n{show(said, plain)}"
        lost = total(ram(plain["map"])) - total(ram(said["map"]))
        assert lost <= 4 << 20, f"{lost} bytes of RAM are lost:\n{show(said, plain)}"
    elif way == "ipxe":
        # iPXE passes RAM only, without the last page or so, which it keeps.
        assert ram(said["map"]) == ram(plain["map"]), show(said, plain)
    else:
        assert said["map"] == plain["map"], show(said, plain)


def show(said, plain):
    lines = ["through Segue:"] + [f"  {start:#x}-{end:#x} {kind}" for start, end, kind in said["map"]]
    return "\n".join(lines + ["plain:"] + [f"  {start:#x}-{end:#x} {kind}" for start, end, kind in plain["map"]])


def dom0(vm, cell, run):
    """Check dom0's command line and initramfs, and Xen's command line and amount of RAM."""
    said = parse_initramfs(vm.serial())
    assert said["digest"] == digest_of(run.initrd) and said["verdict"] == "OK"
    assert said["cmdline"] == "[console=hvc0 earlyprintk=xen quiet segue.test=wait]"
    return xen(vm, cell, run)


def xen(vm, cell, run):
    text = vm.serial()
    line = re.search(r"^\(XEN\) Command line: (.*)$", text, re.MULTILINE)
    # Xen drops argv[0] itself.
    assert line and line[1] == run.line, f"Xen's command line is {line and line[1]!r}"
    memory = re.search(r"^\(XEN\) System RAM: (\d+)MB", text, re.MULTILINE)
    if memory:
        assert cell.memory - 8 <= int(memory[1]) <= cell.memory, f"Xen sees {memory[1]} MB"
        return f"{memory[1]} MB"
    return ""


def argv0(run, index):
    """Return the name before a Multiboot target's string. It is the file's name if the way of booting passes it; GRUB 2
    does not. In a bundle the kernel is called kernel, and modules have their files' names."""
    if run.way in ("kernel", "ipxe"):
        name = os.path.basename(run.parts[index].path)
        return f"{index + 1}-{name}" if run.way == "ipxe" else name
    if run.way in MEDIA:
        return os.path.basename(run.parts[index].path) if index else "kernel"
    return "module" if index else "kernel"


def string(run, index):
    return f"{argv0(run, index)} {run.parts[index].args}".rstrip()


def gnumach(vm, cell, run):
    """Check the modules' strings, and the memory map that it prints."""
    text = vm.serial()
    # A bundle contains the names of its modules.
    wanted = [string(run, 1), string(run, 2)] if len(run.parts) == 3 else ["first one two", "second three"]
    found = re.findall(r"^module \d+: (.*)$", text, re.MULTILINE)
    assert found == wanted, f"modules {found}, not {wanted}"
    free = [(int(a, 16), int(b, 16)) for a, b in re.findall(r"biosmem: 0*([0-9a-f]+):0*([0-9a-f]+), available", text)]
    seen = total(merged(free))
    # 32-bit: memory above 4 GiB does not count.
    assert seen > min(cell.memory, 3072) * 1024 * 1024 * 0.75, f"gnumach sees {seen} bytes of RAM"
    return f"{seen >> 20} MB"


class Dump:
    """The example kernel's screen. On a text framebuffer it draws a diagonal of backslashes over its own text, so those
    positions match anything."""

    def __init__(self, text):
        self.rows = [row.ljust(80) for row in text.split("\n")]
        self.diagonal = all(row[at] == "\\" for at, row in enumerate(self.rows[:20]))
        if self.diagonal:
            self.rows = [row[:at] + "\0" + row[at + 1:] for at, row in enumerate(self.rows)]

    def has(self, line):
        """True if the line is on the screen, wrapped at 80 columns."""
        wanted = [line[at:at + 80].ljust(80) for at in range(0, len(line), 80)]
        return any(all(all(a == b or a == "\0" for a, b in zip(have, want))
                       for have, want in zip(self.rows[top:], wanted))
                   for top in range(len(self.rows) - len(wanted) + 1))

    def find(self, pattern):
        found = re.search(pattern, "\n".join(self.rows))
        assert found, f"no {pattern!r} on the screen:\n" + "\n".join(self.rows)
        return found


def multiboot_example(vm, cell, run):
    """Check every field of the information that the specification's kernel prints against QEMU's own loader."""
    dump, plain = Dump(vm.screen()), run.plain_dump()
    flags = int(dump.find(r"lags = 0x([0-9a-f]+)")[1], 16)
    for bit, what in ((0, "memory"), (2, "command line"), (3, "modules"), (5, "ELF sections"), (6, "memory map"),
                      (9, "loader name"), (12, "framebuffer")):
        assert flags >> bit & 1, f"flag {bit} ({what}) is not set in {flags:#x}"
    assert dump.diagonal, "the kernel did not draw on the text framebuffer"
    memory = re.search(r"(?m)^mem_lower = .*KB$", plain)[0]
    assert dump.has(memory), f"{memory!r} is not on the screen"
    ranges = re.findall(r"(?m)^ size = 0x14, base_addr = .*$", plain)
    assert len(ranges) > 5
    for line in ranges:
        # iPXE passes RAM only.
        wanted = run.way != "ipxe" or line.endswith("type = 0x1")
        assert dump.has(line) == wanted, f"{line!r}: {'not ' * wanted}on the screen"
    sizes = [os.path.getsize(part.path) for part in run.parts[1:]]
    assert int(dump.find(r"count = (\d+), mods_addr")[1]) == len(sizes)
    strings = [string(run, index) for index in range(len(run.parts))]
    assert dump.has(f"cmdline = {strings[0]}")
    spans = re.findall(r"art = 0x([0-9a-f]+), mod_end = 0x([0-9a-f]+)", "\n".join(dump.rows))
    assert [int(end, 16) - int(start, 16) for start, end in spans] == sizes
    for (start, end), part, words in zip(spans, run.parts[1:], strings[1:]):
        line = f" mod_start = 0x{start}, mod_end = 0x{end}, cmdline = {words}"
        assert dump.has(line), f"{line!r} is not on the screen"
        with open(part.path, "rb") as file:
            data = file.read()
        assert vm.memory_at(int(start, 16), len(data)) == data, f"{part.path} is not whole in memory"
    return f"flags {flags:#x}, {len(spans)} modules"
