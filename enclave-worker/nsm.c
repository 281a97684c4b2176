/*
 * NSM requests and answers. What it distrusts: little, for the module is the
 * root of trust; but a driver, an emulator or a future version may answer
 * otherwise than agreed, and then the build must end rather than attest
 * something else. Answers may have their fields in any order and lengths in any
 * form; each field must be there once, nothing else may.
 */
#include "enclave-worker/nsm.h"

#include "lib/cbor.h"
#include "lib/log.h"

#define RANDOM_MAX 256

/* What QEMU and the hypervisor say when they refuse, and what it means to us. */
static const struct {
	const char *name, *meaning;
} errors[] = {
	{"InvalidArgument", "a value in the request is not allowed"},
	{"InvalidIndex", "there is no such PCR"},
	{"InvalidResponse", "the module could not answer"},
	{"ReadOnlyIndex", "the PCR is locked"},
	{"InvalidOperation", "the module does not know this request"},
	{"BufferTooSmall", "the answer does not fit"},
	{"InputTooLarge", "the request is too large"},
	{"InternalError", "the module failed"},
};

struct answer {
	uint8_t bytes[HM_NSM_RESPONSE_MAX];
	struct hm_cbor_reader r;
};

/* Any deviation is the module breaking the protocol, not malformed user input. */
static int broken(struct hm_err *err, const char *name)
{
	char text[HM_ERR_MSG_MAX];

	(void)snprintf(text, sizeof(text), "%s", err ? err->msg : "malformed");
	return hm_fail(err, HM_E_PROTOCOL, 0, "nsm: answer to %s: %s", name,
		       text);
}

static int refused(struct hm_cbor_reader *r, const char *name,
		   struct hm_err *err)
{
	struct hm_cbor_item item;

	if (hm_cbor_expect(r, HM_CBOR_TEXT, "Error", &item, err) != HM_OK)
		return broken(err, name);
	for (size_t i = 0; i < HM_ARRAY_LEN(errors); i++)
		if (hm_slice_eq_str(item.bytes, errors[i].name))
			return hm_fail(err, HM_E_POLICY, 0,
				       "nsm: %s refused: %s (%s)", name,
				       errors[i].name, errors[i].meaning);
	return hm_fail(err, HM_E_POLICY, 0, "nsm: %s refused: %s", name,
		       HM_ESC(item.bytes));
}

/*
 * Sends and opens the answer: a bare name (unit variant, then *ret_map is
 * false), or a map of the name to its fields, at which the reader then stands.
 */
static int call(const struct hm_nsm_transport *t, const struct hm_buf *request,
		const char *name, struct answer *a, bool *ret_map,
		struct hm_err *err)
{
	struct hm_cbor_item item;
	size_t len = 0;
	int rc;

	HM_BUG_ON(request->len > HM_NSM_REQUEST_MAX);
	rc = t->call(t->ctx, hm_buf_slice(request), a->bytes, &len, err);
	if (rc != HM_OK)
		return hm_err_prefix(err, "nsm: %s", name);
	if (len > sizeof(a->bytes))
		return hm_fail(err, HM_E_PROTOCOL, 0,
			       "nsm: answer to %s: longer than its buffer", name);
	a->r = hm_cbor_reader(hm_slice(a->bytes, len), false);
	if (hm_cbor_next(&a->r, &item, err) != HM_OK)
		return broken(err, name);
	*ret_map = item.type == HM_CBOR_MAP;
	if (*ret_map) {
		if (item.indefinite || item.value != 1)
			return hm_fail(err, HM_E_PROTOCOL, 0,
				       "nsm: answer to %s: not a map of one",
				       name);
		if (hm_cbor_next(&a->r, &item, err) != HM_OK)
			return broken(err, name);
	}
	if (item.type != HM_CBOR_TEXT)
		return hm_fail(err, HM_E_PROTOCOL, 0,
			       "nsm: answer to %s: it has no name", name);
	if (*ret_map && hm_slice_eq_str(item.bytes, "Error"))
		return refused(&a->r, name, err);
	if (!hm_slice_eq_str(item.bytes, name))
		return hm_fail(err, HM_E_PROTOCOL, 0,
			       "nsm: answer to %s: it answers '%s'", name,
			       HM_ESC(item.bytes));
	return HM_OK;
}

/* Reads the value of one field; which one was asked for is its index. */
typedef int (*read_field)(struct hm_cbor_reader *r, size_t field, void *ret,
			  struct hm_err *err);

