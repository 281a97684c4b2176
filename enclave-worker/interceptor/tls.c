/*
 * Distrusts both peers; what OpenSSL says about them is turned into a sentence
 * that names the certificate's fault, because that is what a user can act on.
 */
#include "enclave-worker/interceptor/tls.h"

#include <arpa/inet.h>
#include <stdio.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "lib/log.h"

#define READ_AHEAD (68U << 10)

static const unsigned char alpn_http11[] = "\x08http/1.1";

struct hm_tls {
	SSL_CTX *server;	/* towards the sandbox */
	SSL_CTX *client;	/* towards servers */
	struct hm_ca *ca;
};

static int tls_fail(struct hm_err *err, const char *what)
{
	unsigned long e = ERR_peek_error();
	const char *why = e != 0 ? ERR_reason_error_string(e) : NULL;

	ERR_clear_error();
	return hm_fail(err, HM_E_CRYPTO, 0, "%s%s%s", what, why ? ": " : "",
		       why ? why : "");
}

/* Picks http/1.1 or nothing: without it the client speaks only HTTP/2. */
static int choose_alpn(SSL *ssl, const unsigned char **out,
		       unsigned char *out_len, const unsigned char *in,
		       unsigned int in_len, void *arg)
{
	struct hm_tls_client *c = SSL_get_app_data(ssl);
	unsigned char *chosen = NULL;

	(void)arg;
	if (SSL_select_next_proto(&chosen, out_len, alpn_http11,
				  sizeof(alpn_http11) - 1, in, in_len) !=
	    OPENSSL_NPN_NEGOTIATED) {
		c->no_http11 = true;
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	}
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* The client hello is read: which certificate does this client want? */
static int choose_certificate(SSL *ssl, void *arg)
{
	struct hm_tls *t = arg;
	struct hm_tls_client *c = SSL_get_app_data(ssl);
	const char *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	struct hm_err err;
	X509 *cert = NULL;

	if (sni) {
		struct hm_slice name = hm_slice_str(sni);

		if (!hm_dns_name_ok(name)) {
			c->bad_name = true;
			return 0;
		}
		for (size_t i = 0; i <= name.len; i++)
			c->name[i] = (char)(sni[i] >= 'A' && sni[i] <= 'Z'
						    ? sni[i] + ('a' - 'A')
						    : sni[i]);
	}
	if (hm_ca_leaf(t->ca, c->name, &cert, &err) != HM_OK)
		return 0;
	return SSL_use_certificate(ssl, cert) == 1 &&
	       SSL_use_PrivateKey(ssl, hm_ca_leaf_key(t->ca)) == 1;
}

static bool common_options(SSL_CTX *ctx)
{
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION |
					 SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1;
}

int hm_tls_new(struct hm_ca *ca, const char *roots, struct hm_tls **ret_t,
	       struct hm_err *err)
{
	struct hm_tls *t = calloc(1, sizeof(*t));

	if (!t)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "TLS");
	t->ca = ca;
	t->server = SSL_CTX_new(TLS_server_method());
	t->client = SSL_CTX_new(TLS_client_method());
	if (!t->server || !t->client || !common_options(t->server) ||
	    !common_options(t->client) ||
	    SSL_CTX_set_num_tickets(t->server, 0) != 1) {
		hm_tls_free(t);
		return tls_fail(err, "TLS");
	}
	SSL_CTX_set_options(t->server, SSL_OP_NO_TICKET);
	SSL_CTX_set_cert_cb(t->server, choose_certificate, t);
	SSL_CTX_set_alpn_select_cb(t->server, choose_alpn, NULL);
	SSL_CTX_set_verify(t->client, SSL_VERIFY_PEER, NULL);
	/* Four records per system call: downloads are where the time goes. */
	SSL_CTX_set_read_ahead(t->client, 1);
	SSL_CTX_set_default_read_buffer_len(t->client, READ_AHEAD);
	/* 0 is this function's success. */
	if (SSL_CTX_set_alpn_protos(t->client, alpn_http11,
				    sizeof(alpn_http11) - 1) != 0 ||
	    SSL_CTX_load_verify_file(t->client, roots) != 1) {
		hm_tls_free(t);
		(void)tls_fail(err, "upstream roots");
		return hm_err_prefix(err, "'%s'", roots);
	}
	*ret_t = t;
	return HM_OK;
}

void hm_tls_free(struct hm_tls *t)
{
	if (!t)
		return;
	SSL_CTX_free(t->server);
	SSL_CTX_free(t->client);
	free(t);
}

int hm_tls_accept(struct hm_tls *t, int fd, struct hm_tls_client *c,
		  struct ssl_st **ret_ssl, struct hm_err *err)
{
	SSL *ssl = SSL_new(t->server);

