/*
 * Publishing: queue first, then the log, then the release tar. What is logged is
 * what the bundles say and the enclave's key has signed; the host can refuse to
 * publish, which the policy "must be in a log" shows, but cannot publish for
 * somebody else.
 *
 * The order makes a kill at any point harmless: an item leaves the queue last.
 */
#include "runner-hook/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "lib/hex.h"
#include "lib/log.h"
#include "lib/nitro_document.h"
#include "lib/num.h"
#include "lib/path.h"
#include "lib/statement.h"
#include "runner-hook/publish_item.h"

/* First pause between two tries of one call; doubled each time. */
#define PAUSE_MS 200
/* First pause between two visits of a queued item; doubled up to six hours. */
#define BACKOFF_MS 60000LL
#define BACKOFF_MAX_MS (6LL * 3600 * 1000)
#define SPKI_MAX 1024

int hm_publish_queue_default(char **ret_path, struct hm_err *err)
{
	const char *state = secure_getenv("XDG_STATE_HOME");
	const char *home = secure_getenv("HOME");
	char *path = NULL;

	if (state && state[0] != '/')
		state = NULL;
	if (!state && (!home || home[0] != '/'))
		return hm_fail(err, HM_E_SYSTEM, 0,
			       "no home directory for the publishing queue: set XDG_STATE_HOME");
	if (asprintf(&path, "%s%s/hallmark/queue", state ? state : home,
		     state ? "" : "/.local/state") < 0)
		return hm_fail(err, HM_E_NOMEM, 0, "out of memory");
	*ret_path = path;
	return HM_OK;
}

/* --- one item --------------------------------------------------------------- */

struct statements {	/* an item's bundles, parsed and checked */
	struct hm_bundle bundles[HM_PUBLISH_BUNDLES];
	struct hm_buf leaves[HM_PUBLISH_BUNDLES];
	struct hm_json *entries[HM_PUBLISH_BUNDLES];
	struct hm_buf logged[HM_PUBLISH_BUNDLES];	/* with the entry */
	struct hm_buf spki;
	struct hm_key *key;
};

static void statements_init(struct statements *s)
{
	memset(s, 0, sizeof(*s));
	hm_buf_init(&s->spki, SPKI_MAX);
	for (size_t i = 0; i < HM_PUBLISH_BUNDLES; i++) {
		hm_bundle_init(&s->bundles[i]);
		hm_buf_init(&s->leaves[i], HM_LEAF_MAX);
		hm_buf_init(&s->logged[i], HM_BUNDLE_MAX);
	}
}

static void statements_release(struct statements *s)
{
	hm_buf_release(&s->spki);
	hm_key_free(s->key);
	for (size_t i = 0; i < HM_PUBLISH_BUNDLES; i++) {
		hm_bundle_release(&s->bundles[i]);
		hm_buf_release(&s->leaves[i]);
		hm_buf_release(&s->logged[i]);
		hm_json_free(s->entries[i]);
	}
}
#define AUTO_STATEMENTS HM_CLEANUP(statements_release)

/* The one-time key K, out of the attestation document in the evidence. */
static int find_key(struct statements *s, struct hm_err *err)
{
	const struct hm_dsse *e = &s->bundles[HM_PUBLISH_BUNDLES - 1].dsse;
	struct hm_nitro_document doc;
	struct hm_evidence evidence;
	int rc;

	hm_evidence_init(&evidence);
	rc = hm_evidence_parse(hm_buf_slice(&e->payload), &evidence, err);
	if (rc == HM_OK)
		rc = hm_nitro_parse(hm_buf_slice(&evidence.document), &doc, err);
	if (rc == HM_OK && !doc.public_key.present)
		rc = hm_fail(err, HM_E_POLICY, 0,
			     "the attestation document has no public key");
	if (rc == HM_OK)
		rc = hm_buf_add_slice(&s->spki, doc.public_key.bytes, err);
	if (rc == HM_OK)
		rc = hm_key_from_spki(hm_buf_slice(&s->spki), &s->key, err);
	hm_evidence_release(&evidence);
	return rc;
}

static int parse_statements(const struct hm_publish_item *it,
			    struct statements *s, struct hm_err *err)
{
	int rc = HM_OK;

