// Opening files under the drop-in: the files of /proc that show System V IPC agree with semctl
// however they are opened, and every other open is what it was. Runs on the kernel too. Each part
// prints its name and "same", or what is wrong.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int __open_2(const char *, int), __open64_2(const char *, int);
int __openat_2(int, const char *, int), __openat64_2(int, const char *, int);

static const char table[] = "/proc/sysvipc/sem";
static char scratch[] = "/dev/shm/omega-opening.XXXXXX";
static int failures, under_omega, set_id, proc;
static char expected[200];

static void report(const char *what, int good) {
  printf("%s %s\n", what, good ? "same" : "WRONG");
  if (!good) failures++;
}

// --- before any constructor, when the drop-in has not looked up its functions yet ---

static int early = -2;
static void open_early(void) { early = open("/dev/null", O_RDONLY); }
__attribute__((section(".preinit_array"), used)) static void (*const preinit)(void) = open_early;

// --- the table, opened in every way ---

// Whether the text of the file has the line of our set; closes it.
static int has_line(int fd) {
  static char text[1 << 16];
  ssize_t size = 0, got;
  // In small steps, as a reader with a small buffer.
  while ((got = read(fd, text + size, 100)) > 0 && size < (ssize_t)sizeof text - 101) size += got;
  text[size] = 0;
  char byte = 'x';
  int read_only = write(fd, &byte, 1) == -1 && errno == EBADF;
  int again = lseek(fd, 0, SEEK_SET) == 0 && read(fd, &byte, 1) == 1 && byte == ' ';
  return fd >= 0 && close(fd) == 0 && read_only && again && strstr(text, expected) != NULL;
}

static int stream_has_line(FILE *stream) {
  char line[300];
  int found = 0;
  while (stream && fgets(line, sizeof line, stream)) found |= !strcmp(line, expected);
  return stream && fclose(stream) == 0 && found;
}

static void check_table(void) {
  struct semid_ds status;
  semctl(set_id, 0, IPC_STAT, &status);
  snprintf(expected, sizeof expected, "%10d %10d  %4o %10lu %5u %5u %5u %5u %10llu %10llu\n",
           status.sem_perm.__key, set_id, status.sem_perm.mode, status.sem_nsems,
           status.sem_perm.uid, status.sem_perm.gid, status.sem_perm.cuid, status.sem_perm.cgid,
           (unsigned long long)status.sem_otime, (unsigned long long)status.sem_ctime);
  report("open", has_line(open(table, O_RDONLY)));
  report("open64", has_line(open64(table, O_RDONLY | O_NONBLOCK)));
  report("openat", has_line(openat(AT_FDCWD, table, O_RDONLY)));
  report("openat64", has_line(openat64(-1, table, O_RDONLY)));
  report("__open_2", has_line(__open_2(table, O_RDONLY)));
  report("__open64_2", has_line(__open64_2(table, O_RDONLY)));
  report("__openat_2", has_line(__openat_2(proc, "sysvipc/sem", O_RDONLY)));
  report("__openat64_2", has_line(__openat64_2(proc, "./sysvipc//sem", O_RDONLY)));
  report("openat relative", has_line(openat(proc, "sysvipc/sem", O_RDONLY)));
  report("detour", has_line(open("/proc/self/../sysvipc/sem", O_RDONLY)));
  report("syscall openat", has_line((int)syscall(SYS_openat, proc, "sysvipc/sem", O_RDONLY)));
  report("fopen", stream_has_line(fopen(table, "r")));
  report("fopen64", stream_has_line(fopen64(table, "rb")));
  FILE *stream = fopen("/dev/null", "r");
  report("freopen", stream_has_line(freopen(table, "r", stream)));
  stream = fopen("/dev/null", "r");
  report("freopen64", stream_has_line(freopen64(table, "re", stream)));
  if (chdir("/proc/sysvipc") == 0) report("working directory", has_line(open("sem", O_RDONLY)));
  if (chdir("/proc/sys/kernel") == 0) {
    char text[100] = "";
    int fd = open("sem", O_RDONLY);
    struct seminfo info;
    semctl(0, 0, IPC_INFO, &info);
    char limits[100];
    snprintf(limits, sizeof limits, "%d\t%d\t%d\t%d\n", info.semmsl, info.semmns, info.semopm,
             info.semmni);
    report("limits", read(fd, text, sizeof text - 1) > 0 && !strcmp(text, limits));
    close(fd);
  }
}

