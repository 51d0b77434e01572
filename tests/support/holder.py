#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemd does for a service with FileDescriptorStoreMax= and Restart=always: run COMMAND, keep the
descriptors it gives (sd_notify with FDSTORE=1, FDNAME=, FDSTOREREMOVE=1), and start it again with them
(LISTEN_FDS, LISTEN_FDNAMES, LISTEN_PID) when it ends by anything but SIGTERM to us.

  holder.py [--status FILE] COMMAND…    FILE gets a line at each start: the pid, and the names kept
"""
import os
import signal
import socket
import struct
import sys
import tempfile

FIRST = 3


def spawn(command, kept, notify):
    pid = os.fork()
    if pid:
        return pid
    names = [name for name, _ in kept]
    copies = [os.dup(fd) for _, fd in kept]  # apart from where they are to stand
    high = [os.dup2(fd, 512 + place) for place, fd in enumerate(copies)]
    for place, fd in enumerate(high):
        os.dup2(fd, FIRST + place, inheritable=True)
    os.closerange(FIRST + len(kept), 1024)
    environment = dict(os.environ, NOTIFY_SOCKET=notify)
    if kept:
        environment.update(LISTEN_FDS=str(len(kept)), LISTEN_FDNAMES=":".join(names), LISTEN_PID=str(os.getpid()))
    os.execvpe(command[0], command, environment)


def note(kept, data, fds):
    """One message: kept descriptors come and go by name."""
    said = dict(line.split("=", 1) for line in data.decode().splitlines() if "=" in line)
    name = said.get("FDNAME", "stored")
    if said.get("FDSTOREREMOVE") == "1":
        for entry in [entry for entry in kept if entry[0] == name]:
            os.close(entry[1])
            kept.remove(entry)
    elif said.get("FDSTORE") == "1":
        for fd in fds:
            if any(os.path.sameopenfile(fd, have) and name == have_name for have_name, have in kept):
                os.close(fd)
            else:
                kept.append((name, fd))
    else:
        for fd in fds:
            os.close(fd)


def main():
    arguments, status = sys.argv[1:], None
    if arguments[:1] == ["--status"]:
        status, arguments = arguments[1], arguments[2:]
    if not arguments:
        sys.exit(__doc__)
    notify = tempfile.mktemp(prefix="holder-")
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(notify)
    sock.settimeout(0.02)
    kept, ended = [], []
    child = spawn(arguments, kept, notify)
    signal.signal(signal.SIGTERM, lambda *_: (ended.append(1), os.kill(child, signal.SIGTERM)))
    while True:
        if status:
            with open(status, "a", encoding="ascii") as file:
                file.write("%d %s\n" % (child, ",".join(sorted(name for name, _ in kept))))
        while True:
            try:
                data, ancillary, _, _ = sock.recvmsg(4096, socket.CMSG_SPACE(64 * 4))
                fds = [fd for _, _, raw in ancillary for (fd,) in struct.iter_unpack("i", raw[:len(raw) // 4 * 4])]
                note(kept, data, fds)
            except socket.timeout:
                if os.waitpid(child, os.WNOHANG)[0]:
                    break
        if ended:
            os.unlink(notify)
            return
        child = spawn(arguments, kept, notify)


main()
