/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 256

struct tls_server {
	SSL_CTX *ctx;
	int listen_fd;
	uint16_t port;
	char fingerprint[TLS_FINGERPRINT_MAX];
	pthread_t acceptor;
	pthread_t threads[CONNECTIONS_MAX];
	atomic_uint connections;
	atomic_bool is_stopping;
};

struct connection {
	struct tls_server *server;
	int fd;
};

/* ---- certificates ---- */

static void add_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	X509_add_ext(cert, extension, -1);
	X509_EXTENSION_free(extension);
}

static X509 *make_cert(EVP_PKEY *key, const char *name, X509 *issuer, EVP_PKEY *issuer_key)
{
	X509 *cert = X509_new();
	X509_NAME *subject = X509_get_subject_name(cert);

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), issuer ? 2 : 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1,
				   0);
	X509_set_issuer_name(cert, issuer ? X509_get_subject_name(issuer) : subject);
	X509_set_pubkey(cert, key);
	add_extension(cert, NID_basic_constraints,
		      issuer ? "critical,CA:FALSE" : "critical,CA:TRUE");
	if (issuer) {
		char alt[128];
		struct in_addr addr;

		snprintf(alt, sizeof(alt), "%s:%s",
			 inet_pton(AF_INET, name, &addr) == 1 ? "IP" : "DNS", name);
		add_extension(cert, NID_subject_alt_name, alt);
	}
	X509_sign(cert, issuer ? issuer_key : key, EVP_sha256());
	return cert;
}

static int make_identity(struct tls_server *server, const char *host, const char *ca_file)
{
	EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
	X509 *ca = make_cert(ca_key, "lab", NULL, NULL), *cert = make_cert(key, host, ca, ca_key);
	FILE *file = fopen(ca_file, "w");
	unsigned char digest[32];
	int r = -1;

	if (file && PEM_write_X509(file, ca) == 1 &&
	    SSL_CTX_use_certificate(server->ctx, cert) == 1 &&
	    SSL_CTX_use_PrivateKey(server->ctx, key) == 1 &&
	    X509_digest(cert, EVP_sha256(), digest, NULL) == 1)
		r = 0;
	for (int i = 0; i < 32; i++)
		snprintf(server->fingerprint + 2 * i, 3, "%02X", digest[i]);
	if (file)
		fclose(file);
	X509_free(ca);
	X509_free(cert);
	EVP_PKEY_free(ca_key);
	EVP_PKEY_free(key);
	return r;
}

/* ---- answers ---- */

static int send_text(SSL *ssl, const char *text)
{
	return SSL_write(ssl, text, (int)strlen(text)) > 0 ? 0 : -1;
}

static void pause_ms(int ms)
{
	nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000L }, NULL);
}

/* Send @text again and again, @count times or until the other side has had enough. */
static void repeat(struct connection *connection, SSL *ssl, const char *text, int count, int pause)
{
	for (int i = 0; i < count && !connection->server->is_stopping; i++) {
		if (send_text(ssl, text) < 0)
			return;
		if (pause)
			pause_ms(pause);
	}
}

/* The request's head and, as far as Content-Length says, its body. */
static int read_request(SSL *ssl, char *buf, size_t size)
{
	size_t len = 0, want = SIZE_MAX;

	while (len < want) {
		int got = SSL_read(ssl, buf + len, (int)(size - 1 - len));
		const char *end, *length;

		if (got <= 0)
			return -1;
		len += (size_t)got;
		buf[len] = '\0';
		end = strstr(buf, "\r\n\r\n");
		length = strstr(buf, "Content-Length: ");
		if (end)
			want = (size_t)(end + 4 - buf) +
			       (length ? strtoul(length + 16, NULL, 10) : 0);
	}
	return 0;
}

/* {"ok":true}, and 70 000 blanks, as gzip writes them. */
static const char packed_ok[] =
	"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\xab\x56\xca\xcf\x56\xb2\x2a\x29"
	"\x2a\x4d\xad\x05\x00\x90\x5f\xd4\xa7\x0b\x00\x00\x00";
static const char packed_blanks[] =
	"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\xed\xc1\x31\x01\x00\x00\x00\xc2"
	"\xa0\x2a\xeb\x9f\xd2\x12\x9e\x40\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	"\x00\x00\x00\x00\x6f\x03\x60\xac\x45\x1f\x70\x11\x01\x00";

static void send_packed(SSL *ssl, const char *packed, size_t len)
{
	char head[128];

	snprintf(head, sizeof(head),
		 "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n"
		 "Content-Length: %zu\r\n\r\n",
		 len);
	send_text(ssl, head);
	SSL_write(ssl, packed, (int)len);
}

