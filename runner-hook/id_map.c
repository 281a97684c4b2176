/*
 * Writes uid_map and gid_map of the worker's user namespace. What the kernel and
 * the set-uid helpers refuse they refuse by themselves; nothing here widens it.
 */
#include "runner-hook/id_map.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>

#include "lib/log.h"
#include "lib/num.h"
#include "lib/path.h"
#include "lib/process.h"

/* One line per user; a shared machine with 10,000 users has 300 KB. */
#define SUBID_FILE_MAX (4U << 20)

uint64_t hm_id_map_find(struct hm_slice text, const char *name, uint64_t id)
{
	char number[24];

	(void)snprintf(number, sizeof(number), "%llu", (unsigned long long)id);
	while (text.len > 0) {
		const uint8_t *end = memchr(text.ptr, '\n', text.len);
		size_t line_len = end ? (size_t)(end - text.ptr) : text.len;
		struct hm_slice field[3] = {{0}};
		struct hm_slice rest = hm_slice(text.ptr, line_len);
		uint64_t first, count;
		size_t i;

		text = hm_slice(text.ptr + line_len, text.len - line_len);
		if (text.len > 0)
			text = hm_slice(text.ptr + 1, text.len - 1);
		for (i = 0; i < 3; i++) {
			const uint8_t *colon = memchr(rest.ptr, ':', rest.len);
			size_t n = colon && i < 2 ? (size_t)(colon - rest.ptr) : rest.len;

			field[i] = hm_slice(rest.ptr, n);
			if (n == rest.len)
				break;
			rest = hm_slice(rest.ptr + n + 1, rest.len - n - 1);
		}
		if (i != 2 || (!(name && hm_slice_eq_str(field[0], name)) &&
			       !hm_slice_eq_str(field[0], number)))
			continue;
		if (hm_parse_u64(field[1], UINT32_MAX, &first) && first > 0 &&
		    hm_parse_u64(field[2], UINT32_MAX, &count) && count >= HM_ID_MAP_COUNT)
			return first;
	}
	return 0;
}

static uint64_t granted(const char *file, uint64_t id)
{
	AUTO_BUF struct hm_buf b;
	const struct passwd *pw = getpwuid(getuid());
	struct hm_err err;

	hm_buf_init(&b, SUBID_FILE_MAX);
	if (hm_file_read_user(file, &b, &err) != HM_OK)
		return 0;
	return hm_id_map_find(hm_buf_slice(&b), pw ? pw->pw_name : NULL, id);
}

static bool run_helper(const char *helper, pid_t pid, uint64_t own, uint64_t first,
		       hm_deadline_t deadline)
{
	char text[4][24];
	const char *argv[] = {helper, text[0], "0", text[1], "1", text[2], text[3],
			      NULL, NULL};
	char count[24];
	const struct hm_process_spec spec = {.argv = argv, .stdin_fd = -1,
					     .stdout_fd = -1, .stderr_fd = -1};
	struct hm_exit status;
	struct hm_err err;

	(void)snprintf(text[0], sizeof(text[0]), "%d", (int)pid);
	(void)snprintf(text[1], sizeof(text[1]), "%llu", (unsigned long long)own);
	(void)snprintf(text[2], sizeof(text[2]), "%u", HM_ID_MAP_FIRST);
	(void)snprintf(text[3], sizeof(text[3]), "%llu", (unsigned long long)first);
	(void)snprintf(count, sizeof(count), "%u", HM_ID_MAP_COUNT);
	argv[7] = count;
	if (hm_process_run(&spec, NULL, NULL, deadline, &status, &err) != HM_OK) {
		hm_log(HM_LOG_DEBUG, "ignoring %s: %s", helper, err.msg);
		return false;
	}
	return !status.signalled && status.code == 0;
}

static int write_file(pid_t pid, const char *name, const char *text, struct hm_err *err)
{
	char path[64];
	AUTO_CLOSE int fd = -1;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		return hm_fail(err, HM_E_SYSTEM, errno, "%s of the new user namespace", name);
	return HM_OK;
}

int hm_id_map_write(pid_t pid, hm_deadline_t deadline, struct hm_err *err)
{
	uint64_t uid = geteuid(), gid = getegid();
	uint64_t sub_uid = granted("/etc/subuid", uid);
	uint64_t sub_gid = granted("/etc/subgid", uid);
	char text[64];
	int rc;

	/*
	 * A map is written once. When the first helper worked and the second did
	 * not, ids would be half mapped: that is an error, not a fallback.
	 */
	if (sub_uid != 0 && sub_gid != 0 &&
	    run_helper("newuidmap", pid, uid, sub_uid, deadline)) {
		if (run_helper("newgidmap", pid, gid, sub_gid, deadline))
			return HM_OK;
		return hm_fail(err, HM_E_SYSTEM, 0,
			       "newuidmap worked and newgidmap did not; check /etc/subgid");
	}
	(void)snprintf(text, sizeof(text), "0 %llu 1\n", (unsigned long long)uid);
	rc = write_file(pid, "uid_map", text, err);
	if (rc == HM_OK)
		rc = write_file(pid, "setgroups", "deny", err);
	(void)snprintf(text, sizeof(text), "0 %llu 1\n", (unsigned long long)gid);
	if (rc == HM_OK)
		rc = write_file(pid, "gid_map", text, err);
	return rc;
}
