/*
 * lib/dsse: round trips, every changed byte, and envelopes that others made.
 * Texts that must be refused, and how, are in test/reject/dsse and .../bundle.
 */
#include "lib/dsse.h"
#include "lib/path.h"

#include "test/unit/tap.h"

static struct hm_err err;

static const char statement[] = "{\"_type\":\"https://in-toto.io/Statement/v1\"}";

static void test_pae(void)
{
	AUTO_BUF struct hm_buf b;

	hm_buf_init(&b, 256);
	ok_call(hm_dsse_pae(hm_slice_str("http://example.com/HelloWorld"),
			    hm_slice_str("hello world"), &b, &err),
		&err, "PAE");
	ok(hm_slice_eq_str(hm_buf_slice(&b),
			   "DSSEv1 29 http://example.com/HelloWorld 11 hello world"),
	   "is the specification's example");
	hm_buf_release(&b);
	ok_call(hm_dsse_pae(hm_slice_str(""), hm_slice_str(""), &b, &err), &err,
		"PAE of nothing");
	ok(hm_slice_eq_str(hm_buf_slice(&b), "DSSEv1 0  0 "), "has the lengths");
}

static struct hm_key *new_key(enum hm_key_kind kind)
{
	struct hm_key *k = NULL;

	if (hm_key_generate(kind, &k, &err) != HM_OK)
		printf("Bail out! %s\n", err.msg);
	return k;
}

static void test_envelope(enum hm_key_kind kind)
{
	AUTO_KEY struct hm_key *k = new_key(kind), *other = new_key(kind);
	AUTO_DSSE struct hm_dsse d, again;
	AUTO_BUF struct hm_buf json, twice;

	hm_dsse_init(&d);
	hm_dsse_init(&again);
	hm_buf_init(&json, 65536);
	hm_buf_init(&twice, 65536);
	ok_call(hm_dsse_sign(k, HM_PAYLOAD_INTOTO, hm_slice_str(statement), &d,
			     &err),
		&err, "sign");
	ok_call(hm_dsse_verify(&d, k, &err), &err, "verify");
	fails(hm_dsse_verify(&d, other, &err), &err, HM_E_CRYPTO, "envelope",
	      "another key");
	ok_call(hm_dsse_write(&d, &json, &err), &err, "write");
	ok_call(hm_dsse_parse(hm_buf_slice(&json), &again, &err), &err, "parse");
	ok(hm_slice_eq_str(hm_buf_slice(&again.payload), statement) &&
		   hm_slice_eq_str(hm_buf_slice(&again.payload_type),
				   HM_PAYLOAD_INTOTO) &&
		   hm_slice_eq(hm_buf_slice(&again.sig), hm_buf_slice(&d.sig)),
	   "what was written");
	ok_call(hm_dsse_write(&again, &twice, &err), &err, "write again");
	ok(hm_slice_eq(hm_buf_slice(&json), hm_buf_slice(&twice)), "same bytes");
	again.payload_type.data[0] ^= 1;
	fails(hm_dsse_verify(&again, k, &err), &err, HM_E_CRYPTO, "envelope",
	      "another payload type");
}

/* A reader must take either alphabet, any order, and a keyid it drops. */
static void test_foreign_envelope(void)
{
	AUTO_DSSE struct hm_dsse d;

	hm_dsse_init(&d);
	ok_call(hm_dsse_parse(hm_slice_str("{ \"signatures\" : [ {\"keyid\":\"\","
					   "\"sig\":\"-_-_\"} ],\n\"payloadType\":"
					   "\"a/b\",\"payload\":\"-_8=\"}"),
			      &d, &err),
		&err, "URL-safe base64, blanks, order, keyid");
	ok(hm_slice_eq(hm_buf_slice(&d.sig), hm_slice("\xfb\xff\xbf", 3)) &&
		   hm_slice_eq(hm_buf_slice(&d.payload), hm_slice("\xfb\xff", 2)),
	   "decoded");
}

