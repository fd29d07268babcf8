#include "clibrary.h"

#include <dlfcn.h>
#include <string.h>

int sluice_library_open(const char *const *names, size_t name_count, const sluice_symbol *wanted, size_t wanted_count) {
  void *handle = NULL;
  for (size_t index = 0; !handle && index < name_count; index++) handle = dlopen(names[index], RTLD_NOW | RTLD_LOCAL);
  if (!handle) return 0;
  for (size_t index = 0; index < wanted_count; index++) {
    void *symbol = dlsym(handle, wanted[index].name);
    if (!symbol) return 0;
    memcpy(wanted[index].slot, &symbol, sizeof symbol);
  }
  return 1;
}
