/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What happens in a case: conversations that open, are answered, pause, break off, come in pieces
 * or in bad shape, while sessions end and a revision is applied between two packets. */
#include "traffic.h"

#include <netinet/in.h>
#include <stdarg.h>
#include <string.h>

#include "base/array.h"
#include "net/addr.h"
#include "policy/answer.h"

struct script {
	struct rng *rng;
	struct equiv_case *test;
	guess_fn guess;
	void *guess_arg;
	unsigned revision;
	uint32_t fragment_id;
	uint32_t gone; /* bit n: session n ended */
};

__attribute__((format(printf, 2, 3))) static void add_step(struct script *script,
							   const char *format, ...)
{
	struct equiv_case *test = script->test;
	va_list args;

	if (test->step_count == STEPS_MAX)
		return;
	va_start(args, format);
	vsnprintf(test->steps[test->step_count++].text, STEP_MAX, format, args);
	va_end(args);
}

/* ---- a packet's words ---- */

static bool is_icmp(const struct talk *talk)
{
	return talk->proto == (sp_addr_is_v4(&talk->source) ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

static bool has_ports(const struct talk *talk)
{
	return talk->proto == IPPROTO_TCP || talk->proto == IPPROTO_UDP ||
	       talk->proto == IPPROTO_SCTP;
}

static void put_end(char *buf, size_t size, const struct sp_addr *addr, uint16_t port,
		    bool with_port)
{
	char text[SP_ADDR_TEXT_MAX];

	sp_addr_format(addr, text);
	if (!with_port)
		snprintf(buf, size, "%s", text);
	else
		snprintf(buf, size, sp_addr_is_v4(addr) ? "%s:%u" : "[%s]:%u", text, port);
}

/* `source > destination protocol …` of a packet of this talk. */
static void put_talk(char *buf, size_t size, const struct talk *talk)
{
	char source[64], destination[64], protocol[40];
	bool ports = has_ports(talk);

	put_end(source, sizeof(source), &talk->source, talk->source_port, ports);
	put_end(destination, sizeof(destination), &talk->destination, talk->destination_port,
		ports);
	if (ports)
		snprintf(protocol, sizeof(protocol), "%s",
			 talk->proto == IPPROTO_TCP   ? "tcp"
			 : talk->proto == IPPROTO_UDP ? "udp"
						      : "sctp");
	else if (is_icmp(talk))
		snprintf(protocol, sizeof(protocol), "%s type=%u id=%u",
			 talk->proto == IPPROTO_ICMP ? "icmp" : "icmp6", talk->icmp_type,
			 talk->icmp_id);
	else
		snprintf(protocol, sizeof(protocol), "proto=%u payload=8", talk->proto);
	snprintf(buf, size, "%s > %s %s", source, destination, protocol);
}

static struct talk answer_to(const struct talk *talk)
{
	struct talk back = *talk;

	back.source = talk->destination;
	back.destination = talk->source;
	back.source_port = talk->destination_port;
	back.destination_port = talk->source_port;
	if (is_icmp(talk)) {
		if (talk->proto == IPPROTO_ICMPV6)
			back.icmp_type = talk->icmp_type == 128 ? 129 : 128;
		else
			back.icmp_type = talk->icmp_type == 8 ? 0 : (uint8_t)(talk->icmp_type + 1);
	}
	return back;
}

static const char *link_words(struct script *script, enum sp_hook hook)
{
	uint32_t dice;

	if (hook == SP_HOOK_VPN_IN || hook == SP_HOOK_VPN_OUT)
		return "";
	dice = rng_below(script->rng, 20);
	return dice == 0 ? " vlan=1" : dice == 1 ? " vlan=2" : " eth";
}

/* By which of two interfaces it comes, or whichever its source asks for. */
static const char *by_words(struct script *script)
{
	uint32_t dice = rng_below(script->rng, 8);

	return dice == 0 ? "by 1 " : dice == 1 ? "by 2 " : "";
}

/* What the hook it came by put on a packet that leaves. */
static const char *mark_words(struct script *script, enum sp_hook hook)
{
	if (hook != SP_HOOK_EDGE_OUT && hook != SP_HOOK_INSIDE_OUT && hook != SP_HOOK_VPN_OUT)
		return "";
	return (const char *[]){ "judged ", "judged ", "judged ", "answer ",
				 "" }[rng_below(script->rng, 5)];
}

static void send_on(struct script *script, enum sp_hook hook, const struct talk *talk,
		    const char *words)
{
	char text[200];

	put_talk(text, sizeof(text), talk);
	add_step(script, "%s %s%s%s%s%s%s", sp_hook_name(hook), mark_words(script, hook),
		 by_words(script), text, link_words(script, hook), *words ? " " : "", words);
}

static void send_own(struct script *script, enum sp_hook hook, const struct talk *talk,
		     const char *words)
{
	char text[200];

	put_talk(text, sizeof(text), talk);
	add_step(script, "%s own %s%s%s%s", sp_hook_name(hook), text, link_words(script, hook),
		 *words ? " " : "", words);
}

/* ---- one packet out of the ordinary ---- */

static const char *odd_tcp(struct rng *rng)
{
	return (const char *[]){
		"-",  "SF", "SR", "F",  "P",   "U",         "SA",        "R",
		"RA", "A",  "PA", "FA", "SFA", "l4[12]=40", "l4[12]=f0", "S payload=20"
	}[rng_below(rng, 16)];
}

static const char *odd_v4(struct rng *rng)
{
	return (const char *[]){
		"options=8307040a00000100",
		"options=8907040a00000100",
		"options=07010000",
		"options=94040000",
		"options=44ff0000",
		"options=01010101",
		"ip[0]=44",
		"ip[0]=55",
		"ip[0]=46",
		"ip[2]=0013",
		"ip[2]=ffff",
		"ip[6]=8000",
		"pad=18",
		"cut=30",
		"cut=12",
		"cut=20",
		"ip[10]=0000",
		"ip[9]=ff",
		"ip[2]=0014",
	}[rng_below(rng, 19)];
}

static const char *odd_v6(struct rng *rng)
{
	return (const char *[]){
		"ext=60",
		"ext=0,60",
		"ext=0,43,60",
		"ext=60,0",
		"ext=51",
		"ext=43",
		"ext=60,60,60,60,60,60,60,60",
		"ext=0,60,60,60,60,60,60,60,60",
		"ext=44",
		"ip[0]=40",
		"ip[4]=ffff",
		"ip[4]=0004",
		"ip[6]=2c",
		"ip[6]=2b",
		"pad=9",
		"cut=44",
		"cut=20",
		"cut=39",
		"ip[8]=00000000000000000000ffff0a000001",
		"ip[24]=00000000000000000000000000000005",
		"ip[6]=3b",
		"ip[6]=00",
	}[rng_below(rng, 22)];
}

static void send_odd(struct script *script, const struct talk *talk)
{
	struct rng *rng = script->rng;
	enum sp_hook hook = talk->hook;
	const char *words = "";

	switch (rng_below(rng, 6)) {
	case 0:
	case 1:
		words = sp_addr_is_v4(&talk->source) ? odd_v4(rng) : odd_v6(rng);
		break;
	case 2:
		if (talk->proto == IPPROTO_TCP)
			words = odd_tcp(rng);
		else if (talk->proto == IPPROTO_UDP)
			words = rng_chance(rng, 50) ? "l4[4]=0004" : "l4[4]=0400";
		else
			words = "cut=38";
		break;
	case 3:
	case 4:
		if (hook == SP_HOOK_VPN_IN || hook == SP_HOOK_VPN_OUT) {
			words = (const char *[]){ "cut=0", "cut=1", "cut=10",
						  "ip[0]=00" }[rng_below(rng, 4)];
			break;
		}
		words = (const char *[]){ "ethertype=0806", "ethertype=88cc", "vlan=3",
					  "cut=13",         "ethertype=86dd", "cut=14",
					  "ethertype=0800", "ethertype=0806", "ethertype=0842",
					  "cut=0" }[rng_below(rng, 10)];
		break;
	default:
		words = "payload=40";
		break;
	}
	send_on(script, hook, talk, words);
}

/* What the neighbourhood says to itself: passed from one table, in the right shape only. */
static void send_link_local(struct script *script)
{
	static const char *const frames[] = {
		"fe80::1 > ff02::1 icmp6 type=134 ttl=255",
		"2a00:1450::9 > ff02::1 icmp6 type=134 ttl=255",
		"fe80::1 > fd00:20::5 icmp6 type=134 ttl=255",
		"fd00:20::5 > 2a00:1450::9 icmp6 type=136 ttl=255",
		"2a00:1450::9 > fd00:20::5 icmp6 type=135 ttl=255",
		"fd00:20::5 > ff02::1 icmp6 type=136 ttl=255",
		"fd00:20::5 > 2a00:1450::1 icmp6 type=135 ttl=255",
		"2a00:1450::9 > 2a00:1450::1 icmp6 type=136 ttl=255",
		"2a00:1450::1 > ff02::1 icmp6 type=136 ttl=255",
		":: > ff02::1 icmp6 type=136 ttl=255",
		":: > ff02::1 icmp6 type=135 ttl=255",
		":: > ff02::2 icmp6 type=133 ttl=255",
		":: > fe80::2 icmp6 type=133 ttl=255",
		"fe80::2 > ff05::1 icmp6 type=136 ttl=255",
		"fe80::2 > ff0e::99 icmp6 type=131 ttl=1",
		"8.8.8.8:67 > 10.20.0.5:68 udp",
		"192.0.2.254:67 > 192.0.2.1:68 udp",
		"192.0.2.254:67 > 192.0.2.77:68 udp",
		"10.20.0.5:67 > 255.255.255.255:68 udp",
		"192.0.2.1:67 > 255.255.255.255:68 udp",
		"[2a00:1450::9]:547 > [fe80::2]:546 udp",
		"[fe80::1]:547 > [2a00:1450::1]:546 udp",
		"[fe80::1]:547 > [fd00:20::5]:546 udp",
		"[fe80::1]:547 > [ff02::1]:546 udp",
		"fe80::2 > ff02::1:ff00:9 icmp6 type=135 ttl=255",
		":: > ff02::1:ff00:9 icmp6 type=135 ttl=255",
		"2001:db8:30::9 > fe80::2 icmp6 type=136 ttl=255",
		"fe80::2 > ff02::1 icmp6 type=135 ttl=254",
		"fe80::2 > ff02::1 icmp6 type=135 code=1 ttl=255",
		"fe80::2 > ff02::1 icmp6 type=137 ttl=255",
		"fe80::2 > ff02::16 icmp6 type=143 ttl=1",
		":: > ff02::16 icmp6 type=131 ttl=1",
		"2a00:1450::2 > ff02::16 icmp6 type=143 ttl=1",
		"fe80::2 > ff02::16 icmp6 type=130 ttl=2",
		"192.0.2.254:67 > 255.255.255.255:68 udp",
		"192.0.2.254:68 > 255.255.255.255:67 udp",
		"[fe80::1]:547 > [fe80::2]:546 udp",
		"[fe80::1]:546 > [fe80::2]:547 udp",
		"192.0.2.254 > 192.0.2.1 proto=0 payload=28 ethertype=0806",
		"192.0.2.254 > 192.0.2.1 proto=0 payload=28 ethertype=0806",
		"192.0.2.254 > 192.0.2.1 proto=0 payload=28 ethertype=88cc",
		"192.0.2.254 > 192.0.2.1 proto=0 payload=28 ethertype=8035",
		"192.0.2.254 > 192.0.2.1 proto=0 payload=28 vlan=3",
	};
	const char *frame = frames[rng_below(script->rng, SP_ARRAY_LEN(frames))];
	enum sp_hook hook = (enum sp_hook[]){
		SP_HOOK_EDGE_IN,  SP_HOOK_INSIDE_IN, SP_HOOK_EDGE_IN,
		SP_HOOK_EDGE_OUT, SP_HOOK_INSIDE_IN, SP_HOOK_VPN_IN
	}[rng_below(script->rng, 6)];

	if ((strstr(frame, "ethertype") || strstr(frame, "vlan")) && hook == SP_HOOK_VPN_IN)
		hook = SP_HOOK_INSIDE_IN;
	add_step(script, "%s %s%s%s", sp_hook_name(hook),
		 rng_chance(script->rng, 50) ? "dhcp " : "", frame,
		 strstr(frame, "vlan") ? "" : link_words(script, hook));
}

/* ---- in pieces ---- */

static void send_fragments(struct script *script, const struct talk *talk)
{
	/* of 8 + 40 bytes of UDP; of 20 + 28 of TCP */
	static const char *const plans[][4] = {
		{ "0-24+", "24-40+", "40-48" },
		{ "0-24+", "40-48", "24-40+" },
		{ "0-24+", "16-40+", "40-48" },
		{ "0-24+", "0-24+", "24-48" },
		{ "0-8+", "8-48" },
		{ "24-48" },
		{ "0-16+", "16-24" },
		{ "0-24+", "24-37+" },
		{ "0-24+", "24-24" },
		{ "0-48", "48-56" },
		{ "24-40+", "0-24+", "24-40+" },
		{ "0-24+", "24-32+", "24-32+" },
		{ "0-40+", "65528-65544" },
		{ "0-24+", "65520-65528" },
	};
	const char *const *plan = plans[rng_below(script->rng, SP_ARRAY_LEN(plans))];
	uint32_t id = ++script->fragment_id;
	bool is_v6 = !sp_addr_is_v4(&talk->source);

	for (unsigned i = 0; i < 4 && plan[i]; i++) {
		char words[96];

		snprintf(words, sizeof(words), "%s frag=%u:%s%s",
			 talk->proto == IPPROTO_TCP ? "payload=28" : "payload=40", id, plan[i],
			 is_v6 && rng_chance(script->rng, 10) ? " fragext=60" : "");
		send_on(script, talk->hook, talk, words);
		if (rng_chance(script->rng, 6))
			add_step(script, "wait %u",
				 (unsigned[]){ 4990, 5000, 5001 }[rng_below(script->rng, 3)]);
		if (rng_chance(script->rng, 4)) {
			uint32_t n = rng_below(script->rng, script->test->world.session_count);

			add_step(script, "end %u", n);
			script->gone |= 1u << n;
		}
	}
}

/* ---- answers, errors, pauses ---- */

static void send_answer(struct script *script, const struct talk *talk, const char *words)
{
	const struct world *world = &script->test->world;
	struct talk back = answer_to(talk);

	if (world_is_self(world, &back.source))
		send_own(script, hook_out_to(script->rng, world, &back.destination), &back, words);
	else
		send_on(script, hook_into(script->rng, world, &back.source), &back, words);
	if (rng_chance(script->rng, 25))
		send_on(script, hook_out_to(script->rng, world, &back.destination), &back, words);
}

static struct sp_addr router_near(struct script *script, const struct talk *about)
{
	bool is_v4 = sp_addr_is_v4(&about->source);

	switch (rng_below(script->rng, 3)) {
	case 0:
		return about->destination;
	case 1:
		return addr_of(is_v4 ? "8.8.1.1" : "2a00:1450::fe");
	default:
		return addr_of(is_v4 ? "10.20.0.254" : "fd00:20::fe");
	}
}

/* An ICMP error to the sender of a packet of this talk, quoting it. */
static void send_error(struct script *script, const struct talk *about)
{
	static const uint8_t types[2][7] = { { 3, 11, 12, 4, 3, 5, 11 },
					     { 1, 2, 3, 4, 1, 137, 3 } };
	struct rng *rng = script->rng;
	bool is_v6 = !sp_addr_is_v4(&about->source);
	struct sp_addr router = router_near(script, about);
	char from[64], to[64], quote[200];
	enum sp_hook hook = hook_into(rng, &script->test->world, &router);

	put_end(from, sizeof(from), &router, 0, false);
	put_end(to, sizeof(to), rng_chance(rng, 95) ? &about->source : &about->destination, 0,
		false);
	put_talk(quote, sizeof(quote), about);
	if (rng_chance(rng, 20))
		hook = hook_out_to(rng, &script->test->world, &about->source);
	add_step(script, "%s %s%s > %s %s type=%u%s quote%s %s", sp_hook_name(hook),
		 mark_words(script, hook), from, to, is_v6 ? "icmp6" : "icmp",
		 types[is_v6][rng_below(rng, 7)], link_words(script, hook),
		 rng_chance(rng, 90)   ? ""
		 : rng_chance(rng, 50) ? "=7"
				       : "=20",
		 quote);
}

/* Out by the gateway's address and back, the way NAT goes; then the talk's own way back. */
static void send_translated(struct script *script, const struct talk *talk)
{
	const struct world *world = &script->test->world;
	struct talk outer = *talk, back = answer_to(talk);
	enum sp_hook out = hook_out_to(script->rng, world, &talk->destination);
	const char *answer_words = talk->proto == IPPROTO_TCP ? "SA" : "";
	char text[200];

	outer.source = addr_of(sp_addr_is_v4(&talk->source) ? "192.0.2.1" : "2a00:1450::1");
	send_on(script, out, &outer, "");
	outer = answer_to(&outer);
	send_on(script, hook_into(script->rng, world, &outer.source), &outer, answer_words);
	out = hook_out_to(script->rng, world, &back.destination);
	put_talk(text, sizeof(text), &back);
	add_step(script, "%s answer %s%s%s%s", sp_hook_name(out), text, link_words(script, out),
		 *answer_words ? " " : "", answer_words);
}

static bool is_cramped(const struct script *script)
{
	return script->test->world.flows_max || script->test->world.session_flows_max;
}

static void wait_some(struct script *script)
{
	static const unsigned waits[] = { 1,     1000,  29999,   30000,  30001,  59999,
					  60000, 60001, 179999,  180000, 180001, 7199999,
					  31000, 45500, 7200001, 3000 };
	static const unsigned long_waits[] = { 3600000, 86400000, 604800000, 691200000 };

	/* Idle flows count until somebody reclaims them, and in a scratch plane nobody does. */
	if (is_cramped(script))
		add_step(script, "wait %u", rng_below(script->rng, 100));
	else if (script->test->world.now_s && rng_chance(script->rng, 60))
		add_step(script, "wait %u", 5000 + rng_below(script->rng, 60000));
	else if (script->test->world.now_s && rng_chance(script->rng, 20))
		add_step(script, "wait %u",
			 long_waits[rng_below(script->rng, SP_ARRAY_LEN(long_waits))]);
	else
		add_step(script, "wait %u", waits[rng_below(script->rng, SP_ARRAY_LEN(waits))]);
}

static void disturb(struct script *script, const struct talk *talk)
{
	const struct world *world = &script->test->world;
	uint32_t n = world_session_of(world, &talk->source);
	uint32_t dice = rng_below(script->rng, 100);

	if (n == UINT32_MAX || rng_chance(script->rng, 25))
		n = world_session_of(world, &talk->destination);
	if (n == UINT32_MAX && world->session_count)
		n = rng_below(script->rng, world->session_count);
	if (dice < 30 && script->revision == 0) {
		add_step(script, "apply");
		script->revision = 1;
	} else if (script->test->world.now_s && dice < 60) {
		wait_some(script);
	} else if (n != UINT32_MAX && dice < 75) {
		add_step(script, dice < 65 ? "end %u" : "remove %u", n);
		script->gone |= 1u << n;
	} else if (n != UINT32_MAX && dice < 90) {
		add_step(script, "open %u", n);
	} else {
		wait_some(script);
	}
}

/* One end of the talk is banned, or all around it, mostly for a short time. */
static void ban_somebody(struct script *script, const struct talk *talk)
{
	static const uint32_t lengths[2][4] = { { 32, 32, 24, 9 }, { 128, 128, 64, 17 } };
	const struct sp_addr *addr =
		talk->hook == SP_HOOK_EDGE_IN ? &talk->source : &talk->destination;
	const bool is_v4 = sp_addr_is_v4(addr);
	struct sp_prefix prefix = { .prefix_len = lengths[!is_v4][rng_below(script->rng, 4)] };
	char text[SP_PREFIX_TEXT_MAX];

	/* `sallyport ban` refuses IPv6 prefixes that hold the IPv4 addresses. */
	if (!is_v4 && !addr->b[0] && !addr->b[1])
		prefix.prefix_len = 128;
	memcpy(prefix.addr, addr->b, sizeof(prefix.addr));
	prefix.prefix_len += is_v4 ? 96 : 0;
	sp_prefix_mask(&prefix);
	add_step(script, "ban %s %u", sp_prefix_format(&prefix, text),
		 rng_chance(script->rng, 10) ? 0 : rng_between(script->rng, 1, 20));
	send_on(script, talk->hook, talk, talk->proto == IPPROTO_TCP ? "A" : "");
	send_answer(script, talk, talk->proto == IPPROTO_TCP ? "A" : "");
}

static const char *tcp_words(struct script *script, const struct talk *talk)
{
	if (talk->proto != IPPROTO_TCP)
		return "";
	return (const char *[]){
		"A", "PA payload=9", "FA", "RA", "S", "A"
	}[rng_below(script->rng, 6)];
}

static void follow_up(struct script *script, const struct talk *talk)
{
	const struct world *world = &script->test->world;
	struct talk back = answer_to(talk);

	switch (rng_below(script->rng, 14)) {
	case 13:
		ban_somebody(script, talk);
		break;
	case 12:
		if (rng_chance(script->rng, 50))
			send_translated(script, talk);
		break;
	case 0:
	case 1:
	case 2:
		send_answer(script, talk, talk->proto == IPPROTO_TCP ? "SA" : "");
		break;
	case 3:
		send_answer(script, talk, tcp_words(script, talk));
		break;
	case 4:
	case 5:
		send_on(script, talk->hook, talk, tcp_words(script, talk));
		break;
	case 6:
		send_on(script, hook_out_to(script->rng, world, &talk->destination), talk,
			talk->proto == IPPROTO_TCP && rng_chance(script->rng, 60) ? "S" : "");
		break;
	case 7:
		send_error(script, talk);
		break;
	case 8:
		send_error(script, &back);
		break;
	case 9:
		disturb(script, talk);
		break;
	case 10:
		wait_some(script);
		break;
	default:
		send_odd(script, talk);
		break;
	}
}

/* Those who left come back, or nobody would be allowed anything for long. */
static void bring_back(struct script *script)
{
	const struct world *world = &script->test->world;

	for (uint32_t n = 0; n < world->session_count && script->gone; n++) {
		if (!(script->gone >> n & 1) || world->session_flows_max ||
		    rng_chance(script->rng, 45))
			continue;
		add_step(script, "open %u", n);
		script->gone &= ~(1u << n);
	}
}

/* Somebody's time is up, before or behind the first packet of a talk that leads to the portal. */
static void park_somebody(struct script *script, struct talk *talk)
{
	const struct world *world = &script->test->world;

	aim_parked(script->rng, world, talk);
	if (rng_chance(script->rng, 30))
		send_on(script, talk->hook, talk, "");
	add_step(script, "expire %u", world_session_of(world, &talk->source));
}

/* What the portal is for. Some had asked for more time at the last moment. */
static void sign_in_again(struct script *script, const struct talk *talk)
{
	const struct world *world = &script->test->world;
	uint32_t n = world_session_of(world, &talk->source);

	if (world->session_flows_max || rng_chance(script->rng, 30))
		add_step(script, "extend %u", n);
	else
		add_step(script, "open %u", n);
	if (rng_chance(script->rng, 50))
		send_on(script, talk->hook, talk, talk->proto == IPPROTO_TCP ? "A" : "");
	if (rng_chance(script->rng, 50))
		send_answer(script, talk, talk->proto == IPPROTO_TCP ? "A" : "");
}

/* The gateway's own packets, and what comes back for them. */
static void talk_of_our_own(struct script *script, struct talk *talk)
{
	const struct world *world = &script->test->world;
	bool is_v6;

	if (rng_chance(script->rng, 80))
		aim_own(script->rng, world, script->revision, talk);
	is_v6 = !sp_addr_is_v4(&talk->destination);
	talk->source = addr_of(is_v6 ? "2a00:1450::1" : "192.0.2.1");
	if (world_is_self(world, &talk->destination))
		return;
	send_own(script, hook_out_to(script->rng, world, &talk->destination), talk, "");
}

/* One who fills the table: the same talk from many ports. */
static void talk_a_lot(struct script *script, struct talk *talk)
{
	for (unsigned i = 0; i < 9 && has_ports(talk); i++) {
		talk->source_port = (uint16_t)(2000 + i);
		send_on(script, talk->hook, talk, "");
		if (rng_chance(script->rng, 20))
			send_answer(script, talk, talk->proto == IPPROTO_TCP ? "SA" : "");
	}
}

static struct sp_answer guess_talk(struct script *script, const struct talk *talk)
{
	bool is_bare = talk->hook == SP_HOOK_VPN_IN || talk->hook == SP_HOOK_VPN_OUT;
	char text[200], packet[STEP_MAX];

	put_talk(text, sizeof(text), talk);
	snprintf(packet, sizeof(packet), "%s %s%s", sp_hook_name(talk->hook), text,
		 is_bare ? "" : " eth");
	return script->guess(script->guess_arg, script->revision, packet);
}

/* A talk of the kind that is wanted, if one turns up soon: allowed, denied by a rule, or as it
 * comes. */
static struct sp_answer pick_talk(struct script *script, struct talk *talk)
{
	uint32_t dice = rng_below(script->rng, 100);
	struct sp_answer answer = { 0 };

	for (int tries = 0; tries < 16; tries++) {
		aim_talk(script->rng, &script->test->world, script->revision, talk);
		answer = guess_talk(script, talk);
		if (dice < 28   ? answer.verdict == SP_ALLOW
		    : dice < 93 ? answer.reason == SP_REASON_POLICY && answer.verdict == SP_DENY
				: true)
			break;
	}
	return answer;
}

static void one_talk(struct script *script)
{
	struct talk talk;
	bool allowed, is_parked = false;
	uint32_t more;

	if (world_has_parked(&script->test->world) && rng_chance(script->rng, 4)) {
		park_somebody(script, &talk);
		allowed = is_parked = true;
	} else {
		allowed = pick_talk(script, &talk).verdict == SP_ALLOW;
	}
	if (rng_chance(script->rng, 8)) {
		talk_of_our_own(script, &talk);
	} else if (rng_chance(script->rng, 5)) {
		send_link_local(script);
		return;
	} else if ((talk.proto == IPPROTO_UDP || talk.proto == IPPROTO_TCP) &&
		   rng_chance(script->rng, 9)) {
		send_fragments(script, &talk);
	} else if (is_cramped(script) && rng_chance(script->rng, 40)) {
		talk_a_lot(script, &talk);
	} else {
		send_on(script, talk.hook, &talk, "");
	}
	more = rng_chance(script->rng, allowed ? 75 : 8)
		       ? rng_between(script->rng, 1, allowed ? 6 : 2)
		       : 0;
	while (more-- > 0)
		follow_up(script, &talk);
	if (is_parked)
		sign_in_again(script, &talk);
	bring_back(script);
}

void traffic_make(struct rng *rng, struct equiv_case *test, guess_fn guess, void *arg)
{
	struct script script = { .rng = rng, .test = test, .guess = guess, .guess_arg = arg };
	uint32_t target = rng_between(rng, 55, STEPS_MAX - 14);

	test->step_count = 0;
	while (test->step_count < target)
		one_talk(&script);
}
