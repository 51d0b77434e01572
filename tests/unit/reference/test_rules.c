/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reference evaluator on single packets: parsing, always passed, spoofed, protect, sessions, drop
 * lists, rules. What has a past is in test_reference_flows.c and its neighbours. */
#include "lab.h"

#define ANA4 "100.64.0.7:1000 > "
#define ANA6 "[fd00:64::7]:1000 > "
#define OUT4 "198.51.100.5:1000 > "
#define OFFICE4 "10.20.0.5:1000 > "

static void parsing_denies_before_anything_else(void **state)
{
	static const struct lab_row rows[] = {
		{ EDGE_IN, OUT4 "192.0.2.1:443 tcp SF eth", "deny malformed -" },
		{ EDGE_IN, OUT4 "192.0.2.1:443 tcp eth cut=30", "deny truncated -" },
		{ EDGE_IN, OUT4 "192.0.2.1:443 tcp ethertype=8847", "deny ethertype -" },
		{ EDGE_IN, OUT4 "192.0.2.1:443 tcp ethertype=0806", "allow ethertype -" },
		{ EDGE_IN, OUT4 "192.0.2.1:443 tcp vlan=3", "deny ethertype -" },
		{ EDGE_IN, OUT4 "192.0.2.1:443 tcp vlan=2", "allow expose portal" },
		{ EDGE_IN, OUT4 "192.0.2.1:443 tcp frag=1:0-16+ eth", "deny fragment -" },
		{ VPN_IN, "100.64.0.99 > 10.30.1.1 udp cut=0", "deny truncated -" },
		{ VPN_IN, "100.64.0.99 > 10.30.1.1 udp ip[0]=75", "deny malformed -" },
		{ INSIDE_IN, "100.64.0.7:1 > 10.30.1.1:1 tcp - eth", "deny malformed -" },
	};

	(void)state;
	lab_check_rows(rows, SP_ARRAY_LEN(rows));
}

