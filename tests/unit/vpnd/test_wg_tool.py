#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wg(8) people have against our side of the userspace API. In mount and network namespaces of its
own, with an empty /run, so that no engine of this machine is seen. Exit 77: no root, or no wg."""
import base64
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

SERVER = None
SOCKET = "/run/wireguard/wg0.sock"


def key(number):
    """The @number-th of many public keys."""
    return base64.b64encode(bytes([number & 255, number >> 8 & 255, number >> 16] + [7] * 29)).decode()


def wg(*arguments, text=None):
    """What wg prints; its complaint is raised."""
    done = subprocess.run(["wg", *arguments], input=text, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    return done.stdout


class WgTool(unittest.TestCase):
    def setUp(self):
        self.server = subprocess.Popen([SERVER, SOCKET], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.assertEqual(self.server.stdout.readline(), b"ready\n")
        self.private = wg("genkey").strip()
        self.public = wg("pubkey", text=self.private).strip()
        self.psk = wg("genpsk").strip()

    def tearDown(self):
        self.server.stdin.close()
        self.assertEqual(self.server.wait(10), 0)
        self.server.stdout.close()
        self.assertFalse(os.path.exists(SOCKET))

    def file(self, text):
        made = tempfile.NamedTemporaryFile("w")
        made.write(text)
        made.flush()
        self.addCleanup(made.close)
        return made.name

    def dump(self):
        return [line.split("\t") for line in wg("show", "wg0", "dump").splitlines()]

    def test_an_empty_engine_is_shown(self):
        self.assertEqual(wg("show", "interfaces").split(), ["wg0"])
        self.assertEqual(self.dump(), [["(none)", "(none)", "0", "off"]])
        self.assertEqual(wg("show", "wg0").splitlines()[0], "interface: wg0")

    def test_what_set_sets_show_shows(self):
        wg("set", "wg0", "private-key", self.file(self.private), "listen-port", "51820", "fwmark", "0x2a",
           "peer", key(1), "preshared-key", self.file(self.psk), "endpoint", "192.0.2.1:7",
           "persistent-keepalive", "25", "allowed-ips", "10.1.2.3/16,fd00::1/64,0.0.0.0/0",
           "peer", key(2), "endpoint", "[fe80::1%lo]:65535",
           "peer", key(3), "endpoint", "[2001:db8::1]:1", "allowed-ips", "")
        device, *peers = self.dump()
        self.assertEqual(device, [self.private, self.public, "51820", "0x2a"])
        self.assertEqual(peers[0][:3], [key(1), self.psk, "192.0.2.1:7"])
        self.assertEqual(sorted(peers[0][3].split(",")), ["0.0.0.0/0", "10.1.0.0/16", "fd00::/64"])
        self.assertEqual(peers[0][4:], ["0", "0", "0", "25"] if peers[0][6] == "0"
                         else ["0", "0", peers[0][6], "25"])  # the keepalive's handshake counts
        self.assertEqual(peers[1], [key(2), "(none)", "[fe80::1%lo]:65535", "(none)", "0", "0", "0", "off"])
        self.assertEqual(peers[2][2:4], ["[2001:db8::1]:1", "(none)"])
        wg("set", "wg0", "fwmark", "off", "peer", key(1), "preshared-key", "/dev/null", "persistent-keepalive",
           "off", "allowed-ips", "10.9.0.0/24", "peer", key(2), "remove", "peer", key(9), "remove")
        device, *peers = self.dump()
        self.assertEqual(device[3], "off")
        self.assertEqual([peer[0] for peer in peers], [key(1), key(3)])
        self.assertEqual(peers[0][1:4], ["(none)", "192.0.2.1:7", "10.9.0.0/24"])
        wg("set", "wg0", "private-key", "/dev/null")
        self.assertEqual(self.dump()[0][:2], ["(none)", "(none)"])

    def test_an_address_moves_to_whom_it_is_given(self):
        wg("set", "wg0", "peer", key(1), "allowed-ips", "10.0.0.0/8", "peer", key(2), "allowed-ips", "10.0.0.0/8")
        self.assertEqual(wg("show", "wg0", "allowed-ips"), f"{key(1)}\t(none)\n{key(2)}\t10.0.0.0/8\n")

    def test_what_is_refused_is_said_in_words(self):
        with self.assertRaisesRegex(RuntimeError, "Address already in use"):
            wg("set", "wg0", "listen-port", "666")
        with self.assertRaisesRegex(RuntimeError, "No such device|Name or service|Unable"):
            wg("set", "wg0", "peer", key(1), "endpoint", "[fe80::1%nowhere]:1")

    def test_our_own_key_is_no_peer(self):
        wg("set", "wg0", "private-key", self.file(self.private), "peer", self.public, "allowed-ips", "10.0.0.0/8")
        self.assertEqual(len(self.dump()), 1)

    def conf(self, *peers, port=51820):
        text = f"[Interface]\nPrivateKey = {self.private}\nListenPort = {port}\n"
        for number, *lines in peers:
            text += f"\n[Peer]\nPublicKey = {key(number)}\n" + "".join(line + "\n" for line in lines)
        return self.file(text)

    def test_configurations_are_set_added_and_synchronised(self):
        a = (1, f"PresharedKey = {self.psk}", "AllowedIPs = 10.0.1.0/24, fd00:1::/64", "Endpoint = 192.0.2.1:7")
        b = (2, "AllowedIPs = 10.0.2.0/24", "PersistentKeepalive = 21")
        c = (3, "AllowedIPs = 10.0.3.0/24")
        wg("setconf", "wg0", self.conf(a, b))
        self.assertEqual([line[0] for line in self.dump()[1:]], [key(1), key(2)])
        shown = wg("showconf", "wg0")
        wg("setconf", "wg0", self.file(shown))
        self.assertEqual(wg("showconf", "wg0"), shown)
        wg("addconf", "wg0", self.conf(c, port=51821))
        self.assertEqual([line[0] for line in self.dump()[1:]], [key(1), key(2), key(3)])
        self.assertEqual(self.dump()[0][2], "51821")
        wg("syncconf", "wg0", self.conf(a, (2, "AllowedIPs = 10.0.4.0/24")))
        shown = self.dump()
        self.assertEqual([line[0] for line in shown[1:]], [key(1), key(2)])
        self.assertEqual(shown[1][1:4], [self.psk, "192.0.2.1:7", shown[1][3]])
        self.assertEqual(sorted(shown[1][3].split(",")), ["10.0.1.0/24", "fd00:1::/64"])
        self.assertEqual(shown[2][3], "10.0.4.0/24")
        wg("setconf", "wg0", self.conf(c))
        self.assertEqual([line[0] for line in self.dump()[1:]], [key(3)])

    def test_thousands_of_peers_come_and_go(self):
        peers = [(number, f"AllowedIPs = 10.{number >> 8}.{number & 255}.0/24") for number in range(1, 5001)]
        wg("setconf", "wg0", self.conf(*peers))
        self.assertEqual(len(self.dump()), 5001)
        wg("syncconf", "wg0", self.conf(*peers[::2]))
        self.assertEqual({line[0] for line in self.dump()[1:]}, {key(peer[0]) for peer in peers[::2]})


def main():
    global SERVER
    if os.geteuid() != 0 or not shutil.which("wg"):
        print("skip: needs root and wg")
        return 77
    if len(sys.argv) == 2:  # again, in namespaces of our own
        return subprocess.run(["unshare", "--mount", "--net", "--propagation", "private", sys.executable,
                               os.path.abspath(__file__), "--inside", sys.argv[1]]).returncode
    SERVER = sys.argv[2]
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    result = unittest.TextTestRunner(verbosity=2).run(unittest.defaultTestLoader.loadTestsFromTestCase(WgTool))
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
