// A C++ program: RAII over a semaphore set, threads, exceptions while a token is held.
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

#include <cerrno>
#include <cstdio>
#include <sys/ipc.h>
#include <sys/sem.h>

namespace {

class TokenSet {
 public:
  explicit TokenSet(int count) : id_(semget(IPC_PRIVATE, count, IPC_CREAT | 0600)) {
    if (id_ == -1) throw std::system_error(errno, std::generic_category(), "semget");
  }
  ~TokenSet() { semctl(id_, 0, IPC_RMID); }
  TokenSet(const TokenSet &) = delete;
  TokenSet &operator=(const TokenSet &) = delete;

  void change(int number, int delta, int flags = SEM_UNDO) {
    sembuf operation{static_cast<unsigned short>(number), static_cast<short>(delta),
                     static_cast<short>(flags)};
    if (semop(id_, &operation, 1) == -1)
      throw std::system_error(errno, std::generic_category(), "semop");
  }
  int value(int number) const { return semctl(id_, number, GETVAL); }

 private:
  int id_;
};

class Token {
 public:
  explicit Token(TokenSet &set) : set_(set) { set_.change(0, -1); }
  ~Token() { set_.change(0, 1); }

 private:
  TokenSet &set_;
};

int checked = 0;

void check(const char *what, long got, long wanted) {
  if (got != wanted) {
    std::fprintf(stderr, "%s: got %ld, wanted %ld\n", what, got, wanted);
    std::exit(1);
  }
  std::printf("%s = %ld\n", what, got);
  checked++;
}

}  // namespace

int main() {
  TokenSet set(2);
  set.change(0, 2);
  check("tokens", set.value(0), 2);

  long inside = 0, most = 0, turns = 0;
  auto work = [&] {
    for (int turn = 0; turn < 1000; turn++) {
      Token token(set);
      long now = __atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST);
      long seen = __atomic_load_n(&most, __ATOMIC_SEQ_CST);
      while (now > seen && !__atomic_compare_exchange_n(&most, &seen, now, false, __ATOMIC_SEQ_CST,
                                                        __ATOMIC_SEQ_CST)) {}
      __atomic_add_fetch(&turns, 1, __ATOMIC_SEQ_CST);
      __atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
    }
  };
  std::vector<std::thread> threads;
  for (int index = 0; index < 6; index++) threads.emplace_back(work);
  for (auto &thread : threads) thread.join();
  check("turns", turns, 6000);
  check("never more inside than tokens", most <= 2, 1);
  check("all tokens are back", set.value(0), 2);

  try {
    Token token(set);
    check("one token taken", set.value(0), 1);
    set.change(1, -1, IPC_NOWAIT);
    check("not reached", 1, 0);
  } catch (const std::system_error &error) {
    check("would block, as an exception", error.code() == std::errc::resource_unavailable_try_again,
          1);
  }
  check("given back by unwinding", set.value(0), 2);
  std::printf("checked %d\n", checked);
}
