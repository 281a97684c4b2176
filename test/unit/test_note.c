/*
 * Signed notes, verifier keys, checkpoints and cosignatures: known answers of
 * Go's implementation, everything that must be refused, and every changed byte.
 */
#include <stdlib.h>

#include "lib/hex.h"
#include "lib/note.h"
#include "lib/path.h"
#include "test/unit/tap.h"

static struct hm_err err;

/* From the documentation of golang.org/x/mod/sumdb/note. */
static const char go_vkey[] =
	"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
static const char go_note[] =
	"If you think cryptography is the answer to your problem,\n"
	"then you don't know what your problem is.\n"
	"\n"
	"\xe2\x80\x94 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

static struct hm_note_key make_key(const char *name, enum hm_key_kind kind,
				   bool cosignature)
{
	struct hm_note_key k = {.key = NULL};
	struct hm_key *key = NULL;

	HM_BUG_ON(hm_key_generate(kind, &key, &err) != HM_OK);
	HM_BUG_ON(hm_note_key_init(&k, hm_slice_str(name), cosignature, key,
				   &err) != HM_OK);
	return k;
}

/* Parses and verifies in one step. */
static int check(struct hm_slice bytes, const struct hm_note_key *k)
{
	static struct hm_note note;
	int rc = hm_note_parse(bytes, &note, &err);

	if (rc == HM_OK)
		rc = hm_note_verify(&note, k, NULL, &err);
	return rc;
}

static void test_go(void)
{
	AUTO_NOTE_KEY struct hm_note_key k = {.key = NULL};
	AUTO_BUF struct hm_buf b;
	char bytes[sizeof(go_note)];
	size_t survived = 0;

	hm_buf_init(&b, 4096);
	ok_call(hm_note_vkey_parse(hm_slice_str(go_vkey), &k, &err), &err,
		"Go's verifier key");
	ok_call(check(hm_slice_str(go_note), &k), &err, "Go's note");
	ok_call(hm_note_vkey_write(&k, &b, &err), &err, "write the key again");
	ok(hm_slice_eq_str(hm_buf_slice(&b), go_vkey), "it is the same text");
	for (size_t i = 0; i < strlen(go_note); i++) {
		for (unsigned int bit = 0; bit < 8; bit++) {
			memcpy(bytes, go_note, sizeof(bytes));
			bytes[i] = (char)(bytes[i] ^ (1 << bit));
			survived += check(hm_slice(bytes, strlen(go_note)),
					  &k) == HM_OK;
		}
	}
	ok(survived == 0, "no bit of a note can change");
	for (size_t i = 0; i < strlen(go_note); i++)
		survived += check(hm_slice(go_note, i), &k) == HM_OK;
	ok(survived == 0, "no note can be cut");
	memcpy(bytes, go_note, sizeof(bytes));
	bytes[strlen(go_note)] = 'x';
	fails(check(hm_slice(bytes, sizeof(bytes)), &k), &err, HM_E_FORMAT,
	      "last line does not end", "nothing may follow a note");
}

