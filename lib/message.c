/*
 * Table-driven bodies: one encoder, one decoder, one release for all messages,
 * so that no message has a parser of its own to get wrong.
 */
#include "lib/message.h"

#include <assert.h>

/* A toolchain list longer than this is a mistake, not a configuration. */
#define TEXTS_MAX 64U
#define TEXT_MAX 4096U
#define BYTES_MAX 16384U

enum kind {
	U64,
	TEXT,
	BYTES,
	SECRET,
	TEXTS,
};

struct field {
	const char *key;	/* in RFC 8949 4.2.1 order: shorter first */
	enum kind kind;
	size_t offset;
};

struct table {
	const char *name;
	const struct field *fields;
	size_t count;
	size_t size;
};

#define F(type, member, kind) {#member, kind, offsetof(struct type, member)}

static const struct field hello[] = {
	F(hm_msg_hello, program, TEXT),
	F(hm_msg_hello, version_max, U64),
	F(hm_msg_hello, version_min, U64),
};
static const struct field welcome[] = {
	F(hm_msg_welcome, version, U64),
	F(hm_msg_welcome, attester, TEXT),
	F(hm_msg_welcome, image_name, TEXT),
	F(hm_msg_welcome, image_version, TEXT),
	F(hm_msg_welcome, worker_version, TEXT),
};
static const struct field config[] = {
	F(hm_msg_config, ref, TEXT),
	F(hm_msg_config, cpus, U64),
	F(hm_msg_config, nonce, BYTES),
	F(hm_msg_config, commit, TEXT),
	F(hm_msg_config, backend, TEXT),
	F(hm_msg_config, network, TEXT),
	F(hm_msg_config, runtime, TEXT),
	F(hm_msg_config, disk_mib, U64),
	F(hm_msg_config, pids_max, U64),
	F(hm_msg_config, start_ms, U64),
	F(hm_msg_config, limits_by, TEXT),
	F(hm_msg_config, memory_mib, U64),
	F(hm_msg_config, repository, TEXT),
	F(hm_msg_config, started_ms, U64),
	F(hm_msg_config, toolchains, TEXTS),
	F(hm_msg_config, config_path, TEXT),
	F(hm_msg_config, dev_root_key, SECRET),
	F(hm_msg_config, dev_root_cert, BYTES),
	F(hm_msg_config, invocation_id, TEXT),
	F(hm_msg_config, timeout_minutes, U64),
};
static const struct field progress[] = {
	F(hm_msg_progress, done, U64),
	F(hm_msg_progress, step, TEXT),
	F(hm_msg_progress, unit, TEXT),
	F(hm_msg_progress, total, U64),
};
static const struct field state[] = {
	F(hm_msg_state, state, U64),
	F(hm_msg_state, detail, TEXT),
};
static const struct field done[] = {
	F(hm_msg_done, size, U64),
	F(hm_msg_done, sha256, BYTES),
};
static const struct field failed[] = {
	F(hm_msg_failed, code, TEXT),
	F(hm_msg_failed, step, TEXT),
	F(hm_msg_failed, message, TEXT),
	F(hm_msg_failed, exit_status, U64),
};

