#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Play the CSF microcontroller and a minimal command-stream engine from the host.

With it (run --mcu), submitted jobs really complete, cache flushes and the firmware's start take less
than 1 ms instead of their timeouts of 100 ms and 1 s, and accesses to unmapped GPU addresses are MMU
faults that the driver handles as on hardware.

It maps the guest's RAM (memory-backend-file,share=on), polls the register window, walks the page
tables that the driver writes, interprets the ring buffers, and raises the three interrupts through
QEMU's qtest socket. The guest is the same as in static mode except for the firmware's layout and the
registers' start values (gpu_image.py --mcu).

Instructions: MOV32, MOV48, CALL, JUMP, SYNC_ADD/SET 32/64, SYNC_WAIT32, LOAD_MULTIPLE,
STORE_MULTIPLE, STORE_STATE. Every other one completes at once and does nothing: no shader, tiler or
fragment work, no tiler out-of-memory. NOEXEC is not looked at: it concerns shaders.

Two instructions no GPU has: JAM leaves the MMU of the stream's address space busy until the GPU is reset, so
that the driver's next change of what is mapped there fails. HANG stops the microcontroller until then: no stream
goes on, and no request of the driver is acknowledged.
"""
import argparse
import json
import mmap
import os
import socket
import sys
import time

RAM_BASE, WINDOW = 0x40000000, 0x7FE00000
SHARED = 0x04000000  # VA of the firmware's shared section
GPU_COMMAND, MCU_CONTROL, MCU_STATUS, DOORBELL = 0x30, 0x700, 0x704, 0x80000
AS_BASE, AS_STRIDE, SPACES = 0x2400, 64, 16  # TRANSTAB +0, FAULTSTATUS +0x1c, FAULTADDRESS +0x20
AS_STATUS, AS_ACTIVE = AS_BASE + 0x28, 1
SPI_JOB, SPI_MMU, SPI_GPU = 60, 61, 62


class Gone(Exception):
    """QEMU has ended."""


# ------------------------------------------------------------------------------ QEMU's side --
class Qemu:
    """The two sockets: QMP to find the interrupt controller, qtest to pulse its inputs."""

    def __init__(self, qtest, qmp):
        self.qmp, self.qtest = self.connect(qmp), self.connect(qtest)
        self.qmp.readline()
        self.command("qmp_capabilities")
        devices = self.command("qom-list", path="/machine/unattached")
        self.gic = next("/machine/unattached/" + device["name"] for device in devices
                        if device["type"] in ("child<arm_gic>", "child<arm-gicv3>"))

    @staticmethod
    def connect(path):
        for _ in range(400):
            sock = socket.socket(socket.AF_UNIX)
            try:
                sock.connect(path)
                return sock.makefile("rw")
            except OSError:
                sock.close()
                time.sleep(0.05)
        raise Gone

    def command(self, name, **arguments):
        self.qmp.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        self.qmp.flush()
        while True:
            line = self.qmp.readline()
            if not line:
                raise Gone
            answer = json.loads(line)
            if "return" in answer or "error" in answer:
                return answer.get("return")

    def pulse(self, spi):
        for level in (1, 0):
            self.qtest.write(f"set_irq_in {self.gic} unnamed-gpio-in {spi} {level}\n")
            self.qtest.flush()
            if not self.qtest.readline().startswith("OK"):
                raise Gone


# ----------------------------------------------------------------------------- guest memory --
class Fault(Exception):
    """(exception type, VA, write?)"""


class Memory:
    def __init__(self, path):
        with open(path, "r+b") as file:
            view = memoryview(mmap.mmap(file.fileno(), 0))
        self.words, self.longs = view.cast("I"), view.cast("Q")
        self.window = (WINDOW - RAM_BASE) >> 2

    def reg(self, offset):
        return self.words[self.window + (offset >> 2)]

    def set_reg(self, offset, value):
        self.words[self.window + (offset >> 2)] = value & 0xFFFFFFFF

    def walk(self, space, va, write=False):
        """GPU VA to offset in the guest's RAM: LPAE stage-1 tables, 4 KiB granule, 48 bits."""
        base = AS_BASE + AS_STRIDE * space
        table = (self.reg(base) | self.reg(base + 4) << 32) & ~0xFFF
        if not table:
            raise Fault(0xC0, va, write)
        for level in range(4):
            shift = 39 - 9 * level
            entry = self.longs[(table - RAM_BASE + (va >> shift & 511) * 8) >> 3]
            if not entry & 1 or (level == 3 and not entry & 2):
                raise Fault(0xC0 + level, va, write)
            address = entry & 0x0000FFFFFFFFF000
            if level == 3 or not entry & 2:
                if write and entry & 0x80:  # AP[2]: read-only
                    raise Fault(0xC8 + level, va, write)
                low = (1 << shift) - 1
                return (address & ~low) + (va & low) - RAM_BASE
            table = address
        raise AssertionError("level 3 always returns")

    def read32(self, space, va):
        return self.words[self.walk(space, va) >> 2]

    def write32(self, space, va, value):
        self.words[self.walk(space, va, True) >> 2] = value & 0xFFFFFFFF

    def read64(self, space, va):
        return self.longs[self.walk(space, va) >> 3]

    def write64(self, space, va, value):
        self.longs[self.walk(space, va, True) >> 3] = value & (1 << 64) - 1


