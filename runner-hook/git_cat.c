/*
 * The conversation with `git cat-file --batch`. It answers in order, one answer
 * per question, and each answer names the id: anything else means that the two
 * of us have lost step, which is an error rather than a guess.
 */
#include "runner-hook/git_cat.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "lib/log.h"
#include "lib/num.h"
#include "runner-hook/git_run.h"

/* More would not make git busier, it would only hold more answers back. */
#define OUTSTANDING_MAX 256
/* The most an unprivileged process may ask for (fs.pipe-max-size). */
#define ANSWER_PIPE (1 << 20)
#define HEAD_MAX 128U

void hm_git_cat_init(struct hm_git_cat *c)
{
	*c = (struct hm_git_cat){.process = HM_PROCESS_NONE, .to_fd = -1,
				 .from_fd = -1, .stderr_fd = -1};
	hm_buf_init(&c->questions, (size_t)OUTSTANDING_MAX * HM_GIT_HEX_MAX);
}

void hm_git_cat_stop(struct hm_git_cat *c)
{
	hm_process_kill(&c->process);
	hm_cleanup_fd(&c->to_fd);
	hm_cleanup_fd(&c->from_fd);
	hm_cleanup_fd(&c->stderr_fd);
	hm_buf_release(&c->questions);
	free(c->data);
	hm_git_cat_init(c);
}

/*
 * The kernel accounts up to about 800 bytes for a write of one id; as long as
 * all outstanding ids fit by that measure, no write can block.
 */
static unsigned int room_of(int fd)
{
	socklen_t len = sizeof(int);
	int size = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &len) < 0 || size < 2048)
		return 1;
	size /= 1024;
	return (unsigned int)(size < OUTSTANDING_MAX ? size : OUTSTANDING_MAX);
}

static int start(struct hm_git_cat *c, const struct hm_repo *r, int in, int out,
		 struct hm_err *err)
{
	static const char *const args[] = {"cat-file", "--batch", NULL};
	struct hm_git_argv a;
	struct hm_process_spec spec = {
		.argv = a.argv,
		.envp = hm_git_env(),
		.stdin_fd = in,
		.stdout_fd = out,
		.stderr_fd = c->stderr_fd,
		.die_with_parent = true,
	};
	int rc = hm_git_argv(r, NULL, args, &a, err);

	return rc < 0 ? rc : hm_process_start(&spec, &c->process, err);
}

int hm_git_cat_start(struct hm_git_cat *c, const struct hm_repo *r,
		     struct hm_err *err)
{
	AUTO_CLOSE int in = -1;
	AUTO_CLOSE int out = -1;
	int fds[2], rc;

	c->data = malloc(HM_GIT_CAT_CHUNK);
	if (!c->data)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "git cat-file");
	/* a file, not a pipe: nobody reads it before git is through */
	c->stderr_fd = memfd_create("git-stderr", MFD_CLOEXEC);
	if (c->stderr_fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "memfd");
	/* a socket: writing to a git that died is an error, not a signal */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "socketpair");
	in = fds[0];
	c->to_fd = fds[1];
	if (pipe2(fds, O_CLOEXEC) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "pipe");
	c->from_fd = fds[0];
	out = fds[1];
	(void)fcntl(out, F_SETPIPE_SZ, ANSWER_PIPE);	/* a wish: speed only */
	c->room = room_of(c->to_fd);
	/* so that waiting for git can be cancelled */
	rc = hm_io_set_nonblock(c->from_fd, true, err);
	return rc < 0 ? rc : start(c, r, in, out, err);
}

int hm_git_cat_ask(struct hm_git_cat *c, const struct hm_git_id *id,
		   struct hm_err *err)
{
	char line[HM_GIT_HEX_MAX];

	HM_BUG_ON(!hm_git_cat_has_room(c));
	hm_git_id_hex(id, line);
	line[2 * hm_git_id_len(id->alg)] = '\n';
	c->outstanding++;
	return hm_buf_add(&c->questions, line, 2 * hm_git_id_len(id->alg) + 1,
			  err);
}

