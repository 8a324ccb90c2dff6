; SPDX-License-Identifier: MIT
;
; Quiets the devices that the host left running: afterwards none of them interrupts the target or writes into its
; memory, and a PC's standard devices are as the BIOS leaves them. segue.h says at each flag what its step does.

; block_devices.c fills it in, at the block's start.
devices_at:
%if devices_at - $$ != 0
	%error "struct purgatory_devices is not at the start"
%endif
	times devices_size db 0
%define DEVICE(name) ebp + devices_at + devices. %+ name

; quiet_devices
;   mode      32-bit, flat, CPL 0, paging off, interrupts off
;   in        EBP base; params.quiet
;   out       the steps of params.quiet are done, and params.quiet is 0
;   clobbers  all but EBP and ESP
quiet_devices:
	xor ebx, ebx
	xchg ebx, [PARAM(quiet)]
	lea esi, [ebp + .steps]
.next:
	lodsd
	test eax, ebx
	lodsd
	jz .not_asked
	push ebx
	push esi
	add eax, ebp
	call eax
	pop esi
	pop ebx
.not_asked:
	lea eax, [ebp + .end]
	cmp esi, eax
	jb .next
	ret

; Order: bus masters first; the local APIC after IO-APICs and HPET, to drain what they sent; the HPET before the PIT,
; whose interrupt line it may hold.
	align 4, db 0
.steps:
	dd PURGATORY_QUIET_BUS_MASTERS, quiet_bus_masters
	dd PURGATORY_QUIET_IOAPIC | PURGATORY_QUIET_HPET, read_acpi
	dd PURGATORY_QUIET_IOAPIC, quiet_io_apics
	dd PURGATORY_QUIET_HPET, quiet_hpet
	dd PURGATORY_QUIET_LAPIC, quiet_local_apic
	dd PURGATORY_QUIET_PIT, quiet_pit
	dd PURGATORY_QUIET_PIC, quiet_pics
	dd PURGATORY_QUIET_RTC, quiet_rtc
	dd PURGATORY_QUIET_VGA, quiet_vga
.end:

; IA-PC HPET 1.0a, 2.3
HPET_CAPABILITIES	equ 0x00
HPET_PERIOD		equ 0x04	; femtoseconds a tick
HPET_CONFIGURATION	equ 0x10
HPET_STATUS		equ 0x20
HPET_COMPARATOR		equ 0x100
HPET_COMPARATOR_SIZE	equ 0x20
HPET_PERIOD_MAX		equ 100000000
HPET_ENABLE		equ 1 << 0
HPET_LEGACY		equ 1 << 1
HPET_INTERRUPT		equ 1 << 2	; of a comparator
HPET_FSB		equ 1 << 14	; its interrupt is a message (MSI)

; quiet_hpet
;   mode      32-bit, flat, paging off
;   in        EBP base
;   clobbers  EAX EBX ECX EDX ESI EDI
quiet_hpet:
	call find_hpet
	jc .nobody
	and dword [ebx + HPET_CONFIGURATION], ~(HPET_ENABLE | HPET_LEGACY)
	lea edx, [ebp + .comparator]
	call each_comparator
	; Writing ones ends level-triggered interrupts that are active.
	mov dword [ebx + HPET_STATUS], -1
.nobody:
	ret
.comparator:
	and dword [esi], ~(HPET_INTERRUPT | HPET_FSB)
	ret

; find_hpet: in EBP base; out CF = 0: EBX the HPET's address, CF = 1: there is none; clobbers EAX
find_hpet:
	mov ebx, [DEVICE(hpet)]
	test ebx, ebx
	jnz .known
	mov ebx, [DEVICE(usual_hpet)]
	test ebx, ebx
	stc
	jz .done
.known:
	; Reads return ones if no HPET is there; a period of 0 is not valid either.
	mov eax, [ebx + HPET_PERIOD]
	dec eax
	cmp eax, HPET_PERIOD_MAX
	cmc
.done:
	ret

; each_comparator
;   in        EBX the HPET's address, EDX address of a routine, which is called for each comparator with its address in ESI
;             and in EDI a pointer to one of an array of struct purgatory_comparator. It may clobber all but EBP and ESP.
;             EDI the array
;   clobbers  EAX ECX ESI EDI
each_comparator:
	mov eax, [ebx + HPET_CAPABILITIES]	; the HPET takes no byte accesses
	shr eax, 8
	and eax, 31			; the last comparator's number
	lea ecx, [eax + 1]
	lea esi, [ebx + HPET_COMPARATOR]
.next:
	pushad
	call edx
	popad
	add esi, HPET_COMPARATOR_SIZE
	add edi, comparator_size
	loop .next
	ret

PIT_SQUARE_WAVE_0	equ 0x36	; counter 0, low then high byte, mode 3, binary

; quiet_pit: 18.2 Hz, as the BIOS sets it, and the speaker off (8254 data sheet; IBM PC AT Technical Reference, port 61h)
;   mode      any
;   clobbers  AL
quiet_pit:
	in al, PORT_SYSTEM_B
	and al, ~(SYSTEM_B_SPEAKER | SYSTEM_B_GATE_2) & 0xff
	out PORT_SYSTEM_B, al
	mov al, PIT_SQUARE_WAVE_0
	out PIT_CONTROL, al
	xor eax, eax			; 0 counts as 65536
	out PIT_CHANNEL_0, al
	out PIT_CHANNEL_0, al
	ret

%include "machine/pic.inc"
MASK_ALL		equ 0xffff

; quiet_pics
;   mode      32-bit, flat
;   in        EBP base
;   clobbers  EAX ECX EDX
quiet_pics:
	mov ecx, MASK_ALL
	test byte [PARAM(flags)], PURGATORY_REAL_MODE
	jz .masked
	mov ecx, [DEVICE(bios_masks)]
.masked:
	mov edx, ICW2_BIOS_2 << 8 | ICW2_BIOS_1
	mov ah, ICW4_8086
	set_pics
	ret

RTC_INDEX		equ 0x70	; bit 7 masks NMIs; it stays 0
RTC_DATA		equ 0x71
RTC_B			equ 0x0b
RTC_C			equ 0x0c
RTC_D			equ 0x0d
RTC_B_PIE		equ 1 << 6
RTC_B_AIE		equ 1 << 5
RTC_B_UIE		equ 1 << 4

; quiet_rtc (MC146818A data sheet)
;   mode      any
;   clobbers  AL
quiet_rtc:
	mov al, RTC_B
	out RTC_INDEX, al
	in al, RTC_DATA
	and al, ~(RTC_B_PIE | RTC_B_AIE | RTC_B_UIE) & 0xff
	out RTC_DATA, al
	; Reading register C ends an active interrupt request.
	mov al, RTC_C
	out RTC_INDEX, al
	in al, RTC_DATA
; leave_rtc: leaves the index at register D, which only a read of it changes; clobbers AL
leave_rtc:
	mov al, RTC_D
	out RTC_INDEX, al
	in al, RTC_DATA
	ret
