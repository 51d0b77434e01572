/* SPDX-License-Identifier: GPL-3.0-or-later */
/* peer.add, .list, .remove, .config. */
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/err.h"
#include "base/str.h"
#include "base/text.h"
#include "daemon/access/devices.h"
#include "daemon/control/listing.h"
#include "daemon/host/address.h"
#include "daemon/ops/ops.h"
#include "daemon/revisions/routes.h"
#include "json/text.h"
#include "net/addr.h"
#include "yaml/value.h"

/* ---- what a client's tunnel needs ---- */

/* vpn.endpoint, or else the first address of an edge interface. */
static json_t *find_endpoint(struct sp_ops *ops)
{
	const struct sp_machine *machine = *ops->machine;
	const char *host = machine->endpoint;
	char addr[SP_ADDR_TEXT_MAX];
	bool is_v6 = false;

	for (size_t i = 0; !host && i < ops->host->address_count; i++) {
		const struct sp_link_address *address = &ops->host->addresses[i];
		const char *name = sp_host_name_of(ops->host, address->ifindex);
		const struct sp_host_interface *on = name ? sp_host_find(ops->host, name) : NULL;

		if (!on || !on->is_governed || on->zone != SP_ZONE_EDGE || address->is_link_local)
			continue;
		host = sp_addr_format(&address->addr, addr);
		is_v6 = !address->is_v4;
	}
	if (!host)
		return json_null();
	if (machine->endpoint &&
	    (strchr(host, ':') != strrchr(host, ':') ? strstr(host, "]:") : strchr(host, ':')))
		return json_string(host); /* it names a port */
	if (strchr(host, ':') && host[0] != '[')
		is_v6 = true;
	return json_sprintf(is_v6 ? "[%s]:%u" : "%s:%u", host, machine->listen_port);
}

static void write_list(struct sp_buf *text, const char *key, const json_t *list,
		       const char *suffix4, const char *suffix6)
{
	json_t *item;
	size_t i;

	if (!json_array_size(list))
		return;
	sp_buf_printf(text, "%s = ", key);
	json_array_foreach((json_t *)list, i, item) {
		const char *value = json_string_value(item);

		sp_buf_printf(text, "%s%s%s", i ? ", " : "", value,
			      strchr(value, ':') ? suffix6 : suffix4);
	}
	sp_buf_put_char(text, '\n');
}

static json_t *write_config(struct sp_ops *ops, const json_t *fields)
{
	__sp_buf struct sp_buf text = SP_BUF_SECRET;
	const char *endpoint = json_string_value(json_object_get(fields, "endpoint"));
	const char *device = json_string_value(json_object_get(fields, "device"));

	sp_buf_put(&text, "# ");
	sp_text_put(&text, device, strlen(device));
	sp_buf_put(&text, " at ");
	sp_text_put(&text, ops->gateway_name, strlen(ops->gateway_name));
	sp_buf_put(&text, "\n[Interface]\nPrivateKey = # yours: it never leaves your device\n");
	write_list(&text, "Address", json_object_get(fields, "addresses"), "/32", "/128");
	write_list(&text, "DNS", json_object_get(fields, "dns"), "", "");
	sp_buf_printf(&text, "MTU = %u\n\n[Peer]\n", (*ops->machine)->mtu);
	sp_buf_printf(&text, "PublicKey = %s\nPresharedKey = %s\n",
		      json_string_value(json_object_get(fields, "gateway_key")),
		      json_string_value(json_object_get(fields, "preshared_key")));
	write_list(&text, "AllowedIPs", json_object_get(fields, "allowed_ips"), "", "");
	sp_buf_printf(&text, "%sEndpoint = %s\n", endpoint ? "" : "# ",
		      endpoint ? endpoint : "unknown: set vpn.endpoint in sallyport.yaml");
	sp_buf_put(&text, "PersistentKeepalive = 25\n");
	return sp_json_of_text(sp_buf_get(&text));
}

