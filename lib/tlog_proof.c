/*
 * C2SP tlog-proof files. They come from anybody: strict lines, and nothing is
 * said before the checkpoint's signature and the path have been checked.
 */
#include "lib/tlog_proof.h"

#include <stdlib.h>

#include "lib/hex.h"
#include "lib/num.h"
#include "lib/reader.h"
#include "lib/tiles.h"

static const char magic[] = "c2sp.org/tlog-proof@v1";

int hm_tlog_proof_write(const struct hm_tlog_proof *p, struct hm_buf *b,
			struct hm_err *err)
{
	int rc = hm_buf_addf(b, err, "%s\nindex %llu\n", magic,
			     (unsigned long long)p->index);

	for (size_t i = 0; rc == HM_OK && i < p->path.count; i++) {
		rc = hm_base64_add(b, hm_slice(p->path.hashes[i].bytes,
					       HM_SHA256_LEN), err);
		if (rc == HM_OK)
			rc = hm_buf_add(b, "\n", 1, err);
	}
	if (rc == HM_OK)
		rc = hm_buf_add(b, "\n", 1, err);
	if (rc == HM_OK)
		rc = hm_buf_add_slice(b, p->checkpoint, err);
	return rc;
}

static bool skip_prefix(struct hm_slice *line, const char *prefix)
{
	size_t len = strlen(prefix);

	if (line->len < len || memcmp(line->ptr, prefix, len) != 0)
		return false;
	*line = hm_slice(line->ptr + len, line->len - len);
	return true;
}

static int parse_hash(struct hm_slice line, struct hm_merkle_path *path,
		      struct hm_err *err)
{
	AUTO_BUF struct hm_buf raw;

	hm_buf_init(&raw, HM_SHA256_LEN);
	if (path->count == HM_MERKLE_PATH_MAX)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "proof file: more than %d hashes",
			       HM_MERKLE_PATH_MAX);
	if (hm_base64_decode(&raw, line, err) != HM_OK ||
	    raw.len != HM_SHA256_LEN)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "proof file: a hash is not base64 of 32 bytes");
	memcpy(path->hashes[path->count++].bytes, raw.data, HM_SHA256_LEN);
	return HM_OK;
}

int hm_tlog_proof_parse(struct hm_slice text, struct hm_tlog_proof *ret_p,
			struct hm_err *err)
{
	struct hm_reader r = hm_reader(text);
	struct hm_tlog_proof p = {.index = 0};
	struct hm_slice line;

	if (text.len > HM_TLOG_PROOF_MAX)
		return hm_fail(err, HM_E_TOO_LARGE, 0,
			       "proof file of %zu bytes", text.len);
	if (!hm_slice_eq_str(hm_reader_until(&r, '\n'), magic))
		return hm_fail(err, HM_E_FORMAT, 0,
			       "proof file: the first line is not '%s'", magic);
	line = hm_reader_until(&r, '\n');
	if (skip_prefix(&line, "extra "))	/* nobody signs it */
		line = hm_reader_until(&r, '\n');
	if (!skip_prefix(&line, "index ") ||
	    !hm_parse_u64(line, HM_MERKLE_SIZE_MAX, &p.index))
		return hm_fail(err, HM_E_FORMAT, 0,
			       "proof file: no line 'index NUMBER'");
	for (;;) {
		int rc;

		line = hm_reader_until(&r, '\n');
		if (r.failed)
			return hm_fail(err, HM_E_FORMAT, 0,
				       "proof file: no blank line before the checkpoint");
		if (line.len == 0)
			break;
		rc = parse_hash(line, &p.path, err);
		if (rc != HM_OK)
			return rc;
	}
	p.checkpoint = r.rest;
	*ret_p = p;
	return HM_OK;
}

int hm_tlog_proof_verify(const struct hm_tlog_proof *p,
			 const struct hm_note_key *log,
			 const struct hm_hash *leaf, uint64_t *ret_size,
			 struct hm_err *err)
{
	AUTO_SIGNED_TREE struct hm_signed_tree tree;
	AUTO_BUF struct hm_buf note;
	int rc;

	hm_signed_tree_init(&tree);
	hm_buf_init(&note, HM_NOTE_MAX);
	rc = hm_buf_add_slice(&note, p->checkpoint, err);
	if (rc == HM_OK)
		rc = hm_signed_tree_parse(&note, log, &tree, err);
	if (rc == HM_OK)
		rc = hm_merkle_inclusion_verify(p->index, tree.size, leaf,
						&p->path, &tree.root, err);
	if (rc == HM_OK && ret_size)
		*ret_size = tree.size;
	return rc;
}
