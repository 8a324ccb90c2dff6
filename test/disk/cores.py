# SPDX-License-Identifier: MIT
"""Writes ELF cores of hosts, page tables of every mode, and small host programs to be found in them. It uses no code of Segue;
the layouts are those of include/segue_core.h, the gABI, Linux's elfcore.h, and the Intel SDM."""
import shutil
import struct
import subprocess
from collections import namedtuple

PAGE = 4096
NOWHERE = 2**64 - 1
EM_386, EM_X86_64 = 3, 62
REGISTERS_32 = "ebx ecx edx esi edi ebp eax xds xes xfs xgs orig_eax eip xcs eflags esp xss".split()
REGISTERS_64 = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base "
                "ds es fs gs").split()


def note(name, kind, desc):
    name = name + b"\0"
    return (struct.pack("<III", len(name), len(desc), kind) + name.ljust(-(-len(name) // 4) * 4, b"\0")
            + desc.ljust(-(-len(desc) // 4) * 4, b"\0"))


def host_note(width=32, version=100, flags=1, workspace=0x200000, workspace_size=0x8000, restore=0x200010, back=0x200020,
              cr0=0x80000011, cr3=0, cr4=0, efer=0, size=72, more=b""):
    return note(b"Segue", 0x5301, struct.pack("<IIIIQQIIQQQQ", size, version, width, flags, workspace, workspace_size, restore, back,
                                         cr0, cr3, cr4, efer) + more)


def crash_notes(lost=(), count=1, first=0, text=b"", cr3=0x5000):
    """After a crash, in the order of the notes, without NT_PRSTATUS"""
    cpus = (struct.pack("<IIIIIIQQQQQ", 64, i, int(i not in lost), 1, i, 0, 0x80000011, 0xdead, cr3, 0x20, 0x500) for i in range(count))
    crash = struct.pack("<IIIIII232s", 256, count, 1, first, int(bool(text)), 0, text)
    return b"".join(note(b"Segue", 0x5302, each) for each in cpus) + note(b"Segue", 0x5304, crash)


def log_note(ring, ring_size, next_at, next_size=4, flags=0):
    return note(b"Segue", 0x5306, struct.pack("<IIQQQII", 40, flags, ring, ring_size, next_at, next_size, 0))


def cpu_note(width, pid=1, **registers):
    """NT_PRSTATUS"""
    if width == 32:
        desc = bytearray(144)
        struct.pack_into("<I", desc, 24, pid)
        struct.pack_into("<17I", desc, 72, *(registers.get(name, 0) for name in REGISTERS_32))
    else:
        desc = bytearray(336)
        struct.pack_into("<I", desc, 32, pid)
        struct.pack_into("<27Q", desc, 112, *(registers.get(name, 0) for name in REGISTERS_64))
    return note(b"CORE", 1, bytes(desc))


Load = namedtuple("Load", "virt phys data more", defaults=(0,))   # more: p_memsz less p_filesz


def write_core(loads, notes, is_64=True, machine=EM_X86_64, extended=False, kind=4):
    """Loads with the same data (by identity) share their bytes in the file. More than 65,534 headers, or extended: the
    number is in section header 0. Returns the file, and the offset of each load."""
    head, program, section = (64, 56, 64) if is_64 else (52, 32, 40)
    count = len(loads) + 1
    extended = extended or count > 0xfffe
    at = head + program * count + (section if extended else 0)
    word = "Q" if is_64 else "I"
    out = bytearray(b"\x7fELF" + bytes([2 if is_64 else 1, 1, 1]) + bytes(9) + struct.pack("<HHI", kind, machine, 1)
                    + struct.pack("<3" + word, 0, head, head + program * count if extended else 0)
                    + struct.pack("<IHHHHHH", 0, head, program, 0xffff if extended else count, section if extended else 0,
                                  int(extended), 0))

    def header(kind, flags, offset, virt, phys, filesz, memsz):
        if is_64:
            return struct.pack("<IIQQQQQQ", kind, flags, offset, virt, phys, filesz, memsz, 0)
        return struct.pack("<8I", kind, offset, virt & 0xffffffff, phys, filesz, memsz, flags, 0)

    out += header(4, 0, at, 0, 0, len(notes), 0)
    at, known, body, offsets = at + len(notes), {}, [], []
    for load in loads:
        key = (id(load.data), load.phys % PAGE)
        if key not in known:
            start = at + (load.phys - at) % PAGE
            body.append(bytes(start - at) + load.data)
            known[key], at = start, start + len(load.data)
        offsets.append(known[key])
        out += header(1, 7, known[key], load.virt, load.phys, len(load.data), len(load.data) + load.more)
    if extended:
        zero = bytearray(section)
        struct.pack_into("<I", zero, 44 if is_64 else 28, count)
        out += zero
    return bytes(out) + notes + b"".join(body), offsets


Program = namedtuple("Program", "type offset virt phys filesz memsz")


def read_core(file):
    """(class, machine, program headers, notes) of a core, by nobody's code but this."""
    is_64 = file[4] == 2
    kind, machine = struct.unpack_from("<HH", file, 16)
    assert file[:4] == b"\x7fELF" and file[5] == 1 and kind == 4
    if is_64:
        at, sections, count = *struct.unpack_from("<QQ", file, 32), struct.unpack_from("<H", file, 56)[0]
    else:
        at, sections, count = *struct.unpack_from("<II", file, 28), struct.unpack_from("<H", file, 44)[0]
    if count == 0xffff and sections:
        count = struct.unpack_from("<I", file, sections + (44 if is_64 else 28))[0]
    programs, notes = [], []
    for i in range(count):
        if is_64:
            kind, _, offset, virt, phys, filesz, memsz = struct.unpack_from("<IIQQQQQ", file, at + 56 * i)
        else:
            kind, offset, virt, phys, filesz, memsz = struct.unpack_from("<6I", file, at + 32 * i)
        assert offset + filesz <= len(file)
        programs.append(Program(kind, offset, virt, phys, filesz, memsz))
    for each in programs:
        place = each.offset
        while each.type == 4 and place < each.offset + each.filesz:
            name, size, kind = struct.unpack_from("<III", file, place)
            start = place + 12 + -(-name // 4) * 4
            notes.append((file[place + 12:place + 12 + name].rstrip(b"\0"), kind, file[start:start + size]))
            place = start + -(-size // 4) * 4
    return (64 if is_64 else 32), machine, programs, notes


class Tables:
    """Page tables in a machine's memory. Modes: 32, pae, 4, 5."""

    def __init__(self, mode, memory, base, at, size=0x40000):
        """memory is a bytearray whose first byte has the physical address base; tables lie from at on."""
        self.mode, self.memory, self.base, self.next, self.end = mode, memory, base, at, at + size
        self.width, self.bits = (4, 10) if mode == "32" else (8, 9)
        self.levels = {"32": 2, "pae": 3, "4": 4, "5": 5}[mode]
        self.cr3 = self.table()

    def table(self):
        at, self.next = self.next, self.next + PAGE
        assert self.next <= self.end
        return at

    def put(self, table, index, value):
        at = table - self.base + index * self.width
        self.memory[at:at + self.width] = value.to_bytes(self.width, "little")

    def get(self, table, index):
        at = table - self.base + index * self.width
        return int.from_bytes(self.memory[at:at + self.width], "little")

    def map(self, virt, phys, level=1):
        """One page of the level: 1 is 4 KiB."""
        table = self.cr3
        for each in range(self.levels, level, -1):
            index = virt >> 12 + self.bits * (each - 1) & (1 << self.bits) - 1
            if not self.get(table, index) & 1:
                # Entries of a PAE directory pointer table have no W and U bits.
                self.put(table, index, self.table() | (1 if self.mode == "pae" and each == 3 else 7))
            table = self.get(table, index) & 0x000ffffffffff000
        index = virt >> 12 + self.bits * (level - 1) & (1 << self.bits) - 1
        flags = 3 | (0x80 if level > 1 else 0)
        if self.mode == "32" and level == 2:
            flags |= (phys >> 32) << 13
            phys &= 0xffffffff
        elif self.width == 8:
            flags |= 1 << 63 | 0x60
        self.put(table, index, phys | flags)

    def map_range(self, virt, phys, size):
        for at in range(0, size, PAGE):
            self.map(virt + at, phys + at)


# A host that has crashed in third(). Its stack is made by hand, so nothing needs to run.
SOURCE = r"""
struct task { const char *name; unsigned long long counter; struct task *next; } idle = { "idle task", 0x1122334455667788ull, &idle };
int witness = 4711;
static const int table[4] = { 1, 2, 3, 5 };
volatile int sink;
#define LABEL(name) __asm__ volatile(".globl " #name "\n" #name ":")
__attribute__((noinline)) void third(int number) { sink = number; LABEL(in_third); sink = table[number & 3]; }
__attribute__((noinline)) void second(int number) { third(number + 1); LABEL(in_second); sink = number; }
__attribute__((noinline)) void first(void) { second(41); LABEL(in_first); sink = 0; }
__attribute__((noinline)) void waits(void) { sink = 1; LABEL(in_waits); sink = 2; }
void entry(void) { first(); LABEL(in_entry); waits(); }
"""

Host = namedtuple("Host", "path width base segments symbols")   # segments: (virt, bytes, size)


def build_host(folder, width):
    """Compiles the program for the higher half. None: no compiler can."""
    base = 0xC0000000 if width == 32 else 0xFFFFFFFF80000000
    compilers = [["clang", f"--target={'i386' if width == 32 else 'x86_64'}-unknown-none-elf"]]
    compilers += [["i686-elf-gcc"], ["i686-linux-gnu-gcc"], ["gcc", "-m32"]] if width == 32 else [["gcc"]]
    (folder / "host.c").write_text(SOURCE)
    flags = ["-g", "-O0", "-ffreestanding", "-fno-omit-frame-pointer", "-fno-pic", "-fno-stack-protector", "-c", "host.c", "-o", "host.o"]
    flags += ["-mcmodel=kernel", "-mno-red-zone"] if width == 64 else []
    linker = shutil.which("ld.lld") or "ld"
    for compiler in compilers:
        if not shutil.which(compiler[0]) or subprocess.run([*compiler, *flags], cwd=folder, capture_output=True).returncode:
            continue
        subprocess.run([linker, "-m", "elf_i386" if width == 32 else "elf_x86_64", "-static", "-e", "entry", "-z", "max-page-size=4096",
                        f"--image-base={base + 0x100000:#x}" if linker.endswith("lld") else f"-Ttext-segment={base + 0x100000:#x}",
                        "-o", "host.elf", "host.o"], cwd=folder, check=True)
        break
    else:
        return None
    file = (folder / "host.elf").read_bytes()
    at, count = struct.unpack_from("<I", file, 28)[0] if width == 32 else struct.unpack_from("<Q", file, 32)[0], \
        struct.unpack_from("<H", file, 44 if width == 32 else 56)[0]
    segments = []
    for i in range(count):
        if width == 32:
            kind, offset, virt, _, filesz, memsz = struct.unpack_from("<6I", file, at + 32 * i)
        else:
            kind, _, offset, virt, _, filesz, memsz = struct.unpack_from("<IIQQQQQ", file, at + 56 * i)
        if kind == 1:
            segments.append((virt, file[offset:offset + filesz], memsz))
    text = subprocess.run(["nm", folder / "host.elf"], capture_output=True, text=True, check=True).stdout
    symbols = {line.split()[2]: int(line.split()[0], 16) for line in text.splitlines() if len(line.split()) == 3}
    return Host(folder / "host.elf", width, base, segments, symbols)


def lay_out(host, memory, to_phys):
    """Writes the program and the stacks of two CPUs into a machine's memory. to_phys: the index of a virtual address.
    Returns the registers of both."""
    for virt, data, _ in host.segments:
        at = to_phys(virt)
        memory[at:at + len(data)] = data
    word = host.width // 8
    stack = host.base + 0x180000

    def push(where, value):
        memory[to_phys(where):to_phys(where) + word] = value.to_bytes(word, "little")

    frames = [stack + 0x100, stack + 0x200, stack + 0x300, stack + 0x400]
    returns = [host.symbols[name] for name in ("in_second", "in_first", "in_entry")]
    for i, back in enumerate(returns):
        push(frames[i], frames[i + 1])
        push(frames[i] + word, back)
        # The argument: where GCC and clang keep it without optimisation on 32 bits.
        if host.width == 32:
            push(frames[i] + 2 * word, (42, 41, 0)[i])
    pc, sp, bp = ("eip", "esp", "ebp") if host.width == 32 else ("rip", "rsp", "rbp")
    # The other CPU is in waits(), which entry() called.
    push(stack + 0x800, stack + 0x900)
    push(stack + 0x800 + word, host.symbols["in_entry"])
    return ({pc: host.symbols["in_third"], sp: frames[0] - 0x40, bp: frames[0]},
            {pc: host.symbols["in_waits"], sp: stack + 0x7c0, bp: stack + 0x800})
