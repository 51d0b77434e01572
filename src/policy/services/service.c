/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/services/service.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "yaml/suggest.h"

static const struct {
	const char *word;
	enum sp_service_kind kind;
	uint8_t proto;
} protocols[] = {
	{ "tcp", SP_SERVICE_PORTS, IPPROTO_TCP },      { "udp", SP_SERVICE_PORTS, IPPROTO_UDP },
	{ "sctp", SP_SERVICE_PORTS, IPPROTO_SCTP },    { "icmp", SP_SERVICE_ICMP, IPPROTO_ICMP },
	{ "icmp6", SP_SERVICE_ICMP6, IPPROTO_ICMPV6 }, { "proto", SP_SERVICE_PROTO, 0 },
};

/* RFC 792, RFC 1256 | RFC 4443, RFC 4861, RFC 2710, RFC 3810 */
static const struct icmp_type {
	const char *name;
	int v4, v6; /* -1: the family has none */
} icmp_types[] = {
	{ "echo", 8, 128 },
	{ "echo-reply", 0, 129 },
	{ "unreachable", 3, 1 },
	{ "packet-too-big", -1, 2 },
	{ "redirect", 5, 137 },
	{ "router-advertisement", 9, 134 },
	{ "router-solicitation", 10, 133 },
	{ "time-exceeded", 11, 3 },
	{ "parameter-problem", 12, 4 },
	{ "timestamp", 13, -1 },
	{ "timestamp-reply", 14, -1 },
	{ "listener-query", -1, 130 },
	{ "listener-report", -1, 131 },
	{ "listener-done", -1, 132 },
	{ "listener-report-v2", -1, 143 },
	{ "neighbour-solicitation", -1, 135 },
	{ "neighbour-advertisement", -1, 136 },
};

static int find_protocol(const char *text, size_t len)
{
	for (size_t i = 0; i < SP_ARRAY_LEN(protocols); i++) {
		if (strlen(protocols[i].word) == len && memcmp(protocols[i].word, text, len) == 0)
			return (int)i;
	}
	return -1;
}

bool sp_looks_like_service(const char *text)
{
	return strchr(text, '/') || find_protocol(text, strlen(text)) >= 0;
}

/* Digits without sign or leading zeros, up to 99999999. */
static bool read_digits(const char *text, size_t len, unsigned *ret_number)
{
	unsigned number = 0;

	if (len == 0 || len > 8 || strspn(text, "0123456789") < len || (text[0] == '0' && len > 1))
		return false;
	for (size_t i = 0; i < len; i++)
		number = number * 10 + (unsigned)(text[i] - '0');
	*ret_number = number;
	return true;
}

/* Guess the number that was meant by +22, 0022 and similar texts. */
static bool guess_number(const char *text, size_t len, unsigned *ret_number)
{
	while (len > 0 && (*text == '+' || *text == ' ' || (*text == '0' && len > 1))) {
		text++;
		len--;
	}
	return read_digits(text, len, ret_number);
}

static int report_port(struct sp_check *check, const struct sp_node *node, const char *word,
		       const char *ports)
{
	const char *text = node->text;
	size_t len = strcspn(ports, "-");
	unsigned from, to;

	if (strchr(ports, ','))
		sp_report(check, node,
			  "service %s: one port or range an item: write a list, [%s/80, %s/443]",
			  sp_show(text).quoted, word, word);
	else if (strchr(ports, ':'))
		sp_report(check, node, "service %s: a range is written with \"-\", as %s/8000-8010",
			  sp_show(text).quoted, word);
	else if (!ports[len] && guess_number(ports, len, &from) && from > 0 && from < 65536)
		sp_report(check, node, "service %s: write %s/%u", sp_show(text).quoted, word, from);
	else if (ports[len] && guess_number(ports, len, &from) &&
		 guess_number(ports + len + 1, strlen(ports + len + 1), &to) && from > 0 &&
		 from <= to && to < 65536)
		sp_report(check, node, "service %s: write %s/%u-%u", sp_show(text).quoted, word,
			  from, to);
	else
		sp_report(check, node, "service %s: a port is a number from 1 to 65535, as %s/443",
			  sp_show(text).quoted, word);
	return -EINVAL;
}

static int read_ports(struct sp_check *check, const struct sp_node *node, const char *word,
		      const char *ports, struct sp_service *service)
{
	const char *dash = strchr(ports, '-');
	size_t len = strcspn(ports, "-");
	unsigned from, to;

	if (!read_digits(ports, len, &from))
		return report_port(check, node, word, ports);
	to = from;
	if (dash && !read_digits(dash + 1, strlen(dash + 1), &to))
		return report_port(check, node, word, ports);
	if (from > 65535 || to > 65535) {
		sp_report(check, node, "service %s: ports end at 65535",
			  sp_show(node->text).quoted);
		return -EINVAL;
	}
	if (from > to) {
		sp_report(check, node, "service %s: the range is reversed: write %s/%u-%u",
			  sp_show(node->text).quoted, word, to, from);
		return -EINVAL;
	}
	if (from == 0) {
		if (to == 0)
			sp_report(check, node, "service %s: port 0 is reserved; ports begin at 1",
				  sp_show(node->text).quoted);
		else
			sp_report(check, node, "service %s: ports begin at 1: write %s/1-%u",
				  sp_show(node->text).quoted, word, to);
		return -EINVAL;
	}
	service->from = (uint16_t)from;
	service->to = (uint16_t)to;
	return 0;
}

