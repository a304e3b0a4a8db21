// What a sleeping call has to know about signals. No handler is ever installed.
#include "omega_linux.h"

// The kernel's struct sigaction; on both architectures the handler and the flags come first.
struct action {
  uintptr_t handler;
  unsigned long flags;
  uintptr_t rest[2];
};

static int read_action(long signal, struct action *action) {
  return omega_call(omega_call_rt_sigaction, signal, 0, (long)action, 8, 0, 0) == 0;
}

// 0 is SIG_DFL, 1 SIG_IGN.
static int has_handler(long signal) {
  struct action action;
  return read_action(signal, &action) && action.handler > 1;
}

int omega_has_restarting_handler(void) {
  struct action action;
  for (long signal = 1; signal <= 64; signal++)
    if (read_action(signal, &action) && action.handler > 1 &&
        (action.flags & 0x10000000 /* SA_RESTART */))
      return 1;
  return 0;
}

int omega_deliver_signals(uint64_t mask) {
  uint64_t pending = 0;
  omega_call(omega_call_rt_sigpending, (long)&pending, 8, 0, 0, 0, 0);
  pending &= ~mask;
  if (!pending) return 0;
  int handled = 0;
  for (long signal = 1; signal <= 64; signal++)
    if ((pending >> (signal - 1) & 1) && has_handler(signal)) handled = 1;
  // Handlers run here, before the call returns; a fatal signal ends the process here.
  omega_restore_signals(mask);
  if (!handled) omega_block_signals();
  return handled;
}

int omega_on_signal_stack(void) {
  struct {
    void *stack;
    int flags;
    size_t size;
  } alternate = {0, 0, 0};
  omega_call(omega_call_sigaltstack, 0, (long)&alternate, 0, 0, 0, 0);
  return alternate.flags & 1 /* SS_ONSTACK */;
}
