/*
 * Distrusts every byte: the sandbox writes these packets. No compression
 * pointer is followed (a question has none), every length is checked against
 * what is left, and what does not parse is not answered.
 */
#include "enclave-worker/interceptor/dns.h"

#include "lib/num.h"
#include "lib/reader.h"

#define HEADER 12U
#define LABEL_MAX 63U
#define FLAG_RESPONSE 0x8000U
#define FLAG_OPCODE 0x7800U
#define FLAG_RECURSION_DESIRED 0x0100U
#define FLAG_RECURSION_AVAILABLE 0x0080U
/* The answer never changes during a build; a cache may keep it. */
#define TTL_SECONDS 300U

/* Locale-free, and '_' because service names have it. */
static bool is_name_byte(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

bool hm_dns_name_ok(struct hm_slice name)
{
	size_t label = 0;

	if (name.len == 0 || name.len > HM_DNS_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		if (name.ptr[i] == '.') {
			if (label == 0)
				return false;
			label = 0;
			continue;
		}
		label++;
		if (!is_name_byte(name.ptr[i]) || label > LABEL_MAX)
			return false;
	}
	return label > 0;
}

static int parse_name(struct hm_reader *r, struct hm_dns_query *q,
		      struct hm_err *err)
{
	size_t len = 0;

	for (;;) {
		uint8_t n = hm_reader_u8(r);
		struct hm_slice label;

		if (r->failed)
			return hm_fail(err, HM_E_FORMAT, 0, "name cut short");
		if (n == 0)
			break;
		if (n > LABEL_MAX)
			return hm_fail(err, HM_E_FORMAT, 0,
				       "label of %u bytes or a pointer", n);
		label = hm_reader_bytes(r, n);
		if (r->failed)
			return hm_fail(err, HM_E_FORMAT, 0, "label cut short");
		if (len + n + 1 > HM_DNS_NAME_MAX + 1)
			return hm_fail(err, HM_E_FORMAT, 0,
				       "name longer than %d", HM_DNS_NAME_MAX);
		for (size_t i = 0; i < n; i++) {
			if (!is_name_byte(label.ptr[i]))
				return hm_fail(err, HM_E_FORMAT, 0,
					       "byte 0x%02x in a name",
					       label.ptr[i]);
			q->name[len++] = (char)lower(label.ptr[i]);
		}
		q->name[len++] = '.';
	}
	q->name[len > 0 ? len - 1 : 0] = '\0';
	return HM_OK;
}

int hm_dns_parse(struct hm_slice packet, struct hm_dns_query *ret_q,
		 struct hm_err *err)
{
	struct hm_reader r = hm_reader(packet);
	struct hm_dns_query q = {0};
	uint16_t questions;

	q.id = hm_reader_u16be(&r);
	q.flags = hm_reader_u16be(&r);
	questions = hm_reader_u16be(&r);
	(void)hm_reader_bytes(&r, 6);	/* other sections: EDNS, not needed */
	if (r.failed)
		return hm_fail(err, HM_E_FORMAT, 0, "header cut short");
	if ((q.flags & FLAG_RESPONSE) != 0)
		return hm_fail(err, HM_E_FORMAT, 0, "an answer, not a question");
	if (questions != 1)
		return hm_fail(err, HM_E_FORMAT, 0, "%u questions", questions);
	if (parse_name(&r, &q, err) != HM_OK)
		return err->code;
	q.type = hm_reader_u16be(&r);
	q.class = hm_reader_u16be(&r);
	if (r.failed)
		return hm_fail(err, HM_E_FORMAT, 0, "question cut short");
	q.question_len = packet.len - HEADER - r.rest.len;
	q.standard = (q.flags & FLAG_OPCODE) == 0 && q.class == HM_DNS_CLASS_IN;
	*ret_q = q;
	return HM_OK;
}

size_t hm_dns_answer(struct hm_slice packet, const struct hm_dns_query *q,
		     enum hm_dns_rcode rcode, uint32_t address,
		     uint8_t out[HM_DNS_PACKET_MAX])
{
	size_t len = HEADER + q->question_len;
	uint8_t *p;

	/* 12 + 255 + 4 + 16 < 512: parse_name() bounds question_len. */
	HM_BUG_ON(len + 16 > HM_DNS_PACKET_MAX || len > packet.len);
	memset(out, 0, HEADER);
	hm_put_u16be(out, q->id);
	hm_put_u16be(out + 2,
		     (uint16_t)(FLAG_RESPONSE | FLAG_RECURSION_AVAILABLE |
				(q->flags & (FLAG_OPCODE |
					     FLAG_RECURSION_DESIRED)) |
				(unsigned int)rcode));
	hm_put_u16be(out + 4, 1);
	memcpy(out + HEADER, packet.ptr + HEADER, q->question_len);
	if (rcode != HM_DNS_OK || address == 0)
		return len;
	hm_put_u16be(out + 6, 1);
	p = out + len;
	hm_put_u16be(p, 0xc000U | HEADER);	/* pointer to the question */
	hm_put_u16be(p + 2, HM_DNS_TYPE_A);
	hm_put_u16be(p + 4, HM_DNS_CLASS_IN);
	hm_put_u32be(p + 6, TTL_SECONDS);
	hm_put_u16be(p + 10, 4);
	hm_put_u32be(p + 12, address);
	return len + 16;
}
