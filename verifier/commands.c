/* What every subcommand needs to talk to its user and to write files. */
#include "verifier/commands.h"

#include <stdio.h>

#include "lib/io.h"
#include "lib/log.h"
#include "lib/path.h"

int hm_cmd_fail(const char *command, const struct hm_err *err)
{
	hm_log(HM_LOG_ERROR, "%s: %s%s", command, err->msg,
	       err->code == HM_E_USAGE ? "; see --help" : "");
	return hm_code_exit(err->code);
}

int hm_cmd_print(struct hm_slice text, struct hm_err *err)
{
	return hm_io_write_all(STDOUT_FILENO, text.ptr, text.len,
			       HM_NO_DEADLINE, err);
}

int hm_cmd_write_file(const char *path, struct hm_slice data,
		      struct hm_err *err)
{
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *dir = NULL;
	AUTO_CLOSE int fd = -1;

	dir = !slash ? hm_slice_dup(hm_slice_str(".")) :
	      hm_slice_dup(hm_slice(path, (size_t)(slash - path) + 1));
	if (!dir)
		return hm_fail(err, HM_E_NOMEM, 0, "write");
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "%s",
			       HM_ESC(hm_slice_str(dir)));
	return hm_file_write_atomic(fd, slash ? slash + 1 : path, data, 0644,
				    err);
}

int hm_cmd_help(const char *text, const struct hm_cli_option *options,
		size_t count)
{
	printf("%s\n", text);
	hm_cli_print_options(options, count);
	return fflush(stdout) == 0 ? 0 : 3;
}
