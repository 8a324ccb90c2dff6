; SPDX-License-Identifier: MIT
;
; Purgatory runs after the host has gone and before the target starts. It puts the
; target in place, resets the CPU and jumps. Linked flat at 0; runs at any page.
;
; Contract
;   On entry at offset 0 of the page, for the CPU that leaves the host
;    1. 32-bit protected mode, CPL 0, CS, DS and SS flat from 0 to 4 GiB, paging off, interrupts off.
;    2. EAX holds the page's address. Purgatory relies on no other register, no stack and no table.
;    3. The next page (data_page) is writable and its contents may be lost: it holds the IDT and the stack.
;       The pages above that hold the optional blocks that params ask for.
;    4. params is filled (purgatory.h). Its list ends, and no entry writes to where
;       purgatory or the list itself will lie (segue_load() has replayed it).
;    5. All registers, flags, x87 state and descriptor tables may be clobbered.
;   In between
;    6. The marks of a loaded target are wiped from the workspace. With params.return_page the state of CPU and devices is
;       saved there (return.asm, keep.asm). Devices are quieted as params.quiet asks (devices.asm), once and before any byte is
;       moved. If params.home is another page, purgatory and its list move there next. With PURGATORY_HIGH, a move above 4 GiB
;       runs with PAE paging by purgatory's own tables; paging is off again after the move (high.asm).
;    7. An exception prints its vector, error code, EIP and CR2 on the serial port and port
;       0xE9, and the machine stops. An NMI is ignored. If the digest of the moved segments differs from the one in
;       params, that is printed there and on the text screen, with each range that has another sum than its entry of the
;       list; then the machine stops, or it reboots.
;   At the target's first instruction
;    8. EFLAGS 2; general registers, ESP and EIP from params.
;    9. CR0 PE|ET (caches on), CR2 0, CR3 0, CR4 0 if the CPU has a CR4.
;   10. EFER, SYSENTER, SYSCALL, IA32_XSS and PERF_GLOBAL_CTRL MSRs 0, PAT at its reset value,
;       each if the CPU has it.
;   11. DR0 to DR3 0, DR6 0xFFFF0FF0, DR7 0x400.
;   12. x87 as after FNINIT; XCR0 1 if the CPU has XSAVE.
;   13. LDTR 0; TR a 32-bit TSS of base 0 and limit 0x67, as PVH wants it: the CPU reads none in ring 0. IDTR base 0, limit 0.
;       Point 7 holds up to that LIDT; two
;       instructions follow it. With params.catcher IDTR and TR are the catcher's, and every NMI or exception
;       finds a handler (catcher.asm's contract).
;   14. GDTR with flat code and data, limit 4 GiB, at 08/10 or 10/18; CS and the data
;       segments loaded from it. The GDT lies in this page, in RAM that no segment claims; with params.catcher
;       it lies in the catcher, which is a segment.
;   15. A20 on.
;   16. NMIs unblocked, even if the host called from its NMI handler.
;   With PURGATORY_REAL_MODE (real_mode.asm) points 9 to 12 and 16 hold, except that CR0 is ET. Instead of the others:
;   17. Real mode. CS = code_selector, IP = EIP; DS, ES, FS, GS and SS = data_selector; each with base
;       selector * 16, limit 0xFFFF. EFLAGS 2, or with PURGATORY_INTERRUPTS 0x202.
;   18. General registers and ESP from params.
;   19. IDTR base 0, limit 0x3FF: the BIOS's vectors. GDTR base 0, limit 0xFFFF, as after reset.
;   20. LDTR 0; TR as in point 13, which real mode does not use.
;   21. A20 on; with PURGATORY_SHUT_A20 off, if the machine can turn it off. Bit 20 of every address in purgatory's pages,
;       from params.home up, is then clear.
;   22. From the LIDT to the target's first instruction (22 instructions) no handler catches an NMI or an
;       exception. An NMI in protected mode is then a shutdown. In real mode it runs the BIOS's handler, which returns
;       to CS * 16 + IP, not to the base that the CPU still has cached. None of these instructions faults by itself.
;   With PURGATORY_LONG_MODE (long_mode.asm) points 10 to 12, 15 and 16 hold, except for EFER and PAT. Instead of the others:
;   33. 64-bit mode; RFLAGS, RIP and the general registers, RSP too, from struct long_entry.
;   34. CR0, CR3, CR4, EFER and PAT from struct long_entry, EFER with LMA; CR2 0.
;   35. GDTR, CS and TR from struct long_entry; all other segment registers have its data selector. LDTR 0.
;   36. IDTR base 0, limit 0. Point 7 holds up to that LIDT; one instruction follows it. With params.catcher IDTR is the
;       catcher's, and every NMI or exception finds a handler (catcher64.asm's contract).
;   Other CPUs (cpus.asm)
;   23. Each enters at offset PURGATORY_PARK of the page, from the gate, in the state of points 1 and 2. It holds the lock of
;       struct parking (parking.h), which is in the workspace like this page. Until it releases the lock, the next page
;       belongs to it. Without PURGATORY_CPUS (cpus.asm is not there) it prints a sentence, keeps the lock and halts.
;   24. Points 9 to 12 and 16 then hold for it. LDTR is 0, its local APIC is in xAPIC mode if its ID is below
;       255, and its ID is listed if it is not the BSP. It waits with interrupts off, on a stack of its own. An NMI is
;       ignored; a machine check, with CR4.MCE 0, is a shutdown.
;   25. Before purgatory writes to anything but its own pages, the listed CPUs get an INIT; with PURGATORY_INIT_CPUS, and if the
;       BSP runs purgatory, all other CPUs do. No CPU gets one if there is no IA32_APIC_BASE, or if the APIC is off or
;       above 4 GiB. The BSP never gets one.
;   26. Before the first move, the CPUs that wait and got no INIT halt in params.home (at_rest), in the state of point 24,
;       with that page's GDT, the IDT of the page above it, and one stack for all. Purgatory continues when they have
;       arrived, or after some seconds.
;   A target that comes back (params.return_page; return.asm)
;   27. Purgatory stays in the workspace. It and the return page are entered any number of times, and their bytes outside the
;       next page, params and the return page's fields do not change.
;   28. The return page is entered at RETURN_ENTRY_AT as segue_target.h says: 32-bit protected mode, CPL 0, flat CS, DS and SS,
;       paging off, all else in any state. It keeps EAX, EBX, ESI, EDI, EBP, ESP and the dword at ESP, and enters purgatory by
;       point 1 with PURGATORY_TO_HOST and the list of exchanges. If ESP leads to no memory, the dword may be anything.
;   29. With PURGATORY_TO_HOST the CPU is reset (points 9 to 12) before the moves too, as the target may have left it in any state.
;       No device is quieted and no digest is checked.
;   30. The host is entered at crossing.ascend with paging off, in purgatory's segments and with its IDT, after the devices'
;       state and the host's MSRs are put back (the contract of ascend is in leave/cross.inc). If ascend is 0, segue_exec() had
;       started the target: a sentence is printed, and the machine stops.
;   31. If the digest is wrong, the target is not entered. The exchanges take the moves back, and the host is entered as
;       after a return, with SEGUE_E_DIGEST.
;   32. At RETURN_RESTORE_AT the return page is entered in the mode of point 28, if the host's memory is as it was when the
;       target was entered last. It relies on no register and no stack. The host is entered as after a return, with
;       SEGUE_RESTORED, and nothing is exchanged.