	for (size_t i = 0; rc == HM_OK && i < HM_PUBLISH_BUNDLES; i++)
		rc = hm_bundle_parse(hm_buf_slice(&it->bundles[i]),
				     &s->bundles[i], err);
	if (rc == HM_OK)
		rc = find_key(s, err);
	/* A log is no place for what the enclave's key did not sign. */
	for (size_t i = 0; rc == HM_OK && i < HM_PUBLISH_BUNDLES; i++) {
		rc = hm_dsse_verify(&s->bundles[i].dsse, s->key, err);
		if (rc == HM_OK)
			rc = hm_tlog_leaf(&s->bundles[i].dsse,
					  hm_buf_slice(&s->spki),
					  &s->leaves[i], err);
	}
	return rc;
}

/* Before the leaves: a monitor must not see a leaf without its bundle. */
static int publish_evidence(struct hm_log_dir *d,
			    const struct hm_publish_item *it,
			    const struct statements *s, struct hm_err *err)
{
	for (size_t i = 0; i < HM_PUBLISH_BUNDLES; i++) {
		struct hm_hash leaf;
		int rc = hm_merkle_leaf_hash(hm_buf_slice(&s->leaves[i]), &leaf,
					     err);

		if (rc == HM_OK)
			rc = hm_log_dir_evidence(d, &leaf,
						 hm_buf_slice(&it->bundles[i]),
						 err);
		if (rc != HM_OK)
			return rc;
	}
	return HM_OK;
}

static int enter_log(const struct hm_publish_item *it, struct statements *s,
		     hm_deadline_t deadline, struct hm_published *ret,
		     struct hm_err *err)
{
	AUTO_LOG_DIR struct hm_log_dir *d = NULL;
	struct hm_slice leaves[HM_PUBLISH_BUNDLES];
	char memory[HM_PATH_MAX + 1];
	const char *index;
	int rc;

	hm_log_memory_default(memory);
	for (size_t i = 0; i < HM_PUBLISH_BUNDLES; i++)
		leaves[i] = hm_buf_slice(&s->leaves[i]);
	rc = hm_log_dir_open(it->log, memory, &d, err);
	if (rc == HM_OK && it->public_evidence)
		rc = publish_evidence(d, it, s, err);
	if (rc == HM_OK)
		rc = hm_log_dir_enter(d, leaves, HM_PUBLISH_BUNDLES, 0, deadline,
				      s->entries, err);
	if (rc != HM_OK)
		return rc;
	(void)snprintf(ret->log_name, sizeof(ret->log_name), "%s",
		       hm_log_dir_key(d)->name);
	ret->log_size = hm_log_dir_head(d)->size;
	index = hm_json_get_string(s->entries[HM_PUBLISH_BUNDLES - 1],
				   "logIndex");
	if (!index || !hm_parse_u64(hm_slice_str(index), UINT64_MAX,
				    &ret->index))
		return hm_fail(err, HM_E_BUG, 0, "a log entry without index");
	return HM_OK;
}

/* --- where the proofs go ------------------------------------------------------ */

static bool same_statement(const struct hm_dsse *a, const struct hm_dsse *b)
{
	return hm_slice_eq(hm_buf_slice(&a->payload),
			   hm_buf_slice(&b->payload)) &&
	       hm_slice_eq(hm_buf_slice(&a->sig), hm_buf_slice(&b->sig));
}

/* The bundle as it is now (it may have entries of other logs), and ours. */
static int merge(const struct statements *s, size_t i, struct hm_slice present,
		 struct hm_buf *out, struct hm_err *err)
{
	AUTO_BUNDLE struct hm_bundle b;
	int rc;

	hm_bundle_init(&b);
	rc = hm_bundle_parse(present, &b, err);
	if (rc == HM_OK && !same_statement(&b.dsse, &s->bundles[i].dsse))
		rc = hm_fail(err, HM_E_POLICY, 0,
			     "another build has taken the place of the one queued");
	if (rc == HM_OK)
		rc = hm_bundle_add_entry(&b, s->key, s->entries[i], out, err);
	return rc;
}

static int write_beside(int dir, const char *name, const char *suffix,
			struct hm_slice data, struct hm_err *err)
{
	AUTO_FREE char *full = NULL;

