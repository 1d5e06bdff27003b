// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/print/job.h"

#include <pthread.h>
#include <stdlib.h>

enum { STACK_BYTES = 256 * 1024 };

struct job {
	pthread_mutex_t lock;
	bool done, dropped; /* under lock */
	void (*run)(void *arg);
	void (*drop)(void *arg);
	void *arg;
};

static void release(struct job *j)
{
	pthread_mutex_destroy(&j->lock);
	free(j);
}

static void *thread_main(void *arg)
{
	struct job *j = arg;
	bool dropped;

	j->run(j->arg);
	pthread_mutex_lock(&j->lock);
	j->done = true;
	dropped = j->dropped;
	pthread_mutex_unlock(&j->lock);
	if (dropped) {
		j->drop(j->arg);
		release(j);
	}
	return NULL;
}

static bool start_thread(struct job *j)
{
	pthread_attr_t attr;
	pthread_t thread;
	bool ok;

	if (pthread_attr_init(&attr) != 0)
		return false;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	ok = pthread_create(&thread, &attr, thread_main, j) == 0;
	pthread_attr_destroy(&attr);
	return ok;
}

struct job *job_start(void (*run)(void *arg), void (*drop)(void *arg), void *arg, bool threaded)
{
	struct job *j = calloc(1, sizeof(*j));

	if (!j)
		return NULL;
	*j = (struct job){ .run = run, .drop = drop, .arg = arg };
	pthread_mutex_init(&j->lock, NULL);
	if (!threaded) {
		run(arg);
		j->done = true;
	} else if (!start_thread(j)) {
		release(j);
		return NULL;
	}
	return j;
}

bool job_done(struct job *j)
{
	bool done;

	pthread_mutex_lock(&j->lock);
	done = j->done;
	pthread_mutex_unlock(&j->lock);
	return done;
}

void job_finish(struct job *j)
{
	release(j);
}

void job_drop(struct job *j)
{
	bool done;

	pthread_mutex_lock(&j->lock);
	j->dropped = true;
	done = j->done;
	pthread_mutex_unlock(&j->lock);
	if (done) {
		j->drop(j->arg);
		release(j);
	}
}
