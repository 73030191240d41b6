// Calls taken down and run as one: nothing runs before the launch, everything runs with each, on memory that nobody else is given.
#include <thread>

#include "tests/contract/twin.h"

using namespace scoregrad;
using namespace scoregrad::contract;

namespace {

struct Ended {
  CallGraph* graph;
  ~Ended() {
    if (graph) device()->destroy_graph(graph);
  }
};

/// The graph of the calls that f makes; null and the message where it throws.
template <class F>
CallGraph* taken_down(F&& f, std::string* message = nullptr) {
  device()->begin_graph();
  try {
    f(*device());
  } catch (const Error& e) {
    if (message) *message = e.what();
    return device()->end_graph(false);
  }
  return device()->end_graph(true);
}

}  // namespace

TEST_CASE("calls that are taken down run when the graph is launched, each time anew") {
  if (!device() || !device()->begin_graph) return;
  Dice dice(5);
  const Twin x(dice, float32, {70, 90}), w(dice, float32, {90, 8}), sum(dice, float32, {1, 1}),
      noise(dice, float32, {70, 90}, Layout::contiguous), total(dice, float32, {70, 90}), order(dice, int64, {70, 90}),
      sorted(dice, float32, {70, 90}), key(dice, int64, {2}, Layout::contiguous), next(dice, int64, {2}, Layout::contiguous),
      data(dice, int64, {}, Layout::contiguous);
  Twin y(dice, float32, {70, 8});
  const auto calls = [&](const Backend& b, Side s) {
    const KeyWords words{{0, 0}, static_cast<const int64_t*>(key.on(s).data)};
    b.call({}, calls::Draw{Random::uniform, noise.on(s), words, 3});
    b.call({}, calls::Fold{next.on(s), words, data.on(s)});
    b.call({}, calls::Copy{key.on(s), next.on(s)});
    b.call({}, calls::Sort{sorted.on(s), order.on(s), x.on(s), 1, false});
    b.call({}, calls::CumSum{total.on(s), noise.on(s), 0});
    b.call({}, calls::Reduce{Reduction::sum, sum.on(s), noise.on(s), {0, 1}});
  };
  on_both(calls);
  device()->call({}, calls::Matmul{y.on(Side::device), x.on(Side::device), w.on(Side::device)});
  const std::vector<double> product = y.downloaded();
  y.upload();
  const Ended graph{taken_down([&](const Backend& b) {
    calls(b, Side::device);
    b.call({}, calls::Matmul{y.on(Side::device), x.on(Side::device), w.on(Side::device)});
  })};
  REQUIRE(graph.graph);
  for (const Twin* t : std::initializer_list<const Twin*>{&noise, &total, &sum, &sorted, &order, &key, &next, &y})
    CHECK(t->difference() == "");  // nothing has run
  for (int launch = 0; launch < 3; ++launch) {
    calls(reference_backend(), Side::reference);
    device()->launch_graph(graph.graph);
    for (const Twin* t : {&noise, &total, &sum, &sorted, &order, &key, &next}) CHECK(t->difference() == "");
    CHECK(y.downloaded() == product);
  }
}

TEST_CASE("code that no call has needed before is loaded while a graph is taken down") {
  if (!device() || !device()->begin_graph) return;
  Dice dice(10);
  const Twin x(dice, float64, {40, 7}), w(dice, float64, {7, 3}), product(dice, float64, {40, 3}), y(dice, float64, {40, 7}),
      sum(dice, float64, {1, 7});
  // tanh(x) x x - 3: no test has the like.
  const Instr code[] = {{Op::tanh_, 2, 0, 0, 0}, {Op::mul_, 3, 2, 0, 0}, {Op::mul_, 4, 3, 0, 0}, {Op::sub_, 5, 4, 1, 0}};
  const Immediate three{3, 3};
  const uint16_t result = 5;
  const auto calls = [&](const Backend& b, Side s) {
    const Access in = x.access(s), out = y.access(s);
    const Program program{float64, 1, 1, &three, 4, code, 1, &result};
    b.call({}, calls::Elementwise{program, x.shape(), &in, &out});
    b.call({}, calls::ReduceProgram{Reduction::sum, sum.on(s), program, x.shape(), &in, {0}});
    b.call({}, calls::Matmul{product.on(s), x.on(s), w.on(s)});
  };
  const Ended graph{taken_down([&](const Backend& b) { calls(b, Side::device); })};
  REQUIRE(graph.graph);
  calls(reference_backend(), Side::reference);
  device()->launch_graph(graph.graph);
  CHECK(y.difference(fuses() ? 0 : 4) == "");
  CHECK(sum.difference(fuses() ? 0 : 4, 40) == "");
  CHECK(product.difference(4, 7) == "");
}

