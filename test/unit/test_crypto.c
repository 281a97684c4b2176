/* lib/crypto and lib/pem: published vectors, and every refusal. */
#include "lib/crypto.h"

#include <fcntl.h>
#include <unistd.h>

#include "lib/hex.h"
#include "lib/pem.h"
#include "test/unit/tap.h"

static struct hm_err err;

/* RFC 6979 A.2.5, A.2.6 (message "sample"), RFC 8032 7.1 test 2. */
#define P256_HEAD "3059301306072a8648ce3d020106082a8648ce3d030107034200"
#define P256_X "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
#define P256_Y "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
#define P256_R "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
#define P256_S "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
#define P256_N "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
#define P384_KEY                                                               \
	"3076301006072a8648ce3d020106052b8104002203620004"                     \
	"ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e"                     \
	"06aae5286b300c64def8f0ea9055866064a254515480bc13"                     \
	"8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9"                     \
	"f54ca84b3f1c9db1288b231c3ae0d4fe7344fd2533264720"
#define P384_SIG                                                               \
	"94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa7"                     \
	"3d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe46"                     \
	"99ef4aeb15f178cea1fe40db2603138f130e740a19624526"                     \
	"203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8"
#define ED_KEY                                                                 \
	"302a300506032b6570032100"                                             \
	"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
#define ED_SIG                                                                 \
	"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"     \
	"085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
#define P224_KEY                                                               \
	"304e301006072a8648ce3d020106052b81040021033a0004"
/* A P-256 key that spells its curve out: the CVE-2020-0601 class. */
#define EXPLICIT_KEY \
	"3082014b3082010306072a8648ce3d02013081f7020101302c06072a8648" \
	"ce3d0101022100ffffffff00000001000000000000000000000000ffffff" \
	"ffffffffffffffffff305b0420ffffffff00000001000000000000000000" \
	"000000fffffffffffffffffffffffc04205ac635d8aa3a93e7b3ebbd5576" \
	"9886bc651d06b0cc53b0f63bce3c3e27d2604b031500c49d360886e70493" \
	"6a6678e1139d26b7819f7e900441046b17d1f2e12c4247f8bce6e563a440" \
	"f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c" \
	"0f9e162bce33576b315ececbb6406837bf51f5022100ffffffff00000000" \
	"ffffffffffffffffbce6faada7179e84f3b9cac2fc632551020101034200" \
	"04719e3529d3711c5524536b09a57cbd05502e616e72bd9ea3dc58701390" \
	"a418bf21a42899a36c751c5f4c38d18d6af68d635d708a015d745b3264a8" \
	"8c2238bd86"
#define P224_POINT \
	"1761dfe91ee648fd63a12b9f52dacde061f6c93bd89c82754cac193b6866" \
	"8f0d39b9f2d9ce4d0db8783c796ce4f0f6a2fac8af1e5e514671"

static struct hm_slice unhex(const char *hex, uint8_t *out, size_t size)
{
	size_t len = strlen(hex) / 2;

	HM_BUG_ON(len > size || !hm_unhex(hm_slice_str(hex), out, len));
	return hm_slice(out, len);
}
#define HEX(s) unhex((s), (uint8_t[600]){0}, 600)

static bool is_hex(const void *data, size_t len, const char *want)
{
	char hex[2 * HM_DIGEST_MAX + 1];

	hm_hex(data, len, hex);
	return strcmp(hex, want) == 0;
}

