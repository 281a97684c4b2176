/*
 * The list of outputs. In the worker it is filled from what an untrusted build
 * left behind, in the verifier from a statement or an archive; both go through
 * the same checks of names, modes and sizes.
 */
#include "lib/artifact_list.h"

#include <stdio.h>

#include "lib/hex.h"
#include "lib/log.h"
#include "lib/path.h"

#define RESERVED "attestation"

void hm_artifacts_release(struct hm_artifacts *a)
{
	for (size_t i = 0; i < a->count; i++)
		free(a->items[i].name);
	free(a->items);
	*a = (struct hm_artifacts){.items = NULL};
}

int hm_artifact_name_check(struct hm_slice name, struct hm_err *err)
{
	size_t len = strlen(RESERVED);

	if (!hm_slice_is_text(name))
		return hm_fail(err, HM_E_POLICY, 0,
			       "output '%s': the name is not plain UTF-8 text, "
			       "which a statement cannot carry",
			       HM_ESC(name));
	if (hm_path_check(name, err) < 0)
		return hm_fail(err, HM_E_POLICY, 0,
			       "output '%s': not a plain relative path",
			       HM_ESC(name));
	if (name.len >= len && memcmp(name.ptr, RESERVED, len) == 0 &&
	    (name.len == len || name.ptr[len] == '/'))
		return hm_fail(err, HM_E_POLICY, 0,
			       "output '%s': '" RESERVED
			       "' is where the evidence goes; put outputs elsewhere",
			       HM_ESC(name));
	return HM_OK;
}

static int make_room(struct hm_artifacts *a, struct hm_err *err)
{
	size_t room = a->room > 0 ? 2 * a->room : 16;
	struct hm_artifact *items;

	if (a->count == HM_ARTIFACTS_MAX)
		return hm_fail(err, HM_E_TOO_LARGE, 0,
			       "more than %u output files", HM_ARTIFACTS_MAX);
	if (a->count < a->room)
		return HM_OK;
	items = reallocarray(a->items, room, sizeof(*items));
	if (!items)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "list of outputs");
	a->items = items;
	a->room = room;
	return HM_OK;
}

int hm_artifacts_add(struct hm_artifacts *a, struct hm_slice name,
		     unsigned int mode, uint64_t size,
		     const uint8_t sha256[HM_SHA256_LEN], struct hm_err *err)
{
	struct hm_artifact *item;
	int rc;

	rc = hm_artifact_name_check(name, err);
	if (rc < 0)
		return rc;
	if (mode != 0644 && mode != 0755)
		return hm_fail(err, HM_E_POLICY, 0,
			       "output '%s': mode %04o, not 0644 or 0755",
			       HM_ESC(name), mode);
	if (size > HM_ARTIFACT_SIZE_MAX)
		return hm_fail(err, HM_E_TOO_LARGE, 0,
			       "output '%s': %llu bytes", HM_ESC(name),
			       (unsigned long long)size);
	rc = make_room(a, err);
	if (rc < 0)
		return rc;
	item = &a->items[a->count];
	item->name = hm_slice_dup(name);
	if (!item->name)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "list of outputs");
	item->mode = mode;
	item->size = size;
	memcpy(item->sha256, sha256, HM_SHA256_LEN);
	a->count++;
	return HM_OK;
}

/* strcmp compares bytes as unsigned char: the order of the format. */
static int compare(const void *a, const void *b)
{
	return strcmp(((const struct hm_artifact *)a)->name,
		      ((const struct hm_artifact *)b)->name);
}

int hm_artifacts_sort(struct hm_artifacts *a, struct hm_err *err)
{
	if (a->count > 1)
		qsort(a->items, a->count, sizeof(a->items[0]), compare);
	for (size_t i = 1; i < a->count; i++) {
		if (compare(&a->items[i - 1], &a->items[i]) == 0)
			return hm_fail(err, HM_E_POLICY, 0,
				       "output '%s' is listed twice",
				       HM_ESC(hm_slice_str(a->items[i].name)));
	}
	return HM_OK;
}

const struct hm_artifact *hm_artifacts_find(const struct hm_artifacts *a,
					    struct hm_slice name)
{
	size_t low = 0, high = a->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = hm_slice_cmp(hm_slice_str(a->items[mid].name), name);

		if (order == 0)
			return &a->items[mid];
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

int hm_artifacts_digest(const struct hm_artifacts *a,
			uint8_t out[HM_SHA256_LEN], struct hm_err *err)
{
	AUTO_DIGEST struct hm_digest *d = NULL;
	char hex[2 * HM_SHA256_LEN + 1], head[128];
	int rc = hm_digest_new(HM_SHA256, &d, err);

	for (size_t i = 0; rc == HM_OK && i < a->count; i++) {
		const struct hm_artifact *item = &a->items[i];
		int n;

		HM_BUG_ON(i > 0 && compare(item - 1, item) >= 0);
		hm_hex(item->sha256, sizeof(item->sha256), hex);
		n = snprintf(head, sizeof(head), "%04o %llu %s ", item->mode,
			     (unsigned long long)item->size, hex);
		rc = hm_digest_update(d, head, (size_t)n, err);
		if (rc == HM_OK)
			rc = hm_digest_update(d, item->name,
					      strlen(item->name), err);
		if (rc == HM_OK)
			rc = hm_digest_update(d, "\n", 1, err);
	}
	return rc < 0 ? rc : hm_digest_final(d, out, err);
}
