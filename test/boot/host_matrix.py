# SPDX-License-Identifier: MIT
"""The matrix of host states, and the choice of its cells: every two values of two factors that can occur together do so
in some cell (pairwise). ABSENT lists the combinations that do not exist, with reasons."""
import itertools

# The modes: (build, words, [emulators that support it])
FLAT_SEGMENT = "cbase=40000000 dbase=40000000"
MODES = {
    "flat": ("i386-low", "mode=flat"),
    "base": ("i386-high", f"mode=flat {FLAT_SEGMENT}"),
    "4k-identity": ("i386-low", "mode=4k"),
    "4k-high": ("i386-high", "mode=4k"),
    "4k-bases": ("i386-high", "mode=4k cbase=20000000 dbase=8000000"),
    "4m-identity": ("i386-low", "mode=4m"),
    "4m-high": ("i386-high", "mode=4m"),
    "pae-identity": ("i386-low", "mode=pae"),
    "pae-high": ("i386-high", "mode=pae"),
    "long": ("x86_64", "mode=long"),
    "la57": ("x86_64", "mode=la57"),
}
# The values of each factor, and the words for them. The first value is the plain one.
FACTORS = {
    "mode": {name: words for name, (_, words) in MODES.items()},
    "emulator": dict.fromkeys(("i386", "x86_64", "486"), ""),
    "entry": {"call": "", "page": "stack=page", "zero": "stack=zero", "unmapped": "stack=unmapped",
              "irq": "from=irq", "nmi": "from=nmi", "df": "from=df"},
    "interrupts": {"off": "", "pit": "pit"},
    "cr4": {"plain": "", "globals": "globals", "all": "cr4=all", "all+globals": "cr4=all globals"},
    "cr0": {"plain": "", "cd": "cd", "nw": "nw", "em": "ts em ne mp", "am": "wp am"},
    "flags": {"plain": "", "tf": "tf", "nt": "nt", "ac": "ac nt", "df": "df"},
    "fpu": {"clean": "", "x87": "fpu=x87", "sse": "fpu=sse", "avx": "fpu=avx"},
    "breakpoints": {"off": "", "on": "dr=on", "gd": "dr=gd"},
    "tables": {"plain": "", "tss+ldt": "tss ldt", "user": "userseg", "null": "nullseg", "ldt-code": "ldtcode",
               "high-cs": "cs=fff8"},
    "msr": {"plain": "", "set": "msr"},
    "virtual": {"none": "", "svm": "svm", "gif": "clgi"},
    "blob": {"whole": "", "pages": "blob=pages", "odd": "blob=odd", "high": "blob=high", "high-odd": "blob=high-odd"},
    "catcher": {"off": "", "on": "catcher"},
    "cpus": {"1": "", "4-park": "cpus=4 others=park", "4-init": "cpus=4 others=mixed init"},
    "devices": {"off": "", "all": "live=all quiet=all", "old": "live=pic,pit,rtc,vga quiet=all"},
    "target": dict.fromkeys(("multiboot", "linux"), ""),
}
# Bochs 2.7 has no 5-level paging and no SVM; Debian's is built for one CPU. No monitor shows its devices.
BOCHS = {
    **FACTORS,
    "mode": {name: words for name, (_, words) in MODES.items() if name != "la57"},
    "emulator": dict.fromkeys(("tigerlake", "pentium"), ""),
    "cpus": {"1": ""},
    "devices": {"off": "", "old": FACTORS["devices"]["old"]},
    "virtual": {"none": "", "vmx": "vmx", "cet": "cet", "cet-jump": "cet indirect", "vmx+cet": "vmx cet"},
}

LONG = ("long", "la57")
IDENTITY = ("flat", "base", "4k-identity", "4m-identity", "pae-identity")
OLD = ("486", "pentium")
BROKEN = ("zero", "unmapped")

