/*
 * Adapter for sha1collisiondetection (Stevens, Shumow) as libgit2 carries it.
 *
 * libgit2's public call (git_odb_hash) wants a whole object in memory, which a
 * blob of a gigabyte makes impossible here, so its static archive is linked for
 * the streaming functions below. They have external linkage in libgit2.a of
 * Debian 12 (1.5) and Debian 13 (1.9), and the linker takes those two objects
 * only: no further library, and security updates arrive with the distribution.
 * A vendored copy would be frozen and ours to watch.
 *
 * The price is a context whose declaration is in no installed header. What is
 * distrusted here is therefore the linked code itself: it gets more room than
 * it needs, between guards, and before its first use it must give known digests,
 * must leave the guards alone, and must see the published SHA-1 collision.
 * If it does not, nothing is hashed at all.
 */
#include "lib/sha1dc.h"

#include "lib/hex.h"

/* upstream sha1.h; the context is passed as an opaque pointer */
void SHA1DCInit(void *ctx);
void SHA1DCSetSafeHash(void *ctx, int on);
void SHA1DCSetUseUBC(void *ctx, int on);
void SHA1DCSetUseDetectColl(void *ctx, int on);
void SHA1DCSetDetectReducedRoundCollision(void *ctx, int on);
void SHA1DCUpdate(void *ctx, const char *buf, size_t len);
int SHA1DCFinal(unsigned char out[HM_SHA1_LEN], void *ctx);

/* About 2,400 bytes today: five words per round for 80 rounds and two blocks. */
#define CTX_ROOM 6144U
#define CTX_GUARD 2048U
#define GUARD_BYTE 0xa5

struct hm_sha1 {
	uint8_t before[64];
	union {
		max_align_t align;
		uint64_t words[CTX_ROOM / sizeof(uint64_t)];
	} ctx;
	uint8_t after[CTX_GUARD];
};

void hm_sha1_begin(struct hm_sha1 *s)
{
	SHA1DCInit(&s->ctx);
	/* defaults differ between builds of the library: say everything */
	SHA1DCSetUseDetectColl(&s->ctx, 1);
	SHA1DCSetUseUBC(&s->ctx, 1);
	SHA1DCSetSafeHash(&s->ctx, 1);
	SHA1DCSetDetectReducedRoundCollision(&s->ctx, 0);
}

void hm_sha1_update(struct hm_sha1 *s, const void *p, size_t len)
{
	if (len > 0)
		SHA1DCUpdate(&s->ctx, p, len);
}

int hm_sha1_final(struct hm_sha1 *s, uint8_t out[HM_SHA1_LEN],
		  struct hm_err *err)
{
	uint8_t digest[HM_SHA1_LEN];

	if (SHA1DCFinal(digest, &s->ctx) != 0)
		return hm_fail(err, HM_E_CRYPTO, 0,
			       "SHA-1 collision attack detected: these bytes "
			       "were made to share their id with others");
	memcpy(out, digest, sizeof(digest));
	return HM_OK;
}

/*
 * The 320 bytes with which both PDF files of the published collision begin
 * (Stevens, Bursztein, Karpman, Albertini, Markov: "The first collision for
 * full SHA-1", 2017, table 1): 192 common bytes, then one of two block pairs.
 */
static const char SHATTERED_PREFIX[] =
	"255044462d312e330a25e2e3cfd30a0a0a312030206f626a0a3c3c2f57696474"
	"682032203020522f4865696768742033203020522f547970652034203020522f"
	"537562747970652035203020522f46696c7465722036203020522f436f6c6f72"
	"53706163652037203020522f4c656e6774682038203020522f42697473506572"
	"436f6d706f6e656e7420383e3e0a73747265616d0affd8fffe00245348412d31"
	"20697320646561642121212121852fec092339759c39b1a1c63c4c97e1fffe01";
