; SPDX-License-Identifier: MIT
; The bzImage: boot sector and setup header (Linux's Documentation/x86/boot.rst), a small
; 16-bit setup, then the payload. The 16-bit setup only collects what the payload needs, and
; enters it by the 32-bit protocol, with a mark in EAX.
%include "layout.inc"
%include "variant.inc"

cpu 386
bits 16
org 0

SETUP_SECTS	equ 3
PARAMS		equ 0x1000		; boot_params, in the setup's own segment
PARAMS_SIZE	equ 0x1000
E820_ENTRIES	equ PARAMS + 0x1e8
E820_TABLE	equ PARAMS + 0x2d0
E820_BYTES	equ 20
E820_MAX	equ 128
SMAP		equ 0x534d4150
LOADED_HIGH	equ 1 << 0
CODE		equ 0x10
DATA		equ 0x18
CR0_PE		equ 1 << 0

	times 0x1ef - ($ - $$) db 0
sentinel:
	db	0xff			; a loader that copies too much copies this byte
	db	0
header:
	db	SETUP_SECTS
	dw	0			; root_flags
	dd	(payload_end - payload) / 16
	dw	0			; ram_size
	dw	0xffff			; vid_mode: normal
	dw	0			; root_dev
	dw	0xaa55
	db	0xeb, header_end - magic
magic:
	db	"HdrS"
	dw	0x020f
	dd	0			; realmode_swtch
	dw	0			; start_sys_seg
	dw	version - 0x200
	db	0			; type_of_loader
	db	LOADED_HIGH
	dw	0			; setup_move_size
code32_start:
	dd	0x100000
	dd	0, 0			; ramdisk_image, ramdisk_size
	dd	0			; bootsect_kludge
	dw	0			; heap_end_ptr
	db	0, 0			; ext_loader_ver, ext_loader_type
	dd	0			; cmd_line_ptr
	dd	LINUX_INITRD_MAX
	dd	LINUX_ALIGNMENT
	db	1			; relocatable_kernel
	db	LINUX_ALIGNMENT_LOG2
	dw	XLOADFLAGS		; 0: no 64-bit entry
	dd	LINUX_CMDLINE_SIZE
	dd	0			; hardware_subarch
	dq	0
	dd	0, 0			; payload_offset, payload_length
	dq	0			; setup_data
	dq	LINUX_PREF_ADDRESS
	dd	LINUX_INIT_SIZE
	dd	0			; handover_offset
	dd	kernel_info - payload
header_end:
%if header - $$ != 0x1f1 || header_end - $$ != 0x26c
	%error "the setup header is not where boot.rst has it"
%endif

; DS = ES = SS = this segment, CS = DS + 0x20, interrupts off
setup:
	cld
	push	ds
	push	word .same_segment
	retf
.same_segment:
	xor	eax, eax
	mov	di, PARAMS
	mov	cx, PARAMS_SIZE / 4
	rep	stosd
	mov	si, header
	mov	di, PARAMS + 0x1f1
	mov	cx, header_end - header
	rep	movsb

	xor	ebx, ebx
	mov	di, E820_TABLE
.next_range:
	mov	eax, 0xe820
	mov	edx, SMAP
	mov	ecx, E820_BYTES
	int	0x15
	jc	.map_done
	cmp	eax, SMAP
	jne	.map_done
	add	di, E820_BYTES
	inc	byte [E820_ENTRIES]
	cmp	byte [E820_ENTRIES], E820_MAX
	je	.map_done
	test	ebx, ebx
	jnz	.next_range
.map_done:

	mov	ah, 0x03		; cursor
	xor	bh, bh
	int	0x10
	mov	[PARAMS + 0x00], dx
	mov	ah, 0x0f		; mode, columns
	int	0x10
	mov	[PARAMS + 0x06], ax
	push	es
	push	word 0x40
	pop	es
	mov	al, [es:0x84]		; rows - 1, character height
	inc	al
	mov	[PARAMS + 0x0e], al
	mov	ax, [es:0x85]
	mov	[PARAMS + 0x10], ax
	pop	es
	mov	byte [PARAMS + 0x0f], 1

	mov	ax, 0x2401		; A20 on
	int	0x15
	cli
	xor	esi, esi
	mov	si, ds
	shl	esi, 4
	lea	eax, [esi + gdt]
	mov	[gdt_pointer + 2], eax
	lea	eax, [esi + protected]
	mov	[.target], eax
	add	esi, PARAMS
	lgdt	[gdt_pointer]
	mov	eax, cr0
	or	al, CR0_PE
	mov	cr0, eax
	db	0x66, 0xea		; jmp far CODE:protected
.target:
	dd	0
	dw	CODE

bits 32
protected:
	mov	eax, DATA
	mov	ds, eax
	mov	es, eax
	mov	fs, eax
	mov	gs, eax
	mov	ss, eax
	mov	edx, [esi - PARAMS + code32_start]
	mov	eax, ENTERED_BY_SETUP
	xor	ebx, ebx
	xor	ebp, ebp
	xor	edi, edi
	jmp	edx

	align	8
gdt:
	dq	0, 0
	dq	0x00cf9b000000ffff	; flat code
	dq	0x00cf93000000ffff	; flat data
gdt_pointer:
	dw	gdt_pointer - gdt - 1
	dd	0
version:
	db	"Segue's inspector", 0

	times (1 + SETUP_SECTS) * 512 - ($ - $$) db 0
payload:
	incbin	"payload.bin"
	align	16, db 0
kernel_info:
	db	"LToP"
	dd	16, 16
	dd	0x80000000		; setup_type_max
payload_end:
