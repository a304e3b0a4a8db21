// Message queues: pairs of send and receive, typed receives, hand-over and a stream.
#include <sys/msg.h>

#include "bench.h"

struct message {
  long type;
  char text[8192];
};

static struct message sent, received;

static int new_queue(void) {
  int id = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
  if (id == -1) fail("msgget");
  return id;
}

static void remove_queue(int id) {
  if (msgctl(id, IPC_RMID, NULL) == -1) fail("IPC_RMID");
}

static void put(int id, long type, size_t size) {
  sent.type = type;
  while (msgsnd(id, &sent, size, 0) == -1)
    if (errno != EINTR) fail("msgsnd");
}

static void take(int id, long type, size_t size) {
  ssize_t count;
  while ((count = msgrcv(id, &received, sizeof received.text, type, 0)) == -1)
    if (errno != EINTR) fail("msgrcv");
  if (count != (ssize_t)size) fail("msgrcv: another size");
}

void measure_message_pair(long size) {
  int id = new_queue();
  char name[32];
  snprintf(name, sizeof name, "message-%ld", size);
  MEASURE(name, 1, {
    put(id, 1, (size_t)size);
    take(id, 1, (size_t)size);
  });
  remove_queue(id);
}

// A pair of one type while OTHERS messages of another lie in front.
void measure_message_typed(long others) {
  int id = new_queue();
  for (long index = 0; index < others; index++) put(id, 1, 8);
  char name[32];
  snprintf(name, sizeof name, "message-typed-%ld", others);
  MEASURE(name, 1, {
    put(id, 2, 8);
    take(id, 2, 8);
  });
  remove_queue(id);
}

void measure_message_ping_pong(void) {
  int id = new_queue();
  pid_t pid = fork_child();
  if (pid == 0) {
    pin_to_cpu(1);
    for (;;) {
      if (msgrcv(id, &received, sizeof received.text, 1, 0) == -1 ||
          msgsnd(id, &(struct message){.type = 2}, 64, 0) == -1) {
        if (errno == EINTR) continue;
        _exit(errno == EIDRM || errno == EINVAL ? 0 : 1);
      }
    }
  }
  MEASURE("message-ping-pong", 1, {
    put(id, 1, 64);
    take(id, 2, 64);
  });
  remove_queue(id);
  waitpid(pid, NULL, 0);
}

// Messages of 64 bytes from one process to another as fast as they go; time for each.
void measure_message_stream(void) {
  int id = new_queue();
  pid_t pid = fork_child();
  if (pid == 0) {
    pin_to_cpu(1);
    while (msgrcv(id, &received, sizeof received.text, 0, 0) != -1 || errno == EINTR) continue;
    _exit(0);
  }
  // The mean, not a median of samples: the messages come in batches, between which the sender waits.
  for (int warm = 0; warm < 10000; warm++) put(id, 1, 64);
  int64_t start = now_nanoseconds(), end = start + measure_milliseconds * 1000000, now = start;
  long sent = 0;
  for (; now < end; now = now_nanoseconds(), sent += 1000)
    for (int turn = 0; turn < 1000; turn++) put(id, 1, 64);
  printf("message-stream %.3f\n", (double)(now - start) / (double)sent);
  remove_queue(id);
  waitpid(pid, NULL, 0);
}
