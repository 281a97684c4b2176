/* Which destinations a lane reaches, and what the refusals say. */
#include "runner-hook/egress.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/wait.h>

#include "test/unit/tap.h"

static const char *judge(const char *text)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

	if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
		return hm_egress_refused_address((struct sockaddr *)&in);
	if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1)
		return hm_egress_refused_address((struct sockaddr *)&in6);
	return "not an address";
}

static void test_addresses(void)
{
	static const char *const good[] = {
		"1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.0",
		"172.15.255.255", "172.32.0.0", "9.255.255.255", "11.0.0.0",
		"192.167.255.255", "192.169.0.0", "169.253.0.1", "198.17.255.255",
		"198.20.0.0", "223.255.255.255", "203.0.113.80", "2606:4700::1111",
		"2a00:1450::1", "64:ff9b::808:808", "::ffff:8.8.8.8",
		"2002:808:808::1",
	};
	static const char *const bad[] = {
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1",
		"100.127.255.255", "127.0.0.1", "127.255.255.254",
		"169.254.169.254", "169.254.0.1", "172.16.0.1", "172.31.255.255",
		"192.0.0.192", "192.88.99.1", "192.168.1.1", "198.18.0.16",
		"198.19.255.255", "224.0.0.1", "239.255.255.250", "240.0.0.1",
		"255.255.255.255", "168.63.129.16", "::", "::1", "::127.0.0.1",
		"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
		"64:ff9b::a00:1", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::1",
		"2001:0:1::1", "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254",
		"ff02::1", "4000::1",
	};

	for (size_t i = 0; i < HM_ARRAY_LEN(good); i++)
		ok(judge(good[i]) == NULL, "%s may be dialled", good[i]);
	for (size_t i = 0; i < HM_ARRAY_LEN(bad); i++)
		ok(judge(bad[i]) != NULL, "%s is refused", bad[i]);
	ok(strcmp(judge("169.254.169.254"), "link-local (cloud metadata)") == 0 &&
		   strcmp(judge("::ffff:10.0.0.1"), "private") == 0 &&
		   strcmp(judge("ff02::1"), "multicast") == 0,
	   "the reason is named");
}

static void test_requests(void)
{
	char host[HM_EGRESS_NAME_MAX + 1], line[400];
	struct hm_err err;
	uint16_t port = 0;
#define REQUEST(s)                                                             \
	hm_egress_parse_request(hm_slice_str(s), host, sizeof(host), &port, &err)

	ok_call(REQUEST("CONNECT crates.io 443"), &err, "a good request");
	ok(strcmp(host, "crates.io") == 0 && port == 443, "name and port");
	ok_call(REQUEST("CONNECT 2606:4700::1 80"), &err, "a literal address");
	fails(REQUEST("GET / HTTP/1.1"), &err, HM_E_PROTOCOL, "no CONNECT",
	      "another verb");
	fails(REQUEST("CONNECT crates.io"), &err, HM_E_PROTOCOL, "no port",
	      "no port");
	fails(REQUEST("CONNECT crates.io 0"), &err, HM_E_PROTOCOL, "bad port",
	      "port 0");
	fails(REQUEST("CONNECT crates.io 65536"), &err, HM_E_PROTOCOL, "bad port",
	      "port 65536");
	fails(REQUEST("CONNECT a b 443"), &err, HM_E_PROTOCOL, "bad port",
	      "a second name");
	fails(REQUEST("CONNECT  443"), &err, HM_E_PROTOCOL, "name of 0 bytes",
	      "no name");
	fails(REQUEST("CONNECT a\r\nb 443"), &err, HM_E_PROTOCOL, "byte 0x0d",
	      "a line break in the name");
	fails(REQUEST("CONNECT a%b 443"), &err, HM_E_PROTOCOL, "byte 0x25",
	      "a scope in the name");
	snprintf(line, sizeof(line), "CONNECT %0254d 443", 1);
	fails(REQUEST(line), &err, HM_E_PROTOCOL, "name of 254 bytes",
	      "a long name");
#undef REQUEST
}

/* A listener on loopback that serves one connection with `answer`. */
static int serve_once(const char *answer, uint16_t *ret_port, pid_t *ret_pid)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&in, sizeof(in)) < 0 ||
	    listen(fd, 4) < 0 ||
	    getsockname(fd, (struct sockaddr *)&in, &len) < 0)
		return -1;
	*ret_port = ntohs(in.sin_port);
	*ret_pid = fork();
	if (*ret_pid == 0) {
		char buf[1024];
		int c = accept(fd, NULL, NULL);
		ssize_t n = strlen(answer) > 4 ? read(c, buf, sizeof(buf) - 1) : 0;

		(void)!write(c, answer, strlen(answer));
		(void)!write(c, buf, n > 0 ? (size_t)n : 0);
		_exit(0);
	}
	return fd;
}

