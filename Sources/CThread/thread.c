#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "cthread.h"
#include <pthread.h>
#ifdef __GLIBC__
#include <malloc.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#endif

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

#ifdef __GLIBC__
/// Lets the heap of a program that has grown large grow and shrink in larger steps. To be said together: what is said of one of
/// these keeps the allocator from finding all by itself.
static void grow_in_steps(void) {
  static atomic_flag said = ATOMIC_FLAG_INIT;
  if (atomic_flag_test_and_set(&said)) return;
  mallopt(M_TOP_PAD, 1 << 20);
  mallopt(M_TRIM_THRESHOLD, 16 << 20);
  mallopt(M_MMAP_THRESHOLD, 8 << 20);
}
#endif

void sluice_page_ahead(uintptr_t block) {
  uintptr_t *paged = &sluice_thread_current.paged;
#ifdef __GLIBC__
  // Pages are of at most 64 KB.
  const uintptr_t page = 1 << 16, window = 1 << 20;
  // A small program is left as it is.
  if (*paged == 0) {
    *paged = block + window;
    return;
  }
  // The main arena ends at the break and lies below it; those of other threads do not, and grow as they always do.
  uintptr_t from = block & ~(page - 1), end = (uintptr_t)sbrk(0);
  if (from < end) {
    grow_in_steps();
    uintptr_t to = end - from < window ? end : from + window;
    // Before Linux 5.14 there is no such advice.
    *paged = madvise((void *)from, to - from, MADV_POPULATE_WRITE) == 0 ? to : UINTPTR_MAX;
    return;
  }
#endif
  *paged = UINTPTR_MAX;
}