static int read_icmp_type(struct sp_check *check, const struct sp_node *node, bool is_v6,
			  const char *type, struct sp_service *service)
{
	const char *word = is_v6 ? "icmp6" : "icmp";
	struct sp_nearest nearest;
	unsigned number;

	sp_nearest_init(&nearest, type);
	for (size_t i = 0; i < SP_ARRAY_LEN(icmp_types); i++) {
		int value = is_v6 ? icmp_types[i].v6 : icmp_types[i].v4;

		if (value < 0)
			continue;
		if (strcmp(icmp_types[i].name, type) == 0) {
			service->from = service->to = (uint16_t)value;
			return 0;
		}
		sp_nearest_offer(&nearest, icmp_types[i].name);
	}
	if (read_digits(type, strlen(type), &number) && number <= 255) {
		service->from = service->to = (uint16_t)number;
		return 0;
	}
	if (nearest.best)
		sp_report(check, node, "service %s: no such type; did you mean \"%s/%s\"?",
			  sp_show(node->text).quoted, word, nearest.best);
	else
		sp_report(check, node,
			  "service %s: a type is a number from 0 to 255 or a name, as %s/echo "
			  "(codes are not told apart)",
			  sp_show(node->text).quoted, word);
	return -EINVAL;
}

/* Read proto/N: every packet of a protocol. Of a protocol with ports or types it is all of them. */
static int read_proto(struct sp_check *check, const struct sp_node *node, const char *digits,
		      struct sp_service services[2], size_t *ret_count)
{
	unsigned number;

	if (!read_digits(digits, strlen(digits), &number) || number > 255) {
		sp_report(check, node,
			  "service %s: a protocol is a number from 0 to 255, as proto/47",
			  sp_show(node->text).quoted);
		return -EINVAL;
	}
	services[0] = (struct sp_service){ SP_SERVICE_PROTO, (uint8_t)number, 0, 0 };
	*ret_count = 1;
	if (number == IPPROTO_TCP || number == IPPROTO_UDP || number == IPPROTO_SCTP) {
		services[0].kind = SP_SERVICE_PORTS;
		services[0].to = 65535;
	} else if (number == IPPROTO_ICMP || number == IPPROTO_ICMPV6) {
		services[1] = (struct sp_service){ number == IPPROTO_ICMP ? SP_SERVICE_ICMP
									  : SP_SERVICE_ICMP6,
						   (uint8_t)number, 0, 255 };
		*ret_count = 2;
	}
	return 0;
}

static void report_protocol(struct sp_check *check, const struct sp_node *node)
{
	const char *text = node->text, *slash = strchr(text, '/');
	const char *meant = NULL;
	struct sp_nearest nearest;
	char word[16];

	snprintf(word, sizeof(word), "%.*s", slash ? (int)(slash - text) : (int)strlen(text), text);
	if (slash && find_protocol(slash + 1, strlen(slash + 1)) >= 0) { /* 22/tcp */
		sp_report(check, node, "service %s: write %s/%s", sp_show(text).quoted, slash + 1,
			  word);
		return;
	}
	sp_nearest_init(&nearest, word);
	for (size_t i = 0; i < SP_ARRAY_LEN(protocols); i++)
		sp_nearest_offer(&nearest, protocols[i].word);
	meant = strcmp(word, "icmpv6") == 0 ? "icmp6" : nearest.best;
	if (meant)
		sp_report(check, node, "service %s: no such protocol; did you mean \"%s%.40s\"?",
			  sp_show(text).quoted, meant, slash ? slash : "");
	else
		sp_report(check, node,
			  "service %s: no such protocol: write tcp/443, udp/1000-2000, sctp/36412, "
			  "icmp/echo, icmp6 or proto/47",
			  sp_show(text).quoted);
}

int sp_read_service(struct sp_check *check, const struct sp_node *node,
		    struct sp_service ret_services[2], size_t *ret_count)
{
	const char *text = sp_read_text(check, node, "a service");
	const char *rest;
	size_t len;
	int i, r = 0;

	if (!text)
		return -EINVAL;
	len = strcspn(text, "/");
	rest = text[len] ? text + len + 1 : NULL;
	i = find_protocol(text, len);
	if (i < 0) {
		report_protocol(check, node);
		return -EINVAL;
	}
	ret_services[0] = (struct sp_service){ protocols[i].kind, protocols[i].proto, 0, 255 };
	*ret_count = 1;
	switch (protocols[i].kind) {
	case SP_SERVICE_PORTS:
		if (!rest) {
			sp_report(check, node,
				  "service \"%s\" needs a port: write %s/443, or %s/1-65535 for "
				  "every port",
				  text, text, text);
			return -EINVAL;
		}
		r = read_ports(check, node, protocols[i].word, rest, &ret_services[0]);
		break;
	case SP_SERVICE_ICMP:
	case SP_SERVICE_ICMP6:
		if (rest)
			r = read_icmp_type(check, node, protocols[i].kind == SP_SERVICE_ICMP6, rest,
					   &ret_services[0]);
		break;
	case SP_SERVICE_PROTO:
		r = read_proto(check, node, rest ? rest : "", ret_services, ret_count);
		break;
	}
	return r;
}