/* What a verifier of ours demands of a bundle whose key it knows. */
static int accept(struct hm_slice json, const struct hm_key *k)
{
	AUTO_BUNDLE struct hm_bundle b;
	int rc;

	hm_bundle_init(&b);
	rc = hm_bundle_parse(json, &b, &err);
	if (rc == HM_OK && !hm_bundle_is_canonical(&b, json))
		rc = hm_fail(&err, HM_E_FORMAT, 0, "not canonical");
	if (rc == HM_OK)
		rc = hm_bundle_check_hint(&b, k, &err);
	return rc < 0 ? rc : hm_dsse_verify(&b.dsse, k, &err);
}

static struct hm_json *parsed(const char *text)
{
	struct hm_json *v = NULL;

	if (hm_json_parse(hm_slice_str(text), 4096, &v, &err) != HM_OK)
		printf("Bail out! %s\n", err.msg);
	return v;
}

static void write_bundle(const struct hm_key *k, const char *entries,
			 const char *timestamps, struct hm_buf *json)
{
	AUTO_JSON struct hm_json *e = entries ? parsed(entries) : NULL;
	AUTO_JSON struct hm_json *t = timestamps ? parsed(timestamps) : NULL;
	AUTO_DSSE struct hm_dsse d;

	hm_dsse_init(&d);
	ok_call(hm_dsse_sign(k, HM_PAYLOAD_INTOTO, hm_slice_str(statement), &d,
			     &err),
		&err, "sign");
	ok_call(hm_bundle_write(&d, k, e, t, json, &err), &err, "write");
}

static void test_bundle(void)
{
	AUTO_KEY struct hm_key *k = new_key(HM_KEY_P256);
	AUTO_KEY struct hm_key *other = new_key(HM_KEY_P256);
	AUTO_BUNDLE struct hm_bundle b;
	AUTO_BUF struct hm_buf json;

	hm_bundle_init(&b);
	hm_buf_init(&json, 65536);
	write_bundle(k, "[{\"logIndex\":\"1\"}]",
		     "[{\"signedTimestamp\":\"AAAA\"}]", &json);
	ok_call(accept(hm_buf_slice(&json), k), &err, "accepted");
	fails(accept(hm_buf_slice(&json), other), &err, HM_E_CRYPTO,
	      "publicKey.hint is not the digest", "not with another key");
	ok_call(hm_bundle_parse(hm_buf_slice(&json), &b, &err), &err, "parse");
	ok(hm_json_count(b.log_entries) == 1 && hm_json_count(b.timestamps) == 1,
	   "log entries and timestamps are kept");
	hm_bundle_release(&b);
	ok_call(hm_bundle_parse(hm_buf_slice(&json), &b, &err), &err,
		"parse into a released one");
	hm_buf_release(&json);
	write_bundle(k, NULL, NULL, &json);
	ok_call(accept(hm_buf_slice(&json), k), &err, "accepted without either");
	ok(!memmem(json.data, json.len, "tlogEntries", 11) &&
		   !memmem(json.data, json.len, "timestamp", 9) &&
		   !memmem(json.data, json.len, "keyid", 5),
	   "what is not there is not written");
	ok_call(hm_buf_add_str(&json, "\n", &err), &err, "one newline more");
	fails(accept(hm_buf_slice(&json), k), &err, HM_E_FORMAT, "not canonical",
	      "is another form");
}

