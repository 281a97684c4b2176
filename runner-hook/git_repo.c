/*
 * Questions about a repository, answered by git. Answers are parsed strictly and
 * fail with the command that helps: most of what goes wrong here is a checkout
 * that lacks something (shallow, partial, submodules, LFS), and whoever reads
 * the message did not choose how the runner checked out.
 */
#include "runner-hook/git_repo.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "lib/hex.h"
#include "lib/log.h"
#include "lib/path.h"
#include "runner-hook/git_run.h"

/* What git says on stderr is quoted, not parsed. */
#define SAID_MAX 65536U

void hm_repo_release(struct hm_repo *r)
{
	free(r->root);
	free(r->git_dir);
	free(r->common_dir);
	*r = (struct hm_repo){.root = NULL};
}

/* First line of s, which must be there; the rest stays in *s. */
static bool take_line(struct hm_slice *s, struct hm_slice *ret_line)
{
	const uint8_t *end = s->len > 0 ? memchr(s->ptr, '\n', s->len) : NULL;
	size_t n;

	if (!end)
		return false;
	n = (size_t)(end - s->ptr);
	*ret_line = hm_slice(s->ptr, n);
	*s = hm_slice(end + 1, s->len - n - 1);
	return true;
}

/* The last line of what git said, as part of our own message. */
static int git_failed(const char *what, const struct hm_buf *said,
		      struct hm_err *err)
{
	struct hm_slice s = hm_buf_slice(said), line = hm_slice(NULL, 0), next;

	while (take_line(&s, &next))
		line = next;
	return hm_fail(err, HM_E_SYSTEM, 0, "%s: %s", what, HM_ESC(line));
}

static int parse_open(struct hm_slice s, struct hm_repo *r, bool *ret_work_tree,
		      struct hm_err *err)
{
	struct hm_slice git_dir, common, shallow, bare, inside;

	if (!take_line(&s, &git_dir) || !take_line(&s, &common) ||
	    !take_line(&s, &shallow) || !take_line(&s, &bare) ||
	    !take_line(&s, &inside) || s.len != 0)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "git rev-parse gave another answer than asked "
			       "for (is there a newline in the path?)");
	r->git_dir = hm_slice_dup(git_dir);
	r->common_dir = hm_slice_dup(common);
	r->shallow = hm_slice_eq_str(shallow, "true");
	r->bare = hm_slice_eq_str(bare, "true");
	*ret_work_tree = hm_slice_eq_str(inside, "true");
	if (!r->git_dir || !r->common_dir)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "repository");
	return HM_OK;
}

static int find_root(const char *dir, struct hm_repo *r, struct hm_err *err)
{
	static const char *const args[] = {"rev-parse", "--show-toplevel", NULL};
	AUTO_BUF struct hm_buf out, said;
	struct hm_slice s, line;
	int status, rc;

	hm_buf_init(&out, HM_GIT_ANSWER_MAX);
	hm_buf_init(&said, SAID_MAX);
	rc = hm_git_run(NULL, dir, args, &out, &said, &status, err);
	if (rc < 0)
		return rc;
	if (status != 0)
		return git_failed("git rev-parse", &said, err);
	s = hm_buf_slice(&out);
	if (!take_line(&s, &line) || s.len != 0)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "git rev-parse gave no single top directory");
	r->root = hm_slice_dup(line);
	return r->root ? HM_OK : hm_fail(err, HM_E_NOMEM, ENOMEM, "repository");
}