json_t *sp_json_tunnel(struct sp_ops *ops, const struct sp_device *device)
{
	json_t *dns, *fields, *allowed;
	char text[SP_ADDR_TEXT_MAX];

	if (sp_routes_of_device(ops->people, device, &allowed) < 0)
		return NULL;
	dns = json_array();
	for (size_t i = 0; i < (*ops->machine)->dns_count; i++)
		json_array_append_new(dns,
				      json_string(sp_addr_format(&(*ops->machine)->dns[i], text)));
	fields = json_pack("{s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:s}", "addresses",
			   sp_json_addresses(device->addresses, device->has_address), "dns", dns,
			   "mtu", (json_int_t)(*ops->machine)->mtu, "gateway_key",
			   ops->engine->has_key ? sp_json_key(ops->engine->public_key.bytes)
						: json_null(),
			   "preshared_key", sp_json_key(device->preshared_key), "endpoint",
			   find_endpoint(ops), "allowed_ips", allowed, "device", device->name);
	json_object_set_new(fields, "config", write_config(ops, fields));
	return fields;
}

/* ---- the ops ---- */

static void add_machine(struct sp_ops *ops, struct sp_client *client,
			const struct sp_request *request, const uint8_t key[32], const char *name)
{
	struct sp_sign_in sign_in = {
		.public_key = key, .device_name = name, .user = name, .by = sp_client_who(client)
	};
	struct sp_refusal refusal;
	struct sp_live *live;
	int r = sp_op_open_session(ops, client, request, &sign_in, &live, &refusal);

	if (r < 0)
		sp_client_fail(
			client, refusal.code, refusal.exit_code, NULL, "%s%s", refusal.message,
			!strcmp(refusal.code, "login-refused") ? "; a person's device needs a user"
							       : "");
	else if (r == 0)
		sp_client_reply(client, sp_json_device(ops, sp_device_find(ops->people, key)));
}

void sp_op_peer_add(struct sp_ops *ops, struct sp_client *client, const struct sp_request *request)
{
	struct sp_enrolment enrolment = { .devices_max = SP_DEVICES_MAX };
	const char *key_text;
	struct sp_refusal refusal;
	struct sp_device *device;
	uint8_t key[32];

	if (!sp_op_unpack(client, request, "{s:s, s:s, s?s, s?s, s?s}", "public_key", &key_text,
			  "name", &enrolment.name, "user", &enrolment.user, "idp", &enrolment.idp,
			  "subject", &enrolment.subject) ||
	    !sp_op_key(client, key_text, key) ||
	    !sp_op_name(client, "name", enrolment.name, SP_OP_DEVICE_MAX) ||
	    (enrolment.user && !sp_op_name(client, "user", enrolment.user, SP_USER_MAX)))
		return;
	enrolment.public_key = key;
	device = sp_device_find(ops->people, key);
	if (device) {
		sp_client_fail(client, "login-refused", 7, NULL,
			       "this key is %s's device %s already", device->user, device->name);
		return;
	}
	if (!enrolment.user && !enrolment.subject && !enrolment.idp) {
		add_machine(ops, client, request, key, enrolment.name);
		return;
	}
	if (!enrolment.subject)
		enrolment.subject = enrolment.user;
	if (!enrolment.user)
		enrolment.user = enrolment.subject;
	if (!enrolment.idp || !enrolment.user) {
		sp_client_fail(client, "bad-request", 2, NULL,
			       "a person's device needs idp and user (or subject)");
		return;
	}
	if (sp_device_check_key(ops->people, key, &refusal) < 0 ||
	    sp_device_enrol(ops->people, &enrolment, &device, &refusal) < 0)
		sp_op_refuse(client, &refusal);
	else
		sp_client_reply(client, sp_json_device(ops, device));
}

/* The devices known when the list was begun. */
struct device_list {
	struct sp_listing listing;
	struct sp_ops *ops;
	json_t *json; /* of the request, whose texts are borrowed */
	const char *user, *idp;
	struct sp_wg_key *keys;
	size_t count, at;
};

static void device_list_free(void *arg)
{
	struct device_list *devices = arg;

	if (!devices)
		return;
	json_decrefp(&devices->json);
	free(devices->keys);
	free(devices);
}

static void device_list_freep(struct device_list **devices)
{
	device_list_free(*devices);
}

