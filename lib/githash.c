/*
 * Git object ids, computed. What is distrusted: the size that somebody declared.
 * It is part of what is hashed, so an object of another length has another id,
 * but the mismatch is named here before the id is compared.
 */
#include "lib/githash.h"

#include <inttypes.h>

#include "lib/crypto.h"
#include "lib/sha1dc.h"

struct hm_git_hasher {
	enum hm_git_alg alg;
	struct hm_sha1 *sha1;		/* one of the two */
	struct hm_digest *sha256;
	uint64_t left;			/* bytes still to come */
	bool open;
	bool dirty;			/* sha256 holds half a message */
};

int hm_git_hasher_new(enum hm_git_alg alg, struct hm_git_hasher **ret_h,
		      struct hm_err *err)
{
	AUTO_GIT_HASHER struct hm_git_hasher *h = calloc(1, sizeof(*h));
	int rc;

	if (!h)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "git hasher");
	h->alg = alg;
	if (alg == HM_GIT_SHA1)
		rc = hm_sha1_new(&h->sha1, err);
	else
		rc = hm_digest_new(HM_SHA256, &h->sha256, err);
	if (rc < 0)
		return rc;
	*ret_h = HM_TAKE_PTR(h);
	return HM_OK;
}

static int feed(struct hm_git_hasher *h, const void *p, size_t len,
		struct hm_err *err)
{
	if (h->alg == HM_GIT_SHA256)
		return hm_digest_update(h->sha256, p, len, err);
	hm_sha1_update(h->sha1, p, len);
	return HM_OK;
}

int hm_git_hasher_begin(struct hm_git_hasher *h, enum hm_git_type type,
			uint64_t size, struct hm_err *err)
{
	uint8_t scrap[HM_DIGEST_MAX];
	char head[32];
	int rc, n;

	if (h->alg == HM_GIT_SHA1) {
		hm_sha1_begin(h->sha1);
	} else if (h->dirty) {	/* the last object was abandoned half-way */
		rc = hm_digest_final(h->sha256, scrap, err);
		if (rc < 0)
			return rc;
	}
	n = snprintf(head, sizeof(head), "%s %" PRIu64, hm_git_type_name(type),
		     size);
	HM_BUG_ON(n < 0 || (size_t)n >= sizeof(head));
	h->left = size;
	h->open = true;
	h->dirty = true;
	return feed(h, head, (size_t)n + 1, err);	/* with the NUL */
}

int hm_git_hasher_update(struct hm_git_hasher *h, const void *p, size_t len,
			 struct hm_err *err)
{
	HM_BUG_ON(!h->open);
	if (len > h->left)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "git object is longer than it declared");
	h->left -= len;
	return feed(h, p, len, err);
}

int hm_git_hasher_end(struct hm_git_hasher *h, struct hm_git_id *ret_id,
		      struct hm_err *err)
{
	struct hm_git_id id = {.alg = h->alg};
	int rc;

	HM_BUG_ON(!h->open);
	h->open = false;
	if (h->left != 0)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "git object is %" PRIu64 " bytes shorter than "
			       "it declared", h->left);
	if (h->alg == HM_GIT_SHA1) {
		rc = hm_sha1_final(h->sha1, id.bytes, err);
	} else {
		rc = hm_digest_final(h->sha256, id.bytes, err);
		h->dirty = rc < 0;
	}
	if (rc < 0)
		return rc;
	*ret_id = id;
	return HM_OK;
}

void hm_git_hasher_free(struct hm_git_hasher *h)
{
	if (!h)
		return;
	hm_sha1_free(h->sha1);
	hm_digest_free(h->sha256);
	free(h);
}

void hm_git_hasher_cleanup(struct hm_git_hasher **h)
{
	int saved = errno;

	hm_git_hasher_free(*h);
	*h = NULL;
	errno = saved;
}