TEST_CASE("a graph may be destroyed right after its launch, which runs all the same") {
  if (!device() || !device()->begin_graph) return;
  Dice dice(11);
  const Twin x(dice, float32, {1000}), y(dice, float32, {1000});
  const auto calls = [&](const Backend& b, Side s) { b.call({}, calls::Copy{y.on(s), x.on(s)}); };
  CallGraph* graph = taken_down([&](const Backend& b) { calls(b, Side::device); });
  REQUIRE(graph);
  device()->launch_graph(graph);
  device()->destroy_graph(graph);
  calls(reference_backend(), Side::reference);
  CHECK(y.difference() == "");
}

TEST_CASE("scratch memory of a graph is nobody else's until the graph goes") {
  if (!device() || !device()->begin_graph) return;
  const Backend& b = *device();
  Dice dice(6);
  const Twin x(dice, float32, {3, 30000}), sum(dice, float32, {3, 1}), order(dice, int64, {3, 30000}), sorted(dice, float32, {3, 30000});
  const int64_t live = b.memory().live;
  const auto calls = [&](const Backend& on, Side s) {
    on.call({}, calls::Reduce{Reduction::sum, sum.on(s), x.on(s), {1}});
    on.call({}, calls::Sort{sorted.on(s), order.on(s), x.on(s), 1, true});
    on.call({}, calls::Sort{sorted.on(s), order.on(s), x.on(s), 1, false});
  };
  calls(b, Side::device);
  {
    const Ended graph{taken_down([&](const Backend& on) { calls(on, Side::device); })};
    REQUIRE(graph.graph);
    CHECK(b.memory().live >= live + 3 * 32768 * 16);     // held
    CHECK(b.memory().live < live + 2 * 3 * 32768 * 16);  // and the second sort has the first one's
    std::vector<std::pair<void*, size_t>> blocks;
    for (size_t bytes = 16; bytes < 4 << 20; bytes = bytes * 9 / 8 + 8)
      for (int k = 0; k < 3; ++k) {
        blocks.emplace_back(b.allocate(Where::here(), bytes), bytes);
        const auto n = static_cast<int64_t>(bytes);
        b.call({}, calls::Fill{{blocks.back().first, boolean, {n}, {1}}, {1, 1}});
      }
    b.launch_graph(graph.graph);
    calls(reference_backend(), Side::reference);
    for (const Twin* t : {&sum, &sorted, &order}) CHECK(t->difference() == "");
    for (const auto& [data, bytes] : blocks) {
      std::vector<char> got(bytes);
      b.call({}, calls::Download{{got.data(), bytes}, calls::bytes_at(data, bytes)});
      CHECK(got == std::vector<char>(bytes, 1));
      b.release(data, bytes);
    }
  }
  CHECK(b.memory().live == live);
}

TEST_CASE("what waits for the GPU is refused in a graph, by name, and the device goes on") {
  if (!device() || !device()->begin_graph) return;
  const Backend& b = *device();
  Dice dice(7);
  const Twin a(dice, float64, {3, 3}, Layout::contiguous), out(dice, float64, {3, 3}, Layout::contiguous),
      values(dice, float64, {3}, Layout::contiguous);
  const auto refusal = [&](auto&& f) {
    std::string message;
    CHECK(taken_down(f, &message) == nullptr);
    return message;
  };
  double value = 1;
  void* at = a.on(Side::device).data;
  CHECK(refusal([&](const Backend& on) {
          on.call({}, calls::Download{{&value, 8}, calls::bytes_at(at, 8)});
        }).find("download") != std::string::npos);
  CHECK(refusal([&](const Backend& on) {
          on.call({}, calls::Upload{calls::bytes_at(at, 8), {&value, 8}});
        }).find("upload") != std::string::npos);
  CHECK(refusal([](const Backend& on) { on.synchronise(); }).find("synchronise") != std::string::npos);
  CHECK(refusal([](const Backend& on) { on.begin_graph(); }).find("already") != std::string::npos);
  CHECK(refusal([&](const Backend& on) {
          on.call(Where::here(), calls::Eigh{values.on(Side::device), out.on(Side::device), a.on(Side::device)});
        }).find("eigh [3, 3]") != std::string::npos);
  CHECK_THROWS_AS(b.end_graph(true), Error);
  CHECK(a.difference() == "");
  on_both([&](const Backend& on, Side s) { on.call({}, calls::Copy{out.on(s), a.on(s)}); });
  CHECK(out.difference() == "");
}

