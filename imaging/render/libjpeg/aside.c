//go:build turbojpeg

#include <pthread.h>
#include <sys/resource.h>

#include "libjpeg.h"

struct call {
	void (*run)(void *);
	void *argument;
};

static void *aside(void *argument) {
	struct call *call = argument;
#ifdef __linux__ // elsewhere it is the whole process's
	setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + 10);
#endif
	call->run(call->argument);
	return NULL;
}

// The thread gives way to those that serve clients, and to the app's and the
// database's where they are in the same scheduling group. It is no thread of Go's:
// one that waits for its turn while it holds a lock of the runtime, or a processor,
// would keep those waiting, too.
void give_way(void (*run)(void *), void *argument) {
	struct call call = {run, argument};
	pthread_t thread;
	if (pthread_create(&thread, NULL, aside, &call) == 0)
		pthread_join(thread, NULL);
	else
		run(argument);
}
