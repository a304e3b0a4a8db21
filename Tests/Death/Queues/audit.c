// The image of a queue at rest, checked against what Sources/OmegaEngine/Messages/QueueLayout.swift
// says: no cell is lost, none is in two places. See queue.h.
#include "queue.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>

// Offsets of the layout of this version. If the layout changes, so must these.
enum {
  RECORD = 136, FIFO = 144, TYPES = 152, COUNTS = 160, SENDERS = 216, RECEIVERS = 208,
  EMPTY_LEAF = 224, BUMP = 280, FREE = 288, LOCK = 128, JOURNAL = 192, NEEDS_SERVE = 200,
  SLEEPERS = 232, MEMBER_HIGH = 240, WAITER_HIGH = 248,
  MEMBERS = 28672, STOCKS = MEMBERS + 64 * 4096, WAITERS = STOCKS + 1024 * 4096,
  CELLS = WAITERS + 256 * 8192, CLASSES = 15, MAX_UNITS = 1 << 20
};
static const uint64_t magic = 0x3167734D6167656D, version = 2, inner = 1ull << 63;

static const unsigned char *image;
static size_t image_size;
static unsigned char uses[MAX_UNITS];  // per unit: 0 no cell's start, 1 a cell, 2 one in use
static unsigned last_of[MAX_UNITS];    // per leaf: the last message of the walk through the queue
static char first_wrong[200];
static const char *wrong;

static void fail(const char *what) {
  if (wrong) return;
  snprintf(first_wrong, sizeof first_wrong, "%s", what);
  wrong = first_wrong;
}

static uint64_t word(size_t offset) {
  if (offset + 8 <= image_size) return *(const uint64_t *)(const void *)(image + offset);
  fail(message("audit: offset %zu is outside", offset));
  return 0;
}
static size_t cell_at(unsigned cell) { return CELLS + 64 * (size_t)cell; }
static unsigned first_of(uint64_t ends) { return ends & 0xFFFFFF; }
static unsigned second_of(uint64_t ends) { return ends >> 24 & 0xFFFFFF; }

static bool map(int id) {
  char path[500];
  struct stat status;
  snprintf(path, sizeof path, "%s/msg.%05d", getenv("OMEGA_IPC_NAMESPACE"), id & 0x7FFF);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0 || fstat(file, &status) < 0) {
    if (file >= 0) close(file);
    return false;
  }
  image_size = (size_t)status.st_size;
  image = mmap(NULL, image_size, PROT_READ, MAP_SHARED, file, 0);
  close(file);
  return image != MAP_FAILED;
}
static void unmap(void) { munmap((void *)image, image_size); }

static void use(unsigned cell, int class, const char *what, long where) {
  if (cell == 0 || cell >= MAX_UNITS || uses[cell] == 0) {
    fail(message("%s %ld names %u, which is no cell", what, where, cell));
    return;
  }
  if (uses[cell] == 2)
    fail(message("cell %u of %s %ld is in another place too", cell, what, where));
  if (class >= 0 && (int)(word(cell_at(cell) + 24) >> 56) != class)
    fail(message("cell %u of %s %ld has another class", cell, what, where));
  uses[cell] = 2;
}

static long find_cells(void) {
  unsigned end = (unsigned)word(BUMP), at = 1;
  long cells = 0;
  memset(uses, 0, end < MAX_UNITS ? end + 1 : MAX_UNITS);
  while (at < end && at < MAX_UNITS && !wrong) {
    unsigned class = (unsigned)(word(cell_at(at) + 24) >> 56);
    if (class >= CLASSES) fail(message("cell %u has class %u", at, class));
    uses[at] = 1;
    at += class < 4 ? 1u << class : (1u << class) + 1;
    cells++;
  }
  if (end && at != end) fail("the cells do not end where the unused memory begins");
  return cells;
}

static void walk_free(void) {
  for (int class = 0; class < CLASSES; class++) {
    unsigned cell = first_of(word(FREE + 8 * (size_t)class));
    while (cell && !wrong) {
      use(cell, class, "free list", class);
      cell = first_of(word(cell_at(cell) + 40));
    }
  }
}

static void walk_stocks(void) {
  uint64_t members = word(MEMBER_HIGH);
  if (members > 4095) fail("too many members");
  for (uint64_t member = 0; member < members && !wrong; member++) {
    uint64_t pocket = word(STOCKS + 1024 * member), nodes = word(STOCKS + 1024 * member + 8);
    if (!word(MEMBERS + 64 * member + 8) && (first_of(pocket) || second_of(nodes)))
      fail(message("member %ld is nobody and has a stock", (long)member));
    if (first_of(pocket)) use(first_of(pocket), -1, "the pocket of", (long)member);
    if (!second_of(nodes)) continue;
    use(first_of(nodes), 0, "the nodes of", (long)member);
    use(second_of(nodes), 0, "the nodes of", (long)member);
  }
}

static long walk_waiters(void) {
  uint64_t waiters = word(WAITER_HIGH);
  long asleep = 0;
  if (waiters > 8192) fail("too many waiters");
  for (uint64_t waiter = 0; waiter < waiters && !wrong; waiter++) {
    size_t at = WAITERS + 256 * waiter;
    uint64_t status = word(at + 8) & 0xFFFFFFFF, is_sender = word(at + 128);
    unsigned cell = first_of(word(at + 96));
    asleep += status == 1;
    if ((status == 1 && is_sender) || (status == 2 && cell))
      use(cell, -1, "waiter", (long)waiter);
  }
  return asleep;
}