TEST_CASE("a thread's capture takes down its own calls only") {
  if (!device() || !device()->begin_graph) return;
  const Backend& b = *device();
  Dice dice(8);
  const Twin x(dice, float32, {50}), mine(dice, float32, {50}), other(dice, float32, {50});
  b.begin_graph();
  b.call({}, calls::Copy{mine.on(Side::device), x.on(Side::device)});
  std::thread([&] {
    on_both([&](const Backend& on, Side s) { on.call({}, calls::Copy{other.on(s), x.on(s)}); });
    CHECK(other.difference() == "");  // it has run
  }).join();
  const Ended graph{b.end_graph(true)};
  CHECK(mine.difference() == "");
  reference_backend().call({}, calls::Copy{mine.on(Side::reference), x.on(Side::reference)});
  b.launch_graph(graph.graph);
  CHECK(mine.difference() == "");
}

TEST_CASE("a wrong index in a graph reads 0, adds nothing, and is named by whoever waits next; the graph goes on") {
  if (!device() || !device()->begin_graph) return;
  const Backend& b = *device();
  Dice dice(9);
  const Twin in(dice, float32, {6, 3}), taken(dice, float32, {4, 3}), sums(dice, float32, {6, 3}), column(dice, float64, {100}),
      long_sums(dice, float64, {6});
  Twin index(dice, int64, {4}), long_index(dice, int64, {100});
  const auto set = [](Twin& t, std::initializer_list<int64_t> values) {
    for (int64_t i = 0; i < t.shape()[0]; ++i) t.set({i}, values.begin()[i % static_cast<int64_t>(values.size())]);
    t.upload();
  };
  const Where at = Where::here();
  const auto calls = [&](const Backend& on, Side s) {
    on.call(at, calls::IndexSelect{taken.on(s), in.on(s), index.on(s), 0});
    on.call(at, calls::IndexAdd{sums.on(s), index.on(s), taken.on(s), 0});
    on.call(at, calls::IndexAdd{long_sums.on(s), long_index.on(s), column.on(s), 0});
  };
  const auto agree = [&] {
    for (const Twin* t : {&taken, &sums, &long_sums}) CHECK(t->difference() == "");
  };
  set(index, {5, 0, 2, 2});
  set(long_index, {1, 5, 0, 1, 3});
  on_both(calls);
  Ended graph{taken_down([&](const Backend& on) { calls(on, Side::device); })};
  REQUIRE(graph.graph);
  const auto complaint = [&] {
    try {
      b.synchronise();
    } catch (const Error& e) {
      CHECK(e.where().line == at.line);
      return std::string(e.what());
    }
    return std::string();
  };
  b.launch_graph(graph.graph);
  calls(reference_backend(), Side::reference);
  agree();
  set(index, {5, 0, 6, 2});
  b.launch_graph(graph.graph);
  const std::string first = complaint();  // two calls have met it
  CHECK(first.find(": index 6 is out of range for axis 0 of shape [6, 3], extent 6") != std::string::npos);
  CHECK(complaint() != "");
  CHECK(complaint() == "");
  set(index, {5, 0, 2, 2});
  set(long_index, {1, -1, 0, 1, 9});
  b.launch_graph(graph.graph);
  b.destroy_graph(graph.graph);  // what it found is not lost with it
  graph.graph = nullptr;
  CHECK(complaint().find("index_add: index -1 is out of range") != std::string::npos);
  CHECK(complaint() == "");
}
