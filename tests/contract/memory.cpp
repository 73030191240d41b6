// Memory of the device: what is sent comes back, what is counted adds up, and too much is an error that leaves everything usable.
#include <cstdlib>
#include <cstring>
#include <thread>

#include "tests/contract/twin.h"

using namespace scoregrad;
using namespace scoregrad::contract;

TEST_CASE("bytes come back as they were sent, and the sender's buffer is free at once") {
  if (!device()) return;
  const Backend& b = *device();
  for (size_t bytes : {size_t{1}, size_t{7}, size_t{4096}, size_t{5000001}}) {
    std::vector<unsigned char> sent(bytes), kept(bytes), got(bytes, 1);
    for (size_t i = 0; i < bytes; ++i) sent[i] = kept[i] = static_cast<unsigned char>(i * 7 + i / 251);
    void* at = b.allocate(Where::here(), bytes);
    CHECK(reinterpret_cast<uintptr_t>(at) % 64 == 0);
    b.call({}, calls::Upload{calls::bytes_at(at, bytes), {sent.data(), bytes}});
    std::memset(sent.data(), 0, bytes);
    b.call({}, calls::Download{{got.data(), bytes}, calls::bytes_at(at, bytes)});
    CHECK(got == kept);
    b.release(at, bytes);
  }
  void* none = b.allocate(Where::here(), 0);
  b.call({}, calls::Upload{calls::bytes_at(none, 0), {nullptr, 0}});
  b.call({}, calls::Download{{nullptr, 0}, calls::bytes_at(none, 0)});
  b.release(none, 0);
  b.release(nullptr, 0);
}

TEST_CASE("live, peak and pooled bytes add up") {
  if (!device()) return;
  const Backend& b = *device();
  b.reset_peak();
  const MemoryUse before = b.memory();
  CHECK(before.peak == before.live);
  void* x = b.allocate(Where::here(), 3 << 20);
  void* y = b.allocate(Where::here(), 1 << 20);
  CHECK(b.memory().live == before.live + (4 << 20));
  b.release(x, 3 << 20);
  CHECK(b.memory().live == before.live + (1 << 20));
  CHECK(b.memory().peak >= before.live + (4 << 20));
  const char* pool = std::getenv("SCOREGRAD_CUDA_POOL");  // 0: blocks go back at once, so that tools see their bounds
  const bool pools = default_device() != Device::reference && (!pool || std::strcmp(pool, "0") != 0);
  if (pools) CHECK(b.memory().pooled >= 3 << 20);
  b.release(y, 1 << 20);
  CHECK(b.memory().live == before.live);
  b.reset_peak();
  CHECK(b.memory().peak == before.live);
}

TEST_CASE("more memory than there is throws with the caller's line, and the device stays usable") {
  if (!device()) return;
  const Backend& b = *device();
  const int64_t live = b.memory().live;
  for (size_t bytes : {size_t{1} << 50, size_t{1} << 62}) {
    const Where at = Where::here();
    std::string message;
    try {
      b.allocate(at, bytes);
    } catch (const Error& e) {
      message = e.what();
      CHECK(e.where().line == at.line);
    }
    INFO(message);
    CHECK(message.find("out of memory") != std::string::npos);
    CHECK(message.find(std::to_string(bytes)) != std::string::npos);
  }
  CHECK(b.memory().live == live);
  Dice dice(81);
  const Twin in(dice, float32, {1000}), out(dice, float32, {1000});
  on_both([&](const Backend& on, Side side) { on.call({}, calls::Copy{out.on(side), in.on(side)}); });
  CHECK(out.difference() == "");
}

TEST_CASE("threads may use the device at the same time") {
  if (!device()) return;
  std::vector<std::string> said(4);
  std::vector<std::thread> team;
  for (size_t t = 0; t < said.size(); ++t)
    team.emplace_back([&, t] {
      Dice dice(90 + t);
      try {
        for (int n = 0; n < 20 && said[t].empty(); ++n) {
          const Twin in(dice, float64, {64, 50}), sums(dice, float64, {64, 1}), copy(dice, float32, {64, 50});
          on_both([&](const Backend& b, Side side) {
            b.call({}, calls::Reduce{Reduction::sum, sums.on(side), in.on(side), {1}});
            b.call({}, calls::Copy{copy.on(side), in.on(side)});
          });
          said[t] = sums.difference() + copy.difference();
        }
      } catch (const Error& e) {
        said[t] = e.what();
      }
    });
  for (std::thread& t : team) t.join();
  for (const std::string& s : said) CHECK(s == "");
}
