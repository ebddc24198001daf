#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Take the guest's console apart: the programs' output goes to standard output, the rest is kept.

Reads QEMU's serial output from standard input. Lines that start with the tag are init's (see
guest/init.c). Writes into the directory: NN.log (output of program NN), status (its exit status and
seconds, one line each), kernel.log, console.log (everything, as it came).

Exit status: the first program's that did not exit with 0; 0 if all did; 125 if the guest did not get
that far; 123 (with --strict, when all programs succeeded) if the kernel's log has a warning or worse.
"""
import argparse
import os
import re
import sys

# A warning has a backtrace; so do bugs and oopses. What the driver itself reports (drm_err) is not one.
TROUBLE = re.compile(rb"WARNING:|BUG:|\bOops\b|Kernel panic|Call trace:|Unable to handle kernel")


class Console:
    def __init__(self, options, names):
        self.tag = options.tag.encode() + b" "
        self.options, self.names = options, names
        self.held = b""  # a newline not yet passed on: init writes one before each of its lines
        self.program, self.file, self.ended = None, None, {}
        self.unended = False
        self.in_log, self.log, self.log_complete, self.off = False, [], False, False

    def line(self, line):
        if line.startswith(self.tag):
            self.held = b""
            self.event(line[len(self.tag):].decode(errors="replace").split())
        elif self.in_log:
            self.log.append(line)
        elif self.program is not None:
            self.output(self.held + line.removesuffix(b"\n"))
            self.held = b"\n" if line.endswith(b"\n") else b""
        elif self.options.verbose:
            sys.stderr.buffer.write(line)
            sys.stderr.flush()

    def output(self, data):
        if data:
            self.unended = not data.endswith(b"\n")
        self.file.write(data)
        self.file.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.flush()

    def event(self, words):
        kind = words[0] if words else ""
        if kind == "begin":
            self.program = int(words[1])
            self.file = open(os.path.join(self.options.directory, f"{self.program:02}.log"), "wb")
            if self.options.headings:
                self.say(f"==== {self.names[self.program]}")
        elif kind == "end" and self.program is not None:
            status, seconds = int(words[2]), words[3]
            self.ended[self.program] = (status, seconds)
            if self.options.headings and self.file.tell() and self.unended:
                self.say("")
            self.file.close()
            if self.options.headings:
                self.say(f"==== {self.names[self.program]}: status {status}, {seconds} s")
            self.program, self.file = None, None
        elif kind == "log-begin":
            self.in_log = True
        elif kind == "log-end":
            self.in_log, self.log_complete = False, words[1:] == ["complete"]
        elif kind == "off":
            self.off = True
        elif kind == "note" or (kind == "node" and words[1] != "present"):
            print("qemu: guest:", " ".join(words), file=sys.stderr)

    @staticmethod
    def say(text):
        sys.stdout.buffer.write(text.encode() + b"\n")
        sys.stdout.flush()

    def verdict(self):
        status = next((s for s, _ in (self.ended[n] for n in sorted(self.ended)) if s), 0)
        trouble = [line for line in self.log if TROUBLE.search(line)]
        if trouble:
            print("qemu: the kernel's log has:", file=sys.stderr)
            for line in trouble:
                print("qemu:  ", line.decode(errors="replace").rstrip(), file=sys.stderr)
        missing = [name for number, name in enumerate(self.names) if number not in self.ended]
        if missing or not self.off or not self.log_complete:
            print(f"qemu: error: the guest did not get to its end; not run or not ended: {missing}; last words:",
                  file=sys.stderr)
            return 125
        if self.options.strict and trouble and not status:
            return 123
        return status


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tag", required=True)
    parser.add_argument("--directory", required=True)
    parser.add_argument("--headings", action="store_true", help="a line before and after each program's output")
    parser.add_argument("--strict", action="store_true")
    parser.add_argument("--verbose", action="store_true", help="everything else to standard error")
    parser.add_argument("names", nargs="+", help="what the programs are called")
    options = parser.parse_args()
    console = Console(options, options.names)
    last = []
    with open(os.path.join(options.directory, "console.log"), "wb") as everything:
        for line in sys.stdin.buffer:
            everything.write(line)
            everything.flush()
            last = (last + [line])[-40:]
            console.line(line)
    with open(os.path.join(options.directory, "kernel.log"), "wb") as file:
        file.writelines(console.log)
    with open(os.path.join(options.directory, "status"), "w", encoding="ascii") as file:
        for number in sorted(console.ended):
            file.write("%02d %d %s\n" % (number, *console.ended[number]))
    status = console.verdict()
    if status == 125:
        sys.stderr.buffer.writelines(last)
        sys.stderr.flush()
    sys.exit(status)


if __name__ == "__main__":
    main()
