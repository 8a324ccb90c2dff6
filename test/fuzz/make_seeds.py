#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes the seeds of the ELF, core and Multiboot fuzz targets: small kernels, each followed by the eight bytes of
layout that check.h takes from the end; and those of the media. Run it again when the layout changes; the seeds are in the tree."""
import os
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'disk'))
import cores
LAYOUTS = [
	bytes(8),
	bytes([0x43, 0xc5, 0x10, 0x40, 0x15, 0, 0, 3]),   # mended, scattered in reverse, modules
	bytes([0x40, 0x42, 0x00, 0x00, 0x97, 0x45, 0x44, 2]),  # on the workspace, a hole, a kept range
]
COMES_BACK = [
	bytes([0x40, 0xc1, 0x80, 0x60, 0, 0, 0, 0x48]),    # the blob in pieces, which are staging
	bytes([0x40, 0x02, 0x00, 0x60, 0x15, 1, 0x65, 0x48]),  # the blob in target memory, the rest cleared, some unused
	bytes([0x40, 0x02, 0x00, 0x60, 0x15, 2, 0x65, 0x48]),  # with a core
	bytes([0x40, 0x41, 0x80, 0x60, 0, 6, 0x31, 0x48]),     # with a core and mappings
	bytes([0x40, 0x02, 0x00, 0x60, 0x15, 2, 0xe5, 0x48]),  # for a crash, the blob in target memory
	bytes([0x40, 0x41, 0x80, 0x60, 2, 7, 0xb1, 0x48]),     # for a crash, of two CPUs, with mappings
]


def words(is_64, *values):
	return struct.pack('<%d%s' % (len(values), 'Q' if is_64 else 'I'), *values)


def elf(is_64=False, entry=0x100000, segments=(), sections=(), header=b'', size=0x340):
	"""segments: (type, offset, vaddr, paddr, filesz, memsz); sections: (type, flags, addr, offset, size)"""
	file = bytearray(i * 7 & 0xff for i in range(size))
	head, program, section = (64, 56, 64) if is_64 else (52, 32, 40)
	table = head + program * len(segments)
	file[0:head] = (b'\x7fELF' + bytes([2 if is_64 else 1, 1, 1]) + bytes(9)
		+ struct.pack('<HHI', 2, 62 if is_64 else 3, 1)
		+ words(is_64, entry, head, table if sections else 0)
		+ struct.pack('<IHHHHHH', 0, head, program, len(segments), section, len(sections), max(0, len(sections) - 1)))
	at = head
	for kind, offset, vaddr, paddr, filesz, memsz in segments:
		if is_64:
			entry_bytes = struct.pack('<IIQQQQQQ', kind, 7, offset, vaddr, paddr, filesz, memsz, 16)
		else:
			entry_bytes = struct.pack('<IIIIIIII', kind, offset, vaddr, paddr, filesz, memsz, 7, 16)
		file[at:at + program] = entry_bytes
		at += program
	for kind, flags, addr, offset, length in sections:
		file[at:at + section] = (struct.pack('<II', 0, kind) + words(is_64, flags, addr, offset, length)
			+ struct.pack('<II', 0, 0) + words(is_64, 1, 0))
		at += section
	assert at <= 0x200 and len(file) == size
	file[0x200:0x200 + len(header)] = header
	return bytes(file)


def multiboot(flags, *fields, checksum=None):
	magic = 0x1badb002
	return struct.pack('<III', magic, flags, -(magic + flags) & 0xffffffff if checksum is None else checksum) + \
		struct.pack('<%dI' % len(fields), *fields)


def multiboot_2(*tags):
	"""Each tag: its type, flags, and numbers."""
	magic, body = 0xe85250d6, b''
	for kind, flags, *numbers in (*tags, (0, 0)):
		body += struct.pack('<HHI%dI' % len(numbers), kind, flags, 8 + 4 * len(numbers), *numbers)
		body += bytes(-len(body) % 8)
	return struct.pack('<IIII', magic, 0, 16 + len(body), -(magic + 16 + len(body)) & 0xffffffff) + body


ONE = [(1, 0x200, 0x100000, 0x100000, 0x100, 0x400)]
HIGHER_HALF = [(1, 0x200, 0xc0100000, 0x100000, 0x80, 0x80), (1, 0x280, 0xc0101000, 0x101000, 0x40, 0x1000)]
SECTIONS = [(0, 0, 0, 0, 0), (1, 2, 0x100000, 0x200, 0x100), (2, 0, 0, 0x300, 0x20), (3, 0, 0, 0x320, 0x20)]

ELFS = {
	'one_segment': elf(segments=ONE),
	'one_segment_64': elf(True, segments=ONE),
	'two_and_a_note': elf(segments=ONE + [(4, 0x300, 0, 0, 0x10, 0x10), (1, 0x300, 0x200000, 0x200000, 0x40, 0x40)]),
	'higher_half': elf(entry=0xc0100010, segments=HIGHER_HALF),
	'physical_entry': elf(entry=0x100010, segments=HIGHER_HALF),
	'zeros_only': elf(segments=ONE + [(1, 0, 0x101000, 0x101000, 0, 0x2000)]),
	'overlap': elf(segments=ONE + [(1, 0x200, 0x1003ff, 0x1003ff, 0x10, 0x10)]),
	'interpreter': elf(segments=ONE + [(3, 0x300, 0, 0, 0x10, 0x10)]),
	'past_the_end': elf(segments=[(1, 0x300, 0x100000, 0x100000, 0x41, 0x41)]),
	'wraps_64': elf(True, segments=[(1, 0x200, 0x100000, 0xfffffffffffffff0, 0x40, 0x40)]),
}


def core(is_64=True, note=b'Segue\0', flags=1, workspace=0x100000, entry=0x100010, segments=ONE):
	"""A core of a host (segue_core.h): PT_NOTE, then segments."""
	head, program = (64, 56) if is_64 else (52, 32)
	desc = struct.pack('<IIIIQQIIQQQQ', 72, 100, 64 if is_64 else 32, flags, workspace, 0x100, entry, 0, 0, 0, 0, 0)
	notes = struct.pack('<III', len(note), len(desc), 0x5301) + note.ljust(8, b'\0') + desc
	file = bytearray(elf(is_64, entry=0, segments=[(4, 0x200, 0, 0, len(notes), 0)] + [
		(kind, offset + 0x100, vaddr, paddr, filesz, memsz) for kind, offset, vaddr, paddr, filesz, memsz in segments], size=0x440))
	file[16] = 4
	file[0x200:0x200 + len(notes)] = notes
	return bytes(file)


CORES = {
	'one_segment': core(),
	'one_segment_32': core(False),
	'mapped_twice': core(segments=ONE + [(1, 0x200, 0xc0100000, 0x100000, 0x100, 0x400)]),
	'parts_twice': core(segments=ONE + [(1, 0x240, 0xc0100000, 0x100040, 0xc0, 0x800)]),
	'contradicts': core(segments=ONE + [(1, 0x201, 0xc0100000, 0x100000, 0x100, 0x400)]),
	'of_linux': core(note=b'Linux\0'),
	'not_to_be_restored': core(flags=0),
	'entry_in_zeros': core(entry=0x100100),
	'workspace_missing': core(workspace=0x1003ff),
	'past_the_end': core(segments=[(1, 0x300, 0x100000, 0x100000, 0x41, 0x41)]),
}
FLAT = multiboot(0x10003, 0x100200, 0x100000, 0, 0, 0x100240)
KERNELS = {
	'elf': elf(segments=ONE, header=multiboot(3)),
	'elf_64_symbols': elf(True, segments=ONE[:1], sections=SECTIONS[1:], header=multiboot(3)),
	'elf_symbols': elf(segments=ONE, sections=SECTIONS, header=multiboot(0)),
	'elf_video': elf(segments=ONE, header=multiboot(4, 0, 0, 0, 0, 0, 0, 1024, 768, 32)),
	'elf_and_addresses': elf(segments=ONE, header=FLAT),
	'flat': bytes(0x200) + FLAT + bytes(range(256)),
	'flat_bss': multiboot(0x10000, 0x100000, 0x100000, 0x100040, 0x102000, 0x100020) + bytes(range(64)),
	'flat_text_mode': multiboot(0x10004, 0x180000, 0x180000, 0, 0, 0x180030, 1, 80, 25, 0) + bytes(range(64)),
	'checksum': elf(segments=ONE, header=multiboot(3, checksum=0)),
	'unknown_flag': elf(segments=ONE, header=multiboot(0x8003)),
	'truncated': multiboot(0x10000, 0x100000, 0x100000),
	'no_addresses': multiboot(3) + bytes(64),
	'version_2': elf(segments=ONE, header=multiboot_2()),
	'past_the_end': multiboot(0x10000, 0x100000, 0x100000, 0x200000, 0, 0x100020) + bytes(64),
}
FLAT_2 = multiboot_2((2, 0, 0x100200, 0x100000, 0, 0x103000), (3, 0, 0x100200))
KERNELS_2 = {
	'elf': elf(segments=ONE, header=multiboot_2()),
	'elf_64_symbols': elf(True, segments=ONE[:1], sections=SECTIONS[1:], header=multiboot_2((1, 0, 1, 9), (6, 0))),
	'elf_entry': elf(segments=ONE, header=multiboot_2((3, 0, 0x100004))),
	'elf_high': elf(segments=ONE, header=multiboot_2((10, 0, 0, 0xffffffff, 0x1000, 2))),
	'elf_low_64': elf(True, segments=ONE, header=multiboot_2((10, 0, 0x180000, 0x300000, 0x8000, 1), (3, 0, 0x100010))),
	'elf_console': elf(segments=ONE, header=multiboot_2((4, 0, 3), (5, 1, 1024, 768, 32), (7, 0), (9, 0, 1))),
	'flat': bytes(0x200) + FLAT_2 + bytes(range(256)),
	'flat_relocated': multiboot_2((2, 0, 0x100000, 0xffffffff, 0, 0), (3, 0, 0x100010), (10, 1, 0x123000, 0x2ff000, 0, 0)) + bytes(range(64)),
	'both_versions': elf(segments=ONE, header=multiboot(3) + bytes(4) + multiboot_2()),
	'unknown_tag': elf(segments=ONE, header=multiboot_2((99, 1), (98, 0))),
	'unknown_request': elf(segments=ONE, header=multiboot_2((1, 0, 22))),
	'no_entry': bytes(0x200) + multiboot_2((2, 0, 0x100200, 0x100000, 0, 0)),
	'cut': elf(segments=ONE, header=multiboot_2((5, 0, 1, 2, 3))[:40]),
}




def linux(notes=((b'Linux\0', 0x100, b'6.1.0-test\0'),), segments=None, is_64=False):
	"""A vmlinux: two segments with a gap between them, and notes: owner, type, description."""
	bodies = b''.join(struct.pack('<III', len(owner), len(desc), kind) + owner.ljust(-(-len(owner) // 4) * 4, b'\0')
		+ desc.ljust(-(-len(desc) // 4) * 4, b'\0') for owner, kind, desc in notes)
	if segments is None:
		segments = [(1, 0x200, 0xc0100000, 0x100000, 0x80, 0x80), (1, 0x280, 0xc0110000, 0x110000, 0x40, 0x1000)]
	return elf(is_64, segments=[*segments, (4, 0x300, 0, 0, len(bodies), len(bodies))], header=bytes(range(256)) + bodies, size=0x200 + 0x100 + len(bodies) + 0x40)


VMLINUXES = {
	'build_salt': linux(),
	'lto': linux(((b'GNU\0', 3, bytes(20)), (b'Linux\0', 0x101, bytes(4)))),
	'xen': linux(((b'Xen\0', 5, b'xen-3.0\0'), (b'Xen\0', 6, b'linux\0'))),
	'pvh': linux(((b'Xen\0', 18, bytes([0x10, 0, 0x10, 0])), (b'Linux\0', 0x100, b''))),
	'vdso': linux(((b'Linux\0', 0, bytes(4)),)),
	'wide': linux(is_64=True),
	'none': linux(()),
	'cut': linux()[:0x310],
	'cut_in_a_note': elf(segments=[*ONE, (4, 0x340, 0, 0, 12 + 4 + 2, 0)]) + struct.pack('<III', 4, 6, 6) + b'Xen\0li',
	'overlap': linux(segments=[*HIGHER_HALF, (1, 0x200, 0xc0100010, 0x100010, 0x10, 0x10)]),
}


def both(number):
	"""ECMA-119, section 7.3.3: little-endian, then big-endian"""
	return struct.pack('<I', number) + struct.pack('>I', number)


def record(name, block, size, folder=False):
	"""ECMA-119, section 9.1"""
	length = (33 + len(name) + 1) & ~1
	return (bytes([length, 0]) + both(block) + both(size) + bytes(7) + bytes([2 if folder else 0, 0, 0, 1, 0, 0, 1])
		+ bytes([len(name)]) + name).ljust(length, b'\0')


def iso(blob=b'BLOB.;1', options=b'console=ttyS0\n'):
	"""From block 16 on: descriptors, the root, /SEGUE, the options; the blob follows"""
	descriptor = b'\x01CD001\x01'.ljust(128, b'\0') + struct.pack('<H', 2048)
	dots = record(b'\0', 18, 2048, True) + record(b'\1', 18, 2048, True)
	blocks = [descriptor.ljust(156, b'\0') + record(b'\0', 18, 2048, True), b'\xffCD001\x01',
		dots + record(b'SEGUE', 19, 2048, True),
		dots + record(blob, 21, 2048) + record(b'OPTIONS.;1', 20, len(options)), options, bytes(2048)]
	return b''.join(block.ljust(2048, b'\0') for block in blocks)


def disk(blob_size=512, options=b'console=ttyS0'):
	"""container/media_format.h: MBR, a partition from sector 1 on"""
	entry = bytes([0, 0, 0, 0, 0x7f, 0, 0, 0]) + struct.pack('<II', 1, 2)
	header = b'SegueDsk' + struct.pack('<QII', blob_size, 512, 1) + options
	return bytes(446) + entry.ljust(64, b'\0') + b'\x55\xaa' + header.ljust(512, b'\0') + bytes(512)


# media_raw.c: the medium less one, how much is read at once, the bytes
MEDIA = {
	'cd': b'\0\x1f' + iso(),
	'cd_small_reads': b'\0\0' + iso(blob=b'blob'),
	'disk': b'\1\x7f' + disk(),
	'disk_too_large': b'\1\x7f' + disk(blob_size=513),
	'iso_on_disk': b'\2\0' + iso(blob=b'BLOB.'),
}


# corefile_raw.c: how the host pages, CR3, the core
RAM = 0x100000
PAGING = {'32': (1, 32, 0x10, 0), 'pae': (2, 32, 0x20, 0), '4': (3, 64, 0x20, 0x500), '5': (4, 64, 0x1020, 0x500)}


def paged_core(mode, **form):
	number, width, cr4, efer = PAGING[mode]
	memory = bytearray(0x7000)
	tables = cores.Tables(mode, memory, RAM, RAM, 0x6000)
	high = 0xc0000000 if width == 32 else 0xffff800000000000
	tables.map_range(high, RAM, 3 * cores.PAGE)
	tables.map(high + 0x1000000, 0, 2)
	tables.put(tables.cr3, 3 if mode == 'pae' else (1 << tables.bits) - 1, tables.cr3 | 1)
	notes = cores.host_note(width, cr3=tables.cr3, cr4=cr4, efer=efer, workspace=RAM, restore=RAM) + cores.cpu_note(width, 0) * 2
	loads = [cores.Load(high, RAM, bytes(memory[:0x6000])), cores.Load(cores.NOWHERE, RAM + 0x6000, bytes(memory[0x6000:]))]
	return bytes([number | 0x80]) + struct.pack('<I', tables.cr3) + cores.write_core(loads, notes, **form)[0]


COREFILES = {f'mode_{mode}': paged_core(mode) for mode in PAGING}
COREFILES['elf32'] = paged_core('32', is_64=False, machine=cores.EM_386)
COREFILES['section_0'] = paged_core('4', extended=True)
COREFILES['cut'] = paged_core('pae')[:-0x1001]
COREFILES['no_memory'] = b'\4' + bytes(4) + cores.write_core([], cores.host_note(64, efer=0x500))[0]
COREFILES['foreign'] = bytes(5) + cores.write_core([cores.Load(0, 0, bytes(64), 64), cores.Load(1 << 32, 1 << 32, bytes(99))],
	cores.cpu_note(64) + cores.note(b'VMCOREINFO', 0, b'OSRELEASE=6.1'))[0]


def main():
	os.makedirs(os.path.join(HERE, 'seeds', 'corefile'), exist_ok=True)
	for name, core in COREFILES.items():
		with open(os.path.join(HERE, 'seeds', 'corefile', name), 'wb') as file:
			file.write(core)
	os.makedirs(os.path.join(HERE, 'seeds', 'media'), exist_ok=True)
	for name, medium in MEDIA.items():
		with open(os.path.join(HERE, 'seeds', 'media', name), 'wb') as file:
			file.write(medium)
	for folder, kernels in (('elf', ELFS), ('multiboot', KERNELS), ('multiboot2', KERNELS_2), ('core', CORES), ('vmlinux', VMLINUXES)):
		target = os.path.join(HERE, 'seeds', folder)
		os.makedirs(target, exist_ok=True)
		for i, (name, kernel) in enumerate(sorted(kernels.items())):
			with open(os.path.join(target, name), 'wb') as file:
				layout = LAYOUTS[i % len(LAYOUTS)]
				# plain ELF64 only loads where the caller says that its entry is 32-bit code
				file.write(kernel + bytes([layout[0] | (kernel[4] == 2)]) + layout[1:])
	for folder, kernels in (('elf', ELFS), ('multiboot', KERNELS), ('multiboot2', KERNELS_2), ('vmlinux', VMLINUXES)):
		for i, layout in enumerate(COMES_BACK):
			with open(os.path.join(HERE, 'seeds', folder, f'comes-back-{i}'), 'wb') as file:
				file.write(next(iter(kernels.values())) + layout)
	return 0


if __name__ == '__main__':
	sys.exit(main())