static void the_always_passed_table(void **state)
{
#define ND " icmp6 type=135 ttl=255 eth"
#define LL "fe80::1 > fe80::2"
	static const struct lab_row rows[] = {
		{ EDGE_IN, LL " icmp6 type=133 ttl=255 eth", "allow protect -" },
		{ EDGE_IN, LL " icmp6 type=134 ttl=255 eth", "allow protect -" },
		{ EDGE_IN, LL " icmp6 type=135 ttl=255 eth", "allow protect -" },
		{ EDGE_IN, LL " icmp6 type=136 ttl=255 eth", "allow protect -" },
		{ INSIDE_IN, LL " icmp6 type=136 ttl=255 eth", "allow protect -" },
		{ EDGE_IN, ":: > ff02::1:ff00:1" ND, "allow protect -" },
		{ EDGE_IN, "2001:db8:ffff::1 > fe80::2" ND, "deny spoofed -" },
		{ EDGE_IN, "2001:db8:30::5 > ff02::1:ff00:1" ND, "deny spoofed -" },
		{ EDGE_IN, "2a00:1450::9 > 2001:db8:ffff::1" ND, "allow protect -" },
		/* nothing of it goes further than here */
		{ EDGE_IN, "fe80::9 > 2001:db8:30::5" ND, "deny default default" },
		{ INSIDE_IN, "2001:db8:30::5 > 2a00:1450::9" ND, "deny default default" },
		{ EDGE_IN, "fe80::9 > ff05::1" ND, "deny default default" },
		{ EDGE_IN, ":: > ff02::1" ND, "deny bogon -" },
		{ EDGE_IN, "2a00:1450::9 > ff02::1 icmp6 type=134 ttl=255 eth",
		  "deny default default" },
		{ EDGE_IN, "fe80::9 > ff0e::1 icmp6 type=131 ttl=1 eth", "deny default default" },
		{ EDGE_IN, LL " icmp6 type=135 ttl=254 eth", "deny default default" },
		{ EDGE_IN, LL " icmp6 type=135 ttl=255 code=1 eth", "deny default default" },
		{ EDGE_IN, LL " icmp6 type=137 ttl=255 eth",
		  "deny no-flow -" }, /* redirects never */
		{ EDGE_IN, LL " icmp6 type=132 ttl=255 eth", "deny default default" },
		{ EDGE_IN, LL " icmp6 type=130 ttl=1 eth", "allow protect -" },
		{ EDGE_IN, LL " icmp6 type=131 ttl=1 eth", "allow protect -" },
		{ EDGE_IN, LL " icmp6 type=132 ttl=1 eth", "allow protect -" },
		{ EDGE_IN, ":: > ff02::16 icmp6 type=143 ttl=1 eth ext=0", "allow protect -" },
		{ EDGE_IN, "febf::1 > ff02::16 icmp6 type=143 ttl=1 eth", "allow protect -" },
		{ EDGE_IN, "fec0::1 > ff02::16 icmp6 type=143 ttl=1 eth", "deny default default" },
		{ EDGE_IN, LL " icmp6 type=143 ttl=2 eth", "deny default default" },
		{ EDGE_IN, LL " icmp6 type=129 ttl=1 eth", "deny no-flow -" },
		/* not as a fragment, and not on the tunnel */
		{ EDGE_IN, LL " icmp6 type=135 ttl=255 eth payload=8 frag=1:0-16+",
		  "deny default default" },
		{ EDGE_IN, LL " icmp6 type=135 ttl=255 eth ext=44", "allow protect -" },
		{ VPN_IN, LL " icmp6 type=135 ttl=255", "deny no-identity -" },
		{ VPN_OUT, LL " icmp6 type=135 ttl=255", "deny default default" },
		/* IPv4 with the same numbers is nothing of the kind */
		{ EDGE_IN, "198.51.100.5 > 192.0.2.1 icmp type=135 ttl=255 eth",
		  "deny default default" },
		/* DHCP only where the interface is a client */
		{ EDGE_IN, "198.51.100.5:67 > 192.0.2.1:68 udp eth", "deny default default" },
	};
	struct lab lab;

	(void)state;
	lab_check_rows(rows, SP_ARRAY_LEN(rows));
	lab_init(&lab);
	lab.is_dhcp_client = true;
	expect(&lab, EDGE_IN, "198.51.100.5:67 > 192.0.2.1:68 udp eth", "allow protect -");
	expect(&lab, EDGE_IN, "10.0.0.1:67 > 255.255.255.255:68 udp eth", "allow protect -");
	expect(&lab, EDGE_IN, "[fe80::1]:547 > [fe80::2]:546 udp eth", "allow protect -");
	expect(&lab, EDGE_IN, "198.51.100.5:67 > 192.0.2.99:68 udp eth", "allow protect -");
	expect(&lab, EDGE_IN, "198.51.100.5:67 > 10.30.1.1:68 udp eth", "deny default default");
	expect(&lab, EDGE_IN, "10.30.1.1:67 > 255.255.255.255:68 udp eth", "deny spoofed -");
	expect(&lab, EDGE_IN, "[fe80::1]:547 > [2001:db8:30::5]:546 udp eth",
	       "deny default default");
	expect(&lab, EDGE_IN, "[2a00:1450::9]:547 > [fe80::2]:546 udp eth", "deny default default");
	expect(&lab, EDGE_IN, "198.51.100.5:68 > 192.0.2.1:67 udp eth", "deny default default");
	expect(&lab, EDGE_IN, "198.51.100.5:547 > 192.0.2.1:546 udp eth", "deny default default");
	expect(&lab, EDGE_IN, "[2001:db8::1]:67 > [2001:db8:ffff::1]:68 udp eth",
	       "deny default default");
	expect(&lab, EDGE_IN, "198.51.100.5:67 > 192.0.2.1:68 tcp eth", "deny default default");
	expect(&lab, VPN_IN, "100.64.0.7:67 > 10.30.1.1:68 udp", "deny default default");
	lab_done(&lab);
}

