// Queues, and messages that show when they are torn, lost or doubled. See run.
#ifndef QUEUE_H
#define QUEUE_H

#include "../death.h"

enum { MAX_NOTES = 24, LARGEST = 8192 };

// Set by a signal handler while it uses what follows: it needs a buffer of its own.
extern __thread int in_queue_handler;

int new_queue(unsigned long bytes);  // msg_qbytes, 0 for the default
void remove_queue(int id);
bool queue_status(int id, struct msqid_ds *status);
// The errno; EBADMSG for a message that nobody sent so.
int send_note(int id, struct note note, int flags);
int receive_note(int id, long type, int capacity, int flags, struct note *note);
int call_queue(int id, const struct message_call *call, struct note *received);
// All messages, oldest first, which stay (MSG_COPY) or are taken; NULL, or what is wrong.
const char *peek_all(int id, struct note *notes, int *count);
const char *drain(int id, struct note *notes, int *count);
bool same_notes(const struct note *a, int count, const struct note *b, int other);
const char *notes_text(const struct note *notes, int count);
// Fills an empty queue to its full capacity, several times with different sizes, and drains it.
const char *fill_again(int id);

// audit.c: looks at the image of a queue in which no call is going on and no death is unsettled:
// each cell is exactly in one place, lists and tree of types agree. NULL, or what is wrong.
const char *audit(int id);
// Calls that sleep in the queue.
int queue_sleepers(int id);
// Waits for up to `ms` until so many sleep; returns how many do.
int wait_sleepers(int id, int count, int ms);
// 64-byte units of the image that were ever used.
long units_used(int id);

#endif
