// The threads of a block are fibres of the calling thread. One after another runs until it returns or must wait; when all have, barriers
// that everybody has come to are opened, and where there is none the kernel is wrong and says so. A kernel without barriers runs its
// threads in one loop on one fibre.
//
// SCOREGRAD_EMULATED_ORDER: 0 first thread first, 1 last thread first, n > 1 a random order of threads and blocks drawn from n. What
// differs between two orders lacks a barrier.
#include <dlfcn.h>
#include <link.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <numeric>
#include <random>
#include <unordered_map>
#include <vector>

#include "tests/cuda/emulated/device.h"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

extern "C" void* __tls_get_addr(size_t (*)[2]);

namespace emulated {

namespace {

constexpr size_t stack_bytes = 128 << 10;
constexpr unsigned warp = 32;

struct Fibre {
  ucontext_t context;
  jmp_buf at;
  bool begun = false;
  unsigned thread = 0;
};

enum class State : uint8_t { fresh, running, at_block, at_warp, done };
struct Thread {
  State state;
  bool vote;
  Fibre* fibre;
  const char *what, *file;
  int line;
  unsigned mask, source, size, votes;
  alignas(16) unsigned char value[16], received[16];
};

jmp_buf scheduler;
std::vector<std::unique_ptr<Fibre>> fibres;
std::vector<Fibre*> idle;
std::vector<Thread> threads;
std::vector<unsigned> order;  // in which threads run
size_t next_fresh;
unsigned done, total;
const Call* call;
Fibre* current;
Votes block_votes;

void enter(unsigned t) {
  current->thread = t;
  threads[t].state = State::running;
  threadIdx = {t % blockDim.x, t / blockDim.x % blockDim.y, t / blockDim.x / blockDim.y};
}

// setjmp and longjmp between stacks cost a few nanoseconds, swapcontext two system calls.
[[gnu::noinline]] void leave(Fibre& f) {
  if (_setjmp(f.at) == 0) _longjmp(scheduler, 1);
}
[[gnu::noinline]] void resume(Fibre& f) {
  current = &f;
  if (_setjmp(scheduler) != 0) return;
  if (f.begun) _longjmp(f.at, 1);
  f.begun = true;
  setcontext(&f.context);
}

// A fibre's life: threads that have not begun yet, one after another; between blocks it sleeps.
void live() {
  for (;;) {
    while (next_fresh < total) {
      enter(order[next_fresh++]);
      call->run(call);
      threads[current->thread].state = State::done;
      ++done;
    }
    idle.push_back(current);
    leave(*current);
  }
}

Fibre& free_fibre() {
  if (idle.empty()) {
    Fibre& f = *fibres.emplace_back(std::make_unique<Fibre>());
    getcontext(&f.context);
    // The lowest page is not mapped: an overflow of the stack is a fault.
    char* stack =
        static_cast<char*>(mmap(nullptr, stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    mprotect(stack, 4096, PROT_NONE);
    f.context.uc_stack.ss_sp = stack;
    f.context.uc_stack.ss_size = stack_bytes;
    f.context.uc_link = nullptr;
    makecontext(&f.context, live, 0);
    return f;
  }
  Fibre& f = *idle.back();
  idle.pop_back();
  return f;
}

void wait_as(State state, const char* what, const char* file, int line) {
  Thread& t = threads[current->thread];
  t.state = state;
  t.what = what, t.file = file, t.line = line;
  t.fibre = current;
  leave(*current);
}

bool same_place(const Thread& a, const Thread& b) { return a.line == b.line && std::strcmp(a.file, b.file) == 0 && a.what == b.what; }

// Opens what can be opened and returns the threads that go on.
std::vector<unsigned> open_barriers() {
  std::vector<unsigned> open;
  for (unsigned first = 0; first < total; first += warp) {
    for (unsigned t = first; t < std::min(first + warp, total); ++t) {
      if (threads[t].state != State::at_warp) continue;
      const unsigned mask = threads[t].mask;
      unsigned there = 0, votes = 0;
      for (unsigned l = 0; l < warp && first + l < total; ++l) {
        const Thread& other = threads[first + l];
        if (!(mask >> l & 1) || other.state != State::at_warp || other.mask != mask || !same_place(other, threads[t])) continue;
        there |= 1u << l;
        votes |= static_cast<unsigned>(other.vote) << l;
      }
      if (there != mask) continue;
      bool sound = true;
      for (unsigned l = 0; l < warp; ++l) {
        if (!(mask >> l & 1)) continue;
        Thread& receiver = threads[first + l];
        receiver.votes = votes;
        if (receiver.size == 0) continue;
        if (receiver.source >= warp || !(mask >> receiver.source & 1)) {
          sound = false;  // from a lane that brings nothing
          continue;
        }
        std::memcpy(receiver.received, threads[first + receiver.source].value, receiver.size);
      }
      if (!sound) continue;
      for (unsigned l = 0; l < warp; ++l)
        if (mask >> l & 1) {
          threads[first + l].state = State::running;
          open.push_back(first + l);
        }
    }
  }
  if (!open.empty()) return open;
  block_votes = {0, true};
  for (unsigned t = 0; t < total; ++t) {
    if (threads[t].state != State::at_block || !same_place(threads[t], threads[0])) return {};
    block_votes.count += threads[t].vote;
    block_votes.all = block_votes.all && threads[t].vote;
  }
  for (unsigned t = 0; t < total; ++t) open.push_back(t);
  return open;
}

std::string name_of(const void* kernel) {
  Dl_info found;
  return dladdr(kernel, &found) && found.dli_sname ? found.dli_sname : "a kernel";
}

std::string complaint(const void* kernel) {
  std::string text = name_of(kernel) + ", block " + std::to_string(blockIdx.x) + "," + std::to_string(blockIdx.y) + "," +
                     std::to_string(blockIdx.z) + ": nobody can go on;";
  unsigned shown = 0;
  for (unsigned t = 0; t < total && shown < 6; ++t) {
    const auto alike = [&](const Thread& a, const Thread& b) {
      return a.state == b.state && (a.state == State::done || (same_place(a, b) && a.mask == b.mask));
    };
    if (t > 0 && alike(threads[t], threads[t - 1])) continue;
    unsigned last = t;
    while (last + 1 < total && alike(threads[t], threads[last + 1])) ++last;
    text += " threads " + std::to_string(t) + " to " + std::to_string(last);
    const Thread& x = threads[t];
    if (x.state == State::done) {
      text += " have returned;";
    } else {
      char mask[32];
      std::snprintf(mask, sizeof mask, " (mask %08x)", x.mask);
      text += " wait in " + std::string(x.what) + (x.state == State::at_warp ? mask : "") + " at " + x.file + ":" + std::to_string(x.line) +
              ";";
    }
    ++shown;
  }
  return text;
}

/// The shared variables of the library in which a kernel lies, which are its thread-local ones.
struct Shared {
  size_t module = 0, bytes = 0;
};
Shared shared_of(const void* kernel) {
  static std::unordered_map<const void*, Shared> known;
  const auto [place, fresh] = known.try_emplace(kernel);
  if (!fresh) return place->second;
  struct Search {
    ElfW(Addr) address;
    Shared found;
  } search{reinterpret_cast<ElfW(Addr)>(kernel), {}};
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* data) {
        auto& s = *static_cast<Search*>(data);
        bool here = false;
        size_t bytes = 0;
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const auto& h = info->dlpi_phdr[i];
          if (h.p_type == PT_LOAD && s.address - info->dlpi_addr - h.p_vaddr < h.p_memsz) here = true;
          if (h.p_type == PT_TLS) bytes = h.p_memsz;
        }
        if (here && bytes > 0) s.found = {info->dlpi_tls_modid, bytes};
        return here ? 1 : 0;
      },
      &search);
  return place->second = search.found;
}

// A block's last warp may be short; the mask of all lanes means all that there are.
unsigned present(unsigned mask) {
  const unsigned first = current->thread / warp * warp;
  return mask == ~0u && total - first < warp ? (1u << (total - first)) - 1 : mask;
}

unsigned long long seed() {
  static const unsigned long long value = setting("SCOREGRAD_EMULATED_ORDER", 0);
  return value;
}

// The library's other thread-local variables are its host code's, which must find them as they were.
class SharedMemory {
 public:
  explicit SharedMemory(const void* kernel) : where_(shared_of(kernel)) {
    if (where_.bytes == 0) return;
    size_t index[2] = {where_.module, 0};
    data_ = static_cast<unsigned char*>(__tls_get_addr(&index));
    saved_.assign(data_, data_ + where_.bytes);
  }
  ~SharedMemory() {
    if (data_) std::memcpy(data_, saved_.data(), saved_.size());
  }
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;
  /// Not a number: what a block never wrote shows.
  void spoil() {
    if (data_) std::memset(data_, 0xff, saved_.size());
  }