static void test_digests(void)
{
	static const char abc256[] = "ba7816bf8f01cfea414140de5dae2223"
				     "b00361a396177a9cb410ff61f20015ad";
	static const char abc384[] =
		"cb00753f45a35e8bb5a03d699ac65007272c32ab0eded163"
		"1a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7";
	static const char abc512[] =
		"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d3"
		"9a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54c"
		"a49f";
	uint8_t out[HM_DIGEST_MAX];
	struct hm_slice abc = hm_slice("abc", 3);
	AUTO_DIGEST struct hm_digest *d = NULL;
	AUTO_CLOSE int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	uint64_t size = 0;

	ok_call(hm_sha256(abc, out, &err), &err, "SHA-256");
	ok(is_hex(out, 32, abc256), "of abc");
	ok_call(hm_sha384(abc, out, &err), &err, "SHA-384");
	ok(is_hex(out, 48, abc384), "of abc");
	ok_call(hm_sha256(hm_slice(NULL, 0), out, &err), &err, "of nothing");
	ok(out[0] == 0xe3 && out[31] == 0x55, "e3..55");

	ok_call(hm_digest_new(HM_SHA512, &d, &err), &err, "SHA-512 in pieces");
	for (int round = 0; round < 2; round++) {
		ok_call(hm_digest_update(d, "a", 1, &err), &err, "a");
		ok_call(hm_digest_update(d, "bc", 2, &err), &err, "bc");
		ok_call(hm_digest_final(d, out, &err), &err, "final");
		ok(is_hex(out, 64, abc512), "round %d: the context starts anew",
		   round);
	}
	ok(hm_digest_len(HM_SHA256) == 32 && hm_digest_len(HM_SHA384) == 48 &&
		   hm_digest_len(HM_SHA512) == 64,
	   "lengths");

	ok(fd >= 0 && write(fd, "xabc", 4) == 4 && lseek(fd, 1, SEEK_SET) == 1,
	   "a file, read from its offset");
	ok_call(hm_sha256_fd(fd, out, &size, &err), &err, "of the rest of it");
	ok(size == 3 && is_hex(out, 32, abc256), "size and digest");
	fails(hm_sha256_fd(-1, out, &size, &err), &err, HM_E_SYSTEM, "",
	      "no file");
}

static void test_random(void)
{
	uint8_t a[32] = {0}, b[32] = {0};

	ok_call(hm_random(a, 32, &err), &err, "random");
	ok_call(hm_random(b, 32, &err), &err, "random again");
	ok(!hm_bytes_equal(a, b, 32) && hm_bytes_equal(a, a, 32), "differ");
}

static void test_vectors(void)
{
	struct hm_slice sample = hm_slice_str("sample");
	AUTO_KEY struct hm_key *p256 = NULL, *p384 = NULL, *ed = NULL;
	AUTO_BUF struct hm_buf spki;

	hm_buf_init(&spki, 200);
	ok_call(hm_key_from_spki(HEX(P256_HEAD "04" P256_X P256_Y), &p256,
				 &err), &err, "P-256 key of RFC 6979");
	ok_call(hm_key_from_spki(HEX(P384_KEY), &p384, &err), &err,
		"P-384 key of RFC 6979");
	ok_call(hm_key_from_spki(HEX(ED_KEY), &ed, &err), &err,
		"Ed25519 key of RFC 8032");
	ok(hm_key_kind(p256) == HM_KEY_P256 && hm_key_kind(p384) == HM_KEY_P384 &&
		   hm_key_kind(ed) == HM_KEY_ED25519, "their kinds");
	ok_call(hm_key_verify_raw(p256, sample, HEX(P256_R P256_S), &err), &err,
		"P-256 signature");
	ok_call(hm_key_verify_raw(p384, sample, HEX(P384_SIG), &err), &err,
		"P-384 signature");
	ok_call(hm_key_verify(ed, hm_slice("\x72", 1), HEX(ED_SIG), &err), &err,
		"Ed25519 signature");
	ok_call(hm_key_spki(p384, &spki, &err), &err, "key back to DER");
	ok(hm_slice_eq(hm_buf_slice(&spki), HEX(P384_KEY)), "the same bytes");

	fails(hm_key_verify_raw(p256, hm_slice_str("Sample"),
				HEX(P256_R P256_S), &err), &err, HM_E_CRYPTO,
	      "not by this key", "another message");
	fails(hm_key_verify_raw(p256, sample, HEX(P384_SIG), &err), &err,
	      HM_E_CRYPTO, "96 bytes, not 64", "a signature of another curve");
	fails(hm_key_verify(ed, hm_slice("\x73", 1), HEX(ED_SIG), &err), &err,
	      HM_E_CRYPTO, "not by this key", "Ed25519: another message");
	fails(hm_key_verify(ed, hm_slice("\x72", 1),
			    hm_slice(HEX(ED_SIG).ptr, 63), &err), &err,
	      HM_E_CRYPTO, "not by this key", "Ed25519: 63 bytes");
	fails(hm_key_verify_raw(ed, hm_slice("\x72", 1), HEX(ED_SIG), &err),
	      &err, HM_E_CRYPTO, "not an ECDSA key", "Ed25519 has no r and s");
	fails(hm_key_verify(p256, sample, HEX(P256_R P256_S), &err), &err,
	      HM_E_CRYPTO, "not by this key", "r||s where DER belongs");
}