static int read_fields(struct hm_cbor_reader *r, const char *const *names,
		       size_t count, read_field read, void *ret,
		       struct hm_err *err)
{
	struct hm_cbor_scope scope;
	unsigned int seen = 0;
	bool more;
	int rc = hm_cbor_enter(r, HM_CBOR_MAP, "fields", &scope, err);

	while (rc == HM_OK) {
		struct hm_cbor_item key;
		size_t i = 0;

		rc = hm_cbor_more(r, &scope, &more, err);
		if (rc != HM_OK || !more)
			break;
		rc = hm_cbor_expect(r, HM_CBOR_TEXT, "field", &key, err);
		if (rc != HM_OK)
			break;
		while (i < count && !hm_slice_eq_str(key.bytes, names[i]))
			i++;
		if (i == count || (seen & 1U << i) != 0)
			return hm_fail(err, HM_E_FORMAT, 0,
				       "field '%s' is unknown or stands twice",
				       HM_ESC(key.bytes));
		seen |= 1U << i;
		rc = read(r, i, ret, err);
	}
	if (rc == HM_OK && seen != (1U << count) - 1)
		return hm_fail(err, HM_E_FORMAT, 0, "a field is missing");
	return rc != HM_OK ? rc : hm_cbor_done(r, "answer", err);
}

/* One request whose answer is a map of these fields. */
static int ask(const struct hm_nsm_transport *t, const struct hm_buf *request,
	       const char *name, const char *const *fields, size_t count,
	       read_field read, void *ret, struct hm_err *err)
{
	struct answer a;
	bool is_map;
	int rc = call(t, request, name, &a, &is_map, err);

	if (rc != HM_OK)
		return rc;
	if (!is_map)
		return hm_fail(err, HM_E_PROTOCOL, 0,
			       "nsm: answer to %s: it has no fields", name);
	rc = read_fields(&a.r, fields, count, read, ret, err);
	/* The caller's buffer may be too small; that is not the module's fault. */
	if (rc == HM_E_TOO_LARGE || rc == HM_E_NOMEM)
		return hm_err_prefix(err, "nsm: answer to %s", name);
	return rc != HM_OK ? broken(err, name) : HM_OK;
}

static int read_uint(struct hm_cbor_reader *r, const char *what, uint64_t *ret,
		     struct hm_err *err)
{
	struct hm_cbor_item item;
	int rc = hm_cbor_expect(r, HM_CBOR_UINT, what, &item, err);

	if (rc == HM_OK)
		*ret = item.value;
	return rc;
}

static int read_text(struct hm_cbor_reader *r, const char *what, char *out,
		     size_t size, struct hm_err *err)
{
	struct hm_cbor_item item;
	int rc = hm_cbor_expect(r, HM_CBOR_TEXT, what, &item, err);

	if (rc != HM_OK)
		return rc;
	if (item.bytes.len >= size || !hm_slice_is_text(item.bytes))
		return hm_fail(err, HM_E_FORMAT, 0, "%s: too long, or no text",
			       what);
	memcpy(out, item.bytes.ptr, item.bytes.len);
	out[item.bytes.len] = 0;
	return HM_OK;
}

static int read_pcr(struct hm_cbor_reader *r, uint8_t *out, struct hm_err *err)
{
	struct hm_cbor_item item;
	int rc = hm_cbor_expect(r, HM_CBOR_BYTES, "data", &item, err);

	if (rc != HM_OK)
		return rc;
	if (item.bytes.len != HM_PCR_LEN)
		return hm_fail(err, HM_E_FORMAT, 0, "data: %zu bytes, not %d",
			       item.bytes.len, HM_PCR_LEN);
	memcpy(out, item.bytes.ptr, HM_PCR_LEN);
	return HM_OK;
}

/* --- requests ---------------------------------------------------------------- */

/* {name: {field count}}, whose fields follow. */
static int begin(struct hm_buf *b, const char *name, size_t fields,
		 struct hm_err *err)
{
	int rc;

	hm_buf_init(b, HM_NSM_REQUEST_MAX);
	rc = hm_cbor_put_map(b, 1, err);
	if (rc == HM_OK)
		rc = hm_cbor_put_str(b, name, err);
	return rc != HM_OK ? rc : hm_cbor_put_map(b, fields, err);
}

