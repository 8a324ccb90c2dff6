; SPDX-License-Identifier: MIT
;
; The second part of stage 1, followed by segue.elf. Checks both, opens A20, copies segue.elf's segments to their
; addresses, and enters it.
;
; On entry, from mbr.asm or cd.asm
;   1. Real mode, CS:IP LOADER_SEGMENT:loader.entry; the whole file is at LOADER_AT. From the MBR
;      FIRST_SECTOR_SEGMENT:loader.entry, with only the first sector there; it reads the whole file and enters it again.
;   2. AL the medium: STAGE1_CD, or STAGE1_DISK for any disk; FIRST_SECTOR_ONLY from the MBR. DL the drive that the file
;      was read from.
;   3. DS 0; for a disk, the MBR still at BOOT_SECTOR: its PATCHED_LBA distinguishes an ISO on a disk from a disk made by
;      `segue disk` (stage1.inc).
;   4. A stack of some kilobytes; IF = 1, DF = 0.
;
; On exit, at segue.elf's entry
;   1. 32-bit protected mode; CS flat code; DS ES FS GS SS flat data; paging off, IF = 0, DF = 0, A20 on.
;   2. EAX STAGE1_MAGIC, EBX STAGE1_AT: struct stage1 (stage1.h). The other registers are undefined; GDTR refers to the
;      table in this file, IDTR is the BIOS's.
;   3. Below 0x500, and from 0x40000 to 1 MiB, only the BIOS has written.
;
; On an error it prints a sentence on the screen and on COM1, and halts (print.inc).
;
; The build defines SEGUE_ELF, a file name, and SUM and SUM_OF_SUMS of the output. It assembles this file first with both
; sums 0.

%include "stage1.inc"
%include "machine/a20.inc"

EFLAGS_ALWAYS_86 equ 0xf000		; bits 12 to 15: an 8086 has them set, a 286 in real mode clear
EFLAGS_IOPL_NT	equ 0x7000
A20_PROBE	equ PACKET_AT		; the packet is no longer needed

; ELF-32 object file format, figures 1-3 and 2-1
ELF_MAGIC	equ 0x464c457f
ELF_32_LITTLE	equ 0x0101		; e_ident[EI_CLASS], e_ident[EI_DATA]

%macro descriptor 4			; base, limit, access, flags
	dw (%2) & 0xffff, (%1) & 0xffff
	db (%1) >> 16, %3, %4 | (%2) >> 16, 0
%endmacro

	bits 16
	org 0

	dd LOADER_MAGIC
	dw (image_end - $$) / 512, 0
	dd SUM, SUM_OF_SUMS

	cpu 8086
	push ds
	pop es
	test al, al			; FIRST_SECTOR_ONLY
	jnz whole
	mov si, BOOT_SECTOR + MBR_PACKET
	mov word [si + packet.segment], LOADER_SEGMENT
	call load

SECTOR_SIZE	equ 512
MEDIUM		equ STAGE1_DISK
%define WITH_CHS
%define TEXT_IN_CS
%include "read.inc"
%if $ - $$ > SECTOR_SIZE
	%error "what reads the second part is not in its first sector"
%endif

whole:
	mov di, STAGE1_AT
	mov cx, stage1_size / 2
	push ax
	xor ax, ax
	rep stosw
	pop ax
	mov byte [STAGE1_AT + stage1.size], stage1_size
	mov [STAGE1_AT + stage1.medium], al
	mov [STAGE1_AT + stage1.drive], dl
	cmp al, STAGE1_DISK
	jne .medium_known
	mov ax, [BOOT_SECTOR + PATCHED_LBA + 2]
	or ax, [BOOT_SECTOR + PATCHED_LBA + 4]
	or ax, [BOOT_SECTOR + PATCHED_LBA + 6]
	jnz .iso
	cmp word [BOOT_SECTOR + PATCHED_LBA], ISO_SYSTEM_AREA
	jb .medium_known
.iso:
	mov byte [STAGE1_AT + stage1.medium], STAGE1_ISO_ON_DISK