 private:
  Shared where_;
  unsigned char* data_ = nullptr;
  std::vector<unsigned char> saved_;
};

std::string run_block(const Launch& launch, std::mt19937_64& random) {
  next_fresh = 0;
  done = 0;
  for (Thread& t : threads) t.state = State::fresh;
  if (seed() > 1) std::shuffle(order.begin(), order.end(), random);
  while (next_fresh < total) resume(free_fibre());
  while (done < total) {
    std::vector<unsigned> open = open_barriers();
    if (open.empty()) return complaint(launch.kernel);
    if (seed() == 1) std::reverse(open.begin(), open.end());
    if (seed() > 1) std::shuffle(open.begin(), open.end(), random);
    for (unsigned t : open) {
      current = threads[t].fibre;
      enter(t);
      resume(*current);
    }
  }
  return "";
}

}  // namespace

unsigned lane() { return current->thread % warp; }

Votes block_barrier(const char* what, const char* file, int line, bool vote) {
  threads[current->thread].vote = vote;
  wait_as(State::at_block, what, file, line);
  return block_votes;
}

void warp_exchange(const char* what, const char* file, int line, unsigned mask, const void* value, unsigned size, unsigned source,
                   void* result) {
  Thread& t = threads[current->thread];
  t.mask = present(mask), t.size = size, t.source = source, t.vote = false;
  std::memcpy(t.value, value, size);
  wait_as(State::at_warp, what, file, line);
  std::memcpy(result, t.received, size);
}