bits 32
org 0
%include "machine/segments.inc"
%include "numbers/hardware.inc"
%include "numbers/purgatory.inc"

; data_page: the page after the core
IDT_AT		equ PAGE
IDT_VECTORS	equ 32
A20_PROBE_AT	equ IDT_AT + IDT_VECTORS * 8
TSS_SIZE	equ 104
; One stack for all halted CPUs: only an NMI pushes to it, and it pushes the same values on every CPU.
REST_STACK_TOP	equ PAGE + 512
STACK_TOP	equ 2 * PAGE

; Purgatory's own selectors, in the GDT that it runs with
CODE		equ 0x08
DATA		equ 0x10

DR6_RESET	equ 0xffff0ff0

; A text screen
ROW_SIZE	equ 80 * 2
BANNER_CELL	equ 0x4f20		; a blank, white on red

start:
	jmp entry
	align 8
arguments:
	times params_size db 0
%define PARAM(name) ebp + arguments + params. %+ name

; flat_descriptor access: base 0, limit 4 GiB, 32-bit
%macro flat_descriptor 1
	dw 0xffff, 0
	db 0, %1, 0xcf, 0
%endmacro
ACCESS_TSS	equ ACCESS_PRESENT | 9 ; available 32-bit TSS

	; One table serves both protocols: GDTR's base is gdt for 08/10, gdt - 8 for 10/18.
	align 8
	dq 0
gdt:
%if gdt - start != PURGATORY_GDT
	%error "PURGATORY_GDT"
%endif
	; The CPU never reads a table's first entry. In the table for 10/18 this one is second: selector 08 of the IDT's gates.
	flat_descriptor ACCESS_CODE
	flat_descriptor ACCESS_CODE
	flat_descriptor ACCESS_DATA
tss_descriptor:
	dw TSS_SIZE - 1, 0
	db 0, ACCESS_TSS, 0, 0
gdt_end:
%if $ - start != PURGATORY_PARK
	%error "PURGATORY_PARK"
%endif
	jmp near enter_park

	align 4
	dw 0
