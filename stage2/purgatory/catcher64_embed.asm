; SPDX-License-Identifier: MIT
%include "purgatory/embed.inc"
	embed catcher64
