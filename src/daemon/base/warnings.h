/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The warnings: what needs a person, one sentence for each code (docs/control-socket.md). A part of
 * sallyportd raises and clears them. A raised one is logged and shown by status. */
#ifndef SALLYPORT_DAEMON_WARNINGS_H
#define SALLYPORT_DAEMON_WARNINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "io/log/log.h"

#define SP_WARNINGS_MAX 64

/* X("code", "remedy"): what a person can do about it. */
#define SP_WARNINGS(X)                                                                             \
	X("audit-failed", "see that there is room and the folder can be written")                  \
	X("audit-gone", "start sallyportd again: it begins a new log and says so")                 \
	X("audit-short",                                                                           \
	  "raise audit.rotate or audit.keep in sallyport.yaml, or lower audit.min-age")            \
	X("certificate-behind",                                                                    \
	  "have it taken: systemctl reload sallyport-portal, or SIGHUP to it")                     \
	X("certificate-ends", "renew it in time, and then systemctl reload sallyport-portal")      \
	X("certificate-invalid",                                                                   \
	  "renew it (portal.tls), and then systemctl reload sallyport-portal")                     \
	X("clock-wrong", "set the clock")                                                          \
	X("confirm-not-stored",                                                                    \
	  "make room for the database (var/lib/sallyport), and see its disk")                      \
	X("database-failed", "put the database back, then start sallyportd again")                 \
	X("database-moved", "put the database back from a copy, or let people sign in again")      \
	X("dns-empty",                                                                             \
	  "see that the gateway reaches its DNS servers, and that the name is right: "             \
	  "sallyport status")                                                                      \
	X("dns-failed", "see that the gateway reaches its DNS servers")                            \
	X("dns-own", "find out who answers for that name; to reach the gateway, say self")         \
	X("drift-again", "find who does it (sallyport audit --event drift) and stop it")           \
	X("engine-unreachable", "start sallyport-vpnd --managed on the tunnel interface")          \
	X("events-lost", "log less (log: in the policy), or deny sooner (edge.drop)")              \
	X("feed-failed", "put the list right: sallyport status names its line; until then the "    \
			 "last good one is in use")                                                \
	X("feed-stale", "see why nobody fetches it any more")                                      \
	X("flow-table-nearly-full", "see who opens them (sallyport audit; denials flow-limit, "    \
				    "flow-full) and allow them less")                              \
	X("forward-dead", "see to the targets: sallyport status says why each does not answer")    \
	X("forwarding-off", "sysctl -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")      \
	X("hook-behind", "detach that program (bpftool net), or give it a place behind ours")      \
	X("hook-missing", "remove what is in its place (bpftool net; ip link set DEV xdp off)")    \
	X("hook-replaced", "detach that program (bpftool link); sallyport apply attaches ours")    \
	X("homes-incomplete", "give the edge a longer prefix, or take the route away")             \
	X("interface-down", "ip link set DEV up, and see to the cable or the other end")           \
	X("interface-missing", "make the interface, or take its name out of sallyport.yaml")       \
	X("interface-renamed", "give the interface its listed name back, or list the new one and " \
			       "start sallyportd again")                                           \
	X("interface-unfit", "list another interface in sallyport.yaml, as the message says, and " \
			     "start sallyportd again")                                             \
	X("key-unreadable", "put tunnel.key back, readable by sallyportd alone")                   \
	X("lock-closed", "see the log; sallyport apply opens it")                                  \
	X("lock-changed", "see that nftables works (nft list ruleset), then sallyport apply")      \
	X("nat-changed", "see that nftables works (nft list ruleset), then sallyport apply")       \
	X("lock-unsampled", "load nft_log, nft_limit and nfnetlink_log, or end who hears NFLOG "   \
			    "group 23057; then start sallyportd again")                            \
	X("machine-file", "mend sallyport.yaml, then sallyport reload; or start sallyportd "       \
			  "again, as the message says")                                            \
	X("namespace-name-taken", "end that process, then start sallyportd again")                 \
	X("no-room", "make room on that file system, or mount it for writing")                     \
	X("peers-file-moved", "none is needed: it was written anew")                               \
	X("pins-missing", "mount -t bpf bpf /sys/fs/bpf, then start sallyportd again")             \
	X("pins-private",                                                                          \
	  "start it by nsenter --net=/run/netns/NAME sallyportd, not by ip netns exec")            \
	X("policy-unreadable", "sallyport apply FILE")                                             \
	X("pool-nearly-empty", "remove devices (sallyport peer remove), or enlarge vpn.pool")      \
	X("portal-missing", "start sallyport-portal")                                              \
	X("portal-silent", "see its log, and start sallyport-portal again")                        \
	X("portal-user", "make the user portal.user names, then start sallyportd again")           \
	X("provider-failed", "see to the provider, or to its file in idp.d")                       \
	X("refresh-failing", "see to the provider: who it does not confirm is signed out in time") \
	X("return-failed",                                                                         \
	  "see that /sys/fs/bpf is there; sallyport apply FILE puts a policy into "                \
	  "force")                                                                                 \
	X("reverted", "mend that policy and apply it again; an apply ends this warning")           \
	X("revision-unconfirmed", "sallyport apply FILE")                                          \
	X("sign-in-failing", "see to the provider (sallyport idp test), or to its file in idp.d")  \
	X("stage-failed", "see the message; sallyport apply tries again")                          \
	X("tunnel-changed", "remove what stands in the way (ip route, ip rule, sysctl)")           \
	X("tunnel-owner", "start the engine again (systemctl restart sallyport-vpnd@vpn0)")        \
	X("watchdog-missing", "systemctl start sallyport-watchdog")

struct sp_warning {
	const char *code; /* a literal */
	char message[256];
};

struct sp_warnings {
	struct sp_warning items[SP_WARNINGS_MAX];
	size_t count;
};

/* One sentence for each code; a new one of the same code replaces it. */
void sp_warnings_raise(struct sp_warnings *warnings, const char *code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void sp_warnings_clear(struct sp_warnings *warnings, const char *code);
/* NULL: none is known. */
const char *sp_warnings_remedy(const char *code);
bool sp_warnings_has(const struct sp_warnings *warnings, const char *code);

#endif
