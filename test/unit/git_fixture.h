/*
 * For tests about git objects: temporary directories, shell scripts, objects
 * made by hand, and streams of objects that can be recorded and replayed.
 */
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include "enclave-worker/source.h"
#include "lib/githash.h"
#include "lib/gitobject.h"
#include "lib/hex.h"
#include "lib/path.h"
#include "lib/process.h"
#include "lib/wire.h"
#include "runner-hook/git_objects.h"
#include "test/unit/tap.h"

static struct hm_err err;

/* --- files and programs ------------------------------------------------------ */

static char fx_dir[64];		/* removed by fx_done() */

HM_UNUSED static bool fx_init(void)
{
	const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	(void)snprintf(fx_dir, sizeof(fx_dir), "%s/hm-test-XXXXXX", base);
	return mkdtemp(fx_dir) != NULL;
}

HM_UNUSED static void fx_done(void)
{
	int dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0 || hm_tree_remove(dir, fx_dir + 1, &err) < 0)
		printf("# could not remove %s\n", fx_dir);
	hm_cleanup_fd(&dir);
}

/* A script in fx_dir with a fixed git identity; its stdout. Must succeed. */
HM_UNUSED static bool fx_sh(const char *script, struct hm_buf *out)
{
	static const char prelude[] =
		"set -eu; export LC_ALL=C HOME=/nonexistent "
		"GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null "
		"GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.com "
		"GIT_COMMITTER_NAME=C GIT_COMMITTER_EMAIL=c@example.com "
		"GIT_AUTHOR_DATE='1600000000 +0000' "
		"GIT_COMMITTER_DATE='1700000000 +0100'; "
		"git() { command git -c protocol.file.allow=always "
		"-c init.defaultBranch=main -c safe.directory='*' \"$@\"; }; cd ";
	AUTO_BUF struct hm_buf text, said;
	const char *cmd;
	struct hm_exit status = {.code = -1};

	hm_buf_init(&text, 1 << 20);
	hm_buf_init(&said, 1 << 20);
	if (out)
		out->len = 0;
	if (hm_buf_addf(&text, &err, "%s%s\n%s", prelude, fx_dir, script) < 0 ||
	    hm_buf_cstr(&text, &cmd, &err) < 0)
		return false;
	if (hm_process_run(&(struct hm_process_spec){
			.argv = (const char *const[]){"/bin/bash", "-c", cmd, NULL},
			.stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1},
			out, &said, HM_NO_DEADLINE, &status, &err) < 0 ||
	    status.signalled || status.code != 0) {
		printf("# script failed (%d): %.*s\n", status.code, (int)said.len,
		       (const char *)said.data);
		return false;
	}
	if (out && out->len > 0 && out->data[out->len - 1] == '\n')
		out->len--;
	return true;
}

/* --- objects and streams of them ----------------------------------------------- */

struct fx_object {
	unsigned int kind;
	uint64_t size;		/* as declared */
	struct hm_buf data;
};
struct fx_stream {
	struct fx_object *items;
	size_t count;
};

HM_UNUSED static void fx_stream_release(struct fx_stream *s)
{
	for (size_t i = 0; i < s->count; i++)
		hm_buf_release(&s->items[i].data);
	free(s->items);
	*s = (struct fx_stream){.items = NULL};
}

HM_UNUSED static struct fx_object *fx_add(struct fx_stream *s, unsigned int kind,
					  const void *p, size_t len)
{
	struct fx_object *o = reallocarray(s->items, s->count + 1, sizeof(*o));

	if (!o)
		exit(99);
	s->items = o;
	o += s->count++;
	*o = (struct fx_object){.kind = kind, .size = len};
	hm_buf_init(&o->data, 64 << 20);
	if (hm_buf_add(&o->data, p, len, &err) < 0)
		exit(99);
	return o;
}

static int fx_begin(void *ctx, unsigned int kind, uint64_t size,
		    struct hm_err *e)
{
	(void)e;
	fx_add(ctx, kind, NULL, 0)->size = size;
	return HM_OK;
}

static int fx_data(void *ctx, const void *p, size_t len, struct hm_err *e)
{
	struct fx_stream *s = ctx;

	return hm_buf_add(&s->items[s->count - 1].data, p, len, e);
}

static int fx_end(void *ctx, struct hm_err *e)
{
	(void)ctx;
	(void)e;
	return HM_OK;
}

HM_UNUSED static struct hm_object_sink fx_sink(struct fx_stream *s)
{
	return (struct hm_object_sink){.ctx = s, .begin = fx_begin,
				       .data = fx_data, .end = fx_end};
}

