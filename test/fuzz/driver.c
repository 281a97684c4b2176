/*
 * Replays inputs through a fuzz target without libFuzzer, so that every corpus
 * is a test under any compiler: each argument is a file, or a directory whose
 * files are taken. Each input is also given cut short, at a few places and one
 * byte at a time from the end: what a fuzzer would try first.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t inputs, runs;

static void run(const uint8_t *data, size_t size)
{
	/* an exact allocation, so that a sanitizer sees one byte too far */
	uint8_t *copy = malloc(size > 0 ? size : 1);

	if (!copy)
		abort();
	if (size > 0)
		memcpy(copy, data, size);
	(void)LLVMFuzzerTestOneInput(copy, size);
	free(copy);
	runs++;
}

static int replay_file(const char *path)
{
	struct stat st;
	FILE *f = fopen(path, "re");
	uint8_t *data;
	size_t size;

	if (!f || fstat(fileno(f), &st) < 0) {
		perror(path);
		return 1;
	}
	size = (size_t)st.st_size;
	data = malloc(size + 1);
	if (!data || fread(data, 1, size, f) != size) {
		perror(path);
		return 1;
	}
	(void)fclose(f);
	run(data, size);
	for (size_t cut = 1; cut <= 64 && cut <= size; cut++)
		run(data, size - cut);
	for (size_t part = 1; part < 8; part++)
		run(data, size / 8 * part);
	free(data);
	inputs++;
	return 0;
}

static int replay(const char *path)
{
	struct dirent *e;
	struct stat st;
	int bad = 0;
	DIR *d;

	if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
		return replay_file(path);
	d = opendir(path);
	if (!d) {
		perror(path);
		return 1;
	}
	while ((e = readdir(d)) != NULL) {
		char name[4096];

		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
		bad |= replay_file(name);
	}
	(void)closedir(d);
	return bad;
}

int main(int argc, char **argv)
{
	int bad = 0;

	for (int i = 1; i < argc; i++)
		bad |= replay(argv[i]);
	printf("%zu inputs, %zu runs\n", inputs, runs);
	return bad || inputs == 0;
}