.medium_known:
	push cs
	pop ds
	mov si, cpu_text
	xor ax, ax
	push ax
	popf
	pushf
	pop ax
	and ax, EFLAGS_ALWAYS_86
	cmp ax, EFLAGS_ALWAYS_86
	je .stop
	mov ax, EFLAGS_IOPL_NT
	push ax
	popf
	pushf
	pop ax
	and ax, EFLAGS_IOPL_NT
	jz .stop
	cpu 386
	push word 0
	popf
	sti
	call check_sums
	mov si, sum_text
	jne .stop
	call a20_is_open
	jne .open
	inc byte [fs:STAGE1_AT + stage1.a20_was_shut]
	call open_a20
	mov si, a20_text
	je .stop
.open:
	cli
	lgdt [gdt_pointer]
	mov eax, cr0
	or al, CR0_PE
	mov cr0, eax
	jmp dword gdt_code:LOADER_AT + flat_mode
.stop:
	cpu 8086
	xor ax, ax
	push ax
	popf
	sti
	jmp stop
	cpu 386

; check_sums
;   mode      real
;   in        DS LOADER_SEGMENT
;   out       ZF = 1: both sums are right
;   clobbers  EAX EBX CX ESI DI EBP
check_sums:
	push ds
	xor eax, eax
	xchg eax, [loader.sum]
	push eax
	xor eax, eax
	xchg eax, [loader.sum_of_sums]
	push eax
	xor ebx, ebx
	xor ebp, ebp
	mov di, (image_end - $$) / SEAL_SECTOR
.sector:
	xor si, si
	mov cx, SEAL_SECTOR / 64
.part:
%assign at 0
%rep 16
	add ebx, [si + at]
%assign at at + 4
%endrep
	add si, 64
	loop .part
	add ebp, ebx
	mov ax, ds
	add ax, SEAL_SECTOR / 16
	mov ds, ax
	dec di
	jnz .sector
	pop eax
	cmp eax, ebp
	pop eax
	jne .differ
	cmp eax, ebx
.differ:
	pop ds
	ret

; a20_is_open
;   mode      real
;   out       ZF = 0: open; FS 0
;   clobbers  EAX GS
a20_is_open:
	xor ax, ax
	mov fs, ax
	dec ax
	mov gs, ax
	a20_test [gs:A20_PROBE + 16], [fs:A20_PROBE]
	ret

; open_a20: tries the BIOS first
;   mode      real, IF = 1
;   out       ZF = 0: open; IF = 0
;   clobbers  EAX ECX FS GS, and what the BIOS clobbers
open_a20:
	push ds
	push es
	mov ax, 0x2401			; INT 15h: open A20
	int 0x15
	pop es
	pop ds
	cli
	a20_ladder ne
	ret

; kbc_ready
;   mode      any
;   clobbers  AL ECX
kbc_ready:
	kbc_wait
	ret

; refuse: returns to real mode and prints the sentence by the BIOS
;   mode      32-bit, flat
;   in        ESI the sentence's offset
;   out       does not return
	bits 32
refuse:
	jmp gdt_code16:.word_mode
	bits 16
.word_mode:
	mov ax, gdt_data16
	mov ds, ax
	mov es, ax
	mov ss, ax
	mov eax, cr0
	and al, ~CR0_PE & 0xff
	mov cr0, eax
	jmp LOADER_SEGMENT:.real_mode
.real_mode:
	xor ax, ax
	mov ss, ax
	mov sp, STACK_TOP
	push cs
	pop ds
	sti
	jmp stop

; flat_mode: checks segue.elf's headers, copies its segments to their addresses, and enters it
;   mode      32-bit, flat CS; the other segment registers are not loaded yet
;   out       does not return
	bits 32
flat_mode:
	mov eax, gdt_data
	mov ds, eax
	mov es, eax
	mov fs, eax
	mov gs, eax
	mov ss, eax
	mov esp, STACK_TOP
	mov esi, elf_text
	mov ebp, LOADER_AT + elf
	cmp dword [ebp + elf_header.magic], ELF_MAGIC
	jne refuse
	cmp word [ebp + elf_header.class_data], ELF_32_LITTLE
	jne refuse
	cmp word [ebp + elf_header.machine], EM_386
	jne refuse
	cmp word [ebp + elf_header.phentsize], program_header_size
	jne refuse
	cmp dword [ebp + elf_header.entry], ONE_MIB
	jb refuse
	mov ebx, [ebp + elf_header.phoff]
	movzx edx, word [ebp + elf_header.phnum]
	mov eax, edx
	shl eax, 5
	add eax, ebx
	jc refuse
	cmp eax, ELF_SIZE
	ja refuse
	add ebx, ebp
