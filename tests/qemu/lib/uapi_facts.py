#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""What panthor_drm.h says, as facts: names, numbers, sizes and offsets, from a C compiler.

    uapi_facts.py list INCLUDE-DIR     print them, one a line
    uapi_facts.py compare OLD NEW      print the differences; status 1 unless NEW has all of OLD

A struct may grow at its end, and the size within an ioctl number with it: the kernel's rule for
extending an interface. Anything else that changes or is missing breaks programs.
"""
import os
import re
import subprocess
import sys
import tempfile

HEADER = "drm/panthor_drm.h"
IOC_SIZE = 0x3FFF << 16


def without_comments(text):
    return re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)


def parse(text):
    """Structs with their fields, enumerators, object-like macros, function-like macros."""
    text = without_comments(text).replace("\\\n", " ")
    structs, enumerators, objects, functions = {}, [], [], []
    for match in re.finditer(r"\bstruct\s+(\w+)\s*\{([^{}]*)\}", text):
        fields = []
        for declaration in match.group(2).split(";"):
            name = re.search(r"(\w+)\s*(?:\[[^\]]*\]\s*)*$", declaration.strip())
            if name:
                fields.append(name.group(1))
        structs[match.group(1)] = fields
    for match in re.finditer(r"\benum\s+\w*\s*\{([^{}]*)\}", text):
        # Values may be macro calls; commas in those separate no enumerators.
        body, calls = match.group(1), 1
        while calls:
            body, calls = re.subn(r"\([^()]*\)", " ", body)
        enumerators += re.findall(r"(?:^|,)\s*(\w+)", body)
    for match in re.finditer(r"^[ \t]*#[ \t]*define[ \t]+(\w+)(\(?)(.*)$", text, flags=re.M):
        name, parenthesis, rest = match.groups()
        if parenthesis:
            functions.append((name, rest.split(")")[0].count(",") + 1))
        elif rest.strip():
            objects.append(name)
    braces = len(re.findall(r"\b(?:struct|union)\s+\w*\s*\{", text))
    if not structs or braces != len(structs):
        sys.exit(f"uapi_facts: error: {braces} structs or unions in {HEADER}, but {len(structs)} understood")
    return structs, enumerators, objects, functions


def program(facts):
    structs, enumerators, objects, _ = facts
    lines = ["#include <stddef.h>", "#include <stdio.h>", f"#include <{HEADER}>", "int main(void) {"]
    for struct, fields in structs.items():
        lines.append(f'printf("struct {struct} %zu\\n", sizeof(struct {struct}));')
        for field in fields:
            lines.append(f'printf("field {struct}.{field} %zu %zu\\n", offsetof(struct {struct}, {field}), '
                         f"sizeof(((struct {struct} *)0)->{field}));")
    for name in enumerators:
        lines.append(f'printf("value {name} %#llx\\n", (unsigned long long)({name}) & 0xffffffffull);')
    for name in objects:
        lines.append(f'printf("macro {name} %#llx\\n", (unsigned long long)({name}));')
    return "\n".join(lines + ["return 0; }"]) + "\n"


def list_facts(include):
    with open(os.path.join(include, HEADER), encoding="utf-8") as file:
        facts = parse(file.read())
    with tempfile.TemporaryDirectory() as work:
        source, binary = os.path.join(work, "facts.c"), os.path.join(work, "facts")
        with open(source, "w", encoding="ascii") as file:
            file.write(program(facts))
        # -idirafter: a new header needs other new ones, but the C library keeps its own.
        os.symlink(os.path.join(os.path.abspath(include), "drm"), os.path.join(work, "drm"))
        subprocess.run(["cc", "-w", "-I", work, "-idirafter", include, "-o", binary, source], check=True)
        sys.stdout.write(subprocess.run([binary], check=True, capture_output=True, text=True).stdout)
    for name, count in facts[3]:
        print(f"function {name} {count}")


def load(path):
    with open(path, encoding="ascii") as file:
        lines = [line.split() for line in file if line.strip() and not line.startswith("#")]
    return {(line[0], line[1]): [int(number, 0) for number in line[2:]] for line in lines}


def compatible(key, old, new):
    if key[0] == "struct":
        return new[0] >= old[0]
    if key[1].startswith("DRM_IOCTL_"):
        return old[0] & ~IOC_SIZE == new[0] & ~IOC_SIZE and new[0] >= old[0]
    return old == new


def compare(old, new):
    old, new = load(old), load(new)
    if not old:
        sys.exit("uapi_facts: error: there are no known facts")
    show = lambda numbers: " ".join(hex(number) for number in numbers)
    broken = False
    for key in old:
        if key not in new:
            print("  missing:", *key)
            broken = True
        elif old[key] != new[key]:
            fine = compatible(key, old[key], new[key])
            broken |= not fine
            print("  grown:" if fine else "  changed:", *key, show(old[key]), "->", show(new[key]))
    for key in new:
        if key not in old:
            print("  added:", *key, show(new[key]))
    if old == new:
        print("  no name, number or layout differs: only the text does")
    return 1 if broken else 0


def main():
    match sys.argv[1:]:
        case ["list", include]:
            list_facts(include)
        case ["compare", old, new]:
            sys.exit(compare(old, new))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
