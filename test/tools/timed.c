/*
 * timed N COMMAND...: runs a command N times with its output thrown away, and
 * prints the fastest run in microseconds and the highest peak of memory in KiB.
 * A small program of its own, because a child's peak counts what its parent had
 * mapped when it forked, and a script's interpreter is larger than hallmark.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/num.h"

static int64_t now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void run(char **argv)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0 && dup2(null, 1) == 1 && dup2(null, 2) == 2)
		(void)execvp(argv[0], argv);
	_exit(127);
}

int main(int argc, char **argv)
{
	int64_t best = INT64_MAX;
	uint64_t n = 0;
	long peak = 0;

	if (argc < 3 || !hm_parse_u64(hm_slice_str(argv[1]), 100000, &n))
		return 2;
	for (uint64_t i = 0; i < n; i++) {
		int64_t start = now_us(), took;
		struct rusage usage;
		int status;
		pid_t pid = fork();

		if (pid == 0)
			run(argv + 2);
		if (pid < 0 || wait4(pid, &status, 0, &usage) != pid)
			return 3;
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
			fprintf(stderr, "%s failed: %d\n", argv[2], status);
			return 1;
		}
		took = now_us() - start;
		best = took < best ? took : best;
		peak = usage.ru_maxrss > peak ? usage.ru_maxrss : peak;
	}
	printf("%lld %ld\n", (long long)best, peak);
	return 0;
}
