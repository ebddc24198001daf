#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Write what the driver needs of a Mali: its register window and a firmware that it accepts.

  regs.bin         2 MiB image of the register window (plain guest RAM)
  mali_csffw.bin   CSF firmware image

Static mode (the default): nobody plays the hardware. Every wait of the driver ends with a last look
at a raw status register, and those say "done" for ever. Nothing executes the firmware; only its
shared section is read, by the driver. Its input and output blocks are the same memory, so a request
word ("req", offset 0 of the input) is its own acknowledgement ("ack", offset 0 of the output), and
likewise the doorbells (offset 8) and a CSG's interrupt words (offset 12). That keeps the watchdog's
ping, every 12 s, and CSG state changes from timing out.

With --mcu, mcu.py plays the microcontroller: separate blocks, and nothing done in advance.
"""
import argparse
import os
import struct

# ---------------------------------------------------------------------------- registers --
# (offset, value, width in bits, name). Values of a Mali-G610 MC4 (RK3588) where public boot logs
# tell them, otherwise plausible.
GPU_INT, JOB_INT, MCU = 0x20, 0x1000, 0x700
WINDOW = 2 << 20
REGISTERS = [
    (0x000, 0xA8670005, 32, "GPU_ID: arch 10.8.6, product 7, Mali-G610"),
    (0x004, 0x07120306, 32, "L2_FEATURES"),
    (0x008, 0x00000000, 32, "CORE_FEATURES"),
    (0x00C, 0x00000809, 32, "TILER_FEATURES"),
    (0x010, 0x00000301, 32, "MEM_FEATURES"),
    (0x014, 0x00002830, 32, "MMU_FEATURES: 48 VA bits, 40 PA bits"),
    (0x018, 0x000000FF, 32, "AS_PRESENT: 8 address spaces"),
    (0x01C, 0x040A0412, 32, "CSF_ID"),
    (GPU_INT, 1 << 8 | 1 << 17, 32, "GPU_INT_RAWSTAT: reset completed, caches cleaned"),
    (0x034, 0x00000000, 32, "GPU_STATUS"),
    (0x060, 0x00000000, 64, "GPU_FEATURES (arch 11 and later)"),
    (0x088, 0x00000000, 64, "TIMESTAMP_OFFSET"),
    (0x090, 0x0000000123456789, 64, "CYCLE_COUNT, frozen"),
    (0x098, 0x00000000FEDCBA98, 64, "TIMESTAMP, frozen"),
    (0x0A0, 0x00000800, 32, "THREAD_MAX_THREADS"),
    (0x0A4, 0x00000400, 32, "THREAD_MAX_WORKGROUP_SIZE"),
    (0x0A8, 0x00000400, 32, "THREAD_MAX_BARRIER_SIZE"),
    (0x0AC, 0x04010000, 32, "THREAD_FEATURES"),
    (0x0B0, 0xC1FFFF9E, 32, "TEXTURE_FEATURES0"),
    (0x100, 0x00050005, 64, "SHADER_PRESENT: 4 cores"),
    (0x110, 0x00000001, 64, "TILER_PRESENT"),
    (0x120, 0x00000001, 64, "L2_PRESENT"),
    (0x140, 0x00050005, 64, "SHADER_READY"),
    (0x150, 0x00000001, 64, "TILER_READY"),
    (0x160, 0x00000001, 64, "L2_READY"),
    (0x200, 0, 64, "SHADER_PWRTRANS"),
    (0x210, 0, 64, "TILER_PWRTRANS"),
    (0x220, 0, 64, "L2_PWRTRANS"),
    (0x280, 0x00000000, 32, "GPU_REVID"),
    (0x300, 0x00000001, 32, "COHERENCY_FEATURES: ACE_LITE (used only with --coherent)"),
    (MCU + 0x4, 0x00000002, 32, "MCU_STATUS: HALT, which suspend waits for; start never reads it"),
    (JOB_INT + 0xC, 1 << 31, 32, "JOB_INT_STAT: GLOBAL_IF, the MCU has booted"),
    # AS_STATUS(n) = 0x2428 + 64 n must read 0 (not active); MMU_INT_* stay 0.
    (0x10000, 0x00000001, 32, "LATEST_FLUSH_ID (user space maps this page)"),
]
# What mcu.py raises itself.
DONE_IN_ADVANCE = (GPU_INT, JOB_INT + 0xC, MCU + 0x4)


def register_window(mcu, gpu_id):
    window = bytearray(WINDOW)
    for offset, value, width, _ in REGISTERS:
        if mcu and offset in DONE_IN_ADVANCE:
            continue
        if offset == 0 and gpu_id is not None:
            value = gpu_id
        struct.pack_into("<Q" if width == 64 else "<I", window, offset, value)
    return window


# ----------------------------------------------------------------------------- firmware --
SHARED, SHARED_SIZE = 0x04000000, 0x40000
GROUPS, STREAMS = 8, 8
GROUP_OFFSET, GROUP_STRIDE, STREAM_OFFSET, STREAM_STRIDE = 0x1000, 0x800, 0x40, 0x40
GLOBAL_IO, GROUP_IO, STREAM_IO = 0x10000, 0x11000, 0x20000
READ, WRITE, EXECUTE, CACHED = 1 << 0, 1 << 1, 1 << 2, 1 << 3
UNCACHED_COHERENT, SHARED_SECTION, ZEROED = 2 << 3, 1 << 30, 1 << 31
ENTRY_INTERFACE, ENTRY_BUILD_INFO, OPTIONAL = 0, 6, 1 << 31
BUILD = b"git_sha: synthetic-panthor-oracle\0"


def padded(data):
    return data + b"\0" * (-len(data) % 4)


def shared_section(mcu):
    """The control interface: one global block, GROUPS group blocks with STREAMS stream blocks each."""
    output = 0x100 if mcu else 0  # of the output block, relative to the input block
    section = bytearray(SHARED_SIZE)
    # version 1.1.0, features, input and output VA, groups, stride, counter size, instrumentation
    struct.pack_into("<8I", section, 0, 1 << 24 | 1 << 16, 0, SHARED + GLOBAL_IO,
                     SHARED + GLOBAL_IO + output, GROUPS, GROUP_STRIDE, 0x1000, 0x71)
    for group in range(GROUPS):
        control = GROUP_OFFSET + group * GROUP_STRIDE
        io = SHARED + GROUP_IO + group * 0x1000
        # features, input and output VA, suspend sizes (normal, protected), streams, stride
        struct.pack_into("<7I", section, control, 0, io, io + output, 0x4000, 0x1000, STREAMS,
                         STREAM_STRIDE)
        for stream in range(STREAMS):
            io = SHARED + STREAM_IO + (group * STREAMS + stream) * 0x200
            # features: 96 work registers, 8 scoreboards, compute | fragment | tiler
            struct.pack_into("<3I", section, control + STREAM_OFFSET + stream * STREAM_STRIDE,
                             (96 - 1) | 8 << 8 | 7 << 16, io, io + output)
    return bytes(section)


def firmware(mcu):
    sections = [  # (va, size, flags, data)
        (0, 0x1000, READ | EXECUTE | CACHED, b"\xfe\xe7" * 8),  # never run
        (SHARED, SHARED_SIZE, READ | WRITE | SHARED_SECTION | UNCACHED_COHERENT | ZEROED,
         shared_section(mcu)),
    ]
    # The header's size covers header and entries; the sections' data follow.
    head = 20 + 24 * len(sections) + 12
    data, entries = bytearray(), bytearray()
    for va, size, flags, content in sections:
        start = head + len(data)
        data += padded(content)
        entries += struct.pack("<6I", ENTRY_INTERFACE | 24 << 8, flags, va, va + size, start,
                               start + len(content))
    entries += struct.pack("<3I", ENTRY_BUILD_INFO | 12 << 8 | OPTIONAL, head + len(data), len(BUILD))
    data += padded(BUILD)
    header = struct.pack("<IBBHIII", 0xC3F13A6E, 3, 0, 0, 0, 0, head)
    assert len(header) + len(entries) == head
    return header + entries + data


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", help="where the two files go")
    parser.add_argument("--mcu", action="store_true", help="for use with mcu.py")
    parser.add_argument("--gpu-id", type=lambda text: int(text, 0), help="another GPU_ID register")
    parser.add_argument("--list", action="store_true", help="also print the registers")
    options = parser.parse_args()
    if options.gpu_id is not None and not 0 < options.gpu_id < 1 << 32:
        parser.error("--gpu-id is a 32-bit register value, for example 0xb8030000")
    os.makedirs(options.directory, exist_ok=True)
    for name, content in (("regs.bin", register_window(options.mcu, options.gpu_id)),
                          ("mali_csffw.bin", firmware(options.mcu))):
        with open(os.path.join(options.directory, name), "wb") as file:
            file.write(content)
    if options.list:
        for offset, value, width, name in REGISTERS:
            print(f"0x{offset:05x}  0x{value:0{width // 4}x}  {name}")


if __name__ == "__main__":
    main()
