/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An HTTPS server on loopback that answers by path, well and badly. Its threads end with it.
 *   /ok        200, {"ok":true}          /echo    200, the request as it came
 *   /redirect  302 to /ok                /close   closes without an answer
 *   /huge      10 MB announced, /endless 10 MB in chunks of unannounced length
 *   /drip      a byte every 20 ms        /silent  nothing
 *   /headers   headers without end       /cut     100 bytes announced, 5 sent */
#ifndef SALLYPORT_TESTS_IO_TLS_SERVER_H
#define SALLYPORT_TESTS_IO_TLS_SERVER_H

#include <stdint.h>

#define TLS_FINGERPRINT_MAX 65

struct tls_server;

/* A server with a fresh certificate for @host ("127.0.0.1" as an address), signed by a fresh authority
 * whose PEM is written to @ca_file. @max_version: 0, or the highest TLS version spoken. NULL: it failed. */
struct tls_server *tls_server_start(const char *host, const char *ca_file, int max_version);
void tls_server_stop(struct tls_server *server);
uint16_t tls_server_port(const struct tls_server *server);
const char *tls_server_fingerprint(const struct tls_server *server); /* hex */
unsigned tls_server_connections(const struct tls_server *server);

#endif