static const char *const SHATTERED_BLOCKS[2] = {
	"7f46dc93a6b67e013b029aaa1db2560b45ca67d688c7f84b8c4c791fe02b3df6"
	"14f86db1690901c56b45c1530afedfb76038e972722fe7ad728f0e4904e046c2"
	"30570fe9d41398abe12ef5bc942be33542a4802d98b5d70f2a332ec37fac3514"
	"e74ddc0f2cc1a874cd0c78305a21566461309789606bd0bf3f98cda8044629a1",
	"7346dc9166b67e118f029ab621b2560ff9ca67cca8c7f85ba84c79030c2b3de2"
	"18f86db3a90901d5df45c14f26fedfb3dc38e96ac22fe7bd728f0e45bce046d2"
	"3c570feb141398bb552ef5a0a82be331fea48037b8b5d71f0e332edf93ac3500"
	"eb4ddc0decc1a864790c782c76215660dd309791d06bd0af3f98cda4bc4629b1",
};
static const char SHATTERED_ID[] = "f92d74e3874587aaf443d1db961d4e26dde13e9c";

static bool guards_hold(const struct hm_sha1 *s)
{
	uint8_t bad = 0;

	for (size_t i = 0; i < sizeof(s->before); i++)
		bad |= s->before[i] ^ GUARD_BYTE;
	for (size_t i = 0; i < sizeof(s->after); i++)
		bad |= s->after[i] ^ GUARD_BYTE;
	return bad == 0;
}

static bool digest_is(struct hm_sha1 *s, const char *want)
{
	uint8_t out[HM_SHA1_LEN];
	char hex[2 * HM_SHA1_LEN + 1];

	if (SHA1DCFinal(out, &s->ctx) != 0)
		return false;
	hm_hex(out, sizeof(out), hex);
	return memcmp(hex, want, sizeof(hex)) == 0;
}

/* FIPS 180-4's "abc", and a million 'a' fed in uneven pieces. */
static bool known_answers(struct hm_sha1 *s)
{
	uint8_t piece[997];

	hm_sha1_begin(s);
	hm_sha1_update(s, "abc", 3);
	if (!digest_is(s, "a9993e364706816aba3e25717850c26c9cd0d89d"))
		return false;
	memset(piece, 'a', sizeof(piece));
	hm_sha1_begin(s);
	for (size_t left = 1000000; left > 0;) {
		size_t n = left < sizeof(piece) ? left : sizeof(piece);

		hm_sha1_update(s, piece, n);
		left -= n;
	}
	return digest_is(s, "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

/* Detected when asked to; and equal when not, so that the vectors are right. */
static bool sees_collision(struct hm_sha1 *s)
{
	uint8_t data[320], out[HM_SHA1_LEN];

	if (!hm_unhex(hm_slice_str(SHATTERED_PREFIX), data, 192))
		return false;
	for (int i = 0; i < 2; i++) {
		if (!hm_unhex(hm_slice_str(SHATTERED_BLOCKS[i]), data + 192, 128))
			return false;
		hm_sha1_begin(s);
		hm_sha1_update(s, data, sizeof(data));
		if (SHA1DCFinal(out, &s->ctx) == 0)
			return false;
		hm_sha1_begin(s);
		SHA1DCSetUseDetectColl(&s->ctx, 0);
		hm_sha1_update(s, data, sizeof(data));
		if (!digest_is(s, SHATTERED_ID))
			return false;
	}
	return true;
}

int hm_sha1_new(struct hm_sha1 **ret_s, struct hm_err *err)
{
	static bool tested;
	struct hm_sha1 *s = calloc(1, sizeof(*s));

	if (!s)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "sha1");
	memset(s->before, GUARD_BYTE, sizeof(s->before));
	memset(s->after, GUARD_BYTE, sizeof(s->after));
	if (!tested && (!known_answers(s) || !sees_collision(s) ||
			!guards_hold(s))) {
		free(s);
		return hm_fail(err, HM_E_BUG, 0,
			       "the linked SHA-1 fails its self-test");
	}
	tested = true;
	*ret_s = s;
	return HM_OK;
}

/* Overwritten guards mean memory we can no longer speak for. */
void hm_sha1_free(struct hm_sha1 *s)
{
	if (!s)
		return;
	HM_BUG_ON(!guards_hold(s));
	free(s);
}