gdt_pointer:
	dw gdt_end - gdt - 1
	dd 0
	dw 0
%if gdt_pointer + 6 - start > PARK_WRITES_END
	%error "PARK_WRITES_END"
%endif
idt_pointer:
	dw IDT_VECTORS * 8 - 1
	dd 0
	dw 0
no_idt_pointer:
	dw 0
	dd 0

; enter_park: contract, point 23. Without cpus.asm no segue_load() was told of the CPU.
;   in        EAX   the page's address
;   out       does not return
enter_park:
	test byte [eax + arguments + params.flags + 1], PURGATORY_CPUS >> 8
	jnz near park
	cli
	mov ebp, eax
	lea esp, [ebp + STACK_TOP]
	lea esi, [ebp + .text]
	call print_text
	jmp stop
.text:
	db "segue: a CPU parks, and cpus is not linked; stopped", 13, 10, 0

; EBP is the page's address from here to the jump.
entry:
	cli
	cld
	mov ebp, eax
	lea esp, [ebp + STACK_TOP]
	; A data breakpoint of the host's could hit the writes below, and there is no handler yet.
	mov eax, DR7_RESET
	mov dr7, eax
	; NT would turn the IRET below into a task switch; TF and AC would trap.
	push dword EFLAGS_FIXED
	popfd
	call build_tables
	lidt [ebp + idt_pointer]
	call flat_segments

	; Before the first copy: with A20 off, bit 20 of its destination would be lost.
	call open_a20
	; And before any write to the code that the other CPUs execute.
	test byte [PARAM(flags)], PURGATORY_PARKED
	jz .alone
	call stop_cpus
.alone:
	call forget_target
	; A target that comes back may have left anything in the CPU's registers; high.asm needs EFER to be 0.
	test byte [PARAM(flags) + 1], PURGATORY_TO_HOST >> 8
	jz .from_host
	call reset_cpu
	jmp .quiet
.from_host:
	; Purgatory does not move if the host is to come back, so this runs once.
	cmp dword [PARAM(return_page)], 0
	je .not_called
	mov eax, keep_host
	call in_return_page
.not_called:
	cmp dword [PARAM(kept)], 0
	je .for_good
	call keep_devices
.for_good:
	; Before any byte is moved, and after the host's code has stopped.
	cmp dword [PARAM(quiet)], 0
	je .quiet
	call quiet_devices
.quiet:
	; At home all of the above runs again: params.quiet is 0 then, and stop_cpus and forget_target see where they run.
	mov eax, [PARAM(home)]
	cmp eax, ebp
	jne relocate

	test byte [PARAM(flags)], PURGATORY_DIGEST
	jz .no_digest
	call digest_begin
.no_digest:
	test byte [PARAM(flags)], PURGATORY_HIGH
	jz .all_low
	call high_begin
.all_low:
	push ebp
	mov esi, [PARAM(list)]
	call segue_purgatory_move
	pop ebp
	test byte [PARAM(flags)], PURGATORY_DIGEST
	jz .as_it_must_be
	call digest_check
	jne come_back_at_once
.as_it_must_be:
	; EBP and ESP are loaded last, and no register is left for the jump: the values become immediates. They are written
	; before reset_cpu, whose CR0 write and returns flush any CPU's prefetch queue.
	mov eax, [PARAM(ebp)]
	mov [ebp + last_steps.ebp], eax
	mov eax, [PARAM(esp)]
	mov [ebp + last_steps.esp], eax
	lea eax, [ebp + no_idt_pointer]
	mov [ebp + last_steps.idt], eax
	mov eax, [PARAM(eip)]
	mov [ebp + last_steps.eip], eax
	mov eax, [PARAM(code_selector)]
	mov [ebp + last_steps.cs], ax
	call reset_cpu
	test byte [PARAM(flags) + 1], PURGATORY_TO_HOST >> 8
	jnz go_to_host
	test byte [PARAM(flags)], PURGATORY_REAL_MODE
	jnz enter_real_mode
	test byte [PARAM(flags) + 1], PURGATORY_LONG_MODE >> 8
	jnz enter_long_mode

	; Point 14, then 13: TR is loaded from the table that the target finds.
	mov eax, [PARAM(gdt_offset)]
	mov ecx, gdt_end - 1
	sub ecx, eax
	mov [ebp + gdt_pointer], cx
	add eax, ebp
	mov [ebp + gdt_pointer + 2], eax
	; The catcher brings its own tables. The moves have put it in place. Its RET, too, flushes a prefetch queue.
	mov ebx, [PARAM(catcher)]
	test ebx, ebx
	jz .no_catcher
	call ebx
