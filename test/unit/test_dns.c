/* The sandbox's DNS: what is answered, what is refused, what is bounded. */
#include "enclave-worker/interceptor/names.h"

#include <stdio.h>

#include "lib/num.h"
#include "test/unit/tap.h"

static size_t make_query(uint8_t *p, const char *name, uint16_t type,
			 uint16_t flags)
{
	size_t n = 12;

	memset(p, 0, 12);
	hm_put_u16be(p, 0x1234);
	hm_put_u16be(p + 2, flags);
	p[5] = 1;
	while (*name) {
		size_t label = strcspn(name, ".");

		p[n++] = (uint8_t)label;
		memcpy(p + n, name, label);
		n += label;
		name += label + (name[label] == '.');
	}
	p[n++] = 0;
	hm_put_u16be(p + n, type);
	hm_put_u16be(p + n + 2, HM_DNS_CLASS_IN);
	return n + 4;
}

static void test_answers(void)
{
	uint8_t q[512], a[HM_DNS_PACKET_MAX];
	struct hm_names names;
	struct hm_err err;
	size_t qn, an;

	ok_call(hm_names_init(&names, &err), &err, "table");
	qn = make_query(q, "Index.Crates.IO", HM_DNS_TYPE_A, 0x0100);
	an = hm_names_serve(&names, hm_slice(q, qn), a, &err);
	ok(an == qn + 16 && a[0] == 0x12 && a[1] == 0x34, "A: one answer, same id");
	ok(hm_get_u16be(a + 2) == 0x8180, "A: response, no error, recursion");
	ok(hm_get_u32be(a + an - 4) == 0xc6120010, "A: first synthetic address");
	ok(hm_names_by_address(&names, 0xc6120010) &&
		   strcmp(hm_names_by_address(&names, 0xc6120010),
			  "index.crates.io") == 0,
	   "the address leads back to the name, in lower case");
	ok(hm_names_by_address(&names, 0xc6120011) == NULL &&
		   hm_names_by_address(&names, 0xc612000f) == NULL &&
		   hm_names_by_address(&names, 0x01020304) == NULL,
	   "addresses never given out lead nowhere");

	an = hm_names_serve(&names, hm_slice(q, qn), a, &err);
	ok(hm_get_u32be(a + an - 4) == 0xc6120010 && names.items[0].asked == 2,
	   "asked again: same address, counted");

	static const uint16_t empty[] = {28, 65, 64, 16, 33, 255};
	for (size_t i = 0; i < HM_ARRAY_LEN(empty); i++) {
		qn = make_query(q, "index.crates.io", empty[i], 0x0100);
		an = hm_names_serve(&names, hm_slice(q, qn), a, &err);
		ok(an == qn && (a[3] & 0xf) == 0 && a[7] == 0,
		   "type %u exists and is empty", empty[i]);
	}
	static const char *const local[] = {"localhost", "printer", "a.localhost",
					    "1.0.0.127.in-addr.arpa", "x.local"};
	for (size_t i = 0; i < HM_ARRAY_LEN(local); i++) {
		qn = make_query(q, local[i], HM_DNS_TYPE_A, 0x0100);
		an = hm_names_serve(&names, hm_slice(q, qn), a, &err);
		ok(an == qn && (a[3] & 0xf) == HM_DNS_NO_NAME,
		   "%s is no public name", local[i]);
	}
	qn = make_query(q, "a.b", HM_DNS_TYPE_A, 0x2800);
	an = hm_names_serve(&names, hm_slice(q, qn), a, &err);
	ok(an == qn && (a[3] & 0xf) == HM_DNS_NOT_IMPLEMENTED,
	   "an update is answered NOTIMP");
	qn = make_query(q, "", 2, 0x0100);
	ok(hm_names_serve(&names, hm_slice(q, qn), a, &err) == qn,
	   "the root exists");
	hm_names_release(&names);
}

static void test_refused(void)
{
	uint8_t q[600];
	struct hm_dns_query out;
	struct hm_err err;
	size_t n = make_query(q, "crates.io", HM_DNS_TYPE_A, 0x0100);
	bool all = true;

	for (size_t i = 0; i < n; i++)
		all &= hm_dns_parse(hm_slice(q, i), &out, &err) == HM_E_FORMAT;
	ok(all, "every truncation of a question is refused");
	q[2] |= 0x80;
	fails(hm_dns_parse(hm_slice(q, n), &out, &err), &err, HM_E_FORMAT,
	      "an answer, not a question", "an answer");
	n = make_query(q, "crates.io", HM_DNS_TYPE_A, 0);
	q[5] = 2;
	fails(hm_dns_parse(hm_slice(q, n), &out, &err), &err, HM_E_FORMAT,
	      "2 questions", "two questions");
	n = make_query(q, "crates.io", HM_DNS_TYPE_A, 0);
	q[12] = 0xc0;
	fails(hm_dns_parse(hm_slice(q, n), &out, &err), &err, HM_E_FORMAT,
	      "or a pointer", "a compression pointer");
	n = make_query(q, "cra\ntes.io", HM_DNS_TYPE_A, 0);
	fails(hm_dns_parse(hm_slice(q, n), &out, &err), &err, HM_E_FORMAT,
	      "byte 0x0a in a name", "a newline in a name");
	memset(q + 12, 0, 300);
	for (size_t i = 0; i < 128; i++)
		memcpy(q + 12 + 2 * i, "\1a", 2);
	fails(hm_dns_parse(hm_slice(q, 300), &out, &err), &err, HM_E_FORMAT,
	      "name longer than 253", "a name that is too long");
	memset(q + 12 + 2 * 127, 0, 100);
	ok_call(hm_dns_parse(hm_slice(q, 12 + 2 * 127 + 1 + 4), &out, &err),
		&err, "the longest name there is");
	ok(strlen(out.name) == HM_DNS_NAME_MAX, "253 characters");
}

static void test_full(void)
{
	uint8_t q[512], a[HM_DNS_PACKET_MAX];
	struct hm_names names;
	struct hm_err err;
	char name[64];
	size_t n, an = 0;

	ok_call(hm_names_init(&names, &err), &err, "table");
	for (unsigned int i = 0; i <= HM_NAMES_MAX; i++) {
		snprintf(name, sizeof(name), "data%u.tunnel.example", i);
		n = make_query(q, name, HM_DNS_TYPE_A, 0x0100);
		an = hm_names_serve(&names, hm_slice(q, n), a, &err);
	}
	ok(names.count == HM_NAMES_MAX && names.overflow == 1,
	   "a tunnel fills the table and no more, and is counted");
	ok(an == n && (a[3] & 0xf) == HM_DNS_REFUSED, "then names are refused");
	n = make_query(q, "data77.tunnel.example", HM_DNS_TYPE_A, 0x0100);
	an = hm_names_serve(&names, hm_slice(q, n), a, &err);
	ok(an == n + 16, "known names still work");
	hm_names_release(&names);
}

static void test_name_ok(void)
{
	ok(hm_dns_name_ok(hm_slice_str("a-b.example_1.org")), "a good name");
	ok(!hm_dns_name_ok(hm_slice_str("")) &&
		   !hm_dns_name_ok(hm_slice_str("a..b")) &&
		   !hm_dns_name_ok(hm_slice_str(".a")) &&
		   !hm_dns_name_ok(hm_slice_str("a.")) &&
		   !hm_dns_name_ok(hm_slice_str("a b")) &&
		   !hm_dns_name_ok(hm_slice_str("a/b")),
	   "bad names");
}

int main(void)
{
	test_answers();
	test_refused();
	test_full();
	test_name_ok();
	return tap_done();
}
