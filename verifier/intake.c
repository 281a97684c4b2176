/*
 * From what stands on the command line to an intake: a release tar, a file with
 * bundles beside it or named, a digest, standard input, or a directory of
 * downloaded assets. Finding evidence is convenience only: whatever is found is
 * checked the same way, and finding the wrong thing can only end in a refusal.
 * In a directory links are never followed and anything but a regular file is
 * refused, so that what was hashed is what lies there.
 */
#include "verifier/evidence.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "lib/hex.h"
#include "lib/io.h"
#include "lib/log.h"
#include "lib/path.h"

/* Asset folders are flat or hold one tree of outputs; deeper is a mistake. */
#define DIR_DEPTH 32U

/* A regular file that begins as a ustar header does. */
static bool looks_like_tar(int fd)
{
	uint8_t head[512];

	return pread(fd, head, sizeof(head), 0) == (ssize_t)sizeof(head) &&
	       memcmp(head + 257, "ustar", 5) == 0;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] != '\0' ? slash + 1 : path;
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

static int open_path(const char *path, int *ret_fd, struct stat *st,
		     struct hm_err *err)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0 || fstat(fd, st) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "%s",
			       HM_ESC(hm_slice_str(path)));
	*ret_fd = HM_TAKE_FD(fd);
	return HM_OK;
}

/* Hashes what is left of fd as a file that is asked about. */
static int want_file(struct hm_intake *in, int fd, const char *name,
		     struct hm_err *err)
{
	uint8_t sha256[HM_SHA256_LEN];
	char shown[HM_PATH_MAX + 1];
	uint64_t size;
	int rc = hm_sha256_fd(fd, sha256, &size, err);

	if (rc != HM_OK)
		return rc;
	hm_escape(hm_slice_str(name), shown, sizeof(shown));
	return hm_artifacts_add(&in->wanted, hm_slice_str(shown), 0644, size,
				sha256, err);
}

static int read_bundle_fd(struct hm_intake *in, int fd, const char *name,
			  struct hm_err *err)
{
	AUTO_BUF struct hm_buf text;
	bool was_good = !in->malformed;
	int rc;

	hm_buf_init(&text, HM_INTAKE_JSONL_MAX);
	if (looks_like_tar(fd)) {
		rc = hm_intake_tar(fd, in, err);
	} else {
		rc = hm_io_read_to_end(fd, &text, HM_NO_DEADLINE, err);
		if (rc == HM_OK)
			rc = hm_intake_bundle(hm_buf_slice(&text), in, err);
	}
	if (rc == HM_OK && in->malformed && was_good)
		hm_escape(hm_slice_str(name), in->problem_about,
			  sizeof(in->problem_about));
	return rc;
}

static int read_bundle(struct hm_intake *in, const char *path,
		       struct hm_err *err)
{
	AUTO_CLOSE int fd = -1;
	struct stat st;
	int rc = open_path(path, &fd, &st, err);

	return rc == HM_OK ? read_bundle_fd(in, fd, path, err) : rc;
}

static int read_bundles(struct hm_intake *in,
			const struct hm_intake_request *req, struct hm_err *err)
{
	int rc = HM_OK;

	for (size_t i = 0; rc == HM_OK && i < req->bundle_count; i++)
		rc = read_bundle(in, req->bundles[i], err);
	return rc;
}

/* --- evidence beside a file --- */

/* Names under which publishers and tools put it; PATH stands for the file. */
static int read_beside(struct hm_intake *in, const char *path,
		       struct hm_err *err)
{
	static const struct {
		bool of_directory;
		const char *tail;
	} places[] = {
		{ false, ".intoto.jsonl" },
		{ false, ".sigstore.json" },
		{ false, ".evidence.sigstore.json" },
		{ false, ".provenance.sigstore.json" },
		{ true, HM_TAR_EVIDENCE },
		{ true, HM_TAR_PROVENANCE },
		{ true, "evidence.sigstore.json" },
		{ true, "provenance.sigstore.json" },
	};
	size_t dir_len = (size_t)(base_name(path) - path);

