// The memory pool. Small blocks live on lists that belong to one thread and need no lock; larger ones, and what a thread has too many of,
// on common lists. Sizes are rounded up to classes, so that a loop whose shapes vary a little still reuses its blocks.
#include "cpu/memory.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <mutex>

#include "cpu/room.h"

#if defined(__SANITIZE_ADDRESS__)
#define SG_POISON_BLOCKS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SG_POISON_BLOCKS 1
#endif
#endif
#if SG_POISON_BLOCKS
#include <sanitizer/asan_interface.h>
#endif

namespace scoregrad::on_cpu {

namespace {

struct Block {
  Block* next;
};

// Classes: multiples of 64 up to 1 KiB (blocks cut from slabs), then four to each doubling (blocks of their own).
constexpr int slab_classes = 16, thread_classes = 36, all_classes = 164;
constexpr size_t largest_request = size_t{1} << 46, slab_bytes = size_t{1} << 15, huge_page = size_t{1} << 21, huge_from = size_t{1} << 22;
constexpr int64_t free_allowance = int64_t{64} << 20, flush_bytes = int64_t{64} << 10;

constexpr int class_of(size_t bytes) {
  if (bytes <= 1024) return bytes == 0 ? 0 : static_cast<int>((bytes - 1) >> 6);
  const size_t n = bytes - 1;
  const int e = 63 - __builtin_clzll(n);
  return slab_classes + (e - 10) * 4 + static_cast<int>((n >> (e - 2)) & 3);
}
constexpr size_t class_bytes(int c) {
  if (c < slab_classes) return static_cast<size_t>(c + 1) << 6;
  const int e = 10 + (c - slab_classes) / 4, quarter = (c - slab_classes) % 4;
  return (size_t{1} << e) + (static_cast<size_t>(quarter + 1) << (e - 2));
}
static_assert(class_of(1) == 0 && class_of(64) == 0 && class_of(65) == 1 && class_bytes(class_of(1025)) == 1280);
static_assert(class_bytes(thread_classes - 1) == 32768 && class_of(largest_request) < all_classes);

/// How many free blocks of a class a thread keeps for itself.
constexpr auto thread_limits = [] {
  std::array<int, thread_classes> limits{};
  for (int c = 0; c < thread_classes; ++c)
    limits[static_cast<size_t>(c)] = std::max(8, static_cast<int>((size_t{1} << 17) / class_bytes(c)));
  return limits;
}();
constexpr int thread_limit(int c) { return thread_limits[static_cast<size_t>(c)]; }

struct List {
  Block* head;
  int count;

  void push(void* data, [[maybe_unused]] int c) {
    Block* b = static_cast<Block*>(data);
    b->next = head;
    head = b;
    ++count;
#if SG_POISON_BLOCKS
    __asan_poison_memory_region(b + 1, class_bytes(c) - sizeof(Block));
#endif
  }
  void* pop([[maybe_unused]] int c) {
    Block* b = head;
    head = b->next;
    --count;
#if SG_POISON_BLOCKS
    __asan_unpoison_memory_region(b, class_bytes(c));
#endif
    return b;
  }
};

/// Written by its own thread alone, so that plain loads and stores do; read by whoever asks for the totals.
class Counter {
 public:
  int64_t get() const { return n_.load(std::memory_order_relaxed); }
  void set(int64_t n) { n_.store(n, std::memory_order_relaxed); }
  void add(int64_t n) { set(get() + n); }