.no_catcher:
	lgdt [ebp + gdt_pointer]
	xor eax, eax
	lldt ax
	ltr [PARAM(tss_selector)]
	mov eax, [PARAM(data_selector)]
	load_data_segments eax
	push dword EFLAGS_FIXED
	popfd
	mov eax, [PARAM(eax)]
	mov ebx, [PARAM(ebx)]
	mov ecx, [PARAM(ecx)]
	mov edx, [PARAM(edx)]
	mov esi, [PARAM(esi)]
	mov edi, [PARAM(edi)]
last_steps:
	mov ebp, strict dword 0
.ebp	equ $ - 4
	; NMIs are handled up to here. Without the catcher the target could not handle one at its first instruction either.
	lidt [dword 0]
.idt	equ $ - 4
	mov esp, strict dword 0
.esp	equ $ - 4
	jmp 0:strict dword 0
.eip	equ $ - 6
.cs	equ $ - 2

; go_to_host: enters the host that the target has come back to
;   in        EBP base
go_to_host:
	call wake_devices
	mov eax, to_host
	jmp short in_return_page

; come_back_at_once: takes all moves back by the list of exchanges, and enters the host
;   in        EBP base
come_back_at_once:
	mov eax, wrong_digest
; in_return_page: jumps to EAX in the return page, with its address in EBX
in_return_page:
	mov ebx, [PARAM(return_page)]
	add eax, ebx
	jmp eax

; forget_target: clears the marks of a loaded target in the workspace; a later kernel might find them there
;   in        EBP base; does nothing if that is not the workspace
;   clobbers  EAX ECX
forget_target:
	mov eax, [PARAM(parking)]
	lea ecx, [eax - PARKING_AT]
	cmp ecx, ebp
	jne .done
	xor ecx, ecx
	mov [PARAM(magic)], ecx
	mov [eax + LOADED_AT - PARKING_AT], ecx
.done:
	ret

; flat_segments
;   in        EBP base; gdt_pointer
;   out       own GDT, its flat segments in all registers, EFLAGS 2
;   clobbers  EAX
flat_segments:
	lgdt [ebp + gdt_pointer]
	mov eax, DATA
	load_data_segments eax
	; IRET, not a far return: it also unblocks NMIs.
	pop eax
	push dword EFLAGS_FIXED
	push dword CODE
	push eax
	iretd

; relocate: copies the list, page by page along its links, then purgatory's pages, and enters the copy at its start
;   in        EAX home, EBP base
;   out       does not return
relocate:
	mov edx, eax
	mov esi, [PARAM(list_source)]
	mov edi, [PARAM(list)]
	mov eax, [PARAM(list_pages)]
.page:
	mov ebx, edi
	mov ecx, PAGE / 4
	rep movsd
	mov edi, [ebx + list_page.link]
	dec eax
	jnz .page
	mov esi, ebp
	mov edi, edx
	mov ecx, [PARAM(pages)]
	shl ecx, 10
	rep movsd
	mov eax, edx
	jmp eax

%include "print.asm"
%include "trap.asm"
%include "a20.asm"
%include "move.asm"
%include "cpu.asm"

core_end:
%if core_end - start > PAGE
	%error "purgatory's core is larger than one page"
%endif

; The optional blocks (blocks/block.h), each for its place in purgatory's pages. The library has each in an object of its own:
; the core enters one only if params say that it is there, and no block enters another. The devices are the last ones: they
; are quieted before purgatory moves, so that it moves without them.
section .cpus follows=.text vstart=PURGATORY_BLOCKS_AT align=16
%include "cpus.asm"
section .real_mode follows=.cpus vfollows=.cpus align=16 valign=16
%include "real_mode.asm"
section .long_mode follows=.real_mode vfollows=.real_mode align=16 valign=16
%include "long_mode.asm"
section .high follows=.long_mode vfollows=.long_mode align=32 valign=32
%include "high.asm"
section .digest follows=.high vfollows=.high align=16 valign=16
%include "digest.asm"
section .devices follows=.digest vfollows=.digest align=16 valign=16
%include "devices.asm"
%include "pci.asm"
%include "acpi.asm"
%include "apic.asm"
%include "vga.asm"
%include "keep.asm"
%include "keep_apic.asm"
%include "keep_hpet.asm"
blocks_end:
; The catcher's place is a segment of the target.
section .catcher follows=.devices vstart=0 align=16
%include "catcher.asm"

section .catcher64 follows=.catcher vstart=0 align=16
%include "catcher64.asm"

; As is the place of the page that the target comes back to.
section .return follows=.catcher64 vstart=RETURN_ENTRY_AT align=16
%include "return.asm"
%include "return_msrs.asm"
%if $ - $$ + RETURN_ENTRY_AT > RETURN_STACK_TOP - 512
	%error "the return page leaves a target too little stack"
%endif

; Where each is in this file, for purgatory_blocks.inc
%ifdef MAP
	[map sections MAP]
%endif