	for (size_t i = 0; i < HM_ARRAY_LEN(places); i++) {
		char name[HM_PATH_MAX + 64];
		int n = places[i].of_directory ?
			snprintf(name, sizeof(name), "%.*s%s", (int)dir_len,
				 path, places[i].tail) :
			snprintf(name, sizeof(name), "%s%s", path,
				 places[i].tail);
		struct stat st;

		if (in->evidence.present && in->provenance.present)
			return HM_OK;
		if (n < 0 || (size_t)n >= sizeof(name) ||
		    stat(name, &st) < 0 || !S_ISREG(st.st_mode))
			continue;
		int rc = read_bundle(in, name, err);

		if (rc != HM_OK)
			return rc;
	}
	return HM_OK;
}

/* --- a directory of assets --- */

struct names {
	char **items;	/* relative paths */
	size_t count, room;
};

static void names_release(struct names *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->items[i]);
	free(n->items);
}

static int names_add(struct names *n, const char *name, struct hm_err *err)
{
	if (n->count >= HM_ARTIFACTS_MAX)
		return hm_fail(err, HM_E_TOO_LARGE, 0, "more than %u files",
			       HM_ARTIFACTS_MAX);
	if (n->count == n->room) {
		size_t room = n->room ? 2 * n->room : 64;
		char **p = reallocarray(n->items, room, sizeof(*p));

		if (!p)
			return hm_fail(err, HM_E_NOMEM, 0, "directory");
		n->items = p;
		n->room = room;
	}
	n->items[n->count] = hm_slice_dup(hm_slice_str(name));
	if (!n->items[n->count])
		return hm_fail(err, HM_E_NOMEM, 0, "directory");
	n->count++;
	return HM_OK;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_entries(DIR *dir, int dir_fd, const char *prefix,
			struct names *files, struct names *dirs,
			struct hm_err *err)
{
	for (;;) {
		char path[HM_PATH_MAX + 1];
		const struct dirent *e;
		struct stat st;

		errno = 0;
		e = readdir(dir);
		if (!e && errno != 0)
			return hm_fail(err, HM_E_SYSTEM, errno, "directory");
		if (!e)
			return HM_OK;
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		int n = snprintf(path, sizeof(path), "%s%s", prefix, e->d_name);

		if (n < 0 || (size_t)n >= sizeof(path))
			return hm_fail(err, HM_E_TOO_LARGE, 0, "path too long");
		if (fstatat(dir_fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return hm_fail(err, HM_E_SYSTEM, errno, "%s",
				       HM_ESC(hm_slice_str(path)));
		if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
			return hm_fail(err, HM_E_POLICY, 0, "%s is not a file",
				       HM_ESC(hm_slice_str(path)));
		int rc = names_add(S_ISDIR(st.st_mode) ? dirs : files, path, err);

		if (rc != HM_OK)
			return rc;
	}
}

/* Breadth first, so that depth costs no stack. */
static int list_files(int root, struct names *files, struct names *dirs,
		      struct hm_err *err)
{
	int rc = names_add(dirs, ".", err);

	for (size_t i = 0; rc == HM_OK && i < dirs->count; i++) {
		char prefix[HM_PATH_MAX + 2] = "";
		AUTO_CLOSE int fd = -1;
		size_t depth = 0;
		int seen;
		DIR *dir;

		for (const char *p = dirs->items[i]; *p != '\0'; p++)
			depth += *p == '/' ? 1 : 0;
		if (depth > DIR_DEPTH)
			return hm_fail(err, HM_E_TOO_LARGE, 0,
				       "directories nest too deep");
		rc = hm_openat_beneath(root, dirs->items[i],
				       O_RDONLY | O_DIRECTORY, 0, &fd, err);
		if (rc != HM_OK)
			return rc;
		if (i > 0)
			snprintf(prefix, sizeof(prefix), "%s/", dirs->items[i]);
		seen = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		dir = seen < 0 ? NULL : fdopendir(seen);
		if (!dir) {
			if (seen >= 0)
				(void)close(seen);
			return hm_fail(err, HM_E_SYSTEM, errno, "directory");
		}
		rc = read_entries(dir, fd, prefix, files, dirs, err);
		(void)closedir(dir);
	}
	if (rc == HM_OK && files->count > 0)
		qsort(files->items, files->count, sizeof(*files->items),
		      compare_names);
	return rc;
}

static bool is_bundle_name(const char *name)
{
	return ends_with(name, ".sigstore.json") || ends_with(name, ".sigstore") ||
	       ends_with(name, ".intoto.jsonl") || ends_with(name, ".jsonl");
}

static int read_side_file(int fd, struct hm_side_file *f, struct hm_err *err)
{
	f->present = true;
	return hm_sha256_fd(fd, f->sha256, &f->size, err);
}

/* One file of the directory, by what its name says it is. */
static int take_asset(struct hm_intake *in, int root, const char *name,
		      bool bundles, struct hm_err *err)
{
	AUTO_CLOSE int fd = -1;
	int rc;

	if (is_bundle_name(name) != bundles)
		return HM_OK;
	rc = hm_openat_beneath(root, name, O_RDONLY | O_NONBLOCK, 0, &fd, err);
	if (rc != HM_OK)
		return rc;
	if (bundles)
		return read_bundle_fd(in, fd, name, err);
	if (strcmp(name, HM_TAR_NETWORK) == 0)
		return read_side_file(fd, &in->network, err);
	if (strcmp(name, HM_TAR_LOG) == 0)
		return read_side_file(fd, &in->build_log, err);
	if (strcmp(name, HM_TAR_DOCUMENT) == 0) {
		in->has_document = true;
		return hm_io_read_to_end(fd, &in->document, HM_NO_DEADLINE, err);
	}
	return want_file(in, fd, name, err);
}

/* The one tar that holds an attestation, if there is one. */
static int take_release(struct hm_intake *in, int root,
			const struct names *files, const char **ret_name,
			struct hm_err *err)
{
	for (size_t i = 0; i < files->count; i++) {
		AUTO_INTAKE struct hm_intake try;
		AUTO_CLOSE int fd = -1;
		int rc;

		if (!ends_with(files->items[i], ".tar"))
			continue;
		rc = hm_openat_beneath(root, files->items[i],
				       O_RDONLY | O_NONBLOCK, 0, &fd, err);
		if (rc != HM_OK)
			return rc;
		hm_intake_init(&try);
		rc = hm_intake_tar(fd, &try, err);
		if (rc != HM_OK)
			return rc;
		if (!try.evidence.present)	/* a tar that was built */
			continue;
		if (*ret_name)
			return hm_fail(err, HM_E_USAGE, 0,
				       "the directory holds two releases, %s "
				       "and %s: name one", *ret_name,
				       files->items[i]);
		*ret_name = files->items[i];
		snprintf(try.label, sizeof(try.label), "%s", in->label);
		if (try.malformed)
			hm_escape(hm_slice_str(*ret_name), try.problem_about,
				  sizeof(try.problem_about));
		*in = try;
		hm_intake_init(&try);	/* transferred */
	}
	return HM_OK;
}

static int take_directory(struct hm_intake *in, int root,
			  const struct hm_intake_request *req,
			  const struct names *files, struct hm_err *err)
{
	const char *release = NULL;
	int rc;

	rc = req->bundle_count > 0 ? read_bundles(in, req, err) :
	     take_release(in, root, files, &release, err);
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; rc == HM_OK && i < files->count; i++) {
			const char *name = files->items[i];
			bool from_elsewhere = release || req->bundle_count > 0;

			if (release && strcmp(name, release) == 0)
				continue;
			/* Copies of what the release or the flag gives. */
			if (from_elsewhere && is_bundle_name(name))
				continue;
			rc = take_asset(in, root, name, pass == 0, err);
		}
	return rc == HM_OK ? hm_artifacts_sort(&in->wanted, err) : rc;
}

static int read_directory(struct hm_intake *in, int root,
			  const struct hm_intake_request *req,
			  struct hm_err *err)
{
	struct names files = {0}, dirs = {0};
	int rc = list_files(root, &files, &dirs, err);

	if (rc == HM_OK)
		rc = take_directory(in, root, req, &files, err);
	names_release(&files);
	names_release(&dirs);
	if (rc == HM_E_POLICY || rc == HM_E_TOO_LARGE) {
		in->malformed = true;
		in->problem = *err;
		rc = HM_OK;
	}
	return rc;
}

/* --- the operand --- */

static int read_digest(struct hm_intake *in, const char *digest,
		       struct hm_err *err)
{
	static const char prefix[] = "sha256:";
	uint8_t sha256[HM_SHA256_LEN];

	if (strncmp(digest, prefix, sizeof(prefix) - 1) != 0 ||
	    !hm_unhex(hm_slice_str(digest + sizeof(prefix) - 1), sha256,
		      sizeof(sha256)))
		return hm_fail(err, HM_E_USAGE, 0, "--digest wants sha256: and "
			       "64 lower-case hex digits");
	snprintf(in->label, sizeof(in->label), "%.23s...", digest);
	return hm_artifacts_add(&in->wanted, hm_slice_str(in->label), 0644, 0,
				sha256, err);
}

static int read_operand(struct hm_intake *in,
			const struct hm_intake_request *req, struct hm_err *err)
{
	bool is_stdin = strcmp(req->path, "-") == 0;
	const char *name = is_stdin ? "standard input" : base_name(req->path);
	AUTO_CLOSE int fd = -1;
	struct stat st;
	int rc;

	hm_escape(hm_slice_str(name), in->label, sizeof(in->label));
	if (is_stdin) {
		fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
		if (fd < 0 || fstat(fd, &st) < 0)
			return hm_fail(err, HM_E_SYSTEM, errno, "standard input");
	} else {
		rc = open_path(req->path, &fd, &st, err);
		if (rc != HM_OK)
			return rc;
	}
	if (S_ISDIR(st.st_mode))
		return read_directory(in, fd, req, err);
	if (req->bundle_count == 0 &&
	    (!S_ISREG(st.st_mode) || is_stdin || looks_like_tar(fd)))
		return hm_intake_tar(fd, in, err);
	rc = want_file(in, fd, name, err);
	if (rc != HM_OK)
		return rc;
	return req->bundle_count > 0 ? read_bundles(in, req, err) :
				       read_beside(in, req->path, err);
}

static int read_request(struct hm_intake *in,
			const struct hm_intake_request *req, struct hm_err *err)
{
	int rc;

	if (!req->digest == !req->path)
		return hm_fail(err, HM_E_USAGE, 0,
			       "name one file, directory, \"-\" or --digest");
	if (!req->digest)
		return read_operand(in, req, err);
	if (req->bundle_count == 0)
		return hm_fail(err, HM_E_USAGE, 0,
			       "--digest needs --bundle FILE with the evidence");
	rc = read_digest(in, req->digest, err);
	return rc == HM_OK ? read_bundles(in, req, err) : rc;
}

int hm_intake_read(const struct hm_intake_request *req, struct hm_intake *ret_in,
		   struct hm_err *err)
{
	AUTO_INTAKE struct hm_intake in;
	int rc;

	hm_intake_init(&in);
	rc = read_request(&in, req, err);
	if (rc != HM_OK)
		return rc;
	*ret_in = in;
	hm_intake_init(&in);	/* transferred */
	return HM_OK;
}
