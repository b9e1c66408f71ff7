/* Replays the seeds of a fuzzer, all files of t/fuzz/seeds/NAME, and reports each one in TAP. */

#include <sys/stat.h>
#include <sys/types.h>

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEED_MAX (4 * 1024 * 1024)

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
replay(const char *dir, const char *name)
{
	char path[4096];
	uint8_t *data;
	size_t size;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "re");
	if (f == NULL) {
		printf("# %s: %s\n", path, strerror(errno));
		return -1;
	}
	data = malloc(SEED_MAX);
	if (data == NULL) {
		fclose(f);
		return -1;
	}
	size = fread(data, 1, SEED_MAX, f);
	fclose(f);
	/* Exactly as much memory as there is data, so that a sanitizer sees a byte too far. */
	data = realloc(data, size > 0 ? size : 1);
	if (data == NULL)
		return -1;
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	return 0;
}

static int
is_seed(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

int
main(int argc, char **argv)
{
	struct dirent **seeds;
	const char *name;
	char dir[2048];
	int i, n, failed;

	(void)argc;
	name = strstr(argv[0], "replay-");
	snprintf(dir, sizeof(dir), "t/fuzz/seeds/%s", name != NULL ? name + 7 : "");
	n = scandir(dir, &seeds, is_seed, alphasort);
	if (n <= 0) {
		printf("1..0 # SKIP no seeds in %s\n", dir);
		return 0;
	}
	printf("1..%d\n", n);
	failed = 0;
	for (i = 0; i < n; i++) {
		int bad;

		/* Said before the run: after a crash this names the culprit. */
		printf("# %s\n", seeds[i]->d_name);
		fflush(stdout);
		bad = replay(dir, seeds[i]->d_name) == -1;
		printf("%sok %d - %s\n", bad ? "not " : "", i + 1, seeds[i]->d_name);
		failed += bad;
		free(seeds[i]);
	}
	free(seeds);
	return failed > 0;
}
