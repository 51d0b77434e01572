#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What no bpftool of today can: attach a program before all others, make a link run another one.

usage: foreign_program.py before PROGRAM INTERFACE   tcx ingress, in the interface's network namespace
       foreign_program.py detach PROGRAM INTERFACE   the same away again
       foreign_program.py update LINK PROGRAM        PROGRAM, LINK: their pins
"""
import ctypes
import os
import platform
import socket
import struct
import sys

BPF_CALL = {'x86_64': 321, 'aarch64': 280}[platform.machine()]
BPF_OBJ_GET, BPF_PROG_ATTACH, BPF_PROG_DETACH, BPF_LINK_UPDATE = 7, 8, 9, 29
TCX_INGRESS, BEFORE = 46, 1 << 3


def bpf(command, attributes):
    memory = ctypes.create_string_buffer(attributes, 128)
    result = ctypes.CDLL(None, use_errno=True).syscall(BPF_CALL, command, memory, 128)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def open_pin(path):
    path = ctypes.create_string_buffer(path.encode())
    return bpf(BPF_OBJ_GET, struct.pack('QII', ctypes.addressof(path), 0, 0))


def before(program, interface):
    index = socket.if_nametoindex(interface)
    bpf(BPF_PROG_ATTACH, struct.pack('IIIIIIQ', index, open_pin(program), TCX_INGRESS, BEFORE, 0, 0, 0))


def detach(program, interface):
    index = socket.if_nametoindex(interface)
    bpf(BPF_PROG_DETACH, struct.pack('IIIIIIQ', index, open_pin(program), TCX_INGRESS, 0, 0, 0, 0))


def update(link, program):
    bpf(BPF_LINK_UPDATE, struct.pack('IIII', open_pin(link), open_pin(program), 0, 0))


if __name__ == '__main__':
    {'before': before, 'detach': detach, 'update': update}[sys.argv[1]](*sys.argv[2:])