static void test_ranges(void)
{
	static const struct {
		const char *sig, *message, *name;
	} bad[] = {
		{"0000000000000000000000000000000000000000000000000000000000000000"
		 P256_S, "out of range", "r = 0"},
		{P256_R
		 "0000000000000000000000000000000000000000000000000000000000000000",
		 "out of range", "s = 0"},
		{P256_N P256_S, "out of range", "r = n"},
		{P256_R P256_N, "out of range", "s = n"},
		{"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		 P256_S, "out of range", "r = 2^256-1"},
		{P256_R P256_S "00", "65 bytes, not 64", "one byte more"},
		{P256_R, "32 bytes, not 64", "r alone"},
		{"", "0 bytes, not 64", "nothing"},
		{P256_S P256_R, "not by this key", "r and s exchanged"},
	};
	AUTO_KEY struct hm_key *k = NULL;

	ok_call(hm_key_from_spki(HEX(P256_HEAD "04" P256_X P256_Y), &k, &err),
		&err, "key");
	for (size_t i = 0; i < HM_ARRAY_LEN(bad); i++)
		fails(hm_key_verify_raw(k, hm_slice_str("sample"),
					HEX(bad[i].sig), &err),
		      &err, HM_E_CRYPTO, bad[i].message, "%s", bad[i].name);
}

static void test_refused_keys(void)
{
	static const struct {
		const char *hex;
		enum hm_code code;
		const char *message, *name;
	} bad[] = {
		{"", HM_E_FORMAT, "0 bytes", "nothing"},
		{"3000", HM_E_FORMAT, "not a public key", "an empty sequence"},
		{P256_HEAD "04" P256_X P256_Y "00", HM_E_FORMAT,
		 "only DER form", "a trailing byte"},
		{"3080301306072a8648ce3d020106082a8648ce3d030107034200"
		 "04" P256_X P256_Y "0000", HM_E_FORMAT, "key:", "BER"},
		{P256_HEAD "04" P256_X P256_X, HM_E_FORMAT, "not a public key",
		 "a point off the curve"},
		{"3019301306072a8648ce3d020106082a8648ce3d030107030200"
		 "00", HM_E_FORMAT, "only DER form", "the point at infinity"},
	};

	static const uint8_t zeros[4097];
	struct hm_key *none = NULL;

	fails(hm_key_from_spki(hm_slice(zeros, sizeof(zeros)), &none, &err),
	      &err, HM_E_FORMAT, "4097 bytes", "key: over the limit");
	for (size_t i = 0; i < HM_ARRAY_LEN(bad); i++) {
		AUTO_KEY struct hm_key *k = NULL;

		fails(hm_key_from_spki(HEX(bad[i].hex), &k, &err), &err,
		      bad[i].code, bad[i].message, "key: %s", bad[i].name);
		ok(!k, "no key comes out");
	}
}

static void test_other_kinds(void)
{
	AUTO_KEY struct hm_key *k = NULL, *none = NULL, *spelt = NULL;
	AUTO_BUF struct hm_buf b;

	hm_buf_init(&b, 300);
	ok_call(hm_key_from_spki(HEX(P224_KEY P224_POINT), &k, &err), &err,
		"a P-224 key can be read");
	ok(hm_key_kind(k) == HM_KEY_OTHER, "and is of no kind of ours");
	ok_call(hm_key_from_spki(HEX(EXPLICIT_KEY), &spelt, &err), &err,
		"so can P-256 by explicit parameters");
	ok(hm_key_kind(spelt) == HM_KEY_OTHER, "which is not P-256 to us");
	fails(hm_key_verify(k, hm_slice("x", 1), hm_slice("y", 1), &err), &err,
	      HM_E_CRYPTO, "neither a NIST curve nor Ed25519", "not to verify");
	fails(hm_key_sign(k, hm_slice("x", 1), &b, &err), &err, HM_E_CRYPTO,
	      "neither a NIST curve nor Ed25519", "not to sign");
	fails(hm_key_sign_raw(k, hm_slice("x", 1), &b, &err), &err,
	      HM_E_CRYPTO, "not an ECDSA key", "not to sign raw");
	fails(hm_key_verify_raw(k, hm_slice("x", 1), hm_slice("y", 1), &err),
	      &err, HM_E_CRYPTO, "not an ECDSA key", "not to verify raw");
	fails(hm_key_generate(HM_KEY_OTHER, &none, &err), &err, HM_E_CRYPTO,
	      "cannot make", "nor to make");
}

static void test_round_trip(enum hm_key_kind kind, size_t width)
{
	AUTO_KEY struct hm_key *k = NULL, *again = NULL, *public = NULL;
	struct hm_slice msg = hm_slice_str("what was built");
	AUTO_BUF struct hm_buf sig, raw, pem, pub, spki;

	hm_buf_init(&sig, 256);
	hm_buf_init(&raw, 256);
	hm_buf_init_secret(&pem, 1024);
	hm_buf_init(&pub, 1024);
	hm_buf_init(&spki, 1024);
	ok_call(hm_key_generate(kind, &k, &err), &err, "kind %d: made", kind);
	ok(hm_key_kind(k) == kind, "of that kind");
	ok_call(hm_key_private_pem(k, &pem, &err), &err, "private PEM");
	ok_call(hm_key_public_pem(k, &pub, &err), &err, "public PEM");
	ok_call(hm_key_from_private_pem(hm_buf_slice(&pem), &again, &err), &err,
		"private PEM read back");
	ok_call(hm_key_from_public_pem(hm_buf_slice(&pub), &public, &err), &err,
		"public PEM read back");
	ok_call(hm_key_sign(again, msg, &sig, &err), &err, "signs");
	ok_call(hm_key_verify(public, msg, hm_buf_slice(&sig), &err), &err,
		"verifies");
	sig.data[sig.len - 1] ^= 1;
	fails(hm_key_verify(public, msg, hm_buf_slice(&sig), &err), &err,
	      HM_E_CRYPTO, "not by this key", "a changed signature");
	fails(hm_key_sign(public, msg, &sig, &err), &err, HM_E_CRYPTO,
	      "cannot sign", "a public key signs nothing");
	fails(hm_key_private_pem(public, &pem, &err), &err, HM_E_CRYPTO, "",
	      "a public key has no private PEM");
	fails(hm_key_from_private_pem(hm_buf_slice(&pub), &again, &err), &err,
	      HM_E_FORMAT, "BEGIN PRIVATE KEY", "a public PEM as private");
	if (width == 0)
		return;
	ok_call(hm_key_sign_raw(k, msg, &raw, &err), &err, "signs raw");
	ok(raw.len == width, "%zu bytes", width);
	ok_call(hm_key_verify_raw(public, msg, hm_buf_slice(&raw), &err), &err,
		"verifies raw");
	raw.data[0] ^= 1;
	fails(hm_key_verify_raw(public, msg, hm_buf_slice(&raw), &err), &err,
	      HM_E_CRYPTO, "signature", "a changed raw signature");
}

static void test_pem(void)
{
	static const struct {
		const char *text, *message;
	} bad[] = {
		{"", "first line is not"},
		{"-----BEGIN X-----\n", "END X-----' where"},
		{"-----BEGIN X-----", "END X-----' where"},
		{"-----BEGIN X-----\n-----END X-----\n", "empty X"},
		{"-----BEGIN X-----\nAAEC\n\n-----END X-----\n", "where it"},
		{"-----BEGIN X-----\nAAE\n-----END X-----\n", "base64"},
		{"-----BEGIN X-----\nAA*C\n-----END X-----\n", "base64"},
		{"-----BEGIN Y-----\nAAEC\n-----END Y-----\n", "first line"},
		{"-----BEGIN X-----\nAAEC\n-----END Y-----\n", "PEM"},
		{"text\n-----BEGIN X-----\nAAEC\n-----END X-----\n", "first"},
		{"-----BEGIN X-----\nAAEC\n-----END X-----\nmore", "after it"},
		{"-----BEGIN X-----\nAAEC\n-----END X-----\n"
		 "-----BEGIN X-----\nAAEC\n-----END X-----\n", "more than one"},
		{"-----BEGIN X-----\nProc-Type: 4,ENCRYPTED\n\nAAEC\n"
		 "-----END X-----\n", "where it"},
	};
	AUTO_BUF struct hm_buf der, pem;
	uint8_t data[100];

	hm_buf_init(&der, 100);
	hm_buf_init(&pem, 1000);
	for (size_t i = 0; i < HM_ARRAY_LEN(bad); i++)
		fails(hm_pem_decode(hm_slice_str(bad[i].text), "X", &der, &err),
		      &err, HM_E_FORMAT, bad[i].message, "PEM %zu", i);
	ok(der.len == 0, "nothing came out of any");
	ok_call(hm_pem_decode(hm_slice_str("\r\n-----BEGIN X-----\r\nAAEC\r\n"
					   "-----END X-----\r\n\r\n"),
			      "X", &der, &err), &err, "CRLF and blank lines");
	ok(der.len == 3 && der.data[2] == 2, "three bytes");
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)i;
	ok_call(hm_pem_encode(&pem, "X", hm_slice(data, 100), &err), &err,
		"100 bytes to PEM");
	hm_buf_release(&der);
	ok_call(hm_pem_decode(hm_buf_slice(&pem), "X", &der, &err), &err,
		"and back");
	ok(hm_slice_eq(hm_buf_slice(&der), hm_slice(data, 100)), "the same");
	fails(hm_pem_decode(hm_buf_slice(&pem), "X", &der, &err), &err,
	      HM_E_TOO_LARGE, "100", "over the buffer's limit");
}

