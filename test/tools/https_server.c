/*
 * A fast HTTPS server for measurements: GET /N answers N bytes. One process per
 * connection, keep-alive, no checks: it only ever meets our own clients.
 *
 *   https_server CERT KEY ADDRESS PORT
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "lib/attr.h"
#include "lib/num.h"

static char block[65536];

static bool send_all(SSL *ssl, const char *p, size_t len)
{
	size_t n = 0;

	for (; len > 0; p += n, len -= n)
		if (SSL_write_ex(ssl, p, len, &n) != 1)
			return false;
	return true;
}

/* Up to the blank line; only the path's number matters. */
static bool read_request(SSL *ssl, uint64_t *ret_size)
{
	char head[8192];
	size_t len = 0, n = 0;
	const char *digits, *end;

	do {
		if (len + 1 >= sizeof(head) ||
		    SSL_read_ex(ssl, head + len, sizeof(head) - 1 - len, &n) != 1)
			return false;
		len += n;
		head[len] = '\0';
	} while (!strstr(head, "\r\n\r\n"));
	if (strncmp(head, "GET /", 5) != 0)
		return false;
	digits = head + 5;
	end = digits + strspn(digits, "0123456789");
	return hm_parse_u64(hm_slice(digits, (size_t)(end - digits)), UINT64_MAX,
			    ret_size);
}

static HM_NORETURN void serve(SSL_CTX *ctx, int fd)
{
	SSL *ssl = SSL_new(ctx);
	uint64_t size;
	char head[128];

	if (!ssl || SSL_set_fd(ssl, fd) != 1 || SSL_accept(ssl) != 1)
		_exit(1);
	while (read_request(ssl, &size)) {
		snprintf(head, sizeof(head),
			 "HTTP/1.1 200 OK\r\nContent-Length: %llu\r\n\r\n",
			 (unsigned long long)size);
		if (!send_all(ssl, head, strlen(head)))
			break;
		while (size > 0) {
			size_t n = size < sizeof(block) ? (size_t)size
							: sizeof(block);

			if (!send_all(ssl, block, n))
				_exit(1);
			size -= n;
		}
	}
	(void)SSL_shutdown(ssl);
	_exit(0);
}

int main(int argc, char **argv)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	uint64_t port;
	int fd, on = 1;

	if (argc != 5 ||
	    !hm_parse_u64(hm_slice_str(argv[4]), 65535, &port) ||
	    inet_pton(AF_INET, argv[3], &in.sin_addr) != 1 || !ctx ||
	    SSL_CTX_use_certificate_chain_file(ctx, argv[1]) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, argv[2], SSL_FILETYPE_PEM) != 1) {
		fprintf(stderr, "https_server CERT KEY ADDRESS PORT\n");
		return 2;
	}
	in.sin_port = htons((uint16_t)port);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, (struct sockaddr *)&in, sizeof(in)) < 0 ||
	    listen(fd, 256) < 0) {
		perror("https_server");
		return 3;
	}
	(void)signal(SIGCHLD, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	for (;;) {
		int c = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (c >= 0)
			(void)setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &on,
					 sizeof(on));
		if (c >= 0 && fork() == 0)
			serve(ctx, c);
		if (c >= 0)
			(void)close(c);
	}
}