static void answer(struct connection *connection, SSL *ssl, const char *request)
{
	static char chunk[65536];
	char head[256];

	if (strstr(request, " /ok ")) {
		send_text(ssl, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
			       "Set-Cookie: a=b\r\nContent-Length: 11\r\n\r\n{\"ok\":true}");
	} else if (strstr(request, " /busy ")) {
		send_text(ssl, "HTTP/1.1 429 Too Many Requests\r\nRetry-After: "
			       "120\r\nContent-Length: 0\r\n\r\n");
	} else if (strstr(request, " /gzip ")) {
		send_packed(ssl, packed_ok, sizeof(packed_ok) - 1);
	} else if (strstr(request, " /bomb ")) {
		send_packed(ssl, packed_blanks, sizeof(packed_blanks) - 1);
	} else if (strstr(request, " /echo ")) {
		snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
			 strlen(request));
		send_text(ssl, head);
		send_text(ssl, request);
	} else if (strstr(request, " /redirect ")) {
		send_text(ssl,
			  "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 4\r\n\r\nover");
	} else if (strstr(request, " /huge ") || strstr(request, " /endless ")) {
		memset(chunk, 'x', sizeof(chunk) - 1);
		send_text(ssl, strstr(request, " /huge ")
				       ? "HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n"
				       : "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
		repeat(connection, ssl, chunk, 160, 0);
	} else if (strstr(request, " /drip ")) {
		send_text(ssl, "HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n");
		repeat(connection, ssl, "x", 10000, 20);
	} else if (strstr(request, " /headers ")) {
		send_text(ssl, "HTTP/1.1 200 OK\r\n");
		repeat(connection, ssl, "X-Filler: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n",
		       100000, 0);
	} else if (strstr(request, " /cut ")) {
		send_text(ssl, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort");
	} else if (strstr(request, " /silent ")) {
		while (!connection->server->is_stopping)
			pause_ms(10);
	}
}

static void *serve_one(void *arg)
{
	struct connection *connection = (struct connection *)arg;
	SSL *ssl = SSL_new(connection->server->ctx);
	char request[16384];

	SSL_set_fd(ssl, connection->fd);
	if (SSL_accept(ssl) == 1 && read_request(ssl, request, sizeof(request)) == 0) {
		answer(connection, ssl, request);
		SSL_shutdown(ssl);
	}
	SSL_free(ssl);
	close(connection->fd);
	free(connection);
	return NULL;
}

static void *accept_all(void *arg)
{
	struct tls_server *server = (struct tls_server *)arg;

	while (server->connections < CONNECTIONS_MAX) {
		const struct timeval patience = { .tv_sec = 5 };
		int fd = accept(server->listen_fd, NULL, NULL);
		struct connection *connection;

		if (fd < 0)
			break;
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
		connection = malloc(sizeof(*connection));
		*connection = (struct connection){ server, fd };
		if (pthread_create(&server->threads[server->connections], NULL, serve_one,
				   connection))
			abort();
		server->connections++;
	}
	return NULL;
}

struct tls_server *tls_server_start(const char *host, const char *ca_file, int max_version)
{
	struct tls_server *server = calloc(1, sizeof(*server));
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t addr_len = sizeof(addr);

	signal(SIGPIPE, SIG_IGN);
	server->ctx = SSL_CTX_new(TLS_server_method());
	if (max_version) {
		SSL_CTX_set_security_level(server->ctx, 0);
		SSL_CTX_set_max_proto_version(server->ctx, max_version);
	}
	server->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (make_identity(server, host, ca_file) < 0 ||
	    bind(server->listen_fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(server->listen_fd, 128) < 0 ||
	    getsockname(server->listen_fd, (struct sockaddr *)&addr, &addr_len) < 0 ||
	    pthread_create(&server->acceptor, NULL, accept_all, server) != 0)
		return NULL;
	server->port = ntohs(addr.sin_port);
	return server;
}

void tls_server_stop(struct tls_server *server)
{
	server->is_stopping = true;
	shutdown(server->listen_fd, SHUT_RDWR); /* wakes the acceptor */
	pthread_join(server->acceptor, NULL);
	for (unsigned i = 0; i < server->connections; i++)
		pthread_join(server->threads[i], NULL);
	close(server->listen_fd);
	SSL_CTX_free(server->ctx);
	free(server);
}

uint16_t tls_server_port(const struct tls_server *server)
{
	return server->port;
}

const char *tls_server_fingerprint(const struct tls_server *server)
{
	return server->fingerprint;
}

unsigned tls_server_connections(const struct tls_server *server)
{
	return server->connections;
}