static void sources_away_from_home_are_spoofed(void **state)
{
	static const struct lab_row rows[] = {
		{ EDGE_IN, "192.0.2.1 > 192.0.2.1 icmp eth", "deny spoofed -" },
		{ EDGE_IN, "100.64.0.1 > 192.0.2.1 icmp eth", "deny spoofed -" },
		{ INSIDE_IN, "10.30.0.1 > 10.30.0.1 icmp eth", "deny spoofed -" },
		{ VPN_IN, "100.64.0.1:1 > 10.30.1.1:22 tcp", "deny spoofed -" },
		{ EDGE_IN, "100.64.0.7:1 > 192.0.2.1:443 tcp eth", "deny spoofed -" },
		{ EDGE_IN, "100.64.200.7:1 > 192.0.2.1:443 tcp eth", "deny spoofed -" },
		{ EDGE_IN, "[fd00:64::7]:1 > [2001:db8:ffff::1]:443 tcp eth", "deny spoofed -" },
		{ INSIDE_IN, "100.64.0.7:1 > 10.30.1.1:22 tcp eth", "deny spoofed -" },
		{ EDGE_IN, "10.20.0.5:1 > 192.0.2.1:443 tcp eth", "deny spoofed -" },
		{ EDGE_IN, "[2001:db8:30::5]:1 > [2001:db8:ffff::1]:443 tcp eth",
		  "deny spoofed -" },
		{ VPN_IN, "10.20.0.5:1 > 10.30.1.1:22 tcp", "deny spoofed -" },
		/* the longest route says it lives on the edge */
		{ EDGE_IN, "10.20.99.5:1 > 192.0.2.1:443 tcp eth", "allow expose portal" },
		{ INSIDE_IN, "10.20.99.5:1 > 8.8.8.8:53 udp eth", "allow policy office-out" },
		/* home edge or unknown is nobody's lie */
		{ INSIDE_IN, "8.8.8.8:1 > 10.30.1.1:22 tcp eth", "deny default default" },
		{ VPN_IN, "8.8.8.8:1 > 10.30.1.1:22 tcp", "deny no-identity -" },
		{ VPN_IN, "203.0.113.9:1 > 10.30.1.1:22 tcp", "deny no-identity -" },
		{ EDGE_IN, "203.0.113.9:1 > 192.0.2.1:443 tcp eth", "allow expose portal" },
		/* the hooks towards people and the recorders do not ask */
		{ VPN_OUT, "10.20.0.5:1 > 100.64.0.7:1 udp", "allow policy office-out" },
	};

	(void)state;
	lab_check_rows(rows, SP_ARRAY_LEN(rows));
}

static void sources_on_another_interface_of_their_zone_are_spoofed(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	for (size_t i = 0; i < lab.hand.gateway.route_count; i++)
		if (lab.hand.gateway.routes[i].zone == SP_ZONE_INSIDE)
			lab.hand.gateway.routes[i].ifindex = 3;
	lab.ifindex = 3;
	expect(&lab, INSIDE_IN, "10.20.0.5:1 > 8.8.8.8:53 udp eth", "allow policy office-out");
	lab.ifindex = 4;
	expect(&lab, INSIDE_IN, "10.20.0.5:1 > 8.8.8.8:53 udp eth", "deny spoofed -");
	expect(&lab, INSIDE_IN, "10.20.1.5:1 > 10.30.0.1:22 tcp eth", "deny spoofed -");
	expect(&lab, INSIDE_IN, "[2001:db8:30::5]:1 > [2001:db8:ffff::1]:443 tcp eth",
	       "deny spoofed -");
	/* a longer route of no interface in particular */
	expect(&lab, INSIDE_IN, "10.20.99.5:1 > 8.8.8.8:53 udp eth", "allow policy office-out");
	expect(&lab, VPN_OUT, "10.20.0.5:1 > 100.64.0.7:1 udp", "allow policy office-out");
	lab_done(&lab);
}

static void protect_wants_the_source_at_home(void **state)
{
	static const struct lab_row rows[] = {
		{ INSIDE_IN, "10.20.1.5:1 > 10.30.0.1:22 tcp eth", "allow protect admin-ssh" },
		{ INSIDE_IN, "10.20.1.5:1 > 192.0.2.1:22 tcp eth", "allow protect admin-ssh" },
		{ INSIDE_IN, "10.20.1.15:1 > 10.30.0.1:22 tcp eth", "allow protect admin-ssh" },
		{ INSIDE_IN, "10.20.1.16:1 > 10.30.0.1:22 tcp eth", "allow policy office-out" },
		{ INSIDE_IN, "10.20.1.5:1 > 10.30.0.1:23 tcp eth", "allow policy office-out" },
		{ INSIDE_IN, "10.20.1.5:1 > 10.30.0.2:22 tcp eth", "allow policy office-out" },
		{ EDGE_IN, "10.20.1.5:1 > 10.30.0.1:22 tcp eth", "deny spoofed -" },
		/* unknown: edge or inside, never tunnel */
		{ EDGE_IN, "203.0.113.7:1 > 192.0.2.1:22 tcp eth", "allow protect admin-ssh" },
		{ INSIDE_IN, "203.0.113.7:1 > 192.0.2.1:22 tcp eth", "allow protect admin-ssh" },
		{ VPN_IN, "203.0.113.7:1 > 192.0.2.1:22 tcp", "deny no-identity -" },
		/* a tunnel address at home on the tunnel, before any session is asked */
		{ VPN_IN, "100.64.0.9:1 > 192.0.2.1:22 tcp", "allow protect admin-ssh" },
		{ EDGE_IN, "100.64.0.9:1 > 192.0.2.1:22 tcp eth", "deny spoofed -" },
		/* before flows: any TCP segment and ICMP errors too */
		{ INSIDE_IN, "10.20.1.5:1 > 10.30.0.1:22 tcp R eth", "allow protect admin-ssh" },
		{ INSIDE_IN, "10.20.1.5:1 > 10.30.0.1:22 tcp SA eth", "allow protect admin-ssh" },
		{ INSIDE_IN,
		  "10.20.1.5 > 10.30.0.1 icmp type=3 eth quote 10.30.0.1:1 > 10.20.1.5:2 udp",
		  "allow protect admin-ssh" },
		{ INSIDE_IN, "10.20.1.5 > 10.30.0.1 icmp type=0 eth", "deny no-flow -" },
	};

	(void)state;
	lab_check_rows(rows, SP_ARRAY_LEN(rows));
}