/* QEMU takes an index of eight bits only, in its shortest form. */
static int put_index(struct hm_buf *b, unsigned int index, struct hm_err *err)
{
	int rc;

	if (index >= HM_NITRO_PCRS)
		return hm_fail(err, HM_E_POLICY, 0, "nsm: there is no PCR%u",
			       index);
	rc = hm_cbor_put_str(b, "index", err);
	return rc != HM_OK ? rc : hm_cbor_put_uint(b, index, err);
}

static int read_locked(struct hm_cbor_reader *r, bool *locked,
		       struct hm_err *err)
{
	struct hm_cbor_scope scope;
	bool more;
	int rc = hm_cbor_enter(r, HM_CBOR_ARRAY, "locked_pcrs", &scope, err);

	while (rc == HM_OK) {
		uint64_t index;

		rc = hm_cbor_more(r, &scope, &more, err);
		if (rc != HM_OK || !more)
			break;
		rc = read_uint(r, "locked_pcrs", &index, err);
		if (rc != HM_OK)
			break;
		if (index >= HM_NITRO_PCRS)
			return hm_fail(err, HM_E_FORMAT, 0,
				       "locked_pcrs: an index over 31");
		locked[index] = true;
	}
	return rc;
}

static const char *const describe_fields[] = {
	"version_major", "version_minor", "version_patch", "module_id",
	"max_pcrs",	 "locked_pcrs",	  "digest",
};

static int read_describe(struct hm_cbor_reader *r, size_t field, void *ret,
			 struct hm_err *err)
{
	struct hm_nsm_description *d = ret;
	uint64_t *const numbers[] = {&d->version_major, &d->version_minor,
				     &d->version_patch, NULL, &d->max_pcrs};

	if (field < HM_ARRAY_LEN(numbers) && numbers[field])
		return read_uint(r, describe_fields[field], numbers[field],
				 err);
	if (strcmp(describe_fields[field], "locked_pcrs") == 0)
		return read_locked(r, d->locked, err);
	if (strcmp(describe_fields[field], "digest") == 0)
		return read_text(r, "digest", d->digest, sizeof(d->digest),
				 err);
	return read_text(r, "module_id", d->module_id, sizeof(d->module_id),
			 err);
}

int hm_nsm_describe(const struct hm_nsm_transport *t,
		    struct hm_nsm_description *ret, struct hm_err *err)
{
	struct hm_nsm_description d = {.max_pcrs = 0};
	AUTO_BUF struct hm_buf b;
	int rc;

	hm_buf_init(&b, HM_NSM_REQUEST_MAX);
	rc = hm_cbor_put_str(&b, "DescribeNSM", err);
	if (rc == HM_OK)
		rc = ask(t, &b, "DescribeNSM", describe_fields,
			 HM_ARRAY_LEN(describe_fields), read_describe, &d, err);
	if (rc == HM_OK)
		*ret = d;
	return rc;
}

struct pcr_state {
	bool locked;
	uint8_t value[HM_PCR_LEN];
};

/* Field 0 is data, field 1 (if asked for) lock. */
static const char *const pcr_fields[] = {"data", "lock"};

static int read_pcr_state(struct hm_cbor_reader *r, size_t field, void *ret,
			  struct hm_err *err)
{
	struct pcr_state *s = ret;
	struct hm_cbor_item item;
	int rc;

	if (field == 0)
		return read_pcr(r, s->value, err);
	rc = hm_cbor_expect(r, HM_CBOR_BOOL, "lock", &item, err);
	if (rc == HM_OK)
		s->locked = item.value == 1;
	return rc;
}

int hm_nsm_describe_pcr(const struct hm_nsm_transport *t, unsigned int index,
			bool *ret_locked, uint8_t ret_value[HM_PCR_LEN],
			struct hm_err *err)
{
	struct pcr_state s = {.locked = false};
	AUTO_BUF struct hm_buf b;
	int rc = begin(&b, "DescribePCR", 1, err);

	if (rc == HM_OK)
		rc = put_index(&b, index, err);
	if (rc == HM_OK)
		rc = ask(t, &b, "DescribePCR", pcr_fields, 2, read_pcr_state,
			 &s, err);
	if (rc != HM_OK)
		return rc;
	*ret_locked = s.locked;
	memcpy(ret_value, s.value, HM_PCR_LEN);
	return HM_OK;
}

