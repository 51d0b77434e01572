/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The socket /var/run/wireguard/IFACE.sock: up to 16 conversations (api.h) side by side, none of
 * which waits for another. A client that neither sends nor reads for 10 seconds is disconnected.
 *
 *	sp_api_server_new(path, &device, SP_API_IDLE_MS, &server);
 *	wait until sp_api_server_fd(server) is readable, then sp_api_server_step(server); again
 *
 * One thread. @device lives as long as the server. */
#ifndef SALLYPORT_VPND_API_SERVER_H
#define SALLYPORT_VPND_API_SERVER_H

#include "base/cleanup.h"
#include "vpnd/api/api.h"

#define SP_API_CLIENTS_MAX 16
#define SP_API_IDLE_MS 10000

struct sp_api_server;

/* Make the folder (0755) and the socket (0600). A socket nobody listens on is replaced. A client
 * that is silent for @idle_ms is disconnected. Returns 0; -EADDRINUSE another process answers
 * there; -EEXIST the path is there and no socket; -ENAMETOOLONG; -errno. */
int sp_api_server_new(const char *socket_path, const struct sp_api_device *device,
		      unsigned int idle_ms, struct sp_api_server **ret_server);
/* Hang up on everybody, and remove the socket if it still is ours. */
void sp_api_server_free(struct sp_api_server *server);
SP_DEFINE_CLEANUP(struct sp_api_server *, sp_api_server_free);

/* Remove the socket if it still is ours, and nothing else: for the end of a process that does not
 * wait for the server's thread. */
void sp_api_server_unlink(const struct sp_api_server *server);

/* Readable whenever there is something to do, idle limits included. */
int sp_api_server_fd(const struct sp_api_server *server);
/* Do what can be done without waiting. Returns 0; -EIDRM somebody removed or replaced the socket,
 * which is how wireguard-go is told to end; -errno of epoll. */
int sp_api_server_step(struct sp_api_server *server);

#endif