static void no_session_no_rule(void **state)
{
	static const struct lab_row rows[] = {
		{ VPN_IN, ANA4 "10.30.1.1:22 tcp", "allow policy eng-servers" },
		{ VPN_IN, ANA6 "[2001:db8:30::1]:22 tcp", "allow policy eng-servers" },
		{ VPN_IN, "100.64.0.6:1 > 10.30.1.1:22 tcp", "deny no-identity -" },
		{ VPN_IN, "100.64.0.6:1 > 10.30.9.4:22 tcp", "deny no-identity -" },
		{ VPN_IN, "[fd00:64::8]:1 > [2001:db8:30::1]:22 tcp", "deny no-identity -" },
		/* the receiver, from everywhere */
		{ VPN_IN, ANA4 "100.64.0.6:22 tcp", "deny no-identity -" },
		{ INSIDE_IN, OFFICE4 "100.64.0.6:22 tcp eth", "deny no-identity -" },
		{ EDGE_IN, OUT4 "100.64.0.6:22 tcp eth", "deny no-identity -" },
		{ VPN_OUT, OFFICE4 "100.64.0.6:22 tcp", "deny no-identity -" },
		{ INSIDE_IN, OFFICE4 "100.64.0.7:22 tcp eth", "allow policy office-out" },
		{ VPN_OUT, OFFICE4 "100.64.0.7:22 tcp", "allow policy office-out" },
		/* the gateway's own tunnel address needs none */
		{ INSIDE_IN, OFFICE4 "100.64.0.1:22 tcp eth", "allow policy office-out" },
		/* vpn-out asks a sender in the pool too, sender first */
		{ VPN_OUT, "100.64.0.5:1 > 100.64.0.9:22 tcp", "deny no-identity -" },
		{ VPN_OUT, ANA4 "100.64.0.9:22 tcp", "allow policy eng-to-dba" },
		{ VPN_OUT, "100.64.0.8:1 > 100.64.0.9:22 tcp", "deny default default" },
	};

	(void)state;
	lab_check_rows(rows, SP_ARRAY_LEN(rows));
}

static void drop_lists_are_the_edges(void **state)
{
	static const struct lab_row rows[] = {
		{ EDGE_IN, "192.168.1.1:1 > 192.0.2.1:443 tcp eth", "deny bogon -" },
		{ EDGE_IN, "0.0.0.0:1 > 192.0.2.1:443 tcp eth", "deny bogon -" },
		{ EDGE_IN, "[::]:1 > [2001:db8:ffff::1]:443 tcp eth", "deny bogon -" },
		{ EDGE_IN, "[fc00::1]:1 > [2001:db8:ffff::1]:443 tcp eth", "deny bogon -" },
		{ EDGE_IN, "10.21.0.1:1 > 192.0.2.1:443 tcp eth", "deny bogon -" },
		{ EDGE_IN, "11.0.0.1:1 > 192.0.2.1:443 tcp eth", "allow expose portal" },
		{ EDGE_IN, "192.0.2.7:1 > 192.0.2.1:443 tcp eth",
		  "allow expose portal" }, /* trusted */
		{ EDGE_IN, "192.168.1.1:1 > 192.0.2.1:443 tcp SA eth",
		  "deny no-flow -" }, /* later */
		{ INSIDE_IN, "192.168.1.1:1 > 192.0.2.1:443 tcp eth", "deny default default" },
		{ VPN_OUT, "192.168.1.1:1 > 100.64.0.7:443 tcp", "deny default default" },
	};
	struct lab lab;

	(void)state;
	lab_check_rows(rows, SP_ARRAY_LEN(rows));
	lab_init(&lab);
	lab.hand.policy.drop_bogons = false;
	expect(&lab, EDGE_IN, "192.168.1.1:1 > 192.0.2.1:443 tcp eth", "allow expose portal");
	expect(&lab, EDGE_IN, "0.0.0.0:1 > 192.0.2.1:443 tcp eth", "allow expose portal");
	lab_done(&lab);
}

