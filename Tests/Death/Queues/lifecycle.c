// What ends a sleep in a queue, and a process that forks or executes while others use it.
#include <pthread.h>
#include <setjmp.h>
#include <sys/time.h>

#include "queue.h"

static int queue;

static void expect(const char *name, int value, const char *wrong) {
  if (value || wrong)
    not_ok(name, "%d; %s", value, wrong ? wrong : "");
  else
    ok(name, "%s", "");
}

static const char *still_whole(void) {
  struct note notes[MAX_NOTES];
  struct msqid_ds status;
  int count;
  if (!queue_status(queue, &status)) return "IPC_STAT fails";
  if (queue_sleepers(queue)) return "somebody is counted as a sleeper";
  const char *wrong = audit(queue);
  if (!wrong) wrong = drain(queue, notes, &count);
  if (!wrong) wrong = fill_again(queue);
  return wrong ? wrong : audit(queue);
}

static int in_child(int (*body)(void)) {
  pid_t pid = fork();
  if (pid < 0) give_up("fork");
  if (pid == 0) {
    signal(SIGALRM, SIG_DFL);
    alarm(60);
    _exit(body());
  }
  int status;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

// --- siglongjmp out of a handler that interrupts a sleep

static sigjmp_buf out;
static void jump(int signal) {
  (void)signal;
  siglongjmp(out, 1);
}

static int leave_by_jump(bool sends) {
  struct note note;
  signal(SIGALRM, jump);
  for (volatile int turn = 0; turn < 100; turn++) {
    if (sends && send_note(queue, (struct note){3, 60, 1}, IPC_NOWAIT)) return 1;
    if (sigsetjmp(out, 1) == 0) {
      setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 500 + 40 * turn}}, NULL);
      if (sends)
        send_note(queue, (struct note){4, 50, 2}, 0);
      else
        receive_note(queue, 4, 100, 0, &note);
      return 2;
    }
    // The call is over: what is sent now is for who asks now; what it wanted to send is not there.
    if (sends) {
      if (receive_note(queue, 0, 100, IPC_NOWAIT, &note) || note.serial != 1) return 3;
      if (receive_note(queue, 0, 100, IPC_NOWAIT, &note) != ENOMSG) return 4;
    } else {
      if (send_note(queue, (struct note){4, 50, 5}, IPC_NOWAIT)) return 5;
      if (receive_note(queue, 4, 100, IPC_NOWAIT, &note) || note.serial != 5) return 6;
    }
    if (queue_sleepers(queue)) return 7;
  }
  return 0;
}
static int jump_from_receive(void) { return leave_by_jump(false); }
static int jump_from_send(void) { return leave_by_jump(true); }

// --- pthread_cancel

static void *sleep_in_receive(void *unused) {
  struct note note;
  (void)unused;
  receive_note(queue, 4, 100, 0, &note);
  return NULL;
}
static void *sleep_in_send(void *unused) {
  (void)unused;
  send_note(queue, (struct note){4, 50, 2}, 0);
  return NULL;
}

static int cancelled(void *(*body)(void *), bool sends) {
  for (int turn = 0; turn < 50; turn++) {
    pthread_t thread;
    void *result;
    struct note note;
    if (sends && send_note(queue, (struct note){3, 60, 1}, IPC_NOWAIT)) return 1;
    pthread_create(&thread, NULL, body, NULL);
    if (wait_sleepers(queue, 1, 10000) != 1) return 2;
    pthread_cancel(thread);
    pthread_join(thread, &result);
    if (result != PTHREAD_CANCELED) return 3;
    if (sends) {
      if (receive_note(queue, 0, 100, IPC_NOWAIT, &note) || note.serial != 1) return 4;
      if (receive_note(queue, 0, 100, IPC_NOWAIT, &note) != ENOMSG) return 5;
    } else {
      if (send_note(queue, (struct note){4, 50, 5}, IPC_NOWAIT)) return 6;
      if (receive_note(queue, 4, 100, IPC_NOWAIT, &note) || note.serial != 5) return 7;
    }
  }
  return 0;
}
static int cancelled_receive(void) { return cancelled(sleep_in_receive, false); }
static int cancelled_send(void) { return cancelled(sleep_in_send, true); }

// --- fork and exec while threads of the process use the queue

static volatile bool stop;
static void *ping(void *number) {
  long type = (long)(intptr_t)number;
  struct note note;
  unsigned serial = 0;
  while (!stop) {
    // With three at it at most one message each, nobody ever has to wait.
    if (send_note(queue, (struct note){type, 8, ++serial}, IPC_NOWAIT)) return (void *)1;
    if (receive_note(queue, type, 8, IPC_NOWAIT, &note) || note.serial != serial) return (void *)2;
  }
  return NULL;
}

static const char *program_path;
static int fork_and_exec(void) {
  pthread_t threads[3];
  int wrong = 0;
  char id[20];
  snprintf(id, sizeof id, "%d", queue);
  for (int i = 0; i < 3; i++)
    pthread_create(&threads[i], NULL, ping, (void *)(intptr_t)(10 + i));
  for (int turn = 0; turn < 60 && !wrong; turn++) {
    pid_t pid = fork();
    if (pid == 0) {
      if (turn % 3 == 0) execl(program_path, program_path, "queue-after-exec", id, NULL);
      struct note note;
      for (int i = 0; i < 20; i++)
        if (send_note(queue, (struct note){20, 8, 3}, IPC_NOWAIT) ||
            receive_note(queue, 20, 8, IPC_NOWAIT, &note) || note.serial != 3)
          _exit(1);
      _exit(0);
    }
    waitpid(pid, &wrong, 0);
  }
  stop = true;
  for (int i = 0; i < 3; i++) {
    void *result;
    pthread_join(threads[i], &result);
    if (result) return 10 + (int)(intptr_t)result;
  }
  return wrong ? 20 : 0;
}

int queue_after_exec(const char *id) {
  struct note note;
  queue = atoi(id);
  if (send_note(queue, (struct note){20, 8, 3}, IPC_NOWAIT)) return 1;
  return receive_note(queue, 20, 8, IPC_NOWAIT, &note) || note.serial != 3;
}

int run_queue_lifecycle(const char *program) {
  program_path = program;
  watch("queue lifecycle", 200);
  queue = new_queue(0);
  int result = in_child(fork_and_exec);
  expect("queue-fork-and-exec-among-threads", result, still_whole());
  remove_queue(queue);
  queue = new_queue(64);
  result = in_child(jump_from_receive);
  expect("queue-receive-left-by-siglongjmp", result, still_whole());
  result = in_child(jump_from_send);
  expect("queue-send-left-by-siglongjmp", result, still_whole());
  result = in_child(cancelled_receive);
  expect("queue-receive-cancelled", result, still_whole());
  result = in_child(cancelled_send);
  expect("queue-send-cancelled", result, still_whole());
  remove_queue(queue);
  return failures != 0;
}