# ------------------------------------------------------------------------------- interrupts --
class Interrupt:
    """A RAWSTAT/CLEAR/MASK/STAT block; an edge-triggered SPI, pulsed again while it is pending."""

    def __init__(self, memory, qemu, base, spi):
        self.memory, self.qemu, self.base, self.spi, self.last = memory, qemu, base, spi, 0.0

    def clear(self):
        bits = self.memory.reg(self.base + 4)
        if bits:
            self.memory.set_reg(self.base + 4, 0)
            self.memory.set_reg(self.base, self.memory.reg(self.base) & ~bits)

    def poll(self, force=False):
        self.clear()
        status = self.memory.reg(self.base) & self.memory.reg(self.base + 8)
        self.memory.set_reg(self.base + 12, status)
        now = time.monotonic()
        if status and (force or now - self.last > 0.003):
            self.last = now
            self.qemu.pulse(self.spi)

    def raise_bits(self, bits):
        self.clear()
        self.memory.set_reg(self.base, self.memory.reg(self.base) | bits)
        self.poll(True)


# -------------------------------------------------------------------------- command streams --
MOV48, MOV32, LOAD_MULTIPLE, STORE_MULTIPLE, CALL, JUMP = 1, 2, 20, 21, 32, 33
SYNC_ADD32, SYNC_SET32, SYNC_WAIT32, STORE_STATE, SYNC_ADD64, SYNC_SET64 = 37, 38, 39, 40, 51, 52
JAM, HANG = 0xFF, 0xFE
GREATER = 1  # the other condition of a SYNC_WAIT is: less than or equal


class Hang(Exception):
    """The microcontroller answers no more."""


class Stream:
    """Interprets one command stream on its 96 registers."""

    def __init__(self, memory, trace):
        self.memory, self.trace = memory, trace
        self.registers = [0] * 256
        self.running = None  # what it has begun, while a SYNC_WAIT blocks it

    def pair(self, number):
        return self.registers[number] | self.registers[number + 1] << 32

    def run(self, space, va_of, start, end):
        """Runs [start, end); va_of maps a position to a VA. Yields whenever it is blocked. What it yields and
        returns in the end: whether a sync object was written since the last time."""
        memory, registers, synced, position = self.memory, self.registers, False, start
        while position < end:
            va = va_of(position)
            word = memory.read64(space, va)  # XN is for shaders: the ring itself is NOEXEC
            position += 8
            op, dst, a, b = word >> 56, word >> 48 & 0xFF, word >> 40 & 0xFF, word >> 32 & 0xFF
            offset = (word & 0xFFFF) - ((word & 0x8000) << 1)
            if self.trace and word:
                print(f"mcu:   {va:#x}: {word:016x} op {op}", file=sys.stderr)
            if op == MOV48:
                registers[dst], registers[dst + 1] = word & 0xFFFFFFFF, word >> 32 & 0xFFFF
            elif op == MOV32:
                registers[dst] = word & 0xFFFFFFFF
            elif op in (CALL, JUMP):  # a: pair with the address, b: length in bytes
                target, length = self.pair(a), registers[b]
                # What was written before must not wait for what blocks in there.
                inner = self.run(space, lambda p: p, target, target + length)
                while True:
                    try:
                        blocked = next(inner)
                    except StopIteration as end_of_inner:
                        synced |= end_of_inner.value
                        break
                    yield synced | blocked
                    synced = False
                if op == JUMP:
                    return synced
            elif op in (SYNC_ADD32, SYNC_SET32):
                at = self.pair(a)
                old = memory.read32(space, at) if op == SYNC_ADD32 else 0
                memory.write32(space, at, registers[b] + old)
                synced = True
            elif op in (SYNC_ADD64, SYNC_SET64):
                at = self.pair(a)
                old = memory.read64(space, at) if op == SYNC_ADD64 else 0
                memory.write64(space, at, self.pair(b) + old)
                synced = True
            elif op == SYNC_WAIT32:
                condition = word >> 28 & 0xF
                while (memory.read32(space, self.pair(a)) > registers[b]) != (condition == GREATER):
                    yield synced
                    synced = False
            elif op in (LOAD_MULTIPLE, STORE_MULTIPLE):
                for k in range(16):
                    if word >> 16 + k & 1:
                        at = self.pair(a) + offset + 4 * k
                        if op == LOAD_MULTIPLE:
                            registers[dst + k] = memory.read32(space, at)
                        else:
                            memory.write32(space, at, registers[dst + k])
            elif op == STORE_STATE:  # time stamps and cycles
                memory.write64(space, self.pair(a) + offset, time.monotonic_ns())
            elif op == JAM:
                memory.set_reg(AS_STATUS + AS_STRIDE * space, AS_ACTIVE)
            elif op == HANG:
                raise Hang
        return synced


