/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sallyport replay: the packets of a capture, judged in order with flow state, a line each; or what
 * an audit log has, decided by another policy. */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/record.h"
#include "audit/time.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "cli/cli.h"
#include "cli/files/replay_records.h"
#include "cli/files/source.h"
#include "io/files/files.h"
#include "io/loop/clock.h"
#include "judge/describe.h"
#include "judge/judge.h"
#include "net/addr.h"
#include "net/pcap.h"

#define INDENT 8 /* columns of text beside the packets of a line */
#define CAPTURE_BYTES_MAX (1u << 30)
#define RECORD_BYTES_MAX 262144
#define ETHERTYPE_ARP 0x0806
#define ETHERTYPE_UNKNOWN 0xffff

struct replay {
	const struct sp_cli *cli;
	const struct sp_policy_source *source;
	const struct sp_judge_planes *planes;
	struct sp_judge *judge;
	enum sp_hook hook; /* SP_HOOK_NONE: by the addresses */
	uint64_t first_ns, start_ns, now_ns;
	uint64_t count, allowed, disagreed;
	uint64_t strangers; /* packets of people who are in no fixture */
};

/* The hook that `auto` chooses: vpn-in if the source is in the pool, vpn-out if the destination is,
 * else inside-in. */
static enum sp_hook choose_hook(const struct replay *replay, const struct sp_frame *frame)
{
	struct sp_packet packet;

	if (replay->hook != SP_HOOK_NONE)
		return replay->hook;
	sp_packet_parse(frame->bytes, frame->len, frame->is_ethernet, &packet);
	if (packet.kind != SP_PACKET_IP)
		return SP_HOOK_INSIDE_IN;
	if (sp_gateway_pool_has(replay->source->gateway, &packet.tuple.source))
		return SP_HOOK_VPN_IN;
	if (sp_gateway_pool_has(replay->source->gateway, &packet.tuple.destination))
		return SP_HOOK_VPN_OUT;
	return SP_HOOK_INSIDE_IN;
}

static void advance_clock(struct replay *replay, uint64_t record_ns)
{
	uint64_t now_ns;

	if (!replay->count) {
		const int64_t fixed_s = replay->source->policy->fixtures.now_s;

		replay->first_ns = record_ns;
		replay->start_ns = fixed_s > 0 ? (uint64_t)fixed_s * 1000000000 : record_ns;
	}
	now_ns = replay->start_ns + (record_ns - replay->first_ns);
	if (record_ns >= replay->first_ns && now_ns > replay->now_ns)
		replay->now_ns = now_ns; /* captures of several interfaces step back a little */
	if (!replay->now_ns)
		replay->now_ns = 1;
}

/* "[2001:db8::1]:443" */
static void format_end(const struct sp_addr *addr, const struct sp_tuple *tuple, uint16_t port,
		       char *buf, size_t size)
{
	const bool has_port = tuple->proto == IPPROTO_TCP || tuple->proto == IPPROTO_UDP ||
			      tuple->proto == IPPROTO_SCTP;
	const bool is_v6 = !sp_addr_is_v4(addr);
	char text[SP_ADDR_TEXT_MAX];

	sp_addr_format(addr, text);
	if (has_port)
		snprintf(buf, size, "%s%s%s:%u", is_v6 ? "[" : "", text, is_v6 ? "]" : "", port);
	else
		snprintf(buf, size, "%s", text);
}

/* Find the session of this address in the fixtures. */
static const char *owner_of(const struct replay *replay, const struct sp_addr *addr)
{
	const struct sp_fixtures *fixtures = &replay->source->policy->fixtures;

	for (size_t i = 0; i < fixtures->session_count; i++)
		for (size_t family = 0; family < 2; family++)
			if (fixtures->sessions[i].has_address[family] &&
			    !sp_addr_compare(&fixtures->sessions[i].addresses[family], addr))
				return fixtures->sessions[i].user;
	return NULL;
}

/* Describe the ends and the protocol of a packet. A packet that is not IP has none. */
struct ends {
	char from[SP_ADDR_TEXT_MAX + 10], to[SP_ADDR_TEXT_MAX + 10], proto[8],
		time[SP_TIME_TEXT_MAX];
	const char *user;
};

static void describe_ends(const struct replay *replay, const struct sp_frame *frame,
			  uint64_t record_ns, struct ends *ends)
{
	struct sp_packet packet;
	char number[8];

	*ends = (struct ends){ 0 };
	sp_time_format((int64_t)record_ns, ends->time);
	sp_packet_parse(frame->bytes, frame->len, frame->is_ethernet, &packet);
	if (packet.kind != SP_PACKET_IP)
		return;
	format_end(&packet.tuple.source, &packet.tuple, packet.tuple.source_port, ends->from,
		   sizeof(ends->from));
	format_end(&packet.tuple.destination, &packet.tuple, packet.tuple.destination_port,
		   ends->to, sizeof(ends->to));
	snprintf(ends->proto, sizeof(ends->proto), "%s",
		 sp_audit_proto_name(packet.tuple.proto, number));
	ends->user = owner_of(replay, &packet.tuple.source);
}

