/*
 * Bounded in memory whatever the sandbox asks. Addresses are given out in
 * order and never reused. The hash is not keyed: with 4,096 entries the worst a
 * crafted set of names costs is a scan of 8,192 slots.
 */
#include "enclave-worker/interceptor/names.h"

/* A power of two, at least twice HM_NAMES_MAX: probing always ends. */
#define SLOTS 8192U
/* Leaves the network's own address and a few round ones unused. */
#define FIRST 16U

_Static_assert(SLOTS >= 2 * HM_NAMES_MAX, "room to probe");
_Static_assert(HM_NAMES_MAX < UINT16_MAX, "index entries are 16 bit");

int hm_names_init(struct hm_names *n, struct hm_err *err)
{
	*n = (struct hm_names){0};
	n->items = calloc(HM_NAMES_MAX, sizeof(*n->items));
	n->index = calloc(SLOTS, sizeof(*n->index));
	if (!n->items || !n->index) {
		hm_names_release(n);
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "name table");
	}
	return HM_OK;
}

void hm_names_release(struct hm_names *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->items[i].text);
	free(n->items);
	free(n->index);
	*n = (struct hm_names){0};
}

static uint32_t hash(const char *s)
{
	uint32_t h = 2166136261U;	/* FNV-1a */

	for (; *s; s++)
		h = (h ^ (uint8_t)*s) * 16777619U;
	return h;
}

struct hm_name *hm_names_ask(struct hm_names *n, const char *name)
{
	size_t slot = hash(name) & (SLOTS - 1);
	struct hm_name *e;

	for (; n->index[slot] != 0; slot = (slot + 1) & (SLOTS - 1)) {
		e = &n->items[n->index[slot] - 1];
		if (strcmp(e->text, name) == 0)
			return e;
	}
	if (n->count == HM_NAMES_MAX)
		return NULL;
	e = &n->items[n->count];
	e->text = hm_slice_dup(hm_slice_str(name));
	if (!e->text)
		return NULL;
	n->index[slot] = (uint16_t)++n->count;
	return e;
}

uint32_t hm_names_address(const struct hm_names *n, const struct hm_name *e)
{
	return HM_NAMES_NET + FIRST + (uint32_t)(e - n->items);
}

const char *hm_names_by_address(const struct hm_names *n, uint32_t address)
{
	uint32_t i = address - (HM_NAMES_NET + FIRST);

	if (address < HM_NAMES_NET + FIRST || i >= n->count)
		return NULL;
	return n->items[i].text;
}

/*
 * A single label is no public host, and "localhost" must never leave the
 * sandbox's own loopback (RFC 6761 6.3); reverse names have no answer here.
 */
static bool is_public_name(const char *name)
{
	static const char *const local[] = {"localhost", "arpa", "local",
					    "onion", "invalid"};
	const char *last = strrchr(name, '.');

	if (!last)
		return false;
	for (size_t i = 0; i < HM_ARRAY_LEN(local); i++)
		if (strcmp(last + 1, local[i]) == 0)
			return false;
	return true;
}

size_t hm_names_serve(struct hm_names *n, struct hm_slice packet,
		      uint8_t out[HM_DNS_PACKET_MAX], struct hm_err *err)
{
	struct hm_dns_query q;
	struct hm_name *e;
	uint32_t address = 0;

	if (hm_dns_parse(packet, &q, err) != HM_OK)
		return 0;
	if (!q.standard)
		return hm_dns_answer(packet, &q, HM_DNS_NOT_IMPLEMENTED, 0, out);
	if (q.name[0] == '\0')	/* the root: resolvers probe with it */
		return hm_dns_answer(packet, &q, HM_DNS_OK, 0, out);
	e = hm_names_ask(n, q.name);
	if (!e) {
		n->overflow++;
		return hm_dns_answer(packet, &q, HM_DNS_REFUSED, 0, out);
	}
	e->asked++;
	if (!is_public_name(q.name))
		return hm_dns_answer(packet, &q, HM_DNS_NO_NAME, 0, out);
	/*
	 * Every other type exists and is empty. For AAAA that closes IPv6, for
	 * HTTPS and SVCB it keeps encrypted client hello and HTTP/3 away.
	 */
	if (q.type == HM_DNS_TYPE_A) {
		e->answered = true;
		address = hm_names_address(n, e);
	}
	return hm_dns_answer(packet, &q, HM_DNS_OK, address, out);
}