int hm_repo_open(const char *dir, struct hm_repo *ret_r, struct hm_err *err)
{
	static const char *const args[] = {
		"rev-parse", "--path-format=absolute", "--absolute-git-dir",
		"--git-common-dir", "--is-shallow-repository",
		"--is-bare-repository", "--is-inside-work-tree", NULL};
	AUTO_REPO struct hm_repo r = {.root = NULL};
	AUTO_BUF struct hm_buf out, said;
	bool work_tree = false;
	int status, rc;

	hm_buf_init(&out, HM_GIT_ANSWER_MAX);
	hm_buf_init(&said, SAID_MAX);
	rc = hm_git_run(NULL, dir, args, &out, &said, &status, err);
	if (rc < 0)
		return rc;
	if (status != 0) {
		rc = git_failed("git", &said, err);
		return hm_err_prefix(err, "'%s' is not in a git repository",
				     HM_ESC(hm_slice_str(dir)));
	}
	rc = parse_open(hm_buf_slice(&out), &r, &work_tree, err);
	if (rc == HM_OK && work_tree)
		rc = find_root(dir, &r, err);
	if (rc < 0)
		return rc;
	if (!r.root)
		r.root = strdup(r.git_dir);
	if (!r.root)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "repository");
	*ret_r = HM_TAKE(r, (struct hm_repo){.root = NULL});
	return HM_OK;
}

/* One question; *ret_status tells yes (0) from no. Trailing newline removed. */
static int ask(const struct hm_repo *r, const char *const *args,
	       struct hm_buf *out, int *ret_status, struct hm_err *err)
{
	int rc = hm_git_run(r, NULL, args, out, NULL, ret_status, err);

	if (rc == HM_OK && out->len > 0 && out->data[out->len - 1] == '\n')
		out->len--;
	return rc;
}

/* Revisions are operands: nothing that git could take for an option. */
static int check_rev(const char *rev, struct hm_err *err)
{
	if (rev[0] == 0 || rev[0] == '-' || !hm_slice_is_text(hm_slice_str(rev)))
		return hm_fail(err, HM_E_USAGE, 0, "'%s' is not a revision",
			       HM_ESC(hm_slice_str(rev)));
	return HM_OK;
}

int hm_repo_resolve(const struct hm_repo *r, const char *rev,
		    struct hm_git_id *ret_commit, struct hm_err *err)
{
	AUTO_BUF struct hm_buf out, spec;
	const char *text;
	int status, rc = check_rev(rev, err);

	hm_buf_init(&out, HM_GIT_ANSWER_MAX);
	hm_buf_init(&spec, HM_PATH_MAX);
	if (rc == HM_OK)
		rc = hm_buf_addf(&spec, err, "%s^{commit}", rev);
	if (rc == HM_OK)
		rc = hm_buf_cstr(&spec, &text, err);
	if (rc < 0)
		return rc;
	rc = ask(r, (const char *const[]){"rev-parse", "--verify", "--quiet",
					  text, NULL}, &out, &status, err);
	if (rc < 0)
		return rc;
	if (status == 0)
		return hm_git_id_parse(hm_buf_slice(&out), ret_commit, err);
	if (r->shallow)
		return hm_fail(err, HM_E_POLICY, 0,
			       "'%s' is not in this shallow clone: run `git "
			       "fetch --depth=1 origin %s` (with "
			       "actions/checkout: `fetch-depth: 0`)",
			       HM_ESC(hm_slice_str(rev)),
			       HM_ESC(hm_slice_str(rev)));
	return hm_fail(err, HM_E_POLICY, 0,
		       "'%s' names no commit of this repository; if it is on "
		       "the server, run `git fetch` first",
		       HM_ESC(hm_slice_str(rev)));
}

int hm_repo_ref(const struct hm_repo *r, const char *rev, struct hm_buf *b,
		struct hm_err *err)
{
	AUTO_BUF struct hm_buf out;
	int status, rc = check_rev(rev, err);

	hm_buf_init(&out, HM_GIT_ANSWER_MAX);
	if (rc < 0)
		return rc;
	rc = ask(r, (const char *const[]){"rev-parse", "--symbolic-full-name",
					  "--verify", "--quiet", rev, NULL},
		 &out, &status, err);
	if (rc < 0)
		return rc;
	/* "HEAD" itself: detached; what is not a ref gives nothing */
	if (status != 0 || out.len < 5 || memcmp(out.data, "refs/", 5) != 0)
		return HM_OK;
	return hm_buf_add_slice(b, hm_buf_slice(&out), err);
}