unsigned warp_vote(const char* what, const char* file, int line, unsigned mask, bool vote) {
  Thread& t = threads[current->thread];
  t.mask = present(mask), t.size = 0, t.vote = vote;
  wait_as(State::at_warp, what, file, line);
  return t.votes;
}

std::string run(const Launch& launch) {
  blockDim = launch.block;
  gridDim = launch.grid;
  call = launch.call;
  total = blockDim.x * blockDim.y * blockDim.z;
  threads.assign(total, {});
  order.resize(total);
  std::iota(order.begin(), order.end(), 0u);
  if (seed() == 1) std::reverse(order.begin(), order.end());
  std::mt19937_64 random(seed());
  SharedMemory shared(launch.kernel);
  const uint64_t blocks = uint64_t{gridDim.x} * gridDim.y * gridDim.z;
  // In another order: steps that share no factor with the number of blocks.
  uint64_t step = 1, first = 0;
  if (seed() == 1) step = blocks - 1, first = blocks - 1;
  if (seed() > 1) {
    do step = random() % blocks + 1;
    while (std::gcd(step, blocks) != 1);
    first = random() % blocks;
  }
  for (uint64_t i = 0; i < blocks; ++i) {
    const uint64_t b = (first + i * step) % blocks;
    blockIdx = {static_cast<unsigned>(b % gridDim.x), static_cast<unsigned>(b / gridDim.x % gridDim.y),
                static_cast<unsigned>(b / gridDim.x / gridDim.y)};
    shared.spoil();
    const std::string wrong = run_block(launch, random);
    if (wrong.empty()) continue;
    // Fibres that still wait are never woken again.
    fibres.clear();
    idle.clear();
    return wrong;
  }
  return "";
}

}  // namespace emulated

// What the compiler calls where an address is misaligned or an index beyond its array: each passes a description that begins with the
// place.
namespace {

struct Place {
  const char* file;
  unsigned line, column;
};
[[noreturn]] void stop(const char* what, const Place* place) {
  std::fprintf(stderr, "emulated GPU: %s:%u:%u: %s, block %u,%u,%u thread %u,%u,%u\n", place->file, place->line, place->column, what,
               blockIdx.x, blockIdx.y, blockIdx.z, threadIdx.x, threadIdx.y, threadIdx.z);
  std::abort();
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {
void __ubsan_handle_type_mismatch_v1_abort(const Place* place, void*) { stop("misaligned address", place); }
void __ubsan_handle_out_of_bounds_abort(const Place* place, void*) { stop("index out of bounds", place); }
}
#pragma GCC visibility pop
