/*
 * user_data of the attestation and the latch's value: known bytes, back again,
 * and no other encoding.
 */
#include "test/unit/tap.h"

#include "lib/hex.h"
#include "lib/latch.h"
#include "lib/user_data.h"

static struct hm_user_data sample(enum hm_git_alg alg)
{
	struct hm_user_data u = {.commit = {.alg = alg}};

	memset(u.commit.bytes, 0x11, hm_git_id_len(alg));
	memset(u.tree_sha256, 0x22, HM_SHA256_LEN);
	memset(u.artifacts_sha256, 0x33, HM_SHA256_LEN);
	memset(u.statement_sha256, 0x44, HM_SHA256_LEN);
	return u;
}

#define H32(xx) xx xx xx xx xx xx xx xx xx xx xx xx xx xx xx xx \
		xx xx xx xx xx xx xx xx xx xx xx xx xx xx xx xx
#define H20(xx) xx xx xx xx xx xx xx xx xx xx xx xx xx xx xx xx xx xx xx xx

/* By hand from RFC 8949 and schema/user_data.cddl. */
#define GOLDEN_SHA1                                                            \
	"a5" "6474726565" "5820" H32("22")                                     \
	"66636f6d6d6974" "54" H20("11")                                        \
	"6868616c6c6d61726b" "01"                                              \
	"69617274696661637473" "5820" H32("33")                                \
	"6973746174656d656e74" "5820" H32("44")

static void test_golden(void)
{
	struct hm_user_data u = sample(HM_GIT_SHA1), back;
	AUTO_BUF struct hm_buf b;
	char hex[2 * HM_USER_DATA_MAX + 1];
	struct hm_err err;

	hm_buf_init(&b, HM_USER_DATA_MAX);
	ok_call(hm_user_data_write(&u, &b, &err), &err, "written");
	hm_hex(b.data, b.len, hex);
	ok(strcmp(hex, GOLDEN_SHA1) == 0, "to the bytes made by hand");
	if (strcmp(hex, GOLDEN_SHA1) != 0)
		printf("# %s\n", hex);
	ok_call(hm_user_data_parse(hm_buf_slice(&b), &back, &err), &err,
		"read back");
	ok(memcmp(&u, &back, sizeof(u)) == 0, "as the same facts");
	u = sample(HM_GIT_SHA256);
	hm_buf_release(&b);
	ok(hm_user_data_write(&u, &b, &err) == HM_OK &&
	   hm_user_data_parse(hm_buf_slice(&b), &back, &err) == HM_OK &&
	   memcmp(&u, &back, sizeof(u)) == 0 && b.len <= HM_USER_DATA_MAX,
	   "a SHA-256 repository too, %zu bytes", b.len);
}

