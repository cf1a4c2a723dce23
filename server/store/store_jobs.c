/* store_jobs: the reader threads and what waits for them. It knows nothing of what a job does. */
#include "server/store/store_front.h"

static struct store_job *job_take(struct store_jobs *jobs) {
  pthread_mutex_lock(&jobs->lock);
  while (jobs->first == NULL && !jobs->closing)
    pthread_cond_wait(&jobs->work, &jobs->lock);
  struct store_job *job = jobs->first;
  if (job != NULL) {
    jobs->first = job->next;
    if (jobs->first == NULL)
      jobs->end = &jobs->first;
  }
  pthread_mutex_unlock(&jobs->lock);
  return job;
}

static void *reader_main(void *arg) {
  struct store *s = arg;
  for (struct store_job *job; (job = job_take(&s->jobs)) != NULL;)
    job->run(s, job);
  return NULL;
}

int store_jobs_init(struct store *s) {
  struct store_jobs *jobs = &s->jobs;
  *jobs = (struct store_jobs){0};
  jobs->end = &jobs->first;
  if (pthread_mutex_init(&jobs->lock, NULL) != 0)
    return CWS_ENOMEM;
  if (pthread_cond_init(&jobs->work, NULL) != 0) {
    pthread_mutex_destroy(&jobs->lock);
    return CWS_ENOMEM;
  }
  while (jobs->thread_count < STORE_READER_THREADS &&
         pthread_create(&jobs->threads[jobs->thread_count], NULL, reader_main, s) == 0)
    jobs->thread_count++;
  if (jobs->thread_count < STORE_READER_THREADS) {
    store_jobs_finish(s);
    return CWS_ESYSTEM;
  }
  return 0;
}

void store_jobs_finish(struct store *s) {
  struct store_jobs *jobs = &s->jobs;
  pthread_mutex_lock(&jobs->lock);
  jobs->closing = true;
  pthread_cond_broadcast(&jobs->work);
  pthread_mutex_unlock(&jobs->lock);
  for (int i = 0; i < jobs->thread_count; i++)
    pthread_join(jobs->threads[i], NULL);
  pthread_cond_destroy(&jobs->work);
  pthread_mutex_destroy(&jobs->lock);
}

void store_submit(struct store *s, struct store_job *job) {
  struct store_jobs *jobs = &s->jobs;
  job->next = NULL;
  pthread_mutex_lock(&jobs->lock);
  *jobs->end = job;
  jobs->end = &job->next;
  pthread_cond_signal(&jobs->work);
  pthread_mutex_unlock(&jobs->lock);
}
