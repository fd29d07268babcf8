#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "cprocess.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

/// Moves a descriptor above the three standard ones: below, one end could be overwritten while a child's are put in place.
static int above_standard(int *end) {
  if (*end > 2) return 0;
  int moved = fcntl(*end, F_DUPFD_CLOEXEC, 3);
  if (moved < 0) return errno;
  close(*end);
  *end = moved;
  return 0;
}

int sluice_pipe(int ends[2]) {
#ifdef __linux__
  if (pipe2(ends, O_CLOEXEC) != 0) return errno;
#else
  if (pipe(ends) != 0) return errno;
  fcntl(ends[0], F_SETFD, FD_CLOEXEC);
  fcntl(ends[1], F_SETFD, FD_CLOEXEC);
#endif
  int failed = above_standard(&ends[0]);
  if (!failed) failed = above_standard(&ends[1]);
  if (failed) {
    close(ends[0]);
    close(ends[1]);
  }
  return failed;
}

static int prepare_files(posix_spawn_file_actions_t *files, const char *directory, int input, int output, int error) {
  int failed = posix_spawn_file_actions_adddup2(files, input, 0);
  if (!failed) failed = posix_spawn_file_actions_adddup2(files, output, 1);
  if (!failed) failed = posix_spawn_file_actions_adddup2(files, error, 2);
#ifdef __GLIBC__
  if (!failed) failed = posix_spawn_file_actions_addclosefrom_np(files, 3);
#endif
  if (!failed && directory) failed = posix_spawn_file_actions_addchdir_np(files, directory);
  return failed;
}

static int prepare_attributes(posix_spawnattr_t *attributes) {
  short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
#ifdef POSIX_SPAWN_SETSID
  flags |= POSIX_SPAWN_SETSID;
#else
  flags |= POSIX_SPAWN_SETPGROUP;
#endif
#ifdef POSIX_SPAWN_CLOEXEC_DEFAULT
  flags |= POSIX_SPAWN_CLOEXEC_DEFAULT;
#endif
  sigset_t none, usual;
  sigemptyset(&none);
  sigemptyset(&usual);
  int const signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM, SIGCHLD, SIGUSR1, SIGUSR2, SIGALRM};
  for (size_t index = 0; index < sizeof signals / sizeof *signals; index++) sigaddset(&usual, signals[index]);
  int failed = posix_spawnattr_setflags(attributes, flags);
  if (!failed) failed = posix_spawnattr_setsigmask(attributes, &none);
  if (!failed) failed = posix_spawnattr_setsigdefault(attributes, &usual);
  return failed;
}

int sluice_spawn(
    pid_t *pid, const char *file, char *const arguments[], char *const environment[], const char *directory, int input,
    int output, int error) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  int failed = posix_spawn_file_actions_init(&files);
  if (failed) return failed;
  failed = posix_spawnattr_init(&attributes);
  if (failed) {
    posix_spawn_file_actions_destroy(&files);
    return failed;
  }
  failed = prepare_files(&files, directory, input, output, error);
  if (!failed) failed = prepare_attributes(&attributes);
  if (!failed) failed = posix_spawnp(pid, file, &files, &attributes, arguments, environment);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return failed;
}

#ifdef __APPLE__
#include <crt_externs.h>
char *const *sluice_environment(void) { return *_NSGetEnviron(); }
#else
extern char **environ;
char *const *sluice_environment(void) { return environ; }
#endif

int sluice_process_descriptor(pid_t pid) {
#ifdef SYS_pidfd_open
  return (int)syscall(SYS_pidfd_open, pid, 0);
#else
  (void)pid;
  return -1;
#endif
}

int sluice_has_ended(pid_t pid) {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0) return errno == ECHILD;
  return info.si_pid == pid;
}

int sluice_reap(pid_t pid, int *exit_code, int *signal) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return errno;
  }
  *signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  *exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + *signal;
  return 0;
}
