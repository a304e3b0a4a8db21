// What a survivor can see of a stopped process. See visible.c.
#ifndef VISIBLE_H
#define VISIBLE_H

#include "death.h"

// Begins to watch a stopped process, with the namespace's files as they are now.
void visible_begin(pid_t pid);
// Whether anything changed since the last look, or the last instruction was a system call, whose
// effects may be anything. Call it after every instruction.
bool visible_changed(pid_t pid);
// Where the stopped process's next instruction stands.
long visible_pc(pid_t pid);

#endif
