#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "cthread.h"
#include <pthread.h>

_Thread_local sluice_thread_state sluice_thread_current;

static char *stack_floor(void) {
#ifdef __APPLE__
  return (char *)pthread_get_stackaddr_np(pthread_self()) - pthread_get_stacksize_np(pthread_self());
#else
  pthread_attr_t attributes;
  void *floor = NULL;
  size_t size;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return NULL;
  if (pthread_attr_getstack(&attributes, &floor, &size) != 0) floor = NULL;
  pthread_attr_destroy(&attributes);
  return floor;
#endif
}

int64_t sluice_stack_left(void) {
  char here;
  if (!sluice_thread_current.stack_floor) sluice_thread_current.stack_floor = stack_floor();
  if (!sluice_thread_current.stack_floor) return INT64_MAX;
  return &here - sluice_thread_current.stack_floor;
}