# ------------------------------------------------------------------------------------ the MCU --
# Request bits that belong to the firmware, of the global, group and stream interfaces.
GLOBAL_EVENTS, GROUP_EVENTS, STREAM_EVENTS = 0x7F << 20, 0xB << 28, 0xCC << 24
SYNC_UPDATE, JOB_GLOBAL = 1 << 28, 1 << 31
TERMINATE, START, RESUME = 0, 1, 3


class Mcu:
    def __init__(self, memory, qemu, trace):
        self.memory, self.trace = memory, trace
        self.job = Interrupt(memory, qemu, 0x1000, SPI_JOB)
        self.mmu = Interrupt(memory, qemu, 0x2000, SPI_MMU)
        self.gpu = Interrupt(memory, qemu, 0x20, SPI_GPU)
        self.running = self.blocked = self.hung = False
        # Streams by group, of which the suspend buffer is the name, and number.
        self.global_io, self.groups, self.streams = None, [], {}

    def acknowledge(self, request_va, ack_va, events):
        """Acknowledges all that the driver asks for; the bits of events are the firmware's own."""
        request, ack = self.memory.read32(0, request_va), self.memory.read32(0, ack_va)
        new = (ack & events) | (request & ~events & 0xFFFFFFFF)
        if new != ack:
            self.memory.write32(0, ack_va, new)
        return request, new != ack

    def boot(self):
        """Reads the layout from the control interface in the shared section, as the driver does."""
        read = lambda va: self.memory.read32(0, va)
        _, _, request, ack, count, stride = [read(SHARED + 4 * k) for k in range(6)]
        self.global_io, self.groups = (request, ack), []
        self.streams.clear()
        for group in range(count):
            control = SHARED + 0x1000 + group * stride
            fields = [read(control + 4 * k) for k in range(7)]
            streams = [tuple(read(control + 0x40 + s * fields[6] + k) for k in (4, 8))
                       for s in range(fields[5])]
            self.groups.append((fields[1], fields[2], streams))

    def look(self):
        """One look at every interface; runs what was submitted."""
        interrupts = [0]
        try:
            self.look_for(interrupts)
        finally:  # what was done before it hung is told
            if interrupts[0]:
                self.job.raise_bits(interrupts[0])

    def look_for(self, interrupts):
        """The work of look, which tells in interrupts[0] what the driver is to be told."""
        memory = self.memory
        request_va, ack_va = self.global_io
        request, changed = self.acknowledge(request_va, ack_va, GLOBAL_EVENTS)
        if changed:
            interrupts[0] |= JOB_GLOBAL
        if request & 1:  # GLB_HALT
            memory.set_reg(MCU_STATUS, 2)
        memory.write32(0, ack_va + 8, memory.read32(0, request_va + 8))
        for group, (group_in, group_out, streams) in enumerate(self.groups):
            before = memory.read32(0, group_out) & 7
            request, changed = self.acknowledge(group_in, group_out, GROUP_EVENTS)
            if changed:
                interrupts[0] |= 1 << group
            # What a group has begun goes on when it is resumed, wherever that is, and ends when it is
            # terminated.
            if request & 7 != before and request & 7 in (TERMINATE, START):
                name = memory.read64(0, group_in + 64)
                self.streams = {key: at for key, at in self.streams.items() if key[0] != name}
            memory.write32(0, group_out + 8, memory.read32(0, group_in + 8))
            if request & 7 in (START, RESUME) and self.run_group(group_in, streams):
                # A sync object has changed: CSG_SYNC_UPDATE makes ack differ from req.
                request, ack = memory.read32(0, group_in), memory.read32(0, group_out)
                memory.write32(0, group_out, (ack & ~SYNC_UPDATE) | (~request & SYNC_UPDATE))
                interrupts[0] |= 1 << group

    def run_group(self, group_in, streams):
        memory, synced = self.memory, False
        name, space = memory.read64(0, group_in + 64), memory.read32(0, group_in + 80) & 0xFF
        for number, (stream_in, stream_out) in enumerate(streams):
            request, _ = self.acknowledge(stream_in, stream_out, STREAM_EVENTS)
            if request & 7 != START:
                continue
            base, size = memory.read64(0, stream_in + 16), memory.read32(0, stream_in + 24)
            insert_va, extract_va = memory.read64(0, stream_in + 48), memory.read64(0, stream_in + 56)
            if not insert_va or not size:
                continue
            insert, extract = memory.read64(0, insert_va), memory.read64(0, extract_va)
            if insert == extract:
                continue
            stream = self.streams.setdefault((name, number), Stream(memory, self.trace))
            if stream.running is None:
                in_ring = lambda p, base=base, size=size: base + (p & size - 1)
                stream.running = stream.run(space, in_ring, extract, insert), insert
            try:
                synced |= next(stream.running[0])
                self.blocked = True
                continue
            except StopIteration as end:
                synced |= end.value
            except Fault as fault:
                self.report(space, *fault.args)
            memory.write64(0, extract_va, stream.running[1])  # a faulting stream is lost
            stream.running = None
        return synced

    def report(self, space, code, va, write):
        print(f"mcu: fault {code:#x} at {va:#x} in address space {space}", file=sys.stderr)
        base = AS_BASE + AS_STRIDE * space
        self.memory.set_reg(base + 0x1C, code | (3 if write else 2) << 8)
        self.memory.set_reg(base + 0x20, va)
        self.memory.set_reg(base + 0x24, va >> 32)
        self.mmu.raise_bits(1 << space)

    def step(self, idle):
        """One look at everything that the driver can write. True if there was something to do."""
        memory, busy = self.memory, False
        command = memory.reg(GPU_COMMAND)
        if command:
            memory.set_reg(GPU_COMMAND, 0)
            busy = True
            if command & 0xFF == 1:  # reset, soft or hard
                self.running = self.hung = False
                memory.set_reg(MCU_STATUS, 0)
                memory.set_reg(MCU_CONTROL, 0)
                for space in range(SPACES):
                    memory.set_reg(AS_STATUS + AS_STRIDE * space, 0)
                self.gpu.raise_bits(1 << 8)
            elif command & 0xFF == 4:  # flush caches
                self.gpu.raise_bits(1 << 17)
        on = memory.reg(MCU_CONTROL) in (1, 2)
        if on and not self.running and memory.reg(AS_BASE):
            self.running = busy = True
            self.boot()
            memory.set_reg(MCU_STATUS, 1)
            self.job.raise_bits(JOB_GLOBAL)
        elif not on and self.running:
            self.running, busy = False, True
            memory.set_reg(MCU_STATUS, 0)
        if not on and memory.reg(MCU_STATUS):
            memory.set_reg(MCU_STATUS, 0)
        for interrupt in (self.job, self.mmu, self.gpu):
            interrupt.poll()
        if self.running and not self.hung:
            for bell in range(16):
                if memory.reg(DOORBELL + 0x10000 * bell):
                    memory.set_reg(DOORBELL + 0x10000 * bell, 0)
                    busy = True
            # Also without a doorbell, at leisure, or at once where a value in memory is waited for.
            if busy or self.blocked or not idle % 20:
                self.blocked = False
                try:
                    self.look()
                except Hang:
                    self.hung = True
                except Fault:  # tables not in place: the firmware's VM is being torn down
                    pass
        return busy


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ram", help="the file with the guest's RAM")
    parser.add_argument("qtest", help="QEMU's qtest socket")
    parser.add_argument("qmp", help="QEMU's QMP socket")
    parser.add_argument("--trace", action="store_true", help="print every instruction")
    options = parser.parse_args()
    try:  # the driver gives it 100 ms for most things, however busy the machine is
        os.setpriority(os.PRIO_PROCESS, 0, -10)
    except PermissionError:
        pass
    try:
        mcu = Mcu(Memory(options.ram), Qemu(options.qtest, options.qmp), options.trace)
        idle = 0
        while True:
            idle = 0 if mcu.step(idle) else idle + 1
            time.sleep(0.0001 if idle < 200 else 0.001)
    except (Gone, OSError):
        pass


if __name__ == "__main__":
    main()