#define T(kind, name) [kind] = {#name, name, HM_ARRAY_LEN(name), \
				sizeof(struct hm_msg_##name)}
static const struct table tables[] = {
	T(HM_MSG_HELLO, hello),	      T(HM_MSG_WELCOME, welcome),
	T(HM_MSG_CONFIG, config),     T(HM_MSG_PROGRESS, progress),
	T(HM_MSG_STATE, state),	      T(HM_MSG_DONE, done),
	T(HM_MSG_FAILED, failed),
};
static_assert(HM_ARRAY_LEN(tables) == HM_MSG_COUNT, "every message has fields");

static int put_text(struct hm_buf *b, const char *s, struct hm_err *err)
{
	return hm_cbor_put_str(b, s ? s : "", err);
}

static int field_put(const struct field *f, const void *msg, struct hm_buf *b,
		     struct hm_err *err)
{
	const char *at = (const char *)msg + f->offset;
	const struct hm_texts *texts;
	uint64_t v;
	char *s;
	int rc;

	switch (f->kind) {
	case U64:
		memcpy(&v, at, sizeof(v));
		return hm_cbor_put_uint(b, v, err);
	case TEXT:
		memcpy(&s, at, sizeof(s));
		return put_text(b, s, err);
	case BYTES:
	case SECRET:
		return hm_cbor_put_bytes(
			b, hm_buf_slice((const struct hm_buf *)(const void *)at),
			err);
	case TEXTS:
		texts = (const struct hm_texts *)(const void *)at;
		rc = hm_cbor_put_array(b, texts->count, err);
		for (size_t i = 0; rc == HM_OK && i < texts->count; i++)
			rc = put_text(b, texts->items[i], err);
		return rc;
	}
	HM_BUG_ON(true);
	return HM_E_BUG;
}

int hm_msg_encode(enum hm_msg_kind kind, const void *msg, struct hm_buf *b,
		  struct hm_err *err)
{
	const struct table *t = &tables[kind];
	int rc = hm_cbor_put_map(b, t->count, err);

	for (size_t i = 0; rc == HM_OK && i < t->count; i++) {
		rc = hm_cbor_put_str(b, t->fields[i].key, err);
		if (rc == HM_OK)
			rc = field_put(&t->fields[i], msg, b, err);
	}
	return rc < 0 ? hm_err_prefix(err, "%s message", t->name) : HM_OK;
}

static int get_text(struct hm_cbor_reader *r, const char *key, char **ret,
		    struct hm_err *err)
{
	struct hm_cbor_item item;
	int rc = hm_cbor_expect(r, HM_CBOR_TEXT, key, &item, err);

	if (rc < 0)
		return rc;
	/* One line each, but for messages, which nobody parses either. */
	if (item.bytes.len > TEXT_MAX || !hm_slice_is_text(item.bytes))
		return hm_fail(err, HM_E_FORMAT, 0,
			       "%s: over %u bytes or with control characters",
			       key, TEXT_MAX);
	*ret = hm_slice_dup(item.bytes);
	if (!*ret)
		return hm_fail(err, HM_E_NOMEM, 0, "out of memory");
	return HM_OK;
}

static int get_texts(struct hm_cbor_reader *r, const char *key,
		     struct hm_texts *ret, struct hm_err *err)
{
	struct hm_cbor_item item;
	int rc = hm_cbor_expect(r, HM_CBOR_ARRAY, key, &item, err);

	if (rc < 0)
		return rc;
	if (item.value > TEXTS_MAX)
		return hm_fail(err, HM_E_FORMAT, 0, "%s: more than %u", key,
			       TEXTS_MAX);
	if (item.value == 0)
		return HM_OK;
	ret->items = calloc((size_t)item.value, sizeof(*ret->items));
	if (!ret->items)
		return hm_fail(err, HM_E_NOMEM, 0, "out of memory");
	for (; ret->count < item.value; ret->count++) {
		rc = get_text(r, key, &ret->items[ret->count], err);
		if (rc < 0)
			return rc;
	}
	return HM_OK;
}

static int field_get(const struct field *f, struct hm_cbor_reader *r, void *msg,
		     struct hm_err *err)
{
	char *at = (char *)msg + f->offset;
	struct hm_cbor_item item;
	struct hm_buf *buf;
	char *s = NULL;
	int rc;

	switch (f->kind) {
	case U64:
		rc = hm_cbor_expect(r, HM_CBOR_UINT, f->key, &item, err);
		if (rc == HM_OK)
			memcpy(at, &item.value, sizeof(item.value));
		return rc;
	case TEXT:
		rc = get_text(r, f->key, &s, err);
		if (rc == HM_OK)
			memcpy(at, &s, sizeof(s));
		return rc;
	case BYTES:
	case SECRET:
		rc = hm_cbor_expect(r, HM_CBOR_BYTES, f->key, &item, err);
		if (rc < 0)
			return rc;
		buf = (struct hm_buf *)(void *)at;
		hm_buf_init(buf, BYTES_MAX);
		buf->secret = f->kind == SECRET;
		return hm_buf_add_slice(buf, item.bytes, err);
	case TEXTS:
		return get_texts(r, f->key, (struct hm_texts *)(void *)at, err);
	}
	HM_BUG_ON(true);
	return HM_E_BUG;
}

static int fields_get(const struct table *t, struct hm_slice body, void *msg,
		      struct hm_err *err)
{
	struct hm_cbor_reader r = hm_cbor_reader(body, true);
	struct hm_cbor_item item;
	int rc = hm_cbor_expect(&r, HM_CBOR_MAP, "message", &item, err);

	if (rc < 0)
		return rc;
	if (item.value != t->count)
		return hm_fail(err, HM_E_FORMAT, 0, "%llu fields instead of %zu",
			       (unsigned long long)item.value, t->count);
	for (size_t i = 0; i < t->count; i++) {
		rc = hm_cbor_expect(&r, HM_CBOR_TEXT, "key", &item, err);
		if (rc < 0)
			return rc;
		if (!hm_slice_eq_str(item.bytes, t->fields[i].key))
			return hm_fail(err, HM_E_FORMAT, 0,
				       "'%s' is not where it must be",
				       t->fields[i].key);
		rc = field_get(&t->fields[i], &r, msg, err);
		if (rc < 0)
			return rc;
	}
	return hm_cbor_done(&r, "message", err);
}

int hm_msg_decode(enum hm_msg_kind kind, struct hm_slice body, void *msg,
		  struct hm_err *err)
{
	const struct table *t = &tables[kind];
	int rc;

	memset(msg, 0, t->size);
	rc = fields_get(t, body, msg, err);
	if (rc == HM_OK)
		return HM_OK;
	hm_msg_release(kind, msg);
	(void)hm_err_prefix(err, "%s message", t->name);
	/* To the caller a malformed body is a peer that broke the protocol. */
	if (rc == HM_E_FORMAT)
		err->code = HM_E_PROTOCOL;
	return err->code;
}

void hm_msg_release(enum hm_msg_kind kind, void *msg)
{
	const struct table *t = &tables[kind];

	for (size_t i = 0; i < t->count; i++) {
		char *at = (char *)msg + t->fields[i].offset;
		struct hm_texts *texts;
		char *s;

		switch (t->fields[i].kind) {
		case U64:
			break;
		case TEXT:
			memcpy(&s, at, sizeof(s));
			free(s);
			break;
		case BYTES:
		case SECRET:
			hm_buf_release((struct hm_buf *)(void *)at);
			break;
		case TEXTS:
			texts = (struct hm_texts *)(void *)at;
			for (size_t j = 0; j < texts->count; j++)
				free(texts->items[j]);
			free(texts->items);
			break;
		}
	}
	memset(msg, 0, t->size);
}