	if (asprintf(&full, "%s%s", name, suffix) < 0) {
		full = NULL;
		return hm_fail(err, HM_E_NOMEM, 0, "out of memory");
	}
	return hm_file_write_atomic(dir, full, data, 0644, err);
}

/* NAME.provenance.sigstore.json, NAME.evidence.sigstore.json, NAME.intoto.jsonl */
static int write_files(int dir, const char *name, const struct statements *s,
		       const struct hm_buf *logged, struct hm_err *err)
{
	static const char *const suffixes[HM_PUBLISH_BUNDLES] = {
		".provenance.sigstore.json", ".evidence.sigstore.json",
	};
	AUTO_BUF struct hm_buf lines;
	int rc = HM_OK;

	hm_buf_init(&lines, HM_PUBLISH_BUNDLES * HM_BUNDLE_MAX);
	for (size_t i = 0; rc == HM_OK && i < HM_PUBLISH_BUNDLES; i++) {
		rc = write_beside(dir, name, suffixes[i],
				  hm_buf_slice(&logged[i]), err);
		if (rc == HM_OK)
			rc = hm_dsse_write(&s->bundles[i].dsse, &lines, err);
		if (rc == HM_OK)
			rc = hm_buf_add(&lines, "\n", 1, err);
	}
	if (rc == HM_OK)
		rc = write_beside(dir, name, ".intoto.jsonl",
				  hm_buf_slice(&lines), err);
	return rc;
}

static int into_tar(const struct hm_publish_item *it, struct statements *s,
		    struct hm_published *ret, struct hm_err *err)
{
	struct hm_buf present[HM_PUBLISH_BUNDLES];
	AUTO_FREE char *dir_name = strdup(it->tar);
	char *slash = dir_name ? strrchr(dir_name, '/') : NULL;
	AUTO_CLOSE int dir = -1;
	int rc;

	if (!slash)
		return hm_fail(err, HM_E_NOMEM, 0, "out of memory");
	for (size_t i = 0; i < HM_PUBLISH_BUNDLES; i++)
		hm_buf_init(&present[i], HM_BUNDLE_MAX);
	rc = hm_release_bundles(it->tar, present, err);
	for (size_t i = 0; rc == HM_OK && i < HM_PUBLISH_BUNDLES; i++) {
		s->logged[i].len = 0;
		rc = merge(s, i, hm_buf_slice(&present[i]), &s->logged[i], err);
	}
	if (rc == HM_OK)
		rc = hm_release_replace(it->tar, s->logged, &ret->tar_size,
					ret->tar_sha256, err);
	*slash = '\0';
	if (rc == HM_OK) {
		dir = open(slash == dir_name ? "/" : dir_name,
			   O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		rc = dir >= 0 ? write_files(dir, slash + 1, s, s->logged, err) :
				hm_fail(err, HM_E_SYSTEM, errno, "open '%s'",
					HM_ESC(hm_slice_str(dir_name)));
	}
	for (size_t i = 0; i < HM_PUBLISH_BUNDLES; i++)
		hm_buf_release(&present[i]);
	return rc;
}

/* The tar is not there any more: the proofs stay with the queue. */
static int into_queue(int queue, const struct hm_publish_item *it,
		      struct statements *s, struct hm_err *err)
{
	AUTO_CLOSE int dir = -1;
	int rc = HM_OK;

	if (mkdirat(queue, "logged", 0700) < 0 && errno != EEXIST)
		return hm_fail(err, HM_E_SYSTEM, errno,
			       "publishing queue: make 'logged'");
	dir = openat(queue, "logged", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return hm_fail(err, HM_E_SYSTEM, errno,
			       "publishing queue: open 'logged'");
	for (size_t i = 0; rc == HM_OK && i < HM_PUBLISH_BUNDLES; i++) {
		s->logged[i].len = 0;
		rc = merge(s, i, hm_buf_slice(&it->bundles[i]), &s->logged[i],
			   err);
	}
	return rc == HM_OK ? write_files(dir, it->id, s, s->logged, err) : rc;
}

/* One writer of tars at a time: two logs' proofs must not undo each other. */
static int lock_tars(int queue, hm_deadline_t deadline, int *ret_fd,
		     struct hm_err *err)
{
	AUTO_CLOSE int fd = openat(queue, "tars.lock", O_RDWR | O_CREAT |
				   O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "publishing queue");
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (hm_deadline_left(deadline) == 0)
			return hm_fail(err, HM_E_TIMEOUT, 0,
				       "another process is publishing");
		(void)poll(NULL, 0, 20);
	}
	*ret_fd = HM_TAKE_FD(fd);
	return HM_OK;
}

static int deliver(int queue, const struct hm_publish_item *it,
		   struct statements *s, hm_deadline_t deadline,
		   struct hm_published *ret, struct hm_err *err)
{
	AUTO_CLOSE int lock = -1;
	int rc = lock_tars(queue, deadline, &lock, err);

