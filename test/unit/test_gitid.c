/* Object ids: text form, known answers, declared sizes, the SHA-1 collision. */
#include "lib/githash.h"
#include "lib/hex.h"
#include "lib/sha1dc.h"
#include "test/unit/tap.h"

static struct hm_err err;

static void id_of(enum hm_git_alg alg, enum hm_git_type type, const char *text,
		  size_t piece, char hex[HM_GIT_HEX_MAX])
{
	AUTO_GIT_HASHER struct hm_git_hasher *h = NULL;
	struct hm_git_id id;
	size_t len = strlen(text);

	hex[0] = 0;
	if (hm_git_hasher_new(alg, &h, &err) < 0 ||
	    hm_git_hasher_begin(h, type, len, &err) < 0)
		return;
	for (size_t i = 0; i < len; i += piece)
		if (hm_git_hasher_update(h, text + i,
					 len - i < piece ? len - i : piece,
					 &err) < 0)
			return;
	if (hm_git_hasher_end(h, &id, &err) == HM_OK)
		hm_git_id_hex(&id, hex);
}

/* Made with `git hash-object` and `git init --object-format=sha256`. */
static void test_known(void)
{
	static const struct {
		enum hm_git_alg alg;
		enum hm_git_type type;
		const char *text, *id;
	} cases[] = {
		{HM_GIT_SHA1, HM_GIT_BLOB, "",
		 "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"},
		{HM_GIT_SHA1, HM_GIT_TREE, "",
		 "4b825dc642cb6eb9a060e54bf8d69288fbee4904"},
		{HM_GIT_SHA1, HM_GIT_BLOB, "hello world\n",
		 "3b18e512dba79e4c8300dd08aeb37f8e728b8dad"},
		{HM_GIT_SHA256, HM_GIT_BLOB, "",
		 "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813"},
		{HM_GIT_SHA256, HM_GIT_TREE, "",
		 "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"},
		{HM_GIT_SHA256, HM_GIT_BLOB, "hello world\n",
		 "0bd69098bd9b9cc5934a610ab65da429b525361147faa7b5b922919e9a23143d"},
	};
	char hex[HM_GIT_HEX_MAX];

	for (size_t i = 0; i < HM_ARRAY_LEN(cases); i++) {
		id_of(cases[i].alg, cases[i].type, cases[i].text, 1000, hex);
		ok(strcmp(hex, cases[i].id) == 0, "id of '%.5s' (%s, %zu)",
		   cases[i].text, hm_git_type_name(cases[i].type), i);
		id_of(cases[i].alg, cases[i].type, cases[i].text, 1, hex);
		ok(strcmp(hex, cases[i].id) == 0, "the same byte by byte");
	}
}

static void test_sizes(void)
{
	struct hm_git_id id;

	for (int alg = HM_GIT_SHA1; alg <= HM_GIT_SHA256; alg++) {
		AUTO_GIT_HASHER struct hm_git_hasher *h = NULL;
		char hex[HM_GIT_HEX_MAX];

		ok_call(hm_git_hasher_new((enum hm_git_alg)alg, &h, &err), &err,
			"a hasher");
		ok_call(hm_git_hasher_begin(h, HM_GIT_BLOB, 3, &err), &err, "3");
		fails(hm_git_hasher_update(h, "abcd", 4, &err), &err,
		      HM_E_FORMAT, "longer than it declared", "4 bytes of 3");
		ok_call(hm_git_hasher_update(h, "ab", 2, &err), &err, "2 bytes");
		fails(hm_git_hasher_end(h, &id, &err), &err, HM_E_FORMAT,
		      "1 bytes shorter than it declared", "2 bytes of 3");
		/* what was abandoned leaves nothing behind */
		ok_call(hm_git_hasher_begin(h, HM_GIT_BLOB, 0, &err), &err, "0");
		ok_call(hm_git_hasher_end(h, &id, &err), &err, "0 bytes of 0");
		hm_git_id_hex(&id, hex);
		ok(strncmp(hex, alg == HM_GIT_SHA1 ? "e69de29b" : "473a0f4c",
			   8) == 0, "the empty blob after an abandoned object");
	}
}