.segment:
	dec edx
	js .enter
	cmp dword [ebx + program_header.type], PT_LOAD
	jne .next
	call place
.next:
	add ebx, program_header_size
	jmp .segment
.enter:
	mov ecx, [ebp + elf_header.entry]
	mov eax, STAGE1_MAGIC
	mov ebx, STAGE1_AT
	jmp ecx

; place: copies one segment of segue.elf
;   mode      32-bit, flat
;   in        EBX its program header; EBP segue.elf as it was read
;   out       does not return if the segment is refused
;   clobbers  EAX ECX ESI EDI
place:
	mov esi, elf_text
	mov ecx, [ebx + program_header.filesz]
	cmp ecx, [ebx + program_header.memsz]
	ja refuse
	mov eax, [ebx + program_header.offset]
	add eax, ecx
	jc refuse
	cmp eax, ELF_SIZE
	ja refuse
	mov edi, [ebx + program_header.paddr]
	cmp edi, ONE_MIB
	jb refuse
	; Refuse if there is no memory at the segment's end.
	mov eax, [ebx + program_header.memsz]
	cmp eax, 4
	jb .copy
	add eax, edi
	jc refuse
	mov esi, memory_text
	call is_memory
	jne refuse
.copy:
	mov esi, [ebx + program_header.offset]
	add esi, ebp
	mov eax, ecx
	shr ecx, 2
	rep movsd
	mov ecx, eax
	and ecx, 3
	rep movsb
	mov ecx, [ebx + program_header.memsz]
	sub ecx, eax
	xor eax, eax
	mov esi, ecx
	shr ecx, 2
	rep stosd
	mov ecx, esi
	and ecx, 3
	rep stosb
	ret

; is_memory: tests the 4 bytes below EAX and overwrites them. Before the read it writes another value elsewhere, because
; without memory the bus may return the last value written.
;   mode      32-bit, flat
;   out       ZF = 1: memory
is_memory:
	push ecx
	mov ecx, [eax - 4]
	not ecx
	mov [eax - 4], ecx
	not ecx
	mov [A20_PROBE], ecx
	not ecx
	cmp ecx, [eax - 4]
	pop ecx
	ret

	align 8, db 0
gdt:
	dq 0
gdt_code equ $ - gdt
	descriptor 0, 0xfffff, ACCESS_DATA | ACCESS_CODE, DESCRIPTOR_4K | DESCRIPTOR_32BIT
gdt_data equ $ - gdt
	descriptor 0, 0xfffff, ACCESS_DATA, DESCRIPTOR_4K | DESCRIPTOR_32BIT
gdt_code16 equ $ - gdt
	descriptor LOADER_AT, 0xffff, ACCESS_DATA | ACCESS_CODE, 0
gdt_data16 equ $ - gdt
	descriptor LOADER_AT, 0xffff, ACCESS_DATA, 0
gdt_end:

	align 4, db 0
	dw 0				; aligns the base
gdt_pointer:
	dw gdt_end - gdt - 1
	dd LOADER_AT + gdt

cpu_text:
	db "Segue: this needs a 386 or later", 0
sum_text:
	db "Segue: the boot image is damaged or was not read as it was written", 0
a20_text:
	db "Segue: the A20 gate stays shut", 0
elf_text:
	db "Segue: the boot image's segue.elf is no ELF for an i386 from 1 MiB on", 0
memory_text:
	db "Segue: too little memory for segue.elf", 0

%ifdef MAP
	[map symbols MAP]
%endif
loader_used equ $ - $$
	align 16, db 0
elf:
	incbin SEGUE_ELF
ELF_SIZE equ $ - elf
	align SEAL_SECTOR, db 0
image_end:
%if image_end - $$ > LOADER_MAX
	%error "segue.elf is too large for stage 1"
%endif
; read.inc reads 32 KiB before it checks the length.
%if image_end - $$ < 32768 + SEAL_SECTOR
	%error "segue.elf is too small for stage 1"
%endif