static long walk_tree(unsigned node, int bit, unsigned *empty) {
  if (wrong) return 0;
  use(node, 0, "the tree at bit", bit);
  if (wrong) return 0;
  uint64_t key = word(cell_at(node)), ends = word(cell_at(node) + 8);
  if (key & inner) {
    int own = (int)(key & 63);
    if (own >= bit) fail("an inner node of the tree stands below a lower bit");
    return walk_tree(first_of(ends), own, empty) + walk_tree(second_of(ends), own, empty);
  }
  if (!key) fail("a leaf has no type");
  last_of[node] = 0;
  if (first_of(ends)) return 1;
  if (*empty) fail("two types without messages");
  *empty = node;
  return 1;
}

static void walk_messages(void) {
  uint64_t counts = word(COUNTS);
  unsigned cell = first_of(word(FIFO)), previous = 0;
  uint64_t messages = 0, bytes = 0;
  for (; cell && !wrong; messages++) {
    use(cell, -1, "message", (long)messages);
    if (wrong) return;
    size_t at = cell_at(cell);
    unsigned leaf = (unsigned)word(at + 32) & 0xFFFFFF;
    if (first_of(word(at)) != previous) fail(message("message %ld: links", (long)messages));
    if (leaf >= MAX_UNITS || uses[leaf] != 2 || word(cell_at(leaf)) != word(at + 16)) {
      fail(message("message %ld is not at the leaf of its type", (long)messages));
      return;
    }
    unsigned before = last_of[leaf], ahead = first_of(word(cell_at(leaf) + 8));
    if (first_of(word(at + 8)) != before) fail(message("message %ld: type links", (long)messages));
    if (before ? second_of(word(cell_at(before) + 8)) != cell : ahead != cell)
      fail(message("message %ld is not behind the last of its type", (long)messages));
    last_of[leaf] = cell;
    bytes += word(at + 24) & 0xFFFFFFFF;
    previous = cell;
    cell = second_of(word(at));
  }
  if (second_of(word(FIFO)) != previous) fail("the newest message is another one");
  if (messages != (counts & 0xFFFFF) || bytes != (counts >> 20 & 0xFFFFFFF))
    fail(message("%ld messages of %ld bytes, but qnum %ld, cbytes %ld", (long)messages, (long)bytes,
                 (long)(counts & 0xFFFFF), (long)(counts >> 20 & 0xFFFFFFF)));
}

// Every leaf with messages must have been reached by the queue up to its end.
static void check_leaves(unsigned node) {
  uint64_t key = word(cell_at(node)), ends = word(cell_at(node) + 8);
  if (wrong) return;
  if (key & inner) {
    check_leaves(first_of(ends));
    check_leaves(second_of(ends));
  } else if (second_of(ends) != last_of[node]) {
    fail(message("the newest message of type %ld is another one", (long)key));
  }
}

static void check(void) {
  if (word(0) != magic || word(8) != version) {
    fail("the layout has changed: audit.c must follow");
    return;
  }
  if (word(LOCK) & 0xFFFFFFFF) fail("the lock is not free");
  if (word(JOURNAL)) fail("a transaction is open");
  if (word(NEEDS_SERVE)) fail("sleepers are owed a look");
  long cells = find_cells();
  walk_free();
  walk_stocks();
  long asleep = walk_waiters();
  if (asleep != (long)word(SLEEPERS))
    fail(message("%ld calls sleep, but %ld are counted", asleep, (long)word(SLEEPERS)));
  unsigned root = first_of(word(TYPES)), empty = 0;
  if (root) walk_tree(root, 64, &empty);
  if (first_of(word(EMPTY_LEAF)) != empty) fail("the empty leaf is another one");
  walk_messages();
  if (root) check_leaves(root);
  // The first type of all needs one of its two nodes only, and the tree is never empty again.
  int spare = root != 0;
  for (unsigned cell = 1; cell < word(BUMP) && cell < MAX_UNITS && !wrong; cell++)
    if (uses[cell] == 1 && spare-- == 0)
      fail(message("cell %u of %ld is lost", cell, cells));
  if (spare == 1) fail("a tree of types has one inner node too many");
}

const char *audit(int id) {
  wrong = NULL;
  if (!map(id)) return "audit: the image cannot be mapped";
  check();
  unmap();
  return wrong;
}

int queue_sleepers(int id) {
  if (!map(id)) return -1;
  int count = (int)word(SLEEPERS);
  unmap();
  return count;
}

int wait_sleepers(int id, int count, int ms) {
  int64_t end = now_ns() + ms * 1000000LL;
  for (int turn = 0;; turn++) {
    int now = queue_sleepers(id);
    if (now == count || now_ns() > end) return now;
    if (turn < 100)
      sched_yield();
    else
      usleep(200);
  }
}

long units_used(int id) {
  if (!map(id)) return -1;
  long units = (long)word(BUMP);
  unmap();
  return units;
}