static void test_text(void)
{
	struct hm_git_id id, other;
	char hex[HM_GIT_HEX_MAX];
	const char *sha1 = "3b18e512dba79e4c8300dd08aeb37f8e728b8dad";

	ok_call(hm_git_id_parse(hm_slice_str(sha1), &id, &err), &err, "40 digits");
	hm_git_id_hex(&id, hex);
	ok(id.alg == HM_GIT_SHA1 && strcmp(hex, sha1) == 0, "and back");
	ok_call(hm_git_id_parse(hm_slice_str(
			"0bd69098bd9b9cc5934a610ab65da429b525361147faa7b5b9229"
			"19e9a23143d"), &other, &err), &err, "64 digits");
	ok(other.alg == HM_GIT_SHA256 && !hm_git_id_equal(&id, &other),
	   "the length tells the algorithm");
	other = id;
	ok(hm_git_id_equal(&id, &other), "equal to itself");
	other.bytes[19] ^= 1;
	ok(!hm_git_id_equal(&id, &other), "not to another");
	fails(hm_git_id_parse(hm_slice_str("3b18e512"), &id, &err), &err,
	      HM_E_FORMAT, "'3b18e512' is not a git object id", "abbreviated");
	fails(hm_git_id_parse(hm_slice_str(
			"3B18e512dba79e4c8300dd08aeb37f8e728b8dad"), &id, &err),
	      &err, HM_E_FORMAT, "lower-case", "upper case");
	fails(hm_git_id_parse(hm_slice_str(""), &id, &err), &err, HM_E_FORMAT,
	      "not a git object id", "empty");
}

/*
 * The published collision (see lib/sha1dc.c for the paper), behind bytes of our
 * own: whatever follows the prefix, both messages are refused.
 */
static void test_collision(void)
{
	static const char prefix[] =
		"255044462d312e330a25e2e3cfd30a0a0a312030206f626a0a3c3c2f57696474"
		"682032203020522f4865696768742033203020522f547970652034203020522f"
		"537562747970652035203020522f46696c7465722036203020522f436f6c6f72"
		"53706163652037203020522f4c656e6774682038203020522f42697473506572"
		"436f6d706f6e656e7420383e3e0a73747265616d0affd8fffe00245348412d31"
		"20697320646561642121212121852fec092339759c39b1a1c63c4c97e1fffe01"
		"7f46dc93a6b67e013b029aaa1db2560b45ca67d688c7f84b8c4c791fe02b3df6"
		"14f86db1690901c56b45c1530afedfb76038e972722fe7ad728f0e4904e046c2"
		"30570fe9d41398abe12ef5bc942be33542a4802d98b5d70f2a332ec37fac3514"
		"e74ddc0f2cc1a874cd0c78305a21566461309789606bd0bf3f98cda8044629a1";
	uint8_t data[320], out[HM_SHA1_LEN];
	struct hm_sha1 *s = NULL;

	ok(hm_unhex(hm_slice_str(prefix), data, sizeof(data)), "vector");
	ok_call(hm_sha1_new(&s, &err), &err, "self-test");
	hm_sha1_begin(s);
	hm_sha1_update(s, data, sizeof(data));
	hm_sha1_update(s, "and more", 8);
	fails(hm_sha1_final(s, out, &err), &err, HM_E_CRYPTO,
	      "SHA-1 collision attack detected", "the collision is refused");
	hm_sha1_begin(s);
	for (size_t i = 0; i < sizeof(data); i += 7)
		hm_sha1_update(s, data + i, sizeof(data) - i < 7 ?
						    sizeof(data) - i : 7);
	fails(hm_sha1_final(s, out, &err), &err, HM_E_CRYPTO, "collision",
	      "also in small pieces");
	data[319] ^= 1;		/* no longer a collision, just bytes */
	hm_sha1_begin(s);
	hm_sha1_update(s, data, sizeof(data));
	ok_call(hm_sha1_final(s, out, &err), &err, "one bit off is taken");
	hm_sha1_free(s);
}

int main(void)
{
	test_known();
	test_sizes();
	test_text();
	test_collision();
	return tap_done();
}