	if (rc != HM_OK)
		return rc;
	rc = into_tar(it, s, ret, err);
	ret->in_tar = rc == HM_OK;
	if (rc == HM_E_POLICY || (rc == HM_E_SYSTEM && err->sys_errno == ENOENT))
		rc = into_queue(queue, it, s, err);
	return rc;
}

/* --- trying -------------------------------------------------------------------- */

static int try_once(int queue, const struct hm_publish_item *it,
		    hm_deadline_t deadline, struct hm_published *ret,
		    struct hm_err *err)
{
	AUTO_STATEMENTS struct statements s;
	int rc;

	statements_init(&s);
	rc = parse_statements(it, &s, err);
	if (rc == HM_OK)
		rc = enter_log(it, &s, deadline, ret, err);
	if (rc == HM_OK)
		rc = deliver(queue, it, &s, deadline, ret, err);
	if (rc == HM_OK)
		rc = hm_queue_remove(queue, it, err);
	return rc;
}

/* A quarter more or less, so that hosts that failed together do not retry so. */
static int64_t jitter(int64_t ms)
{
	uint16_t random = 0;

	if (hm_random(&random, sizeof(random), NULL) != HM_OK)
		return ms;
	return ms - ms / 4 + ms * random / (2 * (int64_t)UINT16_MAX);
}

/* What may be otherwise in a moment: a lock, a full disk, a file server. */
static bool is_transient(int rc)
{
	return rc == HM_E_SYSTEM || rc == HM_E_TIMEOUT || rc == HM_E_CLOSED ||
	       rc == HM_E_NOMEM;
}

static void try_item(int queue, struct hm_publish_item *it, int64_t wait_ms,
		     struct hm_published *ret)
{
	hm_deadline_t deadline = hm_deadline_in(wait_ms);
	int64_t pause = PAUSE_MS, backoff = BACKOFF_MS;
	struct hm_err saved = {0};
	int rc;

	for (;;) {
		rc = try_once(queue, it, deadline, ret, &ret->problem);
		if (rc == HM_OK || !is_transient(rc) ||
		    hm_deadline_left(deadline) <= pause)
			break;
		(void)poll(NULL, 0, (int)jitter(pause));
		pause *= 2;
	}
	ret->logged = rc == HM_OK;
	if (rc == HM_OK)
		return;
	for (uint64_t i = 0; i < it->tries && backoff < BACKOFF_MAX_MS; i++)
		backoff *= 2;
	it->tries++;
	it->next_ms = hm_wall_ms() + jitter(backoff);
	/* If even this fails the item is tried again too early, no more. */
	if (hm_queue_save(queue, it, &saved) != HM_OK)
		hm_log(HM_LOG_WARN, "%s; ignoring", saved.msg);
}

/* --- entry points ----------------------------------------------------------------- */

static int open_queue(const struct hm_publish_options *o, int *ret_dir,
		      struct hm_err *err)
{
	AUTO_FREE char *path = NULL;
	int rc = HM_OK;