int hm_nsm_extend_pcr(const struct hm_nsm_transport *t, unsigned int index,
		      struct hm_slice data, uint8_t ret_value[HM_PCR_LEN],
		      struct hm_err *err)
{
	struct pcr_state s = {.locked = false};
	AUTO_BUF struct hm_buf b;
	int rc = begin(&b, "ExtendPCR", 2, err);

	if (rc == HM_OK)
		rc = put_index(&b, index, err);
	if (rc == HM_OK)
		rc = hm_cbor_put_str(&b, "data", err);
	if (rc == HM_OK)
		rc = hm_cbor_put_bytes(&b, data, err);
	if (rc == HM_OK)
		rc = ask(t, &b, "ExtendPCR", pcr_fields, 1, read_pcr_state, &s,
			 err);
	if (rc == HM_OK)
		memcpy(ret_value, s.value, HM_PCR_LEN);
	return rc;
}

int hm_nsm_lock_pcr(const struct hm_nsm_transport *t, unsigned int index,
		    struct hm_err *err)
{
	AUTO_BUF struct hm_buf b;
	struct answer a;
	bool is_map;
	int rc = begin(&b, "LockPCR", 1, err);

	if (rc == HM_OK)
		rc = put_index(&b, index, err);
	if (rc == HM_OK)
		rc = call(t, &b, "LockPCR", &a, &is_map, err);
	if (rc != HM_OK)
		return rc;
	if (is_map || hm_cbor_done(&a.r, "answer", err) != HM_OK)
		return hm_fail(err, HM_E_PROTOCOL, 0,
			       "nsm: answer to LockPCR: more than its name");
	return HM_OK;
}

static int read_random(struct hm_cbor_reader *r, size_t field, void *ret,
		       struct hm_err *err)
{
	struct hm_cbor_item item;
	int rc = hm_cbor_expect(r, HM_CBOR_BYTES, "random", &item, err);

	(void)field;
	if (rc != HM_OK)
		return rc;
	if (item.bytes.len == 0 || item.bytes.len > RANDOM_MAX)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "random: %zu bytes, not 1 to %d", item.bytes.len,
			       RANDOM_MAX);
	return hm_buf_add_slice(ret, item.bytes, err);
}

int hm_nsm_random(const struct hm_nsm_transport *t, struct hm_buf *b,
		  struct hm_err *err)
{
	static const char *const fields[] = {"random"};
	AUTO_BUF struct hm_buf request;
	int rc;

	hm_buf_init(&request, HM_NSM_REQUEST_MAX);
	rc = hm_cbor_put_str(&request, "GetRandom", err);
	return rc != HM_OK ? rc :
			     ask(t, &request, "GetRandom", fields, 1,
				 read_random, b, err);
}

static int read_document(struct hm_cbor_reader *r, size_t field, void *ret,
			 struct hm_err *err)
{
	struct hm_cbor_item item;
	int rc = hm_cbor_expect(r, HM_CBOR_BYTES, "document", &item, err);

	(void)field;
	return rc != HM_OK ? rc : hm_buf_add_slice(ret, item.bytes, err);
}

static int put_field(struct hm_buf *b, const char *name, struct hm_slice value,
		     struct hm_err *err)
{
	int rc;

	if (value.len > HM_NITRO_FIELD_MAX)
		return hm_fail(err, HM_E_TOO_LARGE, 0,
			       "nsm: %s has more than %d bytes", name,
			       HM_NITRO_FIELD_MAX);
	rc = hm_cbor_put_str(b, name, err);
	if (rc != HM_OK)
		return rc;
	return value.len > 0 ? hm_cbor_put_bytes(b, value, err) :
			       hm_cbor_put_null(b, err);
}

int hm_nsm_attest(const struct hm_nsm_transport *t, struct hm_slice public_key,
		  struct hm_slice user_data, struct hm_slice nonce,
		  struct hm_buf *document, struct hm_err *err)
{
	static const char *const fields[] = {"document"};
	AUTO_BUF struct hm_buf b;
	int rc = begin(&b, "Attestation", 3, err);

	if (rc == HM_OK)
		rc = put_field(&b, "user_data", user_data, err);
	if (rc == HM_OK)
		rc = put_field(&b, "nonce", nonce, err);
	if (rc == HM_OK)
		rc = put_field(&b, "public_key", public_key, err);
	return rc != HM_OK ? rc :
			     ask(t, &b, "Attestation", fields, 1, read_document,
				 document, err);
}