static void services_match_at_their_edges(void **state)
{
	static const struct lab_row rows[] = {
		{ VPN_IN, ANA4 "10.30.1.1:22 tcp", "allow policy eng-servers" },
		{ VPN_IN, ANA4 "10.30.1.1:21 tcp", "deny default default" },
		{ VPN_IN, ANA4 "10.30.1.1:23 tcp", "deny default default" },
		{ VPN_IN, ANA4 "10.30.1.1:79 tcp", "deny default default" },
		{ VPN_IN, ANA4 "10.30.1.1:80 tcp", "allow policy eng-servers" },
		{ VPN_IN, ANA4 "10.30.1.1:90 tcp", "allow policy eng-servers" },
		{ VPN_IN, ANA4 "10.30.1.1:91 tcp", "deny default default" },
		{ VPN_IN, ANA4 "10.30.1.1:22 udp", "deny default default" },
		{ VPN_IN, ANA4 "10.30.1.1:53 udp", "allow policy eng-servers" },
		{ VPN_IN, ANA4 "10.30.1.1:53 tcp", "deny default default" },
		{ VPN_IN, ANA4 "10.30.1.1:9 sctp", "allow policy eng-servers" },
		{ VPN_IN, ANA4 "10.30.1.1:9 udp", "deny default default" },
		{ VPN_IN, "100.64.0.7:22 > 10.30.1.1:21 tcp", "deny default default" },
		{ VPN_IN, ANA4 "10.30.1.1 icmp", "allow policy eng-servers" },
		{ VPN_IN, ANA4 "10.30.1.1 icmp type=13", "deny default default" },
		{ VPN_IN, ANA4 "10.30.1.1 icmp type=9", "deny default default" },
		{ VPN_IN, ANA6 "2001:db8:30::1 icmp6", "allow policy eng-servers" },
		{ VPN_IN, ANA6 "2001:db8:30::1 icmp6 type=8", "deny default default" },
		{ VPN_IN, ANA6 "2001:db8:30::1 proto=1 payload=8", "deny default default" },
		{ VPN_IN, ANA4 "10.30.1.1 proto=58 payload=8", "deny default default" },
		{ VPN_IN, ANA4 "10.30.1.1 proto=47 payload=8", "allow policy eng-servers" },
		{ VPN_IN, ANA4 "10.30.1.1 proto=46 payload=8", "deny default default" },
		{ VPN_IN, ANA6 "2001:db8:30::1 proto=47 payload=8", "allow policy eng-servers" },
		/* no services: everything */
		{ INSIDE_IN, "10.20.0.5 > 8.8.8.8 proto=99 eth", "allow policy office-out" },
		{ INSIDE_IN, "10.20.0.5 > 8.8.8.8 icmp type=9 eth", "allow policy office-out" },
		{ INSIDE_IN, "10.20.0.5 > 8.8.8.8 icmp type=13 eth", "allow policy office-out" },
		{ VPN_IN, "100.64.0.7 > 10.30.9.4 proto=99", "deny policy payroll-closed" },
		/* through extension headers and options to the real port */
		{ VPN_IN, ANA6 "[2001:db8:30::1]:22 tcp ext=0,60,43", "allow policy eng-servers" },
		{ VPN_IN, ANA6 "[2001:db8:30::1]:23 tcp ext=0,60,43", "deny default default" },
		{ VPN_IN, ANA4 "10.30.1.1:22 tcp options=94040000", "allow policy eng-servers" },
	};

	(void)state;
	lab_check_rows(rows, SP_ARRAY_LEN(rows));
}