/* Every flip is refused or gives other facts, which their hashes then miss. */
static void test_every_bit(void)
{
	struct hm_user_data u = sample(HM_GIT_SHA1), back;
	AUTO_BUF struct hm_buf b;
	size_t same = 0, accepted = 0;
	struct hm_err err;

	hm_buf_init(&b, HM_USER_DATA_MAX);
	if (hm_user_data_write(&u, &b, &err) < 0)
		exit(1);
	for (size_t bit = 0; bit < 8 * b.len; bit++) {
		b.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
		if (hm_user_data_parse(hm_buf_slice(&b), &back, &err) == HM_OK) {
			accepted++;
			same += memcmp(&u, &back, sizeof(u)) == 0;
		}
		b.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	ok(same == 0 && accepted == 8 * (3 * 32 + 20),
	   "only the bits of the four hashes are free, and each of them counts");
	for (size_t len = 0; len < b.len; len++)
		same += hm_user_data_parse(hm_slice(b.data, len), &back,
					   &err) == HM_OK;
	ok(same == 0, "no truncation is accepted");
}

static void test_refusals(void)
{
	static const struct {
		const char *what, *hex, *message;
	} cases[] = {
		{"nothing", "", "user_data: "},
		{"not a map", "01", "user_data: "},
		/* Zeros, because a head that promises more than is left is refused. */
		{"a map of four", "a4" H20("00"), "not a map of 5 keys"},
		{"an indefinite map", "bf6474726565ff", "user_data: "},
		{"keys in another order", "a566636f6d6d6974" H20("00"),
		 "'tree' expected here"},
		{"a short hash", "a564747265655801" "00",
		 "user_data: "},
		{"an empty hash", "a5647472656540" H20("00"),
		 "'tree' has 0 bytes"},
		{"a text for a hash", "a5647472656560", "user_data: "},
		{"a commit of 31 bytes",
		 "a56474726565" "5820" H32("22") "66636f6d6d6974" "43010203",
		 "'commit' has 3 bytes"},
		{"version 2",
		 "a56474726565" "5820" H32("22") "66636f6d6d6974" "54" H20("11")
		 "6868616c6c6d61726b" "02", "version 2 is not known here"},
		{"a byte more", GOLDEN_SHA1 "00", "user_data: "},
	};
	struct hm_user_data back;
	struct hm_err err;
	static uint8_t big[HM_USER_DATA_MAX + 1];

	for (size_t i = 0; i < HM_ARRAY_LEN(cases); i++) {
		uint8_t raw[512];
		size_t len = strlen(cases[i].hex) / 2;

		if (!hm_unhex(hm_slice_str(cases[i].hex), raw, len))
			exit(1);
		fails(hm_user_data_parse(hm_slice(raw, len), &back, &err), &err,
		      HM_E_FORMAT, cases[i].message, "refused: %s",
		      cases[i].what);
	}
	fails(hm_user_data_parse(hm_slice(big, sizeof(big)), &back, &err), &err,
	      HM_E_FORMAT, "513 bytes, more than 512", "refused: too much");
}

static struct hm_latch latch(void)
{
	struct hm_latch l = {
		.commit = {.alg = HM_GIT_SHA1},
		.network = "record",
		.runtime = "crun",
	};

	memset(l.commit.bytes, 0x11, 20);
	memset(l.tree_sha256, 0x22, HM_SHA256_LEN);
	memset(l.config_sha256, 0x33, HM_SHA256_LEN);
	return l;
}

static void test_latch(void)
{
	static const char by_hand[] =
		"86" "7068616c6c6d61726b206c617463682031"
		"54" H20("11") "5820" H32("22") "5820" H32("33")
		"667265636f7264" "646372756e";
	uint8_t raw[256], want[HM_SHA384_LEN], got[HM_SHA384_LEN];
	uint8_t both[96] = {0}, pcr[HM_PCR_LEN];
	struct hm_latch l = latch(), other;
	size_t len = strlen(by_hand) / 2, same = 0;
	struct hm_err err;

	if (!hm_unhex(hm_slice_str(by_hand), raw, len) ||
	    hm_sha384(hm_slice(raw, len), want, &err) < 0)
		exit(1);
	ok_call(hm_latch_digest(&l, got, &err), &err, "the latch's digest");
	ok(memcmp(got, want, sizeof(got)) == 0,
	   "is the SHA-384 of the bytes made by hand");
	memcpy(both + 48, want, 48);
	ok(hm_latch_pcr(&l, pcr, &err) == HM_OK &&
	   hm_sha384(hm_slice(both, 96), want, &err) == HM_OK &&
	   memcmp(pcr, want, 48) == 0, "PCR16 is that, extended from zero");
	for (int i = 0; i < 5; i++) {
		other = latch();
		other.commit.bytes[0] ^= i == 0;
		other.tree_sha256[0] ^= i == 1;
		other.config_sha256[0] ^= i == 2;
		other.network = i == 3 ? "none" : "record";
		other.runtime = i == 4 ? "runc" : "crun";
		same += hm_latch_pcr(&other, want, &err) == HM_OK &&
			memcmp(pcr, want, 48) == 0;
	}
	ok(same == 0, "each of the five facts changes it");
	other = latch();
	other.network = "recordd";
	other.runtime = "run";
	ok(hm_latch_pcr(&other, want, &err) == HM_OK &&
	   memcmp(pcr, want, 48) != 0, "no byte can move from one to the next");
}

int main(void)
{
	test_golden();
	test_every_bit();
	test_refusals();
	test_latch();
	return tap_done();
}