/* Records the stream of rev in fx_dir/repo. */
HM_UNUSED static int fx_record(const char *repo, const char *rev,
			       struct fx_stream *s, struct hm_git_id *ret_commit)
{
	AUTO_REPO struct hm_repo r = {.root = NULL};
	struct hm_object_sink sink = fx_sink(s);
	char path[256];
	int rc;

	(void)snprintf(path, sizeof(path), "%s/%s", fx_dir, repo);
	rc = hm_repo_open(path, &r, &err);
	if (rc == HM_OK)
		rc = hm_repo_resolve(&r, rev, ret_commit, &err);
	return rc < 0 ? rc : hm_repo_stream(&r, ret_commit, &sink, &err);
}

/* A new empty directory below fx_dir; fd, or -1. */
HM_UNUSED static int fx_new_dir(const char *name)
{
	int dir = open(fx_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -1;

	if (dir >= 0 && hm_tree_remove(dir, name, &err) == HM_OK &&
	    mkdirat(dir, name, 0700) == 0)
		fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	hm_cleanup_fd(&dir);
	return fd;
}

/* One object in pieces of at most `piece` bytes. */
HM_UNUSED static int fx_feed(struct hm_source *src, const struct fx_object *o,
			     size_t piece)
{
	int rc = hm_source_begin(src, o->kind, o->size, &err);

	for (size_t i = 0; rc == HM_OK && i < o->data.len; i += piece) {
		size_t n = o->data.len - i < piece ? o->data.len - i : piece;

		rc = hm_source_data(src, hm_slice(o->data.data + i, n), &err);
	}
	return rc < 0 ? rc : hm_source_end(src, &err);
}

/*
 * Replays a stream into a new directory fx_dir/out. HM_OK only when the source
 * is complete; HM_E_CLOSED when the stream ends before that.
 */
HM_UNUSED static int fx_replay(const struct fx_stream *s,
			       const struct hm_git_id *commit, uint64_t max_bytes,
			       size_t piece, struct hm_source **ret_src)
{
	AUTO_CLOSE int fd = fx_new_dir("out");
	struct hm_source_spec spec = {.dest_fd = fd, .commit = *commit,
				      .max_bytes = max_bytes};
	struct hm_source *src = NULL;
	int rc = hm_source_new(&spec, &src, &err);

	for (size_t i = 0; rc == HM_OK && i < s->count; i++)
		rc = fx_feed(src, &s->items[i], piece);
	if (rc == HM_OK && !hm_source_complete(src))
		rc = hm_fail(&err, HM_E_CLOSED, 0, "the stream ends early");
	if (rc < 0 && src && (hm_source_complete(src) || hm_source_result(src)))
		rc = HM_E_BUG;	/* an error and a result at once */
	if (ret_src)
		*ret_src = HM_TAKE_PTR(src);
	hm_source_free(src);
	return rc;
}

/* --- objects made by hand --------------------------------------------------------- */

HM_UNUSED static struct hm_git_id fx_id(enum hm_git_alg alg,
					enum hm_git_type type, const void *p,
					size_t len)
{
	AUTO_GIT_HASHER struct hm_git_hasher *h = NULL;
	struct hm_git_id id = {.alg = alg};

	if (hm_git_hasher_new(alg, &h, &err) < 0 ||
	    hm_git_hasher_begin(h, type, len, &err) < 0 ||
	    hm_git_hasher_update(h, p, len, &err) < 0 ||
	    hm_git_hasher_end(h, &id, &err) < 0)
		exit(99);
	return id;
}

HM_UNUSED static void fx_entry(struct hm_buf *tree, const char *mode,
			       struct hm_slice name, const struct hm_git_id *id)
{
	if (hm_buf_addf(tree, &err, "%s ", mode) < 0 ||
	    hm_buf_add_slice(tree, name, &err) < 0 ||
	    hm_buf_add(tree, "", 1, &err) < 0 ||
	    hm_buf_add(tree, id->bytes, hm_git_id_len(id->alg), &err) < 0)
		exit(99);
}

/* A commit of a tree, at the time 1700000000. */
HM_UNUSED static struct hm_git_id fx_commit(struct fx_stream *s,
					    const struct hm_git_id *tree)
{
	char hex[HM_GIT_HEX_MAX], text[512];
	int n;

	hm_git_id_hex(tree, hex);
	n = snprintf(text, sizeof(text), "tree %s\nauthor A <a> 1 +0000\n"
		     "committer C <c> 1700000000 +0000\n\nm\n", hex);
	fx_add(s, HM_GIT_COMMIT, text, (size_t)n);
	return fx_id(tree->alg, HM_GIT_COMMIT, text, (size_t)n);
}