static void test_dialling(void)
{
	struct hm_egress_policy p = {0};
	char named[64];
	const char *allow[] = {named};
	struct hm_err err;
	AUTO_CLOSE int fd = -1;
	AUTO_CLOSE int server = -1;
	uint16_t port = 0;
	pid_t pid = 0;
	char buf[8];
#define DIAL(h, n) hm_egress_dial(&p, h, n, hm_deadline_in(5000), &fd, &err)

	fails(DIAL("127.0.0.1", 80), &err, HM_E_POLICY,
	      "127.0.0.1 has a loopback address, which a build may not reach",
	      "loopback");
	fails(DIAL("2130706433", 80), &err, HM_E_POLICY, "loopback",
	      "loopback as one number");
	fails(DIAL("localhost", 443), &err, HM_E_POLICY, "loopback",
	      "a name that resolves to loopback");
	fails(DIAL("::ffff:169.254.169.254", 80), &err, HM_E_POLICY,
	      "cloud metadata", "metadata through IPv6");
	fails(DIAL("crates.io", 22), &err, HM_E_POLICY,
	      "only ports 80 and 443 are reached", "another port");
	fails(DIAL("no-such-host.invalid", 80), &err, HM_E_CLOSED,
	      "no-such-host.invalid: ", "a name that does not exist");

	server = serve_once("hi", &port, &pid);
	snprintf(named, sizeof(named), "127.0.0.1:%u", port);
	p.allow_private = allow;
	p.allow_private_count = 1;
	ok_call(DIAL("127.0.0.1", port), &err, "a private host:port by name");
	ok(hm_io_read_full(fd, buf, 2, hm_deadline_in(5000), &err) == HM_OK &&
		   memcmp(buf, "hi", 2) == 0,
	   "and it is the one");
	fails(DIAL("localhost", port), &err, HM_E_POLICY, "only ports",
	      "not the same host under another name");
	(void)waitpid(pid, NULL, 0);

	p = (struct hm_egress_policy){0};
	snprintf(named, sizeof(named), "*.example.org:443");
	p.allow = allow;
	p.allow_count = 1;
	fails(DIAL("crates.io", 443), &err, HM_E_POLICY,
	      "not on this runner's list", "not on the allow list");
	fails(DIAL("example.org", 443), &err, HM_E_POLICY, "list",
	      "the bare domain is not *.domain");
	fails(DIAL("a.example.org", 80), &err, HM_E_POLICY, "list",
	      "another port than the list's");
	fails(DIAL("no-such.example.org.invalid", 443), &err, HM_E_POLICY, "list",
	      "the suffix must end the name");
#undef DIAL
}

static void test_proxy(void)
{
	struct hm_egress_policy p = {0};
	char url[80];
	struct hm_err err;
	AUTO_CLOSE int fd = -1;
	AUTO_CLOSE int server = -1;
	AUTO_CLOSE int refusing = -1;
	uint16_t port = 0;
	pid_t pid = 0;
	char buf[256] = "";
#define DIAL(h, n) hm_egress_dial(&p, h, n, hm_deadline_in(5000), &fd, &err)

	server = serve_once("HTTP/1.1 200 OK\r\nX: y\r\n\r\n", &port, &pid);
	snprintf(url, sizeof(url), "http://me:secret@127.0.0.1:%u/", port);
	p.proxy = url;
	ok_call(hm_egress_policy_check(&p, &err), &err, "a proxy URL");
	ok_call(DIAL("crates.io", 443), &err, "CONNECT through a proxy");
	(void)waitpid(pid, NULL, 0);
	ok(hm_io_wait(fd, POLLIN, hm_deadline_in(5000), "echo", &err) == HM_OK &&
		   read(fd, buf, sizeof(buf) - 1) > 0 &&
		   strncmp(buf, "CONNECT crates.io:443 HTTP/1.1\r\n", 32) == 0 &&
		   strstr(buf, "Proxy-Authorization: Basic bWU6c2VjcmV0\r\n"),
	   "the proxy was asked, with the password");
	fails(DIAL("10.1.2.3", 443), &err, HM_E_POLICY, "private",
	      "a proxy is no way to private literals");
	fails(DIAL("localhost", 443), &err, HM_E_POLICY, "loopback",
	      "nor to localhost");
	p.no_proxy = "foo.org, .invalid";
	fails(DIAL("x.invalid", 443), &err, HM_E_CLOSED, "x.invalid: ",
	      "no_proxy is dialled directly");
	refusing = serve_once("HTTP/1.1 403 Forbidden\r\n\r\n", &port, &pid);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", port);
	fails(DIAL("crates.io", 443), &err, HM_E_CLOSED,
	      "the proxy answers 'HTTP/1.1 403 Forbidden'", "a proxy that refuses");
	(void)waitpid(pid, NULL, 0);
#undef DIAL
	p.proxy = "https://proxy:3128";
	fails(hm_egress_policy_check(&p, &err), &err, HM_E_USAGE,
	      "only http:// proxies", "a proxy over TLS");
	p.proxy = "http://proxy:notaport";
	fails(hm_egress_policy_check(&p, &err), &err, HM_E_USAGE,
	      "not http://HOST:PORT", "a proxy with a bad port");
}

static void test_lists(void)
{
	const char *no_port[] = {"localhost"}, *empty[] = {":80"};
	struct hm_egress_policy p = {.allow_private = no_port,
				     .allow_private_count = 1};
	struct hm_err err;

	fails(hm_egress_policy_check(&p, &err), &err, HM_E_USAGE,
	      "--allow-private-egress 'localhost': give HOST:PORT",
	      "a private host without port");
	p = (struct hm_egress_policy){.allow = empty, .allow_count = 1};
	fails(hm_egress_policy_check(&p, &err), &err, HM_E_USAGE,
	      "--allow-egress ':80'", "an empty name");
}

int main(void)
{
	test_addresses();
	test_requests();
	test_dialling();
	test_proxy();
	test_lists();
	return tap_done();
}