/* A private key file whose public half is another key's. */
static void test_halves(void)
{
	AUTO_KEY struct hm_key *a = NULL, *b = NULL, *c = NULL;
	AUTO_BUF struct hm_buf pem, der, spki;
	uint8_t *point;

	hm_buf_init_secret(&pem, 1024);
	hm_buf_init_secret(&der, 1024);
	hm_buf_init(&spki, 1024);
	ok(hm_key_generate(HM_KEY_P256, &a, &err) == HM_OK &&
		   hm_key_generate(HM_KEY_P256, &b, &err) == HM_OK &&
		   hm_key_private_pem(a, &pem, &err) == HM_OK &&
		   hm_pem_decode(hm_buf_slice(&pem), "PRIVATE KEY", &der,
				 &err) == HM_OK &&
		   hm_key_spki(b, &spki, &err) == HM_OK,
	   "two keys");
	/* In both encodings the point stands at the very end. */
	point = der.data + der.len - 64;
	memcpy(point, spki.data + spki.len - 64, 64);
	hm_buf_release(&pem);
	ok_call(hm_pem_encode(&pem, "PRIVATE KEY", hm_buf_slice(&der), &err),
		&err, "one file");
	fails(hm_key_from_private_pem(hm_buf_slice(&pem), &c, &err), &err,
	      HM_E_CRYPTO, "do not belong together", "is refused");
	hm_buf_release(&pem);
	ok_call(hm_pem_encode(&pem, "PRIVATE KEY",
			      hm_slice(der.data, der.len - 1), &err),
		&err, "one cut short");
	fails(hm_key_from_private_pem(hm_buf_slice(&pem), &c, &err), &err,
	      HM_E_FORMAT, "not a private key", "is refused too");
	hm_buf_release(&pem);
	ok(hm_buf_add(&der, "", 1, &err) == HM_OK &&
		   hm_pem_encode(&pem, "PRIVATE KEY", hm_buf_slice(&der),
				 &err) == HM_OK,
	   "one with a byte behind it");
	fails(hm_key_from_private_pem(hm_buf_slice(&pem), &c, &err), &err,
	      HM_E_FORMAT, "not a private key", "as well");
}

int main(void)
{
	test_halves();
	test_digests();
	test_random();
	test_vectors();
	test_ranges();
	test_refused_keys();
	test_other_kinds();
	test_round_trip(HM_KEY_P256, 64);
	test_round_trip(HM_KEY_P384, 96);
	test_round_trip(HM_KEY_P521, 132);
	test_round_trip(HM_KEY_ED25519, 0);
	test_pem();
	return tap_done();
}