 private:
  std::atomic<int64_t> n_{0};
};

/// What one thread holds. It has no destructor, which keeps a check out of every access; a ThreadExit returns the lists.
struct ThreadLists {
  List lists[thread_classes];
  bool active, exited;
  Counter live;    // bytes handed out minus returned here and not yet added to the total
  Counter high;    // the largest `live` since then
  Counter pooled;  // bytes on the lists
  ThreadLists *before, *after;
};

struct Common {
  std::mutex mutex;
  List lists[all_classes] = {};
  ThreadLists* threads = nullptr;
  int64_t pooled = 0;  // bytes on the lists
  int evict_from = all_classes - 1;
  std::atomic<int64_t> live{0}, peak{0}, ceiling{0};  // ceiling: the largest `live` ever, which bounds what is kept
};

constinit Common common;
constinit thread_local ThreadLists mine = {};

void raise(std::atomic<int64_t>& to, int64_t value) {
  int64_t seen = to.load(std::memory_order_relaxed);
  while (seen < value && !to.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
  }
}

void add_live(int64_t change, int64_t high) {
  const int64_t top = common.live.fetch_add(change, std::memory_order_relaxed) + high;
  raise(common.peak, top);
  raise(common.ceiling, top);
}

void flush_counts() {
  add_live(mine.live.get(), mine.high.get());
  mine.live.set(0);
  mine.high.set(0);
}

inline void count(int64_t bytes) {
  const int64_t live = mine.live.get() + bytes;
  mine.live.set(live);
  if (live > mine.high.get()) mine.high.set(live);
  if (live > flush_bytes || live < -flush_bytes) flush_counts();
}

/// Moves a thread's blocks of a class to the common list until `keep` are left; the mutex is held.
void give(int c, int keep) {
  List& list = mine.lists[c];
  const int64_t size = static_cast<int64_t>(class_bytes(c));
  while (list.count > keep) {
    common.lists[c].push(list.pop(c), c);
    common.pooled += size;
    mine.pooled.add(-size);
  }
}

struct ThreadExit {
  ThreadExit() {
    const std::lock_guard lock(common.mutex);
    mine.active = true;
    mine.after = common.threads;
    if (mine.after) mine.after->before = &mine;
    common.threads = &mine;
  }
  ~ThreadExit() {
    const std::lock_guard lock(common.mutex);
    for (int c = 0; c < thread_classes; ++c) give(c, 0);
    flush_counts();
    (mine.before ? mine.before->after : common.threads) = mine.after;
    if (mine.after) mine.after->before = mine.before;
    mine.active = false;
    mine.exited = true;
  }
  ThreadExit(const ThreadExit&) = delete;
  ThreadExit& operator=(const ThreadExit&) = delete;
};

void activate() {
  if (!mine.active && !mine.exited) static thread_local ThreadExit exit;
}

/// Takes free blocks off the common lists until what is kept and live fits under the bound again; returns them as a chain to be freed.
Block* evict(int except) {
  const int64_t bound =
      common.ceiling.load(std::memory_order_relaxed) / 4 * 5 + free_allowance - common.live.load(std::memory_order_relaxed);
  Block* out = nullptr;
  for (int tried = 0; common.pooled > bound && tried < all_classes; ++tried) {
    // Class by class in turn, the one in use last, so that sizes nobody asks for any more are the ones that go.
    const int c = common.evict_from;
    common.evict_from = c == slab_classes ? all_classes - 1 : c - 1;
    if (c == except && tried + 1 < all_classes - slab_classes) continue;
    while (common.lists[c].count > 0 && common.pooled > bound) {
      Block* b = static_cast<Block*>(common.lists[c].pop(c));
      b->next = out;
      out = b;
      common.pooled -= static_cast<int64_t>(class_bytes(c));
    }
  }
  return out;
}

void free_chain(Block* b) {
  while (b) {
    Block* next = b->next;
    std::free(b);
    b = next;
  }
}

int64_t machine_bytes() {
  static const int64_t bytes = static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  return bytes;
}

// Small blocks that were refused leave half as much the next time: what a program then frees stays in slabs and with malloc, and its next
// step needs some of other sizes.
constexpr size_t small_below = slab_bytes * 8;
std::atomic<int> refusals{0};

void* system_block(size_t bytes) {
  // Linux grants more than there is and kills the process when it is touched: what cannot fit is refused here instead.
  if (static_cast<int64_t>(bytes) > machine_bytes() - common.live.load(std::memory_order_relaxed)) return nullptr;
  // So is what would leave too little to go on with after the refusal.
  const int64_t left = space_left() - static_cast<int64_t>(bytes);
  if (left < (bytes < small_below ? kept_for_all >> refusals.load(std::memory_order_relaxed) : kept_for_small)) return nullptr;
  if (left > 2 * kept_for_small) refusals.store(0, std::memory_order_relaxed);
  if (bytes < huge_from) return std::aligned_alloc(64, bytes);
  // Huge pages make the first touch of a large block several times cheaper.
  void* data = std::aligned_alloc(huge_page, (bytes + huge_page - 1) / huge_page * huge_page);
#ifdef MADV_HUGEPAGE
  if (data) madvise(data, bytes, MADV_HUGEPAGE);
#endif
  return data;
}

void* fresh(int c) {
  if (c >= slab_classes) return system_block(class_bytes(c));
  char* slab = static_cast<char*>(system_block(slab_bytes));
  if (!slab) return nullptr;
  const size_t size = class_bytes(c);
  const std::lock_guard lock(common.mutex);
  for (size_t at = size; at + size <= slab_bytes; at += size) {
    common.lists[c].push(slab + at, c);
    common.pooled += static_cast<int64_t>(size);
  }
  return slab;
}

void* from_common(int c) {
  const std::lock_guard lock(common.mutex);
  List& list = common.lists[c];
  if (list.count == 0) return nullptr;
  const int64_t size = static_cast<int64_t>(class_bytes(c));
  void* data = list.pop(c);
  common.pooled -= size;
  if (c < thread_classes && mine.active) {
    for (int n = thread_limit(c) / 2; n > 0 && list.count > 0; --n) {
      mine.lists[c].push(list.pop(c), c);
      common.pooled -= size;
      mine.pooled.add(size);
    }
  }
  return data;
}

[[gnu::noinline]] void* allocate_slowly(Where at, size_t bytes) {
  activate();
  void* data = nullptr;
  if (bytes <= largest_request) {
    const int c = class_of(bytes);
    data = from_common(c);
    if (!data) data = fresh(c);
    if (!data) {
      empty_pool();
      data = fresh(c);
    }
  }
  if (!data) {
    if (bytes < small_below && refusals.load(std::memory_order_relaxed) < 3) refusals.fetch_add(1, std::memory_order_relaxed);
    const MemoryUse use = memory();
    throw Error(at, fmt::format("allocate: out of memory, {} bytes asked for with {} bytes in use", bytes, use.live));
  }
  if (mine.active) {
    count(static_cast<int64_t>(bytes));
  } else {
    add_live(static_cast<int64_t>(bytes), static_cast<int64_t>(bytes));
  }
  return data;
}

[[gnu::noinline]] void release_slowly(void* data, size_t bytes) {
  activate();
  const int c = class_of(bytes);
  if (mine.active) {
    count(-static_cast<int64_t>(bytes));
  } else {
    add_live(-static_cast<int64_t>(bytes), 0);
  }
  Block* surplus;
  {
    const std::lock_guard lock(common.mutex);
    if (c < thread_classes && mine.active) give(c, thread_limit(c) / 2);
    common.lists[c].push(data, c);
    common.pooled += static_cast<int64_t>(class_bytes(c));
    surplus = evict(c);
  }
  free_chain(surplus);
}

}  // namespace

void* allocate(Where at, size_t bytes) {
  if (bytes <= class_bytes(thread_classes - 1)) {
    const int c = class_of(bytes);
    List& list = mine.lists[c];
    if (list.head) {
      void* data = list.pop(c);
      mine.pooled.add(-static_cast<int64_t>(class_bytes(c)));
      count(static_cast<int64_t>(bytes));
      return data;
    }
  }
  return allocate_slowly(at, bytes);
}

void release(void* data, size_t bytes) noexcept {
  if (!data) return;
  if (bytes <= class_bytes(thread_classes - 1) && mine.active) {
    const int c = class_of(bytes);
    List& list = mine.lists[c];
    if (list.count < thread_limit(c)) {
      list.push(data, c);
      mine.pooled.add(static_cast<int64_t>(class_bytes(c)));
      count(-static_cast<int64_t>(bytes));
      return;
    }
  }
  release_slowly(data, bytes);
}

MemoryUse memory() {
  const std::lock_guard lock(common.mutex);
  MemoryUse use{common.live.load(std::memory_order_relaxed), 0, common.pooled};
  int64_t high = use.live;
  for (const ThreadLists* t = common.threads; t; t = t->after) {
    use.live += t->live.get();
    use.pooled += t->pooled.get();
    high += t->high.get();
  }
  use.peak = std::max(common.peak.load(std::memory_order_relaxed), high);
  return use;
}

void reset_peak() {
  const std::lock_guard lock(common.mutex);
  int64_t live = common.live.load(std::memory_order_relaxed);
  for (ThreadLists* t = common.threads; t; t = t->after) {
    t->high.set(t->live.get());
    live += t->live.get();  // below zero where a thread has returned more than it took
  }
  common.peak.store(live, std::memory_order_relaxed);
}

void lock_pool() { common.mutex.lock(); }
void unlock_pool() { common.mutex.unlock(); }

void empty_pool() {
  Block* out = nullptr;
  {
    const std::lock_guard lock(common.mutex);
    for (int c = 0; c < thread_classes; ++c) give(c, 0);
    for (int c = slab_classes; c < all_classes; ++c) {
      while (common.lists[c].count > 0) {
        Block* b = static_cast<Block*>(common.lists[c].pop(c));
        b->next = out;
        out = b;
        common.pooled -= static_cast<int64_t>(class_bytes(c));
      }
    }
  }
  free_chain(out);
}

}  // namespace scoregrad::on_cpu
