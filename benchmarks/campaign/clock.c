/* LD_PRELOAD: the clock of the day is wrong by as many seconds as the file at CAMPAIGN_CLOCK says. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long offset(void)
{
	char text[32] = "0";
	const char *path = getenv("CAMPAIGN_CLOCK");
	int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	if (file >= 0) {
		if (read(file, text, sizeof text - 1) < 0)
			text[0] = 0;
		close(file);
	}
	return atol(text);
}

int clock_gettime(clockid_t id, struct timespec *now)
{
	static int (*real)(clockid_t, struct timespec *);
	int failed;

	if (!real)
		real = dlsym(RTLD_NEXT, "clock_gettime");
	failed = real(id, now);
	if (!failed && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		now->tv_sec += offset();
	return failed;
}

int gettimeofday(struct timeval *now, void *zone)
{
	struct timespec exact;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &exact);
	now->tv_sec = exact.tv_sec;
	now->tv_usec = exact.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *now)
{
	struct timespec exact;

	clock_gettime(CLOCK_REALTIME, &exact);
	if (now)
		*now = exact.tv_sec;
	return exact.tv_sec;
}