int hm_repo_file(const struct hm_repo *r, const struct hm_git_id *commit,
		 const char *path, struct hm_buf *b, struct hm_err *err)
{
	AUTO_BUF struct hm_buf out;
	char hex[HM_GIT_HEX_MAX], id[HM_GIT_HEX_MAX];
	size_t id_len = 2 * hm_git_id_len(commit->alg);
	int status, rc;

	hm_buf_init(&out, HM_GIT_ANSWER_MAX);
	hm_git_id_hex(commit, hex);
	/* "<mode> blob <id>\t<path>\0": the mode tells a file from a link */
	rc = ask(r, (const char *const[]){"ls-tree", "-z", "--full-tree", hex,
					  "--", path, NULL}, &out, &status, err);
	if (rc < 0)
		return rc;
	if (status != 0 || out.len < 12 + id_len ||
	    (memcmp(out.data, "100644 blob ", 12) != 0 &&
	     memcmp(out.data, "100755 blob ", 12) != 0))
		return hm_fail(err, HM_E_POLICY, 0,
			       "commit %.12s has no file '%s'", hex,
			       HM_ESC(hm_slice_str(path)));
	memcpy(id, out.data + 12, id_len);
	id[id_len] = 0;
	rc = hm_git_run(r, NULL, (const char *const[]){"cat-file", "blob", id,
						       NULL},
			b, NULL, &status, err);
	if (rc < 0)
		return hm_err_prefix(err, "'%s'", HM_ESC(hm_slice_str(path)));
	if (status != 0)
		return hm_fail(err, HM_E_POLICY, 0,
			       "'%s' of commit %.12s is not in this repository",
			       HM_ESC(hm_slice_str(path)), hex);
	return HM_OK;
}

bool hm_repo_is_partial(const struct hm_repo *r)
{
	AUTO_BUF struct hm_buf out;
	int status = 1;

	hm_buf_init(&out, HM_GIT_ANSWER_MAX);
	return ask(r, (const char *const[]){
			"config", "--get-regexp",
			"^(remote\\..*\\.promisor|extensions\\.partialclone)$",
			NULL}, &out, &status, NULL) == HM_OK && status == 0;
}

/*
 * "https://user:token@host/o/r?x" to "https://host/o/r": what is left is written
 * into a public statement. "git@host:o/r" holds no secret and stays.
 */
static struct hm_slice without_userinfo(struct hm_slice url, size_t *ret_scheme)
{
	size_t i = 0, end, at = 0;

	*ret_scheme = 0;
	while (i < url.len && url.ptr[i] != ':' && url.ptr[i] != '/')
		i++;
	if (url.len - i < 3 || memcmp(url.ptr + i, "://", 3) != 0)
		return url;
	*ret_scheme = i + 3;
	for (end = *ret_scheme; end < url.len && url.ptr[end] != '/'; end++)
		if (url.ptr[end] == '@')
			at = end + 1;
	if (at == 0)
		at = *ret_scheme;
	for (end = at; end < url.len; end++)
		if (url.ptr[end] == '?' || url.ptr[end] == '#')
			break;
	return hm_slice(url.ptr + at, end - at);
}

int hm_repo_origin(const struct hm_repo *r, struct hm_buf *b, struct hm_err *err)
{
	AUTO_BUF struct hm_buf out;
	struct hm_slice rest;
	size_t scheme;
	int status, rc;

	hm_buf_init(&out, HM_GIT_ANSWER_MAX);
	rc = ask(r, (const char *const[]){"config", "--get", "remote.origin.url",
					  NULL}, &out, &status, err);
	if (rc < 0 || status != 0 || !hm_slice_is_text(hm_buf_slice(&out)))
		return rc;
	rest = without_userinfo(hm_buf_slice(&out), &scheme);
	if (scheme > 0)
		rc = hm_buf_add(b, out.data, scheme, err);
	return rc < 0 ? rc : hm_buf_add_slice(b, rest, err);
}
