#include "cthread.h"

_Thread_local sluice_thread_state sluice_thread_current;
