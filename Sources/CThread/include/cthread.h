//! CThread: thread-local storage, and what else of threads Swift has no spelling for.
#ifndef SLUICE_CTHREAD_H
#define SLUICE_CTHREAD_H
#include <stdint.h>

/// What one thread keeps for the values it allocates and frees, and for its scheduler.
/// In C because a `_Thread_local` costs 0.3 ns to reach and Swift has no spelling for one.
typedef struct {
  /// Net bytes allocated on this thread since the running fiber's meter was last settled.
  int64_t allocated;
  /// How deep the thread is inside releases of nested data.
  int32_t release_depth;
  /// Set while deferred releases are being drained.
  int32_t draining;
  /// How deep the thread is inside equality, hashing or ordering that recurses.
  int32_t nesting;
  /// Values met by walks that may be long since the last look, to look up now and then: owned by Values/Attention.swift.
  int64_t walked;
  /// The slot of a hash table where a key was found last: owned by Values/KeyTable.swift.
  int64_t found_slot;
  /// The lowest address of the thread's stack, once it was asked for.
  char *stack_floor;
  /// The deferred releases: owned by Values/Release.swift.
  void *pending;
  /// The scheduler's worker that this thread is, or null: owned by the runtime.
  void *worker;
  /// Whether the fiber that runs has been handed over to whoever will resume it, with the thread's reference to it: owned by
  /// Machine/Channels/Passing.swift and Runtime/Fibers/Job.swift.
  int32_t handed_over;
  /// What runs on the thread and can be asked to look up, or null: owned by Values/Attention.swift.
  void *running;
  /// Up to where the heap has pages, as far as this thread has seen to it: see `sluice_reached`.
  uintptr_t paged;
} sluice_thread_state;

extern _Thread_local sluice_thread_state sluice_thread_current;

/// Bytes of stack that the thread has left; INT64_MAX where the system does not tell.
int64_t sluice_stack_left(void);

/// Keeps what stands before it in front of what comes after, for compilers. Swift's takes it for a call that could free
/// something, and no plain or atomic store for one: a reference that is copied under a lock made of an atomic is otherwise
/// counted after the lock was given back. In C because Swift has no spelling for it.
static inline void sluice_keep_order(void) { __asm__ volatile("" ::: "memory"); }

/// Lets some tens of cycles pass, in a loop that waits for another thread.
static inline void sluice_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb");
#endif
}

static inline sluice_thread_state *sluice_thread(void) { return &sluice_thread_current; }

/// Asks for the pages of the heap behind `block`, which is beyond those that were asked for before.
void sluice_page_ahead(uintptr_t block);

/// To be told of each block of a kind that there may be millions of. A heap that grows by a million blocks otherwise meets a
/// fault of the processor at every page, which costs as much again as the page: asked for together, a hundred thousand pages
/// take a quarter less. In C because Swift sees neither `sbrk` nor the advice.
static inline void sluice_reached(const void *block) {
  if ((uintptr_t)block >= sluice_thread_current.paged) sluice_page_ahead((uintptr_t)block);
}

#endif