static void networks_match_at_their_edges(void **state)
{
	static const struct lab_row rows[] = {
		{ VPN_IN, ANA4 "10.30.0.0:22 tcp", "allow policy eng-servers" },
		{ VPN_IN, ANA4 "10.30.255.255:22 tcp", "allow policy eng-servers" },
		{ VPN_IN, ANA4 "10.29.255.255:22 tcp", "deny default default" },
		{ VPN_IN, ANA4 "10.31.0.0:22 tcp", "deny default default" },
		{ VPN_IN, ANA6 "[2001:db8:30:ffff:ffff:ffff:ffff:ffff]:22 tcp",
		  "allow policy eng-servers" },
		{ VPN_IN, ANA6 "[2001:db8:31::]:22 tcp", "deny default default" },
		{ VPN_IN, ANA6 "[2001:db8:2f:ffff::]:22 tcp", "deny default default" },
		{ VPN_IN, "100.64.0.9:1 > 10.30.8.12:5432 tcp", "allow policy dba-db" },
		{ VPN_IN, "100.64.0.9:1 > 10.30.8.13:5432 tcp", "deny default default" },
		{ VPN_IN, "100.64.0.9:1 > 10.30.8.14:5432 tcp", "allow policy dba-db" },
		{ VPN_IN, ANA4 "10.30.9.4:22 tcp", "deny policy payroll-closed" },
		{ VPN_IN, ANA4 "10.30.9.3:22 tcp", "allow policy eng-servers" },
		{ VPN_IN, ANA4 "10.30.9.5:22 tcp", "allow policy eng-servers" },
		{ INSIDE_IN, OFFICE4 "10.30.9.4:22 tcp eth", "deny policy payroll-closed" },
		/* to a role: the receiver's session */
		{ VPN_IN, ANA4 "100.64.0.9:22 tcp", "allow policy eng-to-dba" },
		{ VPN_IN, ANA6 "[fd00:64::9]:22 tcp", "allow policy eng-to-dba" },
		{ VPN_IN, ANA4 "100.64.0.8:22 tcp", "deny default default" },
		{ VPN_IN, "100.64.0.9:1 > 100.64.0.7:22 tcp", "deny default default" },
		/* a user by name */
		{ VPN_IN, "100.64.0.8:1 > 10.30.1.1:80 tcp", "allow policy bob-web" },
		{ VPN_IN, "100.64.0.9:1 > 10.30.1.1:80 tcp", "deny default default" },
		/* expose is the edge's */
		{ EDGE_IN, OUT4 "192.0.2.1:51820 udp eth", "allow expose tunnel" },
		{ EDGE_IN, OUT4 "10.30.0.1:51820 udp eth", "allow expose tunnel" },
		{ EDGE_IN, OUT4 "192.0.2.2:51820 udp eth", "deny default default" },
		{ EDGE_IN, "[2001:db8::5]:1 > [2001:db8:ffff::1]:443 tcp eth",
		  "allow expose portal" },
		{ VPN_IN, ANA4 "192.0.2.1:443 tcp", "deny default default" },
		{ INSIDE_IN, "10.30.1.1:1 > 192.0.2.1:443 tcp eth", "deny default default" },
	};

	(void)state;
	lab_check_rows(rows, SP_ARRAY_LEN(rows));
}

static void roles_do_not_follow_an_address_off_the_tunnel(void **state)
{
	struct lab lab;

	(void)state;
	lab_init_empty(&lab);
	hand_rule(&lab.hand, SP_RULE_ALLOW, "eng", "role:0", "any", "");
	lab_open(&lab, ANA, "ana", ENGINEER, "10.20.0.5", NULL, 0, 0);
	expect(&lab, INSIDE_IN, "10.20.0.5:1 > 10.30.1.1:22 tcp eth", "deny default default");
	lab_done(&lab);
}

static void a_network_matches_tunnel_addresses_on_every_hook(void **state)
{
	struct lab lab;

	(void)state;
	lab_init_empty(&lab);
	hand_rule(&lab.hand, SP_RULE_ALLOW, "by-address", "people", "any", "");
	lab_open(&lab, ANA, "ana", ENGINEER, "100.64.0.7", NULL, 0, 0);
	lab_open(&lab, BOB, "bob", CONTRACTOR, "100.64.0.8", NULL, 0, 0);
	expect(&lab, VPN_IN, ANA4 "10.30.1.1:22 tcp", "allow policy by-address");
	expect(&lab, VPN_OUT, ANA4 "100.64.0.8:22 tcp", "allow policy by-address");
	expect(&lab, VPN_IN, "100.64.0.8:1 > 10.30.1.1:22 tcp", "deny default default");
	lab_done(&lab);
}

