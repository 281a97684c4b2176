/*
 * TLS on both sides of the interceptor, over non-blocking sockets: the only
 * file that knows OpenSSL's SSL. Towards the sandbox we are every server, with
 * a leaf of the build's own CA. Towards a server we are an ordinary, strict
 * client: TLS 1.2 or later, the given roots, the name must match.
 */
#pragma once

#include "enclave-worker/interceptor/ca.h"
#include "enclave-worker/interceptor/dns.h"
#include "lib/crypto.h"

struct hm_tls;
/* roots: a PEM bundle, read now. */
int hm_tls_new(struct hm_ca *ca, const char *roots, struct hm_tls **ret_t,
	       struct hm_err *err) HM_MUST_CHECK;
void hm_tls_free(struct hm_tls *t);

/* What a handshake with the sandbox found out. Borrowed by the session. */
struct hm_tls_client {
	/* In: the name behind the address, for clients that send none. Out: the
	 * name the certificate is for. */
	char name[HM_DNS_NAME_MAX + 1];
	bool no_http11;		/* ALPN without http/1.1: HTTP/2 only */
	bool bad_name;		/* SNI that is no name */
};

struct hm_tls_peer {
	char version[16];
	char subject[128];	/* RFC 2253, cut to fit, escaped */
	char issuer[128];
	uint8_t sha256[HM_SHA256_LEN];	/* of the certificate */
};

struct ssl_st;
int hm_tls_accept(struct hm_tls *t, int fd, struct hm_tls_client *c,
		  struct ssl_st **ret_ssl, struct hm_err *err) HM_MUST_CHECK;
int hm_tls_connect(struct hm_tls *t, int fd, const char *host,
		   struct ssl_st **ret_ssl, struct hm_err *err) HM_MUST_CHECK;
void hm_tls_end(struct ssl_st *ssl);

enum hm_tls_io {
	HM_TLS_DONE,
	HM_TLS_WAIT,	/* would block */
	HM_TLS_EOF,	/* closed properly */
	HM_TLS_LOST,	/* err says how */
};
enum hm_tls_io hm_tls_handshake(struct ssl_st *ssl, struct hm_err *err);
enum hm_tls_io hm_tls_read(struct ssl_st *ssl, void *buf, size_t len,
			   size_t *ret_n, struct hm_err *err);
enum hm_tls_io hm_tls_write(struct ssl_st *ssl, const void *buf, size_t len,
			    size_t *ret_n, struct hm_err *err);
/* close_notify; best effort. */
void hm_tls_say_end(struct ssl_st *ssl);
/* After the handshake with a server. */
int hm_tls_peer(struct ssl_st *ssl, struct hm_tls_peer *ret,
		struct hm_err *err) HM_MUST_CHECK;
