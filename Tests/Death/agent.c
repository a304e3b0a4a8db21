// Agents: processes that do what they are told. See death.h.
#include "Queues/queue.h"

#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>

static int obey(const struct command *command, struct note *received) {
  unsigned short values[MAX_SEMAPHORES];
  switch (command->order) {
    case ORDER_OPERATE: return operate_many(command->id, command->operations, command->count);
    case ORDER_SET_VALUE: return set_value(command->id, command->semaphore, command->value);
    case ORDER_GET_VALUES: return get_values(command->id, values) ? 0 : errno;
    case ORDER_MESSAGE: return call_queue(command->id, &command->call, received);
  }
  return EINVAL;
}

static void serve(int socket) {
  struct command command;
  while (read(socket, &command, sizeof command) == sizeof command) {
    struct reply reply = {.error = 0};
    reply.error = obey(&command, &reply.note);
    reply.ns = now_ns();
    if (write(socket, &reply, sizeof reply) != sizeof reply) break;
  }
  _exit(0);
}

void agent_start(struct agent *agent) {
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0) give_up("socketpair");
  pid_t parent = getpid();
  agent->pid = fork();
  if (agent->pid < 0) give_up("fork");
  if (agent->pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    signal(SIGALRM, SIG_DFL);
    alarm(0);
    close(sockets[0]);
    serve(sockets[1]);
  }
  close(sockets[1]);
  agent->socket = sockets[0];
}

static void tell(struct agent *agent, const struct command *command) {
  if (write(agent->socket, command, sizeof *command) != sizeof *command) give_up("agent: write");
}

void agent_operate(struct agent *agent, int id, const struct sembuf *operations, int count) {
  struct command command = {.order = ORDER_OPERATE, .id = id, .count = count};
  memcpy(command.operations, operations, sizeof *operations * (size_t)count);
  tell(agent, &command);
}

void agent_set_value(struct agent *agent, int id, int semaphore, int value) {
  tell(agent, &(struct command){
                  .order = ORDER_SET_VALUE, .id = id, .semaphore = semaphore, .value = value});
}

void agent_message(struct agent *agent, int id, const struct message_call *call) {
  tell(agent, &(struct command){.order = ORDER_MESSAGE, .id = id, .call = *call});
}

bool agent_reply(struct agent *agent, int ms, struct reply *reply) {
  struct pollfd wait = {.fd = agent->socket, .events = POLLIN};
  int64_t end = now_ns() + ms * 1000000LL;
  int ready;
  do {
    int64_t left = (end - now_ns()) / 1000000;
    ready = poll(&wait, 1, left > 0 ? (int)left : 0);
  } while (ready < 0 && errno == EINTR);
  if (ready <= 0) return false;
  if (read(agent->socket, reply, sizeof *reply) != sizeof *reply) give_up("agent: died");
  return true;
}

int agent_do(struct agent *agent, int id, int semaphore, int amount, int flags) {
  struct sembuf operation = {(unsigned short)semaphore, (short)amount, (short)flags};
  struct reply reply;
  agent_operate(agent, id, &operation, 1);
  while (!agent_reply(agent, 1000, &reply)) continue;  // the watchdog ends it
  return reply.error;
}

void agent_kill(struct agent *agent) {
  if (agent->pid <= 0) return;
  kill(agent->pid, SIGKILL);
  waitpid(agent->pid, NULL, 0);
  close(agent->socket);
  agent->pid = 0;
}

char state_of(pid_t pid) {
  char path[40], text[400];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  FILE *file = fopen(path, "re");
  if (!file) return 0;
  size_t length = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[length] = 0;
  char *end = strrchr(text, ')');
  return end ? end[2] : 0;
}

void wait_asleep(int id, int semaphore, int count) {
  for (int turn = 0;; turn++) {
    int sleepers = control(id, semaphore, GETNCNT) + control(id, semaphore, GETZCNT);
    if (sleepers == count) return;
    if (turn < 100)
      sched_yield();
    else
      usleep(200);
  }
}