static void several_roles_are_a_union_of_allows_and_of_denies(void **state)
{
	uint32_t both[] = { ENGINEER, CONTRACTOR };
	struct sp_identity identity = { .user = "eve",
					.idp = "corp",
					.roles = both,
					.role_count = 2,
					.has_address = { true, false } };
	struct lab lab;

	(void)state;
	lab_init_empty(&lab);
	hand_rule(&lab.hand, SP_RULE_ALLOW, "eng", "role:0", "servers", "tcp/22-23");
	hand_rule(&lab.hand, SP_RULE_ALLOW, "vendor", "role:2", "servers", "tcp/80");
	hand_rule(&lab.hand, SP_RULE_DENY, "no-telnet", "role:2", "servers", "tcp/23");
	identity.addresses[0] = hand_addr("100.64.0.7");
	assert_int_equal(sp_reference_open_session(lab.reference, 1, 1, &identity, 0, 0), 0);
	lab_open(&lab, BOB, "bob", ENGINEER, "100.64.0.8", NULL, 0, 0);
	expect(&lab, VPN_IN, "100.64.0.7:1 > 10.30.1.1:22 tcp", "allow policy eng");
	expect(&lab, VPN_IN, "100.64.0.7:1 > 10.30.1.1:80 tcp", "allow policy vendor");
	expect(&lab, VPN_IN, "100.64.0.7:1 > 10.30.1.1:23 tcp", "deny policy no-telnet");
	expect(&lab, VPN_IN, "100.64.0.8:1 > 10.30.1.1:23 tcp", "allow policy eng");
	lab_done(&lab);
}

/* The same four rules in every order decide alike; what is reported is the first that decided. */
static void order_never_matters_but_for_the_name(void **state)
{
	static const struct {
		enum sp_rule_kind kind;
		const char *name, *to;
	} rules[] = {
		{ SP_RULE_ALLOW, "allow-a", "any" },
		{ SP_RULE_ALLOW, "allow-b", "any" },
		{ SP_RULE_DENY, "deny-a", "payroll" },
		{ SP_RULE_DENY, "deny-b", "payroll" },
	};

	(void)state;
	for (unsigned order = 0; order < 256; order++) {
		unsigned pick[4] = { order & 3, order >> 2 & 3, order >> 4 & 3, order >> 6 };
		const char *first_allow = NULL, *first_deny = NULL;
		char allow[64], deny[64];
		struct lab lab;

		if ((1u << pick[0] | 1u << pick[1] | 1u << pick[2] | 1u << pick[3]) != 15)
			continue;
		lab_init_empty(&lab);
		for (int i = 0; i < 4; i++) {
			const char **first =
				rules[pick[i]].kind == SP_RULE_DENY ? &first_deny : &first_allow;

			hand_rule(&lab.hand, rules[pick[i]].kind, rules[pick[i]].name, "office",
				  rules[pick[i]].to, "");
			*first = *first ? *first : rules[pick[i]].name;
		}
		snprintf(allow, sizeof(allow), "allow policy %s", first_allow);
		snprintf(deny, sizeof(deny), "deny policy %s", first_deny);
		expect(&lab, INSIDE_IN, OFFICE4 "10.30.1.1:22 tcp eth", allow);
		expect(&lab, INSIDE_IN, OFFICE4 "10.30.9.4:22 tcp eth", deny);
		lab_done(&lab);
	}
}

static void allow_and_expose_rank_by_place_and_a_deny_beats_both(void **state)
{
	struct lab lab;

	(void)state;
	for (int expose_first = 0; expose_first < 2; expose_first++) {
		lab_init_empty(&lab);
		if (expose_first)
			hand_rule(&lab.hand, SP_RULE_EXPOSE, "expose", "any", "self", "tcp/443");
		hand_rule(&lab.hand, SP_RULE_ALLOW, "allow", "any", "self", "tcp/443");
		if (!expose_first)
			hand_rule(&lab.hand, SP_RULE_EXPOSE, "expose", "any", "self", "tcp/443");
		expect(&lab, EDGE_IN, OUT4 "192.0.2.1:443 tcp eth",
		       expose_first ? "allow expose expose" : "allow policy allow");
		expect(&lab, INSIDE_IN, OFFICE4 "192.0.2.1:443 tcp eth", "allow policy allow");
		hand_rule(&lab.hand, SP_RULE_DENY, "deny", "any", "self", "");
		expect(&lab, EDGE_IN, "198.51.100.6:1 > 192.0.2.1:443 tcp eth", "deny policy deny");
		lab_done(&lab);
	}
}