/* It is where it was unless another one went meanwhile. */
static const struct sp_device *find_listed(const struct device_list *devices, size_t at)
{
	const struct sp_people *people = devices->ops->people;
	const uint8_t *key = devices->keys[at].bytes;

	return at < people->device_count && !memcmp(people->devices[at]->public_key, key, 32)
		       ? people->devices[at]
		       : sp_device_find(people, key);
}

static int device_list_next(void *arg, struct sp_buf *out)
{
	struct device_list *devices = arg;
	const struct sp_device *device;

	if (devices->at >= devices->count)
		return 0;
	device = find_listed(devices, devices->at++);
	if (device && (!devices->user || !strcmp(devices->user, device->user)) &&
	    (!devices->idp || (device->idp && !strcmp(devices->idp, device->idp))))
		sp_listing_put(out, sp_json_device(devices->ops, device));
	return 1;
}

static void device_list_fail(void *arg, int r)
{
	const struct device_list *devices = arg;

	sp_client_fail(devices->listing.client, "failed", 1, NULL, "listing the devices: %s",
		       sp_err_text(r));
}

static bool take_keys(struct device_list *devices, const struct sp_people *people)
{
	devices->count = people->device_count;
	devices->keys = calloc(devices->count + 1, sizeof(*devices->keys));
	for (size_t i = 0; devices->keys && i < devices->count; i++)
		memcpy(devices->keys[i].bytes, people->devices[i]->public_key, 32);
	return devices->keys;
}

void sp_op_peer_list(struct sp_ops *ops, struct sp_client *client, const struct sp_request *request)
{
	__sp_cleanup(device_list_freep) struct device_list *devices = calloc(1, sizeof(*devices));

	if (!devices || !take_keys(devices, ops->people)) {
		sp_client_fail(client, "failed", 1, NULL, "out of memory");
		return;
	}
	if (!sp_op_unpack(client, request, "{s?s, s?s}", "user", &devices->user, "idp",
			  &devices->idp))
		return;
	sp_engine_refresh(ops->engine);
	devices->ops = ops;
	devices->json = json_incref((json_t *)request->json);
	devices->listing = (struct sp_listing){ .client = client,
						.name = "peers",
						.next = device_list_next,
						.fail = device_list_fail,
						.free = device_list_free,
						.arg = devices };
	sp_listing_start(&devices->listing);
	devices = NULL;
}

void sp_op_peer_remove(struct sp_ops *ops, struct sp_client *client,
		       const struct sp_request *request)
{
	const char *text;
	struct sp_op_owner owner = { 0 };
	struct sp_device *device;
	struct sp_refusal refusal;
	__sp_json json_t *reply = NULL;

	if (!sp_op_unpack(client, request, "{s:s, s?s, s?s}", "device", &text, "idp", &owner.idp,
			  "subject", &owner.subject) ||
	    !(device = sp_op_device(ops, client, text)) ||
	    !sp_op_owns(client, &owner, device->idp, device->subject))
		return;
	reply = sp_json_device(ops, device);
	json_object_set_new(reply, "session", json_null()); /* about to end */
	if (sp_device_remove(ops->people, device, "removed", sp_client_who(client), &refusal) < 0)
		sp_op_refuse(client, &refusal);
	else
		sp_client_reply(client, SP_TAKE_PTR(reply));
}

void sp_op_peer_config(struct sp_ops *ops, struct sp_client *client,
		       const struct sp_request *request)
{
	const char *text;
	struct sp_device *device;
	json_t *tunnel;

	if (!sp_op_unpack(client, request, "{s:s}", "device", &text) ||
	    !(device = sp_op_device(ops, client, text)))
		return;
	if (!ops->engine->has_key) {
		sp_client_fail(client, "failed", 1, NULL,
			       "the gateway's tunnel key cannot be read: see sallyport status");
		return;
	}
	tunnel = sp_json_tunnel(ops, device);
	if (tunnel)
		sp_client_reply(client, tunnel);
	else
		sp_client_fail(
			client, "failed", 1, NULL,
			"the roles of %s reach more than the %u prefixes a tunnel carries: gather "
			"them under shorter ones, or set vpn.routes in sallyport.yaml",
			device->user, SP_ROUTES_MAX);
}