static void check_queues(void) {
  struct {
    long type;
    char bytes[20];
  } message = {7, "message"};
  struct msqid_ds status;
  int queue = msgget(IPC_PRIVATE, 0604), sent = msgsnd(queue, &message, 11, 0);
  sent |= msgsnd(queue, &message, 20, 0);
  int received = msgrcv(queue, &message, 20, 0, 0) == 11;
  msgctl(queue, IPC_STAT, &status);
  snprintf(expected, sizeof expected,
           "%10d %10d  %4o  %10lu %10lu %5d %5d %5u %5u %5u %5u %10llu %10llu %10llu\n",
           status.msg_perm.__key, queue, status.msg_perm.mode, status.__msg_cbytes, status.msg_qnum,
           status.msg_lspid, status.msg_lrpid, status.msg_perm.uid, status.msg_perm.gid,
           status.msg_perm.cuid, status.msg_perm.cgid, (unsigned long long)status.msg_stime,
           (unsigned long long)status.msg_rtime, (unsigned long long)status.msg_ctime);
  report("a queue", sent == 0 && received && status.__msg_cbytes == 20 &&
                        stream_has_line(fopen("/proc/sysvipc/msg", "r")));
  msgctl(queue, IPC_RMID, NULL);
  report("a removed queue", !stream_has_line(fopen("/proc/sysvipc/msg", "r")));
}

// --- numbers and flags ---

static void check_flags(const char *what, const char *path) {
  char name[100];
  int hole = open("/dev/null", O_RDONLY), next = open("/dev/null", O_RDONLY);
  close(hole);
  errno = 123;
  int fd = open(path, O_RDONLY);
  snprintf(name, sizeof name, "%s: lowest number, errno, no flag", what);
  report(name, fd == hole && errno == 123 && fcntl(fd, F_GETFD) == 0);
  close(fd);
  fd = open(path, O_RDONLY | O_CLOEXEC);
  snprintf(name, sizeof name, "%s: O_CLOEXEC", what);
  report(name, fd == hole && fcntl(fd, F_GETFD) == FD_CLOEXEC);
  close(fd);
  FILE *plain = fopen(path, "r"), *closing = fopen(path, "re");
  snprintf(name, sizeof name, "%s: fopen with and without e", what);
  report(name, plain && closing && fcntl(fileno(plain), F_GETFD) == 0 &&
                   fcntl(fileno(closing), F_GETFD) == FD_CLOEXEC);
  if (plain) fclose(plain);
  if (closing) fclose(closing);
  snprintf(name, sizeof name, "%s: O_DIRECTORY", what);
  report(name, open(path, O_RDONLY | O_DIRECTORY) == -1 && errno == ENOTDIR);
  snprintf(name, sizeof name, "%s: O_CREAT | O_EXCL", what);
  report(name, open(path, O_RDONLY | O_CREAT | O_EXCL, 0600) == -1 && errno == EEXIST);
  close(next);
  fd = open("/dev/null", O_RDONLY);
  snprintf(name, sizeof name, "%s: nothing left open", what);
  report(name, fd == hole);
  close(fd);
}

static mode_t mode_of(int fd) {
  struct stat status = {0};
  fstat(fd, &status);
  close(fd);
  return status.st_mode & 07777;
}

static void check_creation(void) {
  int directory = open(mkdtemp(scratch), O_RDONLY | O_DIRECTORY);
  const int create = O_CREAT | O_EXCL | O_RDWR;
  umask(0);
  fchdir(directory);
  report("mode: open", mode_of(open("a", create, 0641)) == 0641);
  report("mode: open64", mode_of(open64("b", create, 0642)) == 0642);
  report("mode: openat", mode_of(openat(directory, "c", create, 0643)) == 0643);
  report("mode: openat64", mode_of(openat64(directory, "d", create, 0644)) == 0644);
  report("mode: O_TMPFILE", mode_of(open(".", O_TMPFILE | O_RDWR, 0645)) == 0645);
  // Names like ours elsewhere.
  int fd = open("sem", create, 0600);
  report("another sem", write(fd, "own", 3) == 3);
  close(fd);
  char text[4] = "";
  fd = open("sem", O_RDONLY);
  report("another sem, read", read(fd, text, 4) == 3 && !strcmp(text, "own"));
  close(fd);
  FILE *stream = fopen("sem", "r+");
  report("another sem, r+", stream && fputs("new", stream) >= 0 && fclose(stream) == 0);
  stream = fopen("msgmax", "w");
  report("another msgmax, w", stream && fputs("1", stream) >= 0 && fclose(stream) == 0);
  static const char *const names[] = {"a", "b", "c", "d", "sem", "msgmax"};
  for (size_t index = 0; index < sizeof names / sizeof *names; index++) unlink(names[index]);
  close(directory);
  rmdir(scratch);
}

// --- what goes wrong goes wrong as before ---

static void check_errors(void) {
  // Through variables, so that the compiler does not warn of them.
  const char *volatile bad = (const char *)8, *volatile none = NULL;
  report("EFAULT", open(bad, O_RDONLY) == -1 && errno == EFAULT);
  report("EFAULT of null", open64(none, O_RDONLY) == -1 && errno == EFAULT);
  report("EFAULT of fopen", !fopen(bad, "r") && errno == EFAULT);
  report("EFAULT of syscall", syscall(SYS_openat, -1, bad, 0) == -1 && errno == EFAULT);
  report("ENOENT", open("/nonexistent/sem", O_RDONLY) == -1 && errno == ENOENT);
  report("ENOENT below /proc", open("/proc/sysvipc/other", O_RDONLY) == -1 && errno == ENOENT);
  report("ENOENT of fopen", !fopen("sysvipc/sem", "r") && errno == ENOENT);
  report("EINVAL of a mode", !fopen(table, "x") && errno == EINVAL);
  report("EBADF", openat(-1, "sem", O_RDONLY) == -1 && errno == EBADF);
  report("empty path", open("", O_RDONLY) == -1 && errno == ENOENT);
  int fd = open(table, O_PATH);
  char byte;
  report("O_PATH", fd >= 0 && read(fd, &byte, 1) == -1 && errno == EBADF);
  close(fd);
  FILE *stream = fopen("/dev/null", "r");
  stream = stream ? freopen(NULL, "re", stream) : NULL;
  report("freopen without a path", stream && fclose(stream) == 0);
  // A lookup between the two would take the error away.
  void *library = dlopen("/nonexistent/library.so", RTLD_NOW);
  close(open("/dev/null", O_RDONLY));
  report("dlerror", !library && dlerror() != NULL);
}