static int print_line(const struct replay *replay, enum sp_hook hook, const struct ends *ends,
		      const struct sp_judgement *judgement)
{
	const struct sp_answer *answer = &judgement->answer;
	const char *rule = sp_policy_rule_name(replay->source->policy, answer->rule);

	if (replay->cli->json)
		return sp_cli_print_json(json_pack(
			"{s:i, s:I, s:s, s:s?, s:s?, s:s?, s:s?, s:s, s:s?, s:s, s:s, s:s, s:o*}",
			"v", 1, "n", (json_int_t)replay->count, "time", ends->time, "user",
			ends->user, "source", *ends->from ? ends->from : NULL, "destination",
			*ends->to ? ends->to : NULL, "proto", *ends->proto ? ends->proto : NULL,
			"verdict", sp_verdict_name(answer->verdict), "rule", rule, "reason",
			sp_reason_name(answer->reason), "plane", judgement->plane, "hook",
			sp_hook_name(hook), "audit",
			sp_describe_audit(replay->source->policy, &answer->audit)));
	sp_cli_print("%6" PRIu64 "  %.26sZ  %s%-5s%s  ", replay->count, ends->time,
		     sp_cli_paint(replay->cli, answer->verdict == SP_ALLOW ? SP_GREEN : SP_RED),
		     sp_verdict_name(answer->verdict), sp_cli_paint(replay->cli, SP_PLAIN));
	if (*ends->from)
		sp_cli_print("%s%s%s -> %s %s  ", ends->user ? ends->user : "",
			     ends->user ? " " : "", ends->from, ends->to, ends->proto);
	sp_cli_print("%s", sp_hook_name(hook));
	if (rule)
		sp_cli_print("  rule %s", rule);
	if (!rule || strcmp(rule, sp_reason_name(answer->reason)))
		sp_cli_print("  %s", sp_reason_name(answer->reason));
	if (answer->audit.would)
		sp_cli_print("  (%s would %s)",
			     sp_policy_rule_name(replay->source->policy, answer->audit.rule),
			     sp_would_name(answer->audit.would));
	sp_cli_print("%s\n", judgement->disagree ? "  DISAGREES WITH THE REFERENCE" : "");
	return SP_EXIT_OK;
}

static int judge_record(struct replay *replay, const struct sp_pcap_record *record)
{
	struct sp_frame frame = {
		.bytes = record->bytes,
		.len = record->len,
		.is_ethernet = record->is_ethernet,
	};
	__sp_free uint8_t *ethernet = NULL;
	struct sp_judgement judgement;
	enum sp_hook hook;
	struct ends ends;
	int r;

	/* SLL and NULL name the protocol at another place: write an Ethernet header instead */
	if (record->is_not_ip) {
		ethernet = calloc(1, 14 + record->len);
		if (!ethernet)
			return -ENOMEM;
		sp_put_be16(ethernet + 12, record->is_arp ? ETHERTYPE_ARP : ETHERTYPE_UNKNOWN);
		if (record->len)
			memcpy(ethernet + 14, record->bytes, record->len);
		frame = (struct sp_frame){ ethernet, 14 + record->len, .is_ethernet = true };
	}
	advance_clock(replay, record->time_ns);
	replay->count++;
	hook = choose_hook(replay, &frame);
	r = sp_judge_frame(replay->judge, hook, &frame, replay->now_ns, &judgement);
	if (r < 0)
		return r;
	replay->allowed += judgement.answer.verdict == SP_ALLOW;
	if (judgement.disagree) {
		replay->disagreed++;
		sp_cli_fail(0,
			    "packet %" PRIu64 ": the reference says %s (%s): a defect of Sallyport",
			    replay->count, sp_verdict_name(judgement.reference.verdict),
			    sp_reason_name(judgement.reference.reason));
	}
	replay->strangers += judgement.answer.reason == SP_REASON_NO_IDENTITY;
	describe_ends(replay, &frame, record->time_ns, &ends);
	return print_line(replay, hook, &ends, &judgement) == SP_EXIT_OK ? 0 : -EIO;
}

/* Make the judge for the time of the first packet. @pcap is where it is: a copy goes on from
 * there. */
static int open_judge(struct replay *replay, const struct sp_pcap *pcap)
{
	struct sp_pcap ahead = *pcap;
	struct sp_pcap_record first;
	struct sp_facts facts = sp_clock_facts();
	int r;

	if (sp_pcap_next(&ahead, &first) > 0)
		facts.now_s = (int64_t)(first.time_ns / SP_NS_PER_S);
	facts.now_s = sp_policy_moment(replay->source->policy, facts.now_s);
	/* packets are judged at their Unix time */
	facts.now_boot_ns = facts.now_s > 0 ? (uint64_t)facts.now_s * SP_NS_PER_S : 0;
	r = sp_policy_source_judge(replay->source, &facts, replay->planes, &replay->judge);
	if (r != SP_EXIT_OK)
		return r;
	if (replay->planes->count && !sp_judge_is_plane(sp_judge_plane(replay->judge)))
		sp_cli_say("sallyport: judged by the reference alone: %s\n",
			   sp_judge_why_not(replay->judge));
	sp_cli_wrap(replay->cli->json ? 0 : INDENT);
	return SP_EXIT_OK;
}

