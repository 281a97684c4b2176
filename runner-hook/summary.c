/* What a build says at its end. Names and URLs in it are escaped per reader. */
#include "runner-hook/summary.h"

#include <fcntl.h>
#include <stdio.h>

#include "lib/log.h"
#include "runner-hook/host.h"

/* Workflow command data: '%', CR, LF; in properties ':' and ',' too. */
static void command_text(const char *s, bool property)
{
	for (; *s; s++) {
		if (*s == '%' || *s == '\r' || *s == '\n' ||
		    (property && (*s == ':' || *s == ',')))
			(void)printf("%%%02X", (unsigned int)(unsigned char)*s);
		else
			(void)putchar(*s);
	}
}

void hm_summary_annotate(const char *file, unsigned int line, const char *text)
{
	(void)printf("::error ");
	if (file) {
		(void)printf("file=");
		command_text(file, true);
		(void)printf(",line=%u,", line > 0 ? line : 1);
	}
	(void)printf("title=hallmark::");
	command_text(text, false);
	(void)putchar('\n');
	(void)fflush(stdout);
}

static bool all_logged(const struct hm_host *h)
{
	for (size_t i = 0; i < h->config->logs.count; i++) {
		if (!h->published[i].logged)
			return false;
	}
	return h->config->logs.count > 0;
}

/* "Built" and "logged" are two answers: one entry for each log asked for. */
static struct hm_json *logs_json(const struct hm_host *h)
{
	struct hm_json *list = hm_json_new_array();

	for (size_t i = 0; i < h->config->logs.count; i++) {
		const struct hm_published *p = &h->published[i];
		struct hm_json *o = hm_json_new_object();

		(void)hm_json_set(o, "directory",
				  hm_json_new_str(h->config->logs.items[i]));
		(void)hm_json_set(o, "logged", hm_json_new_bool(p->logged));
		if (p->logged) {
			(void)hm_json_set(o, "name", hm_json_new_str(p->log_name));
			(void)hm_json_set(o, "index",
					  hm_json_new_integer((int64_t)p->index));
		} else {
			(void)hm_json_set(o, "problem",
					  hm_json_new_str(p->problem.msg));
		}
		(void)hm_json_append(list, o);
	}
	return list;
}

static int summary_json(const struct hm_host *h, const char *commit,
			struct hm_err *err)
{
	struct hm_json *o = hm_json_new_object();
	AUTO_BUF struct hm_buf text;
	int rc;

	hm_buf_init(&text, 65536);
	(void)(hm_json_set(o, "tar", hm_json_new_str(h->config->output)) &&
	       hm_json_set(o, "sha256", hm_json_new_str(h->tar_sha256)) &&
	       hm_json_set(o, "size", hm_json_new_integer((int64_t)h->tar_size)) &&
	       hm_json_set(o, "repository",
			   hm_json_new_string(hm_buf_slice(&h->repository))) &&
	       hm_json_set(o, "commit", hm_json_new_str(commit)) &&
	       hm_json_set(o, "enclave", hm_json_new_str(h->backend->name)) &&
	       hm_json_set(o, "logs", logs_json(h)));
	rc = hm_json_write(o, HM_JSON_PRETTY, &text, err);
	hm_json_free(o);
	if (rc == HM_OK)
		(void)printf("%.*s\n", (int)text.len, (const char *)text.data);
	return rc;
}

/* GITHUB_OUTPUT: one name=value line each; our values hold no newline. */
static int step_outputs(const struct hm_host *h, struct hm_err *err)
{
	const char *path = getenv("GITHUB_OUTPUT");
	AUTO_FREE char *absolute = realpath(h->config->output, NULL);
	AUTO_CLOSE int fd = -1;
	AUTO_BUF struct hm_buf b;
	int rc;

	if (!path || !h->config->on_runner || !absolute)
		return HM_OK;
	if (!hm_slice_is_text(hm_slice_str(absolute)))
		return hm_fail(err, HM_E_POLICY, 0,
			       "--output: control characters in the path");
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "GITHUB_OUTPUT");
	hm_buf_init(&b, 16384);
	rc = hm_buf_addf(&b, err, "tar-path=%s\ntar-sha256=%s\nlogged=%s\n",
			 absolute, h->tar_sha256,
			 all_logged(h) ? "true" : "false");
	if (rc == HM_OK)
		rc = hm_io_write_all(fd, b.data, b.len, HM_NO_DEADLINE, err);
	return rc;
}

int hm_summary_write(const struct hm_host *h, struct hm_err *err)
{
	struct hm_slice repository = hm_buf_slice(&h->repository);
	bool local = strcmp(h->backend->name, "nitro") != 0;
	char commit[HM_GIT_HEX_MAX];
	int rc;

	hm_git_id_hex(&h->commit, commit);
	rc = step_outputs(h, err);
	if (rc < 0)
		return rc;
	if (h->config->json)
		return summary_json(h, commit, err);
	if (h->config->quiet)
		return HM_OK;
	(void)printf("\n%s\n  sha256 %s\n  commit %s\n",
		     HM_ESC(hm_slice_str(h->config->output)), h->tar_sha256,
		     commit);
	for (size_t i = 0; i < h->config->logs.count; i++) {
		const struct hm_published *p = &h->published[i];

		if (p->logged)
			(void)printf("  entry %llu of log %s\n",
				     (unsigned long long)p->index, p->log_name);
		else
			(void)printf("  not logged yet: %s\n", p->problem.msg);
	}
	(void)printf("verify with:\n  hallmark verify %s",
		     HM_ESC(hm_slice_str(h->config->output)));
	if (repository.len > 0)
		(void)printf(" --repo %s", HM_ESC(repository));
	(void)printf(" --source-digest %s", commit);
	if (strcmp(h->config->config_path, "build.json") != 0)
		(void)printf(" --config-path %s",
			     HM_ESC(hm_slice_str(h->config->config_path)));
	if (local)
		(void)printf(" --trust-root %s/root.pem",
			     HM_ESC(hm_slice_str(h->config->dev_root)));
	(void)putchar('\n');
	if (local)
		(void)printf("\nThis was a development build: no hardware "
			     "vouches for it.\n");
	return HM_OK;
}
