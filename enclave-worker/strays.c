/*
 * Strays are found by what is new among our children; a pid that is our child is
 * not used again before we collect it, so killing by number is safe.
 */
#include "enclave-worker/strays.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "lib/io.h"
#include "lib/num.h"

void hm_children_list(struct hm_children *ret_c)
{
	AUTO_BUF struct hm_buf b;
	AUTO_CLOSE int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
	struct hm_err ignored;
	const char *text;
	char *word, *save = NULL;
	uint64_t pid;

	ret_c->count = 0;
	hm_buf_init(&b, 4096);
	if (fd < 0 || hm_io_read_to_end(fd, &b, HM_NO_DEADLINE, &ignored) != HM_OK ||
	    hm_buf_cstr(&b, &text, &ignored) != HM_OK)
		return;
	for (word = strtok_r((char *)b.data, " ", &save); word && ret_c->count < HM_CHILDREN_MAX;
	     word = strtok_r(NULL, " ", &save)) {
		if (hm_parse_u64(hm_slice_str(word), INT32_MAX, &pid))
			ret_c->pids[ret_c->count++] = (pid_t)pid;
	}
}

static pid_t parent_of(const char *pid)
{
	char path[64], text[512];
	AUTO_CLOSE int fd = -1;
	const char *name_end;
	ssize_t n;
	int parent = 0;

	(void)snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return 0;
	text[n] = 0;
	name_end = strrchr(text, ')');
	return name_end && sscanf(name_end, ") %*c %d", &parent) == 1 ? parent : 0;
}

static bool holds(const struct hm_children *c, pid_t pid)
{
	for (size_t i = 0; i < c->count; i++) {
		if (c->pids[i] == pid)
			return true;
	}
	return false;
}

void hm_children_below(pid_t pid, struct hm_children *ret_c)
{
	size_t before;

	ret_c->pids[0] = pid;
	ret_c->count = 1;
	/* Parents may be listed after their children: until nothing is new. */
	do {
		DIR *list = opendir("/proc");
		struct dirent *e;
		uint64_t n;

		before = ret_c->count;
		while (list && (e = readdir(list)) != NULL) {
			if (hm_parse_u64(hm_slice_str(e->d_name), INT32_MAX, &n) &&
			    ret_c->count < HM_CHILDREN_MAX && !holds(ret_c, (pid_t)n) &&
			    holds(ret_c, parent_of(e->d_name)))
				ret_c->pids[ret_c->count++] = (pid_t)n;
		}
		if (list)
			(void)closedir(list);
	} while (ret_c->count > before);
}

void hm_strays_note(struct hm_strays *ret_s, const struct hm_children *before, pid_t init)
{
	struct hm_children now;

	hm_children_list(&now);
	ret_s->count = 0;
	for (size_t i = 0; i < now.count; i++) {
		bool known = now.pids[i] == init;

		for (size_t j = 0; j < before->count; j++)
			known = known || now.pids[i] == before->pids[j];
		if (!known && ret_s->count < HM_STRAYS_MAX)
			ret_s->pids[ret_s->count++] = now.pids[i];
	}
}

void hm_strays_end(struct hm_strays *s)
{
	for (size_t i = 0; i < s->count; i++) {
		(void)kill(s->pids[i], SIGKILL);
		while (waitpid(s->pids[i], NULL, 0) < 0 && errno == EINTR)
			;
	}
	s->count = 0;
}