static void replay_done(struct replay *replay)
{
	sp_judge_free(replay->judge);
}

static int judge_capture(struct replay *replay, const char *path)
{
	__sp_free char *bytes = NULL;
	struct sp_pcap_record record;
	struct sp_pcap pcap;
	size_t len;
	int r;

	r = sp_file_read(path, CAPTURE_BYTES_MAX, &bytes, &len);
	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "cannot read %s: %s", path, sp_err_text(r));
	r = sp_pcap_open((const uint8_t *)bytes, len, &pcap);
	if (r == -EPROTONOSUPPORT)
		return sp_cli_fail(
			SP_EXIT_FAILED,
			"%s: link type %u is not read (Ethernet, RAW, Linux SLL and NULL are)",
			path, pcap.link_type);
	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "%s is no pcap or pcapng capture", path);
	r = open_judge(replay, &pcap);
	if (r != SP_EXIT_OK)
		return r;
	while ((r = sp_pcap_next(&pcap, &record)) > 0) {
		r = judge_record(replay, &record);
		if (r < 0)
			return sp_cli_fail(SP_EXIT_FAILED, "packet %" PRIu64 ": %s", replay->count,
					   sp_judge_fault(r));
	}
	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED,
				   "%s is broken at byte %zu, behind packet %" PRIu64, path,
				   pcap.offset, replay->count);
	if (!replay->cli->json)
		sp_cli_say("%" PRIu64 " packets: %" PRIu64 " allowed, %" PRIu64 " denied\n",
			   replay->count, replay->allowed, replay->count - replay->allowed);
	if (!replay->cli->json && replay->strangers)
		sp_cli_say(
			"%" PRIu64
			" of them came from tunnel addresses without a session: who is signed in "
			"stands in the policy's fixtures.sessions (user, idp, groups, address)\n",
			replay->strangers);
	return replay->disagreed ? SP_EXIT_FAILED : SP_EXIT_OK;
}

static const char *const hooks[] = { "auto", "vpn-in", "vpn-out", "edge-in", "inside-in", NULL };

/* @text is one of hooks; NULL is the first. */
static enum sp_hook find_hook(const char *text)
{
	enum sp_hook hook = SP_HOOK_NONE;

	if (text && strcmp(text, hooks[0]))
		(void)sp_hook_parse(text, &hook);
	return hook;
}

int sp_cli_replay(struct sp_cli *cli, int argc, char **argv)
{
	__sp_cleanup(sp_policy_source_done) struct sp_policy_source source = SP_POLICY_SOURCE_INIT;
	const char *capture = NULL, *records = NULL, *hook = NULL, *plane = NULL, *machine = NULL,
		   *path[1];
	const struct sp_option options[] = {
		{ "pcap", NULL, &capture, "CAPTURE", "pcap or pcapng file" },
		{ "from", NULL, &records, "AUDIT",
		  "instead: records of sallyport audit --json; what is decided otherwise" },
		{ "hook", NULL, &hook, "HOOK",
		  "auto (default), vpn-in, vpn-out, edge-in, inside-in", hooks },
		{ "plane", NULL, &plane, "PLANE", sp_cli_plane_help(), sp_cli_plane_values() },
		{ "gateway", NULL, &machine, "FILE", "pool and interfaces of this sallyport.yaml" },
		{ 0 },
	};
	struct sp_judge_planes planes;
	__sp_cleanup(replay_done) struct replay replay = { .cli = cli,
							   .source = &source,
							   .planes = &planes };
	size_t path_count;
	int r;

	r = sp_cli_options(cli, "replay", argc, argv, options, path, 1, &path_count);
	if (r != 0)
		return sp_cli_options_exit(r);
	if (path_count != 1 || !capture == !records)
		return sp_cli_fail(SP_EXIT_USAGE,
				   "replay needs a policy file and one of --pcap CAPTURE and "
				   "--from AUDIT");
	if (records && (hook || plane))
		return sp_cli_fail(SP_EXIT_USAGE,
				   "--hook and --plane go with --pcap: a record says its hook, and "
				   "the reference judges it");
	sp_cli_choose_planes(plane, &planes);
	replay.hook = find_hook(hook);
	r = sp_policy_source_open(cli, path[0], machine, &source);
	if (r != SP_EXIT_OK)
		return r;
	if (records)
		return sp_cli_replay_records(cli, &source, records);
	return judge_capture(&replay, capture);
}
