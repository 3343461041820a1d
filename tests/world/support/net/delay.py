"""Holds packets back. The router sends it what is to be late, through the device `late`; it comes back from there when its time has come.

Each line of standard input is the whole table: `SOURCE DESTINATION MILLISECONDS` for each lane, separated by commas, with networks of /24 as
three bytes (10.200.1). It ends with its input. The kernel's own netem does the same where it is built in, which is not everywhere.
"""

import fcntl
import heapq
import os
import select
import struct
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000

tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", b"late", IFF_TUN | IFF_NO_PI))
print("ready", flush=True)

lanes, waiting, number, table = {}, [], 0, b""
while True:
    now = time.monotonic()
    while waiting and waiting[0][0] <= now:
        try:
            os.write(tun, heapq.heappop(waiting)[2])
        except OSError:
            pass  # a full queue loses packets, as everywhere
    rest = max(0, waiting[0][0] - now) if waiting else None
    ready, _, _ = select.select([tun, 0], [], [], rest)
    if 0 in ready:
        read = os.read(0, 65536)
        if not read:
            sys.exit(0)
        *lines, table = (table + read).split(b"\n")
        if lines:
            lanes = {}
            for lane in filter(None, lines[-1].decode().split(",")):
                source, destination, late = lane.split()
                network = [bytes(map(int, of.split("."))) for of in (source, destination)]
                lanes[tuple(network)] = int(late) / 1000
            print("done", flush=True)
    if tun in ready:
        for _ in range(64):
            try:
                packet = os.read(tun, 65536)
            except BlockingIOError:
                break
            number += 1
            due = time.monotonic() + lanes.get((packet[12:15], packet[16:19]), 0)
            heapq.heappush(waiting, (due, number, packet))
