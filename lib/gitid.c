/*
 * Git object ids as values. The text form is exact: lower case, no abbreviation,
 * so that one id has one spelling wherever it is compared or signed.
 */
#include "lib/gitid.h"

#include "lib/hex.h"
#include "lib/log.h"

size_t hm_git_id_len(enum hm_git_alg alg)
{
	return alg == HM_GIT_SHA256 ? 32 : 20;
}

void hm_git_id_hex(const struct hm_git_id *id, char out[HM_GIT_HEX_MAX])
{
	hm_hex(id->bytes, hm_git_id_len(id->alg), out);
}

int hm_git_id_parse(struct hm_slice hex, struct hm_git_id *ret_id,
		    struct hm_err *err)
{
	struct hm_git_id id = {.alg = hex.len == 64 ? HM_GIT_SHA256 : HM_GIT_SHA1};

	if (hex.len != 2 * hm_git_id_len(id.alg) ||
	    !hm_unhex(hex, id.bytes, hm_git_id_len(id.alg)))
		return hm_fail(err, HM_E_FORMAT, 0,
			       "'%s' is not a git object id (40 or 64 "
			       "lower-case hex digits)", HM_ESC(hex));
	*ret_id = id;
	return HM_OK;
}

bool hm_git_id_equal(const struct hm_git_id *a, const struct hm_git_id *b)
{
	return a->alg == b->alg &&
	       memcmp(a->bytes, b->bytes, hm_git_id_len(a->alg)) == 0;
}

const char *hm_git_type_name(enum hm_git_type type)
{
	switch (type) {
	case HM_GIT_COMMIT:
		return "commit";
	case HM_GIT_TREE:
		return "tree";
	case HM_GIT_BLOB:
		return "blob";
	}
	return "unknown";
}
