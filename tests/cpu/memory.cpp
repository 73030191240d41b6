#include <thread>

#include "cpu/memory.h"
#include "tests/cpu/arrays.h"

using namespace scoregrad;

TEST_CASE("blocks are aligned, distinct and counted") {
  const Backend& b = cpu_backend();
  const int64_t before = b.memory().live;
  std::vector<std::pair<void*, size_t>> blocks;
  int64_t total = 0;
  for (size_t bytes : {0, 1, 63, 64, 65, 1000, 1025, 4096, 40000, 1 << 20, 5 << 20}) {
    void* p = b.allocate({}, bytes);
    REQUIRE(reinterpret_cast<uintptr_t>(p) % 64 == 0);
    std::memset(p, static_cast<int>(blocks.size()), bytes);
    blocks.emplace_back(p, bytes);
    total += static_cast<int64_t>(bytes);
  }
  CHECK(b.memory().live == before + total);
  CHECK(b.memory().peak >= before + total);
  for (size_t i = 0; i < blocks.size(); ++i) {
    const unsigned char* bytes = static_cast<unsigned char*>(blocks[i].first);
    for (size_t j = 0; j < blocks[i].second; ++j)
      if (bytes[j] != i) FAIL("block " << i << " was overwritten");
    b.release(blocks[i].first, blocks[i].second);
  }
  CHECK(b.memory().live == before);
  b.reset_peak();
  CHECK(b.memory().peak == b.memory().live);
}

TEST_CASE("a million steps reuse the same blocks") {
  const Backend& b = cpu_backend();
  const size_t sizes[] = {64, 64, 400, 4096, 66000};
  const auto step = [&] {
    void* p[5];
    for (int i = 0; i < 5; ++i) p[i] = b.allocate({}, sizes[i]);
    for (int i = 0; i < 5; ++i) b.release(p[i], sizes[i]);
  };
  step();
  const MemoryUse before = b.memory();
  for (int i = 0; i < 200000; ++i) step();
  const MemoryUse after = b.memory();
  CHECK(after.live == before.live);
  CHECK(after.pooled == before.pooled);
  CHECK(after.peak == before.peak);
}

TEST_CASE("a large block comes back as it was left") {
  const Backend& b = cpu_backend();
  const size_t bytes = size_t{16} << 20;
  void* first = b.allocate({}, bytes);
  b.release(first, bytes);
  void* second = b.allocate({}, bytes);
  CHECK(second == first);
  b.release(second, bytes);
}

TEST_CASE("what is kept for reuse is bounded by what was once in use") {
  const Backend& b = cpu_backend();
  for (size_t mb = 1; mb < 200; mb += 3) b.release(b.allocate({}, mb << 20), mb << 20);
  const int64_t ceiling = std::max(b.memory().peak, int64_t{200} << 20);
  CHECK(b.memory().pooled <= ceiling / 4 * 5 + (int64_t{72} << 20));
}

TEST_CASE("a request that cannot be met is an error and the program goes on") {
  const Backend& b = cpu_backend();
  const int64_t before = b.memory().live;
  for (size_t bytes : {size_t{1} << 60, size_t{1} << 45, ~size_t{0}}) {
    try {
      b.allocate(Where::here(), bytes);
      FAIL("granted");
    } catch (const Error& e) {
      const std::string message = e.what();
      CHECK(message.find("allocate") != std::string::npos);
      CHECK(message.find(std::to_string(bytes) + " bytes") != std::string::npos);
      CHECK(message.find("memory.cpp") != std::string::npos);
    }
  }
  CHECK(b.memory().live == before);
  void* p = b.allocate({}, 1000);
  REQUIRE(p != nullptr);
  b.release(p, 1000);
}

TEST_CASE("the pool can be emptied") {
  const Backend& b = cpu_backend();
  b.release(b.allocate({}, 10 << 20), 10 << 20);
  CHECK(b.memory().pooled >= 10 << 20);
  on_cpu::empty_pool();
  CHECK(b.memory().pooled < 10 << 20);
}

TEST_CASE("blocks may be released by another thread, and a thread's lists survive it") {
  const Backend& b = cpu_backend();
  const int64_t before = b.memory().live;
  for (int round = 0; round < 20; ++round) {
    std::vector<void*> blocks(3000);
    std::thread([&] {
      for (void*& p : blocks) p = b.allocate({}, 200), std::memset(p, 1, 200);
    }).join();
    CHECK(b.memory().live == before + 3000 * 200);
    std::thread other([&] {
      for (size_t i = 0; i < 1500; ++i) b.release(blocks[i], 200);
    });
    for (size_t i = 1500; i < 3000; ++i) b.release(blocks[i], 200);
    other.join();
    CHECK(b.memory().live == before);
  }
  CHECK(b.memory().pooled < int64_t{400} << 20);
}

TEST_CASE("threads allocate side by side") {
  const Backend& b = cpu_backend();
  const int64_t before = b.memory().live;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&b, t] {
      for (int i = 0; i < 3000; ++i) {
        const size_t bytes = static_cast<size_t>(64 + (i * 37 + t) % 70000);
        char* p = static_cast<char*>(b.allocate({}, bytes));
        p[0] = p[bytes - 1] = static_cast<char>(t);
        char* q = static_cast<char*>(b.allocate({}, 64));
        q[0] = 1;
        if (p[0] != static_cast<char>(t)) std::abort();
        b.release(p, bytes);
        b.release(q, 64);
      }
    });
  for (std::thread& t : threads) t.join();
  CHECK(b.memory().live == before);
}
