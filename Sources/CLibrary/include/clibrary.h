//! CLibrary: a shared library, opened at run time.
#ifndef SLUICE_CLIBRARY_H
#define SLUICE_CLIBRARY_H
#include <stddef.h>

/// A function that is wanted, and where its address goes.
typedef struct {
  void *slot;
  const char *name;
} sluice_symbol;

/// Opens the first of the libraries that there is, and finds all of the functions in it; 0 when it lacks one, or there is none.
int sluice_library_open(const char *const *names, size_t name_count, const sluice_symbol *wanted, size_t wanted_count);

#endif