	if (!o->queue)
		rc = hm_publish_queue_default(&path, err);
	return rc == HM_OK ? hm_queue_open(o->queue ? o->queue : path, ret_dir,
					   err) : rc;
}

/* The log's directory may be away at the moment, so this is not realpath(). */
static char *absolute(const char *path)
{
	AUTO_FREE char *cwd = NULL;
	char *real = realpath(path, NULL), *joined = NULL;

	if (real)
		return real;
	if (path[0] == '/')
		return strdup(path);
	cwd = getcwd(NULL, 0);
	if (!cwd || asprintf(&joined, "%s/%s", cwd, path) < 0)
		return NULL;
	return joined;
}

/* The same release into the same log is the same item. */
static int item_id(struct hm_publish_item *it, struct hm_err *err)
{
	AUTO_BUF struct hm_buf b;
	uint8_t digest[HM_SHA256_LEN];
	int rc;

	hm_buf_init(&b, 3 * HM_PATH_MAX + HM_BUNDLE_MAX);
	rc = hm_buf_add(&b, it->tar, strlen(it->tar) + 1, err);
	if (rc == HM_OK)
		rc = hm_buf_add(&b, it->log, strlen(it->log) + 1, err);
	if (rc == HM_OK)
		rc = hm_sha256(hm_buf_slice(&b), digest, err);
	if (rc == HM_OK)
		hm_hex(digest, HM_PUBLISH_ID_LEN / 2, it->id);
	return rc;
}

static int make_item(const struct hm_publish_options *o, const char *tar,
		     const char *log, struct hm_publish_item *it,
		     struct hm_err *err)
{
	AUTO_STATEMENTS struct statements s;
	int rc;

	statements_init(&s);
	it->tar = absolute(tar);
	it->log = absolute(log);
	if (!it->tar || !it->log)
		return hm_fail(err, HM_E_NOMEM, 0, "out of memory");
	it->public_evidence = o->public_evidence;
	it->queued_ms = hm_wall_ms();
	it->next_ms = it->queued_ms;
	rc = hm_release_bundles(it->tar, it->bundles, err);
	if (rc == HM_OK)
		rc = parse_statements(it, &s, err);
	if (rc == HM_OK)
		rc = item_id(it, err);
	return rc;
}

int hm_publish(const struct hm_publish_options *o, const char *tar,
	       const char *log, struct hm_published *ret, struct hm_err *err)
{
	AUTO_PUBLISH_ITEM struct hm_publish_item it;
	AUTO_PUBLISH_ITEM struct hm_publish_item queued;
	AUTO_CLOSE int queue = -1;
	bool busy = false;
	int rc;

	memset(ret, 0, sizeof(*ret));
	hm_publish_item_init(&it);
	hm_publish_item_init(&queued);
	rc = open_queue(o, &queue, err);
	if (rc == HM_OK)
		rc = make_item(o, tar, log, &it, err);
	if (rc == HM_OK)
		rc = hm_queue_save(queue, &it, err);
	if (rc == HM_OK)
		rc = hm_queue_load(queue, it.id, &queued, &busy, err);
	if (rc != HM_OK)
		return hm_err_prefix(err, "publish");
	if (!busy)
		try_item(queue, &queued, o->wait_ms, ret);
	else	/* somebody's --pending was quicker, and reports it */
		(void)hm_fail(&ret->problem, HM_E_TIMEOUT, 0,
			      "another process is publishing it");
	return HM_OK;
}

int hm_publish_pending(const struct hm_publish_options *o, bool now,
		       hm_publish_report_fn report, void *ctx,
		       size_t *ret_left, struct hm_err *err)
{
	AUTO_FREE char (*ids)[HM_PUBLISH_ID_LEN + 1] = NULL;
	AUTO_CLOSE int queue = -1;
	size_t count = 0, left = 0;
	int rc = open_queue(o, &queue, err);

	if (rc == HM_OK)
		rc = hm_queue_list(queue, &ids, &count, err);
	for (size_t i = 0; rc == HM_OK && i < count; i++) {
		AUTO_PUBLISH_ITEM struct hm_publish_item it;
		struct hm_published p = {.logged = false};
		bool busy = false;

		hm_publish_item_init(&it);
		if (hm_queue_load(queue, ids[i], &it, &busy, &p.problem) !=
		    HM_OK) {
			hm_log(HM_LOG_WARN, "%s; ignoring it", p.problem.msg);
			left++;
			continue;
		}
		if (busy || (!now && it.next_ms > hm_wall_ms())) {
			left++;
			continue;
		}
		try_item(queue, &it, o->wait_ms, &p);
		left += !p.logged;
		if (report)
			report(ctx, it.tar, it.log, &p);
	}
	if (rc == HM_OK)
		*ret_left = left;
	return rc;
}
