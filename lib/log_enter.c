/*
 * From leaves to entries with proofs. What is looked up, appended and proved is
 * checked against the signed root on the way out (hm_tiles_prove), so a damaged
 * directory yields an error and never a proof that others would refuse.
 */
#include "lib/log_enter.h"

#include <stdlib.h>

#include "lib/path.h"

struct place {	/* where a leaf is, or is going to be */
	struct hm_hash leaf;
	uint64_t index;
	bool found;
};

static int find_leaves(struct hm_log_dir *d, const struct hm_slice *leaves,
		       size_t count, uint64_t since, struct hm_tiles *t,
		       struct place *places, struct hm_err *err)
{
	hm_tiles_init(t, hm_log_dir_public_fd(d), hm_log_dir_head(d)->size);
	for (size_t i = 0; i < count; i++) {
		struct place *p = &places[i];
		int rc = hm_merkle_leaf_hash(leaves[i], &p->leaf, err);

		if (rc != HM_OK)
			return rc;
		rc = hm_tiles_find(t, since, &p->leaf, &p->index, err);
		if (rc != HM_OK && rc != HM_E_POLICY)
			return rc;
		p->found = rc == HM_OK;
	}
	return HM_OK;
}

static int append_rest(struct hm_log_dir *d, const struct hm_slice *leaves,
		       size_t count, hm_deadline_t deadline,
		       struct place *places, struct hm_err *err)
{
	struct hm_slice batch[HM_LOG_ENTER_MAX];
	uint64_t first = 0;
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < count; i++) {
		if (!places[i].found)
			batch[n++] = leaves[i];
	}
	if (n == 0)
		return HM_OK;
	rc = hm_log_dir_append(d, batch, n, deadline, &first, err);
	for (size_t i = 0; rc == HM_OK && i < count; i++) {
		if (!places[i].found)
			places[i].index = first++;
	}
	return rc;
}

static int prove(struct hm_log_dir *d, struct hm_tiles *t, struct hm_slice leaf,
		 const struct place *p, struct hm_slice checkpoint,
		 struct hm_json **ret_entry, struct hm_err *err)
{
	struct hm_log_entry e = {
		.log = hm_log_dir_key(d), .leaf = leaf, .index = p->index,
		.checkpoint = checkpoint,
	};
	struct hm_hash found;
	int rc = hm_tiles_prove(t, p->index, &hm_log_dir_head(d)->root, &found,
				&e.path, err);

	if (rc == HM_OK && !hm_hash_equal(&found, &p->leaf))
		rc = hm_fail(err, HM_E_BUG, 0, "another leaf at that index");
	if (rc == HM_OK)
		rc = hm_tlog_entry_write(&e, ret_entry, err);
	return rc;
}

/* As published, with the lines of witnesses, if it is still the head's tree. */
static int published_note(struct hm_log_dir *d, struct hm_signed_tree *ret_s,
			  struct hm_err *err)
{
	const struct hm_signed_tree *head = hm_log_dir_head(d);
	int rc = hm_tiles_checkpoint(hm_log_dir_public_fd(d), hm_log_dir_key(d),
				     ret_s, err);

	if (rc != HM_OK || ret_s->size == head->size)
		return rc;
	ret_s->note.len = 0;	/* somebody appended meanwhile: ours proves too */
	return hm_buf_add_slice(&ret_s->note, hm_buf_slice(&head->note), err);
}

static int enter(struct hm_log_dir *d, const struct hm_slice *leaves,
		 size_t count, uint64_t since, hm_deadline_t deadline,
		 struct hm_tiles *t, struct hm_json **entries,
		 struct hm_err *err)
{
	struct place places[HM_LOG_ENTER_MAX];
	AUTO_SIGNED_TREE struct hm_signed_tree note;
	int rc = hm_log_dir_refresh(d, deadline, err);

	hm_signed_tree_init(&note);
	if (rc == HM_OK)
		rc = find_leaves(d, leaves, count, since, t, places, err);
	if (rc == HM_OK)
		rc = append_rest(d, leaves, count, deadline, places, err);
	if (rc == HM_OK)
		rc = published_note(d, &note, err);
	hm_tiles_init(t, hm_log_dir_public_fd(d), hm_log_dir_head(d)->size);
	for (size_t i = 0; rc == HM_OK && i < count; i++)
		rc = prove(d, t, leaves[i], &places[i],
			   hm_buf_slice(&note.note), &entries[i], err);
	return rc;
}

int hm_log_dir_enter(struct hm_log_dir *d, const struct hm_slice *leaves,
		     size_t count, uint64_t since, hm_deadline_t deadline,
		     struct hm_json **ret_entries, struct hm_err *err)
{
	struct hm_json *entries[HM_LOG_ENTER_MAX] = {NULL};
	AUTO_FREE struct hm_tiles *t = malloc(sizeof(*t));
	int rc;

	if (!t)
		return hm_fail(err, HM_E_NOMEM, 0, "log");
	if (count == 0 || count > HM_LOG_ENTER_MAX)
		return hm_fail(err, HM_E_TOO_LARGE, 0, "%zu statements at once",
			       count);
	rc = enter(d, leaves, count, since, deadline, t, entries, err);
	for (size_t i = 0; i < count; i++) {
		if (rc == HM_OK)
			ret_entries[i] = entries[i];
		else
			hm_json_free(entries[i]);
	}
	return rc;
}

static bool same_log(const struct hm_json *a, const struct hm_json *b)
{
	const char *x = hm_json_get_string(hm_json_get(a, "logId"), "keyId");
	const char *y = hm_json_get_string(hm_json_get(b, "logId"), "keyId");

	return x && y && strcmp(x, y) == 0;
}

int hm_bundle_add_entry(const struct hm_bundle *b, const struct hm_key *key,
			const struct hm_json *entry, struct hm_buf *json,
			struct hm_err *err)
{
	AUTO_JSON struct hm_json *list = hm_json_new_array();
	size_t count = b->log_entries ? hm_json_count(b->log_entries) : 0;
	bool good = true;

	for (size_t i = 0; i < count; i++) {
		const struct hm_json *old = hm_json_at(b->log_entries, i);

		if (!same_log(old, entry))
			good &= hm_json_append(list, hm_json_copy(old));
	}
	good &= hm_json_append(list, hm_json_copy(entry));
	if (!good)
		return hm_fail(err, HM_E_NOMEM, 0, "log entries");
	return hm_bundle_write(&b->dsse, key, list, b->timestamps, json, err);
}