static void protect_beats_a_deny(void **state)
{
	struct lab lab;

	(void)state;
	lab_init_empty(&lab);
	hand_rule(&lab.hand, SP_RULE_DENY, "closed", "any", "any", "");
	hand_rule(&lab.hand, SP_RULE_PROTECT, "ssh", "office", "self", "tcp/22");
	hand_rule(&lab.hand, SP_RULE_PROTECT, "all", "office", "self", "");
	expect(&lab, INSIDE_IN, OFFICE4 "192.0.2.1:22 tcp eth", "allow protect ssh");
	expect(&lab, INSIDE_IN, OFFICE4 "192.0.2.1:23 tcp eth", "allow protect all");
	expect(&lab, INSIDE_IN, OFFICE4 "192.0.2.2:22 tcp eth", "deny policy closed");
	lab_done(&lab);
}

static void a_hook_that_is_none_is_refused(void **state)
{
	struct sp_frame frame = { .bytes = (const uint8_t *)"", .len = 0 };
	struct sp_answer answer;
	struct lab lab;

	(void)state;
	lab_init(&lab);
	assert_int_equal(sp_reference_judge(lab.reference, SP_HOOK_NONE, &frame, 1, &answer),
			 -EINVAL);
	assert_int_equal(sp_reference_judge(lab.reference, SP_HOOK_COUNT, &frame, 1, &answer),
			 -EINVAL);
	lab_done(&lab);
}

static void a_rule_allows_up_to_its_expiry_and_denies_by_name_after(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	/* the moment of the lab's facts is second 0, and it is second 1000 */
	for (size_t i = 0; i < lab.hand.policy.rule_count; i++)
		if (strcmp(lab.hand.policy.rules[i].name, "office-out") == 0)
			lab.hand.policy.rules[i].expires_s = 1500;
	expect(&lab, INSIDE_IN, OFFICE4 "198.51.100.5:80 tcp", "allow policy office-out");
	lab.now_ns = 1500 * SECOND - 1;
	expect(&lab, INSIDE_IN, OFFICE4 "198.51.100.5:80 tcp", "allow policy office-out");
	lab.now_ns = 1500 * SECOND;
	expect(&lab, INSIDE_IN, OFFICE4 "198.51.100.5:80 tcp", "deny deadline office-out");
	/* a policy set at that moment does not have it any more */
	lab.hand.facts = (struct sp_facts){ .now_s = 1500, .now_boot_ns = 1500 * SECOND };
	sp_reference_set_policy(lab.reference, &lab.hand.policy, &lab.hand.gateway, &lab.hand.facts,
				1);
	expect(&lab, INSIDE_IN, OFFICE4 "198.51.100.5:80 tcp", "deny default default");
	lab_done(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parsing_denies_before_anything_else),
		cmocka_unit_test(the_always_passed_table),
		cmocka_unit_test(sources_away_from_home_are_spoofed),
		cmocka_unit_test(sources_on_another_interface_of_their_zone_are_spoofed),
		cmocka_unit_test(protect_wants_the_source_at_home),
		cmocka_unit_test(no_session_no_rule),
		cmocka_unit_test(drop_lists_are_the_edges),
		cmocka_unit_test(services_match_at_their_edges),
		cmocka_unit_test(networks_match_at_their_edges),
		cmocka_unit_test(roles_do_not_follow_an_address_off_the_tunnel),
		cmocka_unit_test(a_network_matches_tunnel_addresses_on_every_hook),
		cmocka_unit_test(several_roles_are_a_union_of_allows_and_of_denies),
		cmocka_unit_test(order_never_matters_but_for_the_name),
		cmocka_unit_test(allow_and_expose_rank_by_place_and_a_deny_beats_both),
		cmocka_unit_test(protect_beats_a_deny),
		cmocka_unit_test(a_hook_that_is_none_is_refused),
		cmocka_unit_test(a_rule_allows_up_to_its_expiry_and_denies_by_name_after),
	};

	return cmocka_run_group_tests_name("reference-rules", tests, NULL, NULL);
}