	if (!ssl || SSL_set_fd(ssl, fd) != 1 || SSL_set_app_data(ssl, c) != 1) {
		SSL_free(ssl);
		return tls_fail(err, "TLS");
	}
	SSL_set_accept_state(ssl);
	*ret_ssl = ssl;
	return HM_OK;
}

/* OpenSSL's macro casts const away; the string is only read. */
static long set_name(SSL *ssl, const char *host)
{
	char *name;

	memcpy(&name, &host, sizeof(name));
	return SSL_set_tlsext_host_name(ssl, name);
}

int hm_tls_connect(struct hm_tls *t, int fd, const char *host,
		   struct ssl_st **ret_ssl, struct hm_err *err)
{
	SSL *ssl = SSL_new(t->client);
	struct in_addr address;
	bool literal = inet_pton(AF_INET, host, &address) == 1;

	if (ssl)
		SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (!ssl || SSL_set_fd(ssl, fd) != 1 ||
	    (literal ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl),
						     host) != 1
		     : SSL_set1_host(ssl, host) != 1 ||
			       set_name(ssl, host) != 1)) {
		SSL_free(ssl);
		return tls_fail(err, "TLS");
	}
	SSL_set_connect_state(ssl);
	*ret_ssl = ssl;
	return HM_OK;
}

void hm_tls_end(struct ssl_st *ssl)
{
	SSL_free(ssl);
}

static enum hm_tls_io result(SSL *ssl, int rc, struct hm_err *err)
{
	int error = SSL_get_error(ssl, rc);
	long verify;

	switch (error) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return HM_TLS_WAIT;
	case SSL_ERROR_ZERO_RETURN:
		return HM_TLS_EOF;
	default:
		break;
	}
	verify = SSL_get_verify_result(ssl);
	if (verify != X509_V_OK) {
		ERR_clear_error();
		(void)hm_fail(err, HM_E_CRYPTO, 0,
			      "its certificate is not accepted: %s",
			      X509_verify_cert_error_string(verify));
	} else if (error == SSL_ERROR_SYSCALL && ERR_peek_error() == 0) {
		(void)hm_fail(err, HM_E_CLOSED, 0, "connection lost");
	} else {
		(void)tls_fail(err, "TLS");
	}
	return HM_TLS_LOST;
}

enum hm_tls_io hm_tls_handshake(struct ssl_st *ssl, struct hm_err *err)
{
	int rc;

	ERR_clear_error();
	rc = SSL_do_handshake(ssl);
	return rc == 1 ? HM_TLS_DONE : result(ssl, rc, err);
}

enum hm_tls_io hm_tls_read(struct ssl_st *ssl, void *buf, size_t len,
			   size_t *ret_n, struct hm_err *err)
{
	int rc;

	ERR_clear_error();
	rc = SSL_read_ex(ssl, buf, len, ret_n);
	return rc == 1 ? HM_TLS_DONE : result(ssl, rc, err);
}

enum hm_tls_io hm_tls_write(struct ssl_st *ssl, const void *buf, size_t len,
			    size_t *ret_n, struct hm_err *err)
{
	int rc;

	ERR_clear_error();
	rc = SSL_write_ex(ssl, buf, len, ret_n);
	return rc == 1 ? HM_TLS_DONE : result(ssl, rc, err);
}

void hm_tls_say_end(struct ssl_st *ssl)
{
	ERR_clear_error();
	(void)SSL_shutdown(ssl);
	ERR_clear_error();
}

static void name_text(const X509_NAME *name, char *out, size_t size)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	long len = 0;

	out[0] = '\0';
	if (bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0)
		len = BIO_get_mem_data(bio, &text);
	if (len > 0)
		(void)hm_escape(hm_slice(text, (size_t)len), out, size);
	BIO_free(bio);
}

int hm_tls_peer(struct ssl_st *ssl, struct hm_tls_peer *ret, struct hm_err *err)
{
	X509 *cert = SSL_get0_peer_certificate(ssl);
	struct hm_tls_peer p = {0};
	unsigned int len = 0;

	if (!cert || X509_digest(cert, EVP_sha256(), p.sha256, &len) != 1 ||
	    len != HM_SHA256_LEN)
		return tls_fail(err, "peer certificate");
	snprintf(p.version, sizeof(p.version), "%s", SSL_get_version(ssl));
	name_text(X509_get_subject_name(cert), p.subject, sizeof(p.subject));
	name_text(X509_get_issuer_name(cert), p.issuer, sizeof(p.issuer));
	*ret = p;
	return HM_OK;
}
