; SPDX-License-Identifier: MIT
; The script of a crash kit, as bytes of the segue command.

	section .rodata
	global crashkit_script, crashkit_script_end

crashkit_script:
	incbin "disk/crashkit.sh"
crashkit_script_end:

	section .note.GNU-stack noalloc noexec nowrite progbits