/* No byte of a bundle is without effect. */
static void test_every_change(void)
{
	AUTO_KEY struct hm_key *k = new_key(HM_KEY_P256);
	AUTO_BUF struct hm_buf json;
	size_t survived = 0, tried = 0;

	hm_buf_init(&json, 65536);
	write_bundle(k, NULL, NULL, &json);
	for (size_t i = 0; i < json.len; i++) {
		for (unsigned int bit = 0; bit < 8; bit++, tried++) {
			json.data[i] ^= (uint8_t)(1U << bit);
			survived += accept(hm_buf_slice(&json), k) == HM_OK;
			json.data[i] ^= (uint8_t)(1U << bit);
		}
		survived += accept(hm_slice(json.data, i), k) == HM_OK;
	}
	ok(survived == 0 && tried > 3000,
	   "%zu of %zu flips and %zu truncations survive", survived, tried,
	   json.len);
	survived = 0;
	for (size_t i = 0; i <= json.len; i++) {
		static const char inserted[] = " \n,0A\"";
		AUTO_BUF struct hm_buf longer;

		for (size_t c = 0; c < sizeof(inserted); c++) {
			hm_buf_init(&longer, 65536);
			(void)!hm_buf_add(&longer, json.data, i, &err);
			(void)!hm_buf_add(&longer, inserted + c, 1, &err);
			(void)!hm_buf_add(&longer, json.data + i, json.len - i,
					  &err);
			HM_BUG_ON(longer.len != json.len + 1);
			survived += accept(hm_buf_slice(&longer), k) == HM_OK;
			hm_buf_release(&longer);
		}
	}
	ok(survived == 0, "%zu insertions survive", survived);
	ok_call(accept(hm_buf_slice(&json), k), &err, "unchanged it is good");
}

static bool load(const char *dir, const char *name, struct hm_buf *b)
{
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/log/bundle/%s", dir, name);
	hm_buf_release(b);
	return hm_file_read_user(path, b, &err) == HM_OK;
}

/* Made with cosign 3 and real logs, by keys we do not have. */
static void test_vectors(void)
{
	static const struct {
		const char *bundle, *key;
		bool good;
	} table[] = {
		{"bundle-mylog.json", "pub.pem", true},
		{"bundle-v2.json", "pub.pem", true},
		{"bundle-v1-dsse.json", "pub.pem", true},
		{"sp256e.sigstore.json", "sp256e.pub", true},
		{"sp256e.sigstore.json", "pub.pem", false},
		{"bad-sig.json", "pub.pem", false},
	};
	const char *dir = getenv("HM_VECTORS");
	AUTO_BUF struct hm_buf text, pem;

	hm_buf_init(&text, 1 << 20);
	hm_buf_init(&pem, 4096);
	if (!dir)
		dir = "../shared/vectors";
	if (!load(dir, table[0].bundle, &text)) {
		skip("bundles made by cosign: no %s (set HM_VECTORS)", dir);
		return;
	}
	for (size_t i = 0; i < HM_ARRAY_LEN(table); i++) {
		AUTO_KEY struct hm_key *k = NULL;
		AUTO_BUNDLE struct hm_bundle b;

		hm_bundle_init(&b);
		ok(load(dir, table[i].bundle, &text) &&
			   load(dir, table[i].key, &pem),
		   "read %s", table[i].bundle);
		ok_call(hm_key_from_public_pem(hm_buf_slice(&pem), &k, &err),
			&err, "%s", table[i].key);
		ok_call(hm_bundle_parse(hm_buf_slice(&text), &b, &err), &err,
			"parse");
		ok((hm_dsse_verify(&b.dsse, k, &err) == HM_OK) == table[i].good,
		   "%s with %s is %s", table[i].bundle, table[i].key,
		   table[i].good ? "good" : "bad");
		if (strcmp(table[i].bundle, "bad-sig.json") != 0)
			ok((hm_bundle_check_hint(&b, k, &err) == HM_OK) ==
				   table[i].good,
			   "so is the hint");
		hm_key_free(HM_TAKE_PTR(k));
		hm_bundle_release(&b);
	}
}

int main(void)
{
	test_pae();
	test_envelope(HM_KEY_P256);
	test_envelope(HM_KEY_ED25519);
	test_foreign_envelope();
	test_bundle();
	test_every_change();
	test_vectors();
	return tap_done();
}