# (factors that it reads, predicate that is true if they cannot occur together, reason)
ABSENT = (
    (("mode", "emulator"), lambda mode, emulator: mode in LONG and emulator in ("i386", *OLD),
     "64-bit modes are for CPUs that have them"),
    (("mode", "emulator"), lambda mode, emulator: mode.startswith("pae") and emulator in OLD,
     "neither the 486 nor the Pentium has PAE"),
    (("mode", "blob"), lambda mode, blob: blob in ("high", "high-odd") and mode not in LONG,
     "the i386 library has addresses of 32 bits, and refuses extents above 4 GiB"),
    (("mode", "cr4"), lambda mode, cr4: "globals" in cr4 and mode in IDENTITY,
     "global pages that lead astray lie where an identity-mapped host has the workspace itself"),
    (("cr4", "emulator"), lambda cr4, emulator: "globals" in cr4 and emulator in OLD,
     "neither the 486 nor the Pentium has PGE"),
    (("fpu", "emulator"), lambda fpu, emulator: fpu in ("sse", "avx") and emulator in OLD,
     "neither the 486 nor the Pentium has SSE"),
    (("msr", "emulator"), lambda msr, emulator: msr == "set" and emulator == "486", "a 486 has no MSRs"),
    (("entry", "emulator"), lambda entry, emulator: entry == "nmi" and emulator in OLD,
     "the host sends itself NMIs by a local APIC, which these have not"),
    (("cpus", "emulator"), lambda cpus, emulator: cpus != "1" and emulator in OLD,
     "neither the 486 nor the Pentium of the emulators has a local APIC: one CPU"),
    (("devices", "emulator"), lambda devices, emulator: devices == "all" and emulator in OLD,
     "neither the 486 nor the Pentium of the emulators has the local APIC that is left running"),
    (("virtual", "emulator"), lambda virtual, emulator: virtual != "none" and emulator in OLD,
     "neither the 486 nor the Pentium has SVM, VMX or CET"),
    (("virtual", "mode"), lambda virtual, mode: virtual != "none" and virtual not in ("svm", "gif") and
     mode in ("flat", "base"), "VMX root and shadow stacks need paging"),
    (("virtual", "mode"), lambda virtual, mode: "cet" in virtual and mode in ("4m-identity", "4m-high", "4k-bases"),
     "the host keeps its shadow stack in a 4 KiB page of a flat segment"),
    (("virtual", "mode"), lambda virtual, mode: virtual == "cet-jump" and mode not in LONG,
     "on i386 segue_exec() has no ENDBR32, which a 486 does not know: it is reached by a direct jump"),
    (("virtual", "entry"), lambda virtual, entry: virtual == "cet-jump" and entry in ("call", *BROKEN),
     "an indirect jump is its own way to come in"),
    (("entry", "interrupts"), lambda entry, interrupts: entry in BROKEN and interrupts == "pit",
     "the host cannot take an interrupt on a broken stack"),
    (("entry", "flags"), lambda entry, flags: entry in BROKEN and flags == "tf",
     "the host cannot take a step trap on a broken stack"),
    (("entry", "breakpoints"), lambda entry, breakpoints: entry in BROKEN and breakpoints == "gd",
     "DR7.GD makes the first access to DR7 fault, which the host cannot take on a broken stack"),
    (("flags", "breakpoints", "emulator"), lambda flags, breakpoints, emulator: flags == "tf" and breakpoints == "on" and
     emulator not in ("tigerlake", "pentium"),
     "QEMU 7.2 aborts (an assertion on its lock) where DR7 is written in a step with breakpoints armed"),
    (("flags", "breakpoints"), lambda flags, breakpoints: flags == "tf" and breakpoints == "gd",
     "the host's own step handler accesses DR7, and DR7.GD makes that fault"),
)


def absent(cell):
    """Return why this (possibly partial) cell does not exist, or None."""
    for factors, meets, reason in ABSENT:
        if all(each in cell for each in factors) and meets(*(cell[each] for each in factors)):
            return reason
    return None


def pairwise(factors, strength=2):
    """Return cells (dicts) in which every possible combination of `strength` values of different factors occurs.

    Greedy: each cell starts from a combination not yet covered and takes, factor by factor, the value that covers
    most."""
    names = list(factors)
    wanted = {}
    for chosen in itertools.combinations(names, strength):
        for values in itertools.product(*(factors[each] for each in chosen)):
            combination = dict(zip(chosen, values))
            if not absent(combination):
                wanted[tuple(combination.items())] = combination
    cells = []
    while wanted:
        cell = complete(dict(next(iter(wanted.values()))), factors, names, wanted, strength)
        if cell is None:
            # Possible by itself, but with no values of the other factors.
            wanted.pop(next(iter(wanted)))
            continue
        for chosen in itertools.combinations(names, strength):
            wanted.pop(tuple((each, cell[each]) for each in chosen), None)
        cells.append(cell)
    return cells


def complete(cell, factors, names, wanted, strength):
    """Complete a partial cell; None if that is impossible. Backtracks if a choice leaves no value for the next factor."""
    left = [each for each in names if each not in cell]
    if not left:
        return cell
    name = left[0]

    def gain(value):
        tried = {**cell, name: value}
        others = [each for each in names if each in cell]
        return sum(tuple((each, tried[each]) for each in sorted((*chosen, name), key=names.index)) in wanted
                   for chosen in itertools.combinations(others, strength - 1))

    values = [each for each in factors[name] if not absent({**cell, name: each})]
    for value in sorted(values, key=gain, reverse=True):
        done = complete({**cell, name: value}, factors, names, wanted, strength)
        if done:
            return {each: done[each] for each in names}
    return None


def words(cell, factors):
    """Return the host's command line for a cell."""
    return " ".join(filter(None, (factors[name][value] for name, value in cell.items())))


def build_of(cell):
    return MODES[cell["mode"]][0]


def cell_id(cell, factors):
    """Return a name for the cell: mode-emulator-target and the values that are not plain."""
    special = [f"{value}" if name in ("entry", "virtual") else f"{name}={value}" for name, value in cell.items()
               if name not in ("mode", "emulator", "target") and value != next(iter(factors[name]))]
    return " ".join([cell["mode"], cell["emulator"], cell["target"], *special])
