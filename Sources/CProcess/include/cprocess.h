//! CProcess: starting, reaping and killing programs together with their children.
#ifndef SLUICE_CPROCESS_H
#define SLUICE_CPROCESS_H
#include <sys/types.h>

/// What starting and watching a program needs and Swift's C library module does not show: GNU extensions, `W…` macros.

/// A pipe whose ends close on exec. 0, or an errno.
int sluice_pipe(int ends[2]);

/// Starts `file` (found on PATH unless it has a slash) in a session and process group of its own, with default signal
/// handling, and no descriptor of this process but the three given. `directory` may be NULL. 0, or an errno.
int sluice_spawn(
    pid_t *pid, const char *file, char *const arguments[], char *const environment[], const char *directory, int input,
    int output, int error);

/// A descriptor that becomes readable when the process has ended; -1 where the system has none.
int sluice_process_descriptor(pid_t pid);

/// 1 when the process has ended and waits to be reaped, without reaping it: its group id stays reserved until then.
int sluice_has_ended(pid_t pid);

/// Reaps the process, waiting for it. Sets the exit code, or the signal that ended it (else 0). 0, or an errno.
int sluice_reap(pid_t pid, int *exit_code, int *signal);

/// A process, told from a later one of the same number by when it was started, in ticks since the system was.
struct sluice_process {
  pid_t pid;
  unsigned long long started;
};

/// Writes at most `room` of the processes that descend from `root`, itself left out; how many it wrote. 0 where the system does
/// not list processes.
int sluice_descendants(pid_t root, struct sluice_process *found, int room);

/// 1 when the process is still the one that was found.
int sluice_is_same(struct sluice_process process);

/// The process's environment, ended by NULL; not to be kept.
char *const *sluice_environment(void);

#endif