// The namespace's limits are not set here, and the kernel's neither.
static void check_writing(void) {
  report("EACCES: open", open("/proc/sys/kernel/sem", O_WRONLY) == -1 && errno == EACCES);
  report("EACCES: O_TRUNC",
         open("/proc/sys/kernel/shmmax", O_RDWR | O_TRUNC) == -1 && errno == EACCES);
  report("EACCES: relative", openat(proc, "sys/kernel/msgmni", O_WRONLY) == -1 && errno == EACCES);
  report("EACCES: fopen", !fopen("/proc/sys/kernel/msgmax", "w") && errno == EACCES);
  report("EACCES: r+", !fopen("/proc/sys/kernel/msgmnb", "r+") && errno == EACCES);
  report("EACCES: rb+e", !fopen("/proc/sys/kernel/shmmni", "rb+e") && errno == EACCES);
}

// No file of ours can be made: an error, not a signal, and not the kernel's file.
static void check_no_room(void) {
  struct rlimit old, none = {0, RLIM_INFINITY};
  getrlimit(RLIMIT_FSIZE, &old);
  none.rlim_max = old.rlim_max;
  setrlimit(RLIMIT_FSIZE, &none);
  int descriptor = open(table, O_RDONLY) == -1 && errno == ENOMEM;
  int stream = !fopen(table, "r") && errno == ENOMEM;
  setrlimit(RLIMIT_FSIZE, &old);  // the report may go to a file
  report("RLIMIT_FSIZE", descriptor);
  report("RLIMIT_FSIZE: fopen", stream);
  getrlimit(RLIMIT_NOFILE, &old);
  int next = open("/dev/null", O_RDONLY);
  struct rlimit few = {(rlim_t)next + 1, old.rlim_max};
  close(next);
  setrlimit(RLIMIT_NOFILE, &few);
  report("EMFILE", open(table, O_RDONLY) == -1 && errno == EMFILE);
  int again = open("/dev/null", O_RDONLY);
  report("EMFILE: nothing left open", again == next);
  close(again);
  setrlimit(RLIMIT_NOFILE, &old);
}

// --- where open is called from ---

static volatile sig_atomic_t from_handler;
static void handler(int number) {
  (void)number;
  from_handler = has_line(open(table, O_RDONLY));
}

static void *open_in_thread(void *fd) {
  *(int *)fd = open(table, O_RDONLY);
  return NULL;
}

static void check_places(void) {
  pthread_attr_t attributes;
  pthread_t thread;
  int fd = -1;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, (size_t)sysconf(_SC_THREAD_STACK_MIN));
  if (pthread_create(&thread, &attributes, open_in_thread, &fd) == 0) pthread_join(thread, NULL);
  report("on the smallest stack", has_line(fd));
  signal(SIGUSR1, handler);
  raise(SIGUSR1);
  report("in a signal handler", from_handler);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) _exit(has_line(open(table, O_RDONLY)) ? 7 : 1);
  int status = 0;
  waitpid(child, &status, 0);
  report("in a forked child", WIFEXITED(status) && WEXITSTATUS(status) == 7);
  child = vfork();
  if (child == 0) _exit(open("/dev/null", O_RDONLY) >= 0 ? 7 : 1);
  waitpid(child, &status, 0);
  report("in a vforked child", WIFEXITED(status) && WEXITSTATUS(status) == 7);
  report("before constructors", early >= 0);
}

int main(int count, char **arguments) {
  setvbuf(stdout, NULL, _IONBF, 0);
  alarm(60);
  under_omega = count > 1 && !strcmp(arguments[1], "omega");
  set_id = semget(IPC_PRIVATE, 3, IPC_CREAT | 0640);
  proc = open("/proc", O_RDONLY | O_DIRECTORY);
  if (set_id == -1 || proc == -1) return perror("semget, /proc"), 1;
  semop(set_id, &(struct sembuf){0, 1, 0}, 1);
  check_queues();
  check_table();
  check_flags("table", table);
  check_flags("other file", "/proc/self/stat");
  check_creation();
  check_errors();
  if (under_omega) check_writing();
  if (under_omega) check_no_room();
  check_places();
  semctl(set_id, 0, IPC_RMID);
  printf("%s\n", failures ? "noticed" : "nothing noticed");
  return failures != 0;
}
