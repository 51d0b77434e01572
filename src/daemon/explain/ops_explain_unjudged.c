/* SPDX-License-Identifier: GPL-3.0-or-later */
/* explain where no hook judges: at interfaces that sallyport.yaml does not list, or names as
 * unmanaged. */
#include "daemon/explain/explain.h"

#include "net/addr.h"

#define MESSAGE_MAX 256

static uint32_t find_route_len(const struct sp_gateway *gateway, const struct sp_addr *addr)
{
	uint32_t len = 0;

	for (size_t i = 0; i < gateway->route_count; i++)
		if (gateway->routes[i].prefix.prefix_len > len &&
		    sp_prefix_contains(&gateway->routes[i].prefix, addr))
			len = gateway->routes[i].prefix.prefix_len;
	return len;
}

/* The unlisted or unmanaged interface whose own network holds @addr, unless a route through a
 * listed interface is as exact. NULL: none known. Routes through such interfaces are not known. */
static const struct sp_host_interface *find_home(const struct sp_question *question,
						 const struct sp_addr *addr)
{
	const struct sp_gateway *gateway = &question->gateway;
	const struct sp_host *host = question->ops->host;
	const struct sp_host_interface *found = NULL;
	uint32_t len = find_route_len(gateway, addr);

	if (sp_judge_first_hook(gateway, addr) == SP_HOOK_VPN_IN)
		return NULL;
	for (size_t i = 0; i < host->address_count; i++) {
		const struct sp_link_address *own = &host->addresses[i];
		const char *name = sp_host_name_of(host, own->ifindex);
		const struct sp_host_interface *on = name ? sp_host_find(host, name) : NULL;

		if (!on || on->is_governed || own->is_link_local || own->prefix.prefix_len <= len ||
		    !sp_prefix_contains(&own->prefix, addr))
			continue;
		found = on;
		len = own->prefix.prefix_len;
	}
	return found;
}

bool sp_question_enter(struct sp_question *question, const char *on)
{
	const struct sp_host_interface *entry = on ? sp_host_find(question->ops->host, on)
						   : find_home(question, &question->tuple.source);

	if (!entry || entry->is_governed)
		return false;
	question->entry = entry;
	if (entry->is_unmanaged &&
	    sp_judge_first_hook(&question->gateway, &question->tuple.destination) == SP_HOOK_VPN_IN)
		question->hook = SP_HOOK_VPN_OUT;
	return true;
}

bool sp_question_leave(struct sp_question *question, const char *on)
{
	question->entry = on ? sp_host_find(question->ops->host, on)
			     : find_home(question, &question->tuple.destination);
	if (question->entry && question->entry->is_governed)
		question->entry = NULL;
	return question->entry;
}

/* ---- answering ---- */

/* Answer what the second lock does. @message says why. */
static json_t *describe(const struct sp_question *question, const char *interface, bool is_closed,
			const char *message)
{
	const struct sp_judgement judgement = {
		.answer = { .verdict = is_closed ? SP_DENY : SP_ALLOW,
			    .reason = SP_REASON_UNJUDGED,
			    .rule = SP_RULE_NONE },
		.plane = "nftables",
	};
	struct sp_explained explained = sp_question_explained(question, &judgement);

	explained.message = message;
	explained.interface = interface;
	explained.hook = is_closed ? sp_hook_name(SP_HOOK_LOCK) : NULL;
	if (!is_closed)
		explained.reason = NULL;
	return sp_describe_explained(&explained);
}

static json_t *describe_closed(const struct sp_question *question,
			       const struct sp_host_interface *unlisted)
{
	char message[MESSAGE_MAX];

	snprintf(message, sizeof(message),
		 "%s is in no list of sallyport.yaml: the second lock lets nothing pass between it "
		 "and the listed interfaces; if it need not be judged, name it in "
		 "interfaces.unmanaged",
		 unlisted->name);
	return describe(question, unlisted->name, true, message);
}

static json_t *describe_renamed(const struct sp_question *question, const char *former)
{
	char message[MESSAGE_MAX];

	snprintf(message, sizeof(message),
		 "%s was the listed interface %s: nothing passes until it has that name again, or "
		 "sallyport.yaml names it and sallyportd is started again",
		 question->entry->name, former);
	return describe(question, question->entry->name, true, message);
}

/* Answer that Sallyport leaves the packet to others. */
static json_t *describe_passed(const struct sp_question *question, const char *where)
{
	char message[MESSAGE_MAX];

	snprintf(message, sizeof(message),
		 "%s is %s: Sallyport does not judge what comes from it to %s",
		 question->entry->name,
		 question->entry->is_unmanaged ? "listed as unmanaged"
					       : "in no list of sallyport.yaml",
		 where);
	return describe(question, question->entry->name, false, message);
}

static json_t *describe_recorded(const struct sp_question *question)
{
	char message[MESSAGE_MAX];

	snprintf(message, sizeof(message),
		 "%s is listed as unmanaged: nothing judges what comes from it; %s records the "
		 "flow, so that its answers come back",
		 question->entry->name,
		 sp_judge_first_hook(&question->gateway, &question->tuple.destination) ==
				 SP_HOOK_EDGE_IN
			 ? sp_hook_name(SP_HOOK_EDGE_OUT)
			 : sp_hook_name(SP_HOOK_INSIDE_OUT));
	return describe(question, question->entry->name, false, message);
}

/* Answer that nothing judges what the gateway itself sends there. */
static json_t *describe_own(const struct sp_question *question)
{
	char message[MESSAGE_MAX];

	snprintf(message, sizeof(message),
		 "%s is %s: Sallyport does not judge what the gateway itself sends by it",
		 question->entry->name,
		 question->entry->is_unmanaged ? "listed as unmanaged"
					       : "in no list of sallyport.yaml");
	return describe(question, question->entry->name, false, message);
}

json_t *sp_question_describe_unjudged(const struct sp_question *question)
{
	const struct sp_addr *to = &question->tuple.destination;
	const char *former = sp_network_former_name(question->ops->network, question->entry);

	if (former)
		return describe_renamed(question, former);
	if (question->is_own)
		return describe_own(question);
	if (sp_gateway_has(&question->gateway, to))
		return describe_passed(question, "the gateway itself");
	if (find_home(question, to))
		return describe_passed(question, "others that are not listed");
	if (!question->entry->is_unmanaged)
		return describe_closed(question, question->entry);
	return question->hook == SP_HOOK_VPN_OUT ? NULL : describe_recorded(question);
}

json_t *sp_question_describe_way_out(const struct sp_question *question,
				     const struct sp_judgement *judgement)
{
	const struct sp_addr *to = &question->tuple.destination;
	const struct sp_host_interface *unlisted =
		question->is_own || sp_gateway_has(&question->gateway, to)
			? NULL
			: find_home(question, to);
	struct sp_explained explained;
	char message[MESSAGE_MAX + 300];

	if (judgement->answer.verdict == SP_ALLOW && unlisted && !unlisted->is_unmanaged)
		return describe_closed(question, unlisted);
	explained = sp_question_explained(question, judgement);
	explained.trail = &question->trail;
	if (question->entry) {
		snprintf(message, sizeof(message),
			 "%s is listed as unmanaged: nothing judges what comes from it on its way "
			 "in; vpn-out judges it: %.300s",
			 question->entry->name, explained.message);
		explained.message = message;
		explained.interface = question->entry->name;
	}
	return sp_describe_explained(&explained);
}
