/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/routes.h"

#include "base/array.h"
#include "portal/exchange.h"
#include "portal/web/assets.h"

static const struct sp_field no_fields[] = { { 0 } };
static const struct sp_field device_fields[] = {
	{ "public_key", SP_FIELD_KEY, true, 0, NULL },
	{ "name", SP_FIELD_DEVICE_NAME, true, 0, NULL },
	{ "challenge", SP_FIELD_HANDLE, false, 0, NULL },
	{ "proof", SP_FIELD_HANDLE, false, 0, NULL },
	{ 0 },
};
static const struct sp_field login_fields[] = {
	{ "idp", SP_FIELD_NAME, false, 0, NULL },
	{ "user", SP_FIELD_NAME, true, 0, NULL },
	{ "password", SP_FIELD_SECRET, true, 0, NULL },
	{ "device", SP_FIELD_OBJECT, true, 0, device_fields },
	{ 0 },
};
static const struct sp_field start_fields[] = {
	{ "idp", SP_FIELD_NAME, true, 0, NULL },
	{ "device", SP_FIELD_OBJECT, true, 0, device_fields },
	{ 0 },
};
static const struct sp_field poll_fields[] = {
	{ "handle", SP_FIELD_HANDLE, true, 0, NULL },
	{ "wait_s", SP_FIELD_NUMBER, false, 20, NULL },
	{ 0 },
};
static const struct sp_field extend_fields[] = {
	{ "password", SP_FIELD_SECRET, false, 0, NULL },
	{ 0 },
};
static const struct sp_field close_fields[] = {
	{ "session", SP_FIELD_NUMBER, false, INT64_MAX, NULL },
	{ "all", SP_FIELD_TRUE, false, 0, NULL },
	{ 0 },
};
static const struct sp_field remove_fields[] = {
	{ "public_key", SP_FIELD_KEY, true, 0, NULL },
	{ 0 },
};

static const struct sp_web_route routes[] = {
	{ "/api/v1/providers", SP_WEB_GET, SP_WEB_API, false, no_fields, sp_handle_providers },
	{ "/api/v1/challenge", SP_WEB_GET, SP_WEB_API, false, no_fields, sp_handle_challenge },
	{ "/api/v1/login", SP_WEB_POST, SP_WEB_API, false, login_fields, sp_handle_login },
	{ "/api/v1/device/start", SP_WEB_POST, SP_WEB_API, false, start_fields,
	  sp_handle_device_start },
	{ "/api/v1/device/poll", SP_WEB_POST, SP_WEB_API, false, poll_fields,
	  sp_handle_device_poll },
	{ "/api/v1/session", SP_WEB_GET, SP_WEB_API, true, no_fields, sp_handle_session_get },
	{ "/api/v1/session/tunnel", SP_WEB_GET, SP_WEB_API, true, no_fields,
	  sp_handle_session_tunnel },
	{ "/api/v1/session/extend", SP_WEB_POST, SP_WEB_API, true, extend_fields,
	  sp_handle_session_extend },
	{ "/api/v1/session/close", SP_WEB_POST, SP_WEB_API, true, close_fields,
	  sp_handle_session_close },
	{ "/api/v1/devices", SP_WEB_GET, SP_WEB_API, true, no_fields, sp_handle_devices },
	{ "/api/v1/devices/remove", SP_WEB_POST, SP_WEB_API, true, remove_fields,
	  sp_handle_devices_remove },
	{ SP_ASSETS_FOLDER, SP_WEB_GET, SP_WEB_ASSET, false, NULL, NULL },
};

const struct sp_web_routes sp_web_routes = { routes, SP_ARRAY_LEN(routes) };