/* git ended: what it said last is the reason. */
static int git_gone(struct hm_git_cat *c, struct hm_err *err)
{
	char said[300] = "nothing";
	ssize_t n = pread(c->stderr_fd, said, sizeof(said) - 1, 0);

	if (n > 0) {
		said[n] = 0;
		for (ssize_t i = 0; i < n; i++)
			if (said[i] == '\n')
				said[i] = ' ';
	}
	return hm_fail(err, HM_E_SYSTEM, 0, "git cat-file ended and said: %s",
		       HM_ESC(hm_slice_str(said)));
}

int hm_git_cat_flush(struct hm_git_cat *c, struct hm_err *err)
{
	int rc = HM_OK;

	if (c->questions.len > 0)
		rc = hm_io_write_all(c->to_fd, c->questions.data,
				     c->questions.len, HM_NO_DEADLINE, err);
	c->questions.len = 0;
	return rc == HM_E_CLOSED ? git_gone(c, err) : rc;
}

static int fill(struct hm_git_cat *c, struct hm_err *err)
{
	int rc;

	c->pos = 0;
	c->len = 0;
	rc = hm_io_read_some(c->from_fd, c->data, HM_GIT_CAT_CHUNK,
			     HM_NO_DEADLINE, &c->len, err);
	if (rc < 0)
		return rc;
	return c->len == 0 ? git_gone(c, err) : HM_OK;
}

static int read_line(struct hm_git_cat *c, char *line, size_t size,
		     struct hm_err *err)
{
	for (size_t n = 0; n < size;) {
		if (c->pos == c->len) {
			int rc = fill(c, err);

			if (rc < 0)
				return rc;
		}
		line[n] = (char)c->data[c->pos++];
		if (line[n] == '\n') {
			line[n] = 0;
			return HM_OK;
		}
		n++;
	}
	return hm_fail(err, HM_E_FORMAT, 0, "git cat-file gave a long line");
}

int hm_git_cat_head(struct hm_git_cat *c, const struct hm_git_id *id,
		    enum hm_git_type type, uint64_t *ret_size,
		    struct hm_err *err)
{
	char line[HEAD_MAX], want[HM_GIT_HEX_MAX + 16], hex[HM_GIT_HEX_MAX];
	int n, rc = read_line(c, line, sizeof(line), err);

	if (rc < 0)
		return rc;
	c->outstanding--;
	hm_git_id_hex(id, hex);
	n = snprintf(want, sizeof(want), "%s %s ", hex, hm_git_type_name(type));
	HM_BUG_ON(n < 0 || (size_t)n >= sizeof(want));
	if (strncmp(line, want, (size_t)n) == 0 &&
	    hm_parse_u64(hm_slice_str(line + n), UINT64_MAX, ret_size))
		return HM_OK;
	n = snprintf(want, sizeof(want), "%s missing", hex);
	if (strcmp(line, want) == 0)
		return hm_fail(err, HM_E_POLICY, 0, "%s %s is not in this "
			       "repository", hm_git_type_name(type), hex);
	return hm_fail(err, HM_E_FORMAT, 0, "git cat-file answered '%s' for %s %s",
		       HM_ESC(hm_slice_str(line)), hm_git_type_name(type), hex);
}

int hm_git_cat_data(struct hm_git_cat *c, uint64_t max,
		    struct hm_slice *ret_chunk, struct hm_err *err)
{
	size_t n;

	if (c->pos == c->len) {
		int rc = fill(c, err);

		if (rc < 0)
			return rc;
	}
	n = c->len - c->pos;
	if (n > max)
		n = (size_t)max;
	*ret_chunk = hm_slice(c->data + c->pos, n);
	c->pos += n;
	return HM_OK;
}

int hm_git_cat_end(struct hm_git_cat *c, struct hm_err *err)
{
	struct hm_slice s;
	int rc = hm_git_cat_data(c, 1, &s, err);

	if (rc < 0)
		return rc;
	if (s.ptr[0] != '\n')
		return hm_fail(err, HM_E_FORMAT, 0,
			       "git cat-file gave an object of another size");
	return HM_OK;
}