static void test_vkeys(void)
{
	static const struct {
		const char *text;
		enum hm_code code;
		const char *message;
	} bad[] = {
		{"", HM_E_FORMAT, "not a verifier key"},
		{"name", HM_E_FORMAT, "not a verifier key"},
		{"name+c74f20a3", HM_E_FORMAT, "not a verifier key"},
		{"name+c74f20+ARpc", HM_E_FORMAT, "not a verifier key"},
		{"name+C74F20A3+ARpc", HM_E_FORMAT, "not a verifier key"},
		{"n+c74f20a3+ARp", HM_E_FORMAT, "not the base64"},
		{"n+c74f20a3+ARpc", HM_E_POLICY, "neither Ed25519"},
		{"+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		 HM_E_FORMAT, "key name of 0 bytes"},
		{"Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		 HM_E_FORMAT, "holds a blank"},
		{"PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		 HM_E_CRYPTO, "its id is not"},
		{"PeterNeumann+c74f20a3+Bhpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		 HM_E_POLICY, "neither Ed25519"},
	};
	AUTO_NOTE_KEY struct hm_note_key k = {.key = NULL};

	for (size_t i = 0; i < HM_ARRAY_LEN(bad); i++)
		fails(hm_note_vkey_parse(hm_slice_str(bad[i].text), &k, &err),
		      &err, bad[i].code, bad[i].message, "refused key %zu", i);
	ok(!k.key, "nothing was written on failure");
}

static void test_malformed(void)
{
	static const struct {
		const char *text;
		const char *message;
	} bad[] = {
		{"", "no blank line"},
		{"text\n", "no blank line"},
		{"text\n\n", "not signed"},
		{"\n\n\xe2\x80\x94 n AAAAAAA=\n", NULL},
		{"a\x01\n\n\xe2\x80\x94 n AAAAAAA=\n", "not plain text"},
		{"a\xff\n\n\xe2\x80\x94 n AAAAAAA=\n", "not plain text"},
		{"a\r\n\n\xe2\x80\x94 n AAAAAAA=\n", "not plain text"},
		{"a\n\n- n AAAAAAA=\n", "does not begin with a dash"},
		{"a\n\n\xe2\x80\x94 nAAAAAAA=\n", "without name"},
		{"a\n\n\xe2\x80\x94  AAAAAAA=\n", "key name of 0 bytes"},
		{"a\n\n\xe2\x80\x94 n+ AAAAAAA=\n", "holds a blank or '+'"},
		{"a\n\n\xe2\x80\x94 n AAAAAA==\n", "not base64 of an id"},
		{"a\n\n\xe2\x80\x94 n AAAAA A=\n", "not base64 of an id"},
		{"a\n\n\xe2\x80\x94 n AAAAAAA=", "does not end"},
	};
	static struct hm_note note;
	AUTO_BUF struct hm_buf b;

	for (size_t i = 0; i < HM_ARRAY_LEN(bad); i++) {
		if (!bad[i].message) {
			ok_call(hm_note_parse(hm_slice_str(bad[i].text), &note,
					      &err), &err,
				"an empty line is a text");
			continue;
		}
		fails(hm_note_parse(hm_slice_str(bad[i].text), &note, &err),
		      &err, HM_E_FORMAT, bad[i].message, "malformed note %zu",
		      i);
	}
	hm_buf_init(&b, 2 * HM_NOTE_MAX);
	HM_BUG_ON(hm_buf_add_str(&b, "a\n\n", &err) != HM_OK);
	for (size_t i = 0; i <= HM_NOTE_SIGS_MAX; i++)
		HM_BUG_ON(hm_buf_add_str(&b, "\xe2\x80\x94 n AAAAAAA=\n",
					 &err) != HM_OK);
	fails(hm_note_parse(hm_buf_slice(&b), &note, &err), &err,
	      HM_E_TOO_LARGE, "more than 100", "101 signatures");
	while (b.len <= HM_NOTE_MAX)
		HM_BUG_ON(hm_buf_add(&b, go_note, sizeof(go_note), &err) !=
			  HM_OK);
	fails(hm_note_parse(hm_buf_slice(&b), &note, &err), &err,
	      HM_E_TOO_LARGE, "note of", "half a megabyte");
}

static void test_signers(void)
{
	static const char text[] = "log.example.org\n7\nroot\n";
	AUTO_NOTE_KEY struct hm_note_key ed =
		make_key("log.example.org", HM_KEY_ED25519, false);
	AUTO_NOTE_KEY struct hm_note_key ec =
		make_key("log.example.org", HM_KEY_P256, false);
	AUTO_NOTE_KEY struct hm_note_key witness =
		make_key("witness.example/w1", HM_KEY_ED25519, true);
	AUTO_NOTE_KEY struct hm_note_key other =
		make_key("log.example.org", HM_KEY_ED25519, false);
	AUTO_BUF struct hm_buf b;
	static struct hm_note note;
	uint64_t time_s = 1;
	size_t len;

	hm_buf_init(&b, HM_NOTE_MAX);
	ok_call(hm_note_sign(hm_slice_str(text), &ed, &b, &err), &err, "sign");
	ok_call(check(hm_buf_slice(&b), &ed), &err, "verify");
	fails(check(hm_buf_slice(&b), &other), &err, HM_E_POLICY,
	      "not signed by 'log.example.org'", "another key of that name");
	len = b.len;
	ok_call(hm_note_cosign(hm_slice_str(text), &witness, 1795312381, &b,
			       &err), &err, "cosign");
	ok_call(check(hm_buf_slice(&b), &ed), &err,
		"an unknown signature does not matter");
	ok_call(hm_note_parse(hm_buf_slice(&b), &note, &err), &err, "parse");
	ok_call(hm_note_verify(&note, &witness, &time_s, &err), &err,
		"verify the cosignature");
	ok(time_s == 1795312381, "it has the time");
	ok_call(hm_note_verify(&note, &ed, &time_s, &err), &err,
		"a plain signature");
	ok(time_s == 0, "has no time");
	/* "- witness.example/w1 " is 23 bytes; 13 digits on is the time's end. */
	b.data[len + 36] = b.data[len + 36] == 'A' ? 'B' : 'A';
	fails(check(hm_buf_slice(&b), &witness), &err, HM_E_CRYPTO,
	      "witness.example/w1", "a cosignature with another time");
	b.len = 0;
	ok_call(hm_note_sign(hm_slice_str(text), &ec, &b, &err), &err,
		"sign with ECDSA");
	ok_call(check(hm_buf_slice(&b), &ec), &err, "verify it");
	/* Both keys of one name: a second line of a known key must hold too. */
	hm_buf_init(&b, HM_NOTE_MAX);
	ok_call(hm_note_sign(hm_slice_str(text), &ed, &b, &err), &err, "sign");
	len = b.len;
	HM_BUG_ON(hm_buf_add(&b, b.data + strlen(text) + 1,
			     len - strlen(text) - 1, &err) != HM_OK);
	b.data[b.len - 6] = b.data[b.len - 6] == 'A' ? 'B' : 'A';
	fails(check(hm_buf_slice(&b), &ed), &err, HM_E_CRYPTO, "signature of",
	      "one good line does not excuse a bad one");
	fails(hm_note_sign(hm_slice_str("no newline"), &ed, &b, &err), &err,
	      HM_E_FORMAT, "not plain text", "text must end with a newline");
	hm_buf_release(&b);
}

static void test_key_kinds(void)
{
	struct hm_note_key k = {.key = NULL};
	struct hm_key *key = NULL;

	HM_BUG_ON(hm_key_generate(HM_KEY_P256, &key, &err) != HM_OK);
	fails(hm_note_key_init(&k, hm_slice_str("w"), true, key, &err), &err,
	      HM_E_POLICY, "cannot sign cosignatures", "ECDSA is no witness");
	HM_BUG_ON(hm_key_generate(HM_KEY_ED25519, &key, &err) != HM_OK);
	fails(hm_note_key_init(&k, hm_slice_str("a b"), false, key, &err), &err,
	      HM_E_FORMAT, "holds a blank", "name with a blank");
}

static void test_origins(void)
{
	static const char *const good[] = {
		"log", "log.example.org", "a-b.c0.d", "1.2",
	};
	static const char *const bad[] = {
		"", ".", "a.", ".a", "a..b", "-a.b", "a-.b", "a.b-", "A.b",
		"a.b:80", "a.b/c", "https://a.b", "a_b", "rekor - 123",
		"a123456789b123456789c123456789d123456789e123456789f123456789g1234.x",
	};

	for (size_t i = 0; i < HM_ARRAY_LEN(good); i++)
		ok_call(hm_log_origin_check(hm_slice_str(good[i]), &err), &err,
			"origin '%s'", good[i]);
	for (size_t i = 0; i < HM_ARRAY_LEN(bad); i++)
		fails(hm_log_origin_check(hm_slice_str(bad[i]), &err), &err,
		      HM_E_FORMAT, "log.example.org", "no origin: '%s'",
		      bad[i]);
}

static void test_checkpoints(void)
{
	static const char text[] =
		"log.example.org\n300\n"
		"1iP7UPocBFYdedFbj+ObmyRl6shsFZB2yXWgxXEaHp8=\n";
	static const struct {
		const char *text;
		const char *message;
	} bad[] = {
		{"o\n1\n", "not three lines"},
		{"\n1\n1iP7UPocBFYdedFbj+ObmyRl6shsFZB2yXWgxXEaHp8=\n",
		 "not three lines"},
		{"o\n01\n1iP7UPocBFYdedFbj+ObmyRl6shsFZB2yXWgxXEaHp8=\n",
		 "size is not a number"},
		{"o\n-1\n1iP7UPocBFYdedFbj+ObmyRl6shsFZB2yXWgxXEaHp8=\n",
		 "size is not a number"},
		{"o\n9223372036854775808\n1iP7UPocBFYdedFbj+ObmyRl6shsFZB2yXWgxXEaHp8=\n",
		 "size is not a number"},
		{"o\n1\n1iP7UPocBFYdedFbj+ObmyRl6shsFZB2yXWgxXEaHp=\n",
		 "root is not base64"},
		{"o\n1\nAAAA\n", "root is not base64"},
	};
	struct hm_checkpoint c;
	AUTO_BUF struct hm_buf b;

	hm_buf_init(&b, 4096);
	ok_call(hm_checkpoint_parse(hm_slice_str(text), &c, &err), &err,
		"checkpoint");
	ok(c.size == 300 && hm_slice_eq_str(c.origin, "log.example.org") &&
	   c.root.bytes[0] == 0xd6 && c.extensions.len == 0, "its fields");
	ok_call(hm_checkpoint_write(c.origin, c.size, &c.root, &b, &err), &err,
		"write it");
	ok(hm_slice_eq_str(hm_buf_slice(&b), text), "the same text again");
	HM_BUG_ON(hm_buf_add_str(&b, "extra\n", &err) != HM_OK);
	ok_call(hm_checkpoint_parse(hm_buf_slice(&b), &c, &err), &err,
		"with an extension line");
	ok(hm_slice_eq_str(c.extensions, "extra\n"), "which is kept");
	for (size_t i = 0; i < HM_ARRAY_LEN(bad); i++)
		fails(hm_checkpoint_parse(hm_slice_str(bad[i].text), &c, &err),
		      &err, HM_E_FORMAT, bad[i].message, "bad checkpoint %zu",
		      i);
}

static bool load(const char *dir, const char *name, struct hm_buf *b)
{
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s/log/%s", dir, name);
	hm_buf_init(b, HM_NOTE_MAX);
	return hm_file_read_user(path, b, &err) == HM_OK;
}

/* Notes that servers wrote which are not ours. */
static void test_vectors(void)
{
	static const char *const cases[][3] = {
		{"tlog/tessera-log/checkpoint", "tlog/tessera.vkey", "Tessera"},
		{"tlog/cosigned.checkpoint", "tlog/mylog.vkey", "a tiles log"},
		{"tlog/cosigned.checkpoint", "tlog/cosig.vkey", "omniwitness"},
		{"rekor2/tiles/checkpoint", "rekor2/vkey", "Rekor v2"},
		{"rekor2/tiles/checkpoint", "tlog/cosig.vkey", "its witness"},
	};
	const char *dir = getenv("HM_VECTORS");

	dir = dir ? dir : "../shared/vectors";
	for (size_t i = 0; i < HM_ARRAY_LEN(cases); i++) {
		AUTO_NOTE_KEY struct hm_note_key k = {.key = NULL};
		AUTO_BUF struct hm_buf note;
		AUTO_BUF struct hm_buf vkey;

		if (!load(dir, cases[i][0], &note) ||
		    !load(dir, cases[i][1], &vkey)) {
			skip("NO VECTORS under '%s' (HM_VECTORS): %s", dir,
			     cases[i][2]);
			continue;
		}
		ok_call(hm_note_vkey_parse(hm_buf_slice(&vkey), &k, &err), &err,
			"verifier key of %s", cases[i][2]);
		ok_call(check(hm_buf_slice(&note), &k), &err, "note of %s",
			cases[i][2]);
	}
}

int main(void)
{
	test_go();
	test_vkeys();
	test_malformed();
	test_signers();
	test_key_kinds();
	test_origins();
	test_checkpoints();
	test_vectors();
	return tap_done();
}
