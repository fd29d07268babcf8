#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "cprocess.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
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

#ifdef __linux__
/// A line of the table of processes.
struct listed {
  struct sluice_process process;
  pid_t parent;
  int descends;
};

/// Reads what the system tells of one; 0 when there is none.
static int read_listed(pid_t pid, struct listed *line) {
  char path[32], text[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  ssize_t count = read(file, text, sizeof text - 1);
  close(file);
  if (count <= 0) return 0;
  text[count] = 0;
  // The name of the program, in brackets, may hold anything: what follows the last one counts.
  char *rest = strrchr(text, ')');
  int parent = 0;
  line->process.pid = pid;
  line->descends = 0;
  if (!rest || sscanf(rest + 1, " %*c %d", &parent) != 1) return 0;
  line->parent = parent;
  // The 22nd field; the 3rd is the first behind the name.
  return sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
                &line->process.started) == 1;
}

/// Every process; NULL without memory. Sets how many.
static struct listed *list_processes(int *count) {
  struct listed *lines = NULL;
  int room = 0;
  *count = 0;
  DIR *folder = opendir("/proc");
  if (!folder) return NULL;
  for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
    pid_t pid = (pid_t)atoi(entry->d_name);
    if (pid <= 0) continue;
    if (*count == room) {
      room = room ? room * 2 : 256;
      struct listed *more = realloc(lines, (size_t)room * sizeof *lines);
      if (!more) break;
      lines = more;
    }
    if (read_listed(pid, &lines[*count])) *count += 1;
  }
  closedir(folder);
  return lines;
}

int sluice_descendants(pid_t root, struct sluice_process *found, int room) {
  int count, written = 0;
  struct listed *lines = list_processes(&count);
  // Once more for each generation that the order of the list does not show at once.
  for (int more = 1; more;) {
    more = 0;
    for (int child = 0; child < count; child++) {
      if (lines[child].descends) continue;
      int descends = lines[child].parent == root;
      for (int at = 0; at < written && !descends; at++) descends = found[at].pid == lines[child].parent;
      if (!descends || written == room) continue;
      lines[child].descends = more = 1;
      found[written++] = lines[child].process;
    }
  }
  free(lines);
  return written;
}

int sluice_is_same(struct sluice_process process) {
  struct listed now;
  return read_listed(process.pid, &now) && now.process.started == process.started;
}
#else
int sluice_descendants(pid_t root, struct sluice_process *found, int room) {
  (void)root, (void)found, (void)room;
  return 0;
}

int sluice_is_same(struct sluice_process process) {
  (void)process;
  return 0;
}
#endif
