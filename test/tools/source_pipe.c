/*
 * Streams a commit from a repository into a directory the way a build does, and
 * nothing else: hm_repo_stream() here, hm_source in a process of its own, frames
 * over a socket pair between them. Prints what the worker side knows about the
 * source, and its peak memory.
 *
 *   source_pipe REPO REV DIR [MAX_BYTES]
 *
 * Exit: 0, or 1 with the worker's or the host's error on stderr.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "enclave-worker/source.h"
#include "lib/hex.h"
#include "lib/log.h"
#include "lib/num.h"
#include "lib/process.h"
#include "lib/wire.h"
#include "runner-hook/object_sender.h"

static int say(const struct hm_err *err, const char *who)
{
	fprintf(stderr, "%s: %s: %s\n", who, hm_code_name(err->code), err->msg);
	return 1;
}

static void print_result(const struct hm_source_result *r)
{
	char hex[HM_GIT_HEX_MAX];
	struct rusage usage;

	hm_git_id_hex(&r->tree, hex);
	printf("tree %s\n", hex);
	hm_hex(r->tree_sha256, sizeof(r->tree_sha256), hex);
	printf("tree-sha256 %s\n", hex);
	printf("time %" PRId64 "\nfiles %" PRIu64 "\nbytes %" PRIu64 "\n",
	       r->committer_s, r->files, r->bytes);
	for (size_t i = 0; i < r->submodule_count; i++) {
		hm_git_id_hex(&r->submodules[i].commit, hex);
		printf("submodule %s %s ", r->submodules[i].path, hex);
		hm_hex(r->submodules[i].tree_sha256, 32, hex);
		printf("%s\n", hex);
	}
	for (size_t i = 0; i < r->lfs_count; i++) {
		hm_hex(r->lfs[i].sha256, 32, hex);
		printf("lfs %s %s %" PRIu64 "\n", r->lfs[i].path, hex,
		       r->lfs[i].size);
	}
	(void)getrusage(RUSAGE_SELF, &usage);
	printf("worker-rss-kib %ld\n", usage.ru_maxrss);
}

/* In the second process: fd 3 is the connection, fd 4 the directory. */
static int worker(const char *commit, const char *max_bytes)
{
	struct hm_source_spec spec = {.dest_fd = 4};
	struct hm_source *s = NULL;
	struct hm_err err;
	struct hm_wire w;
	struct hm_frame f;
	int rc = hm_git_id_parse(hm_slice_str(commit), &spec.commit, &err);

	if (rc == HM_OK && !hm_parse_u64(hm_slice_str(max_bytes), UINT64_MAX,
					 &spec.max_bytes))
		rc = hm_fail(&err, HM_E_USAGE, 0, "MAX_BYTES");
	if (rc == HM_OK)
		rc = hm_source_new(&spec, &s, &err);
	hm_wire_init(&w, 3, HM_SIDE_WORKER);
	w.state = HM_ST_SOURCE;
	while (rc == HM_OK && !hm_source_complete(s)) {
		rc = hm_wire_receive(&w, HM_NO_DEADLINE, &f, &err);
		if (rc == HM_OK)
			rc = hm_source_frame(s, f.flags, f.body, &err);
	}
	hm_wire_release(&w);
	if (rc == HM_OK)
		print_result(hm_source_result(s));
	hm_source_free(s);
	return rc < 0 ? say(&err, "worker") : 0;
}

static int host(char **argv, const char *max_bytes, struct hm_err *err)
{
	AUTO_REPO struct hm_repo repo = {.root = NULL};
	AUTO_CLOSE int dir = open(argv[3], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct hm_process p = HM_PROCESS_NONE;
	struct hm_object_sender sender;
	struct hm_object_sink sink;
	struct hm_git_id commit;
	char hex[HM_GIT_HEX_MAX];
	struct hm_exit status = {.code = 1};
	struct hm_wire w;
	int fds[2], rc, rc2;

	if (dir < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "%s", argv[3]);
	rc = hm_repo_open(argv[1], &repo, err);
	if (rc == HM_OK)
		rc = hm_repo_resolve(&repo, argv[2], &commit, err);
	if (rc < 0)
		return rc;
	hm_git_id_hex(&commit, hex);
	rc = hm_process_start(&(struct hm_process_spec){
		.argv = (const char *const[]){"/proc/self/exe", "--worker", hex,
					      max_bytes, NULL},
		.stdin_fd = -1, .stdout_fd = 1, .stderr_fd = 2,
		.keep_fds = (const int[]){fds[1], dir}, .keep_count = 2,
		.die_with_parent = true}, &p, err);
	(void)close(fds[1]);
	hm_wire_init(&w, fds[0], HM_SIDE_HOST);
	w.state = HM_ST_SOURCE;
	sink = hm_object_sender_init(&sender, &w, 60000);
	if (rc == HM_OK)
		rc = hm_repo_stream(&repo, &commit, &sink, err);
	if (rc == HM_OK)
		rc = hm_wire_flush(&w, HM_NO_DEADLINE, err);
	hm_wire_release(&w);
	(void)close(fds[0]);
	rc2 = p.pid > 0 ? hm_process_wait(&p, HM_NO_DEADLINE, &status, NULL) : 0;
	if (rc == HM_OK && (rc2 < 0 || status.signalled || status.code != 0))
		rc = hm_fail(err, HM_E_CLOSED, 0, "the worker side failed");
	return rc;
}

int main(int argc, char **argv)
{
	struct hm_err err;

	if (argc == 4 && strcmp(argv[1], "--worker") == 0)
		return worker(argv[2], argv[3]);
	if (argc != 4 && argc != 5) {
		fprintf(stderr, "usage: source_pipe REPO REV DIR [MAX_BYTES]\n");
		return 2;
	}
	hm_log_init("source_pipe", HM_LOG_INFO);
	if (host(argv, argc == 5 ? argv[4] : "68719476736", &err) < 0)
		return say(&err, "host");
	return 0;
}
