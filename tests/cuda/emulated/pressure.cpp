// A device whose memory the pool holds to the last byte: what takes memory from the driver, past the pool, finds it all the same.
#include <string>
#include <vector>

#include "autograd/backend/contract.h"
#include "tests/catch.h"

using namespace scoregrad;

namespace {

/// All memory of the device in blocks; they go to the pool with it.
class Everything {
 public:
  Everything() {
    for (const size_t bytes : {size_t{8} << 20, size_t{1} << 20}) try {
        while (true) blocks_.emplace_back(cuda_backend().allocate(Where::here(), bytes), bytes);
      } catch (const Error&) {
      }
  }
  ~Everything() {
    for (const auto& [data, bytes] : blocks_) cuda_backend().release(data, bytes);
  }
  Everything(const Everything&) = delete;
  Everything& operator=(const Everything&) = delete;

 private:
  std::vector<std::pair<void*, size_t>> blocks_;
};

struct Array {
  int64_t n;
  void* data = cuda_backend().allocate(Where::here(), static_cast<size_t>(n) * 8);

  explicit Array(int64_t elements) : n(elements) { fill(0); }
  ~Array() { cuda_backend().release(data, static_cast<size_t>(n) * 8); }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;
  View as(const Shape& shape) const { return {data, float64, shape, contiguous_strides(shape)}; }
  void fill(double value) const { cuda_backend().call({}, calls::Fill{as({n}), {value, 0}}); }
  double first() const {
    double value = 0;
    cuda_backend().call({}, calls::Download{{&value, 8}, calls::bytes_at(data, 8)});
    return value;
  }
};

/// What f makes of a device whose pool has everything; the pool has had to give it.
template <class F>
void with_all_in_the_pool(F&& f) {
  { const Everything all; }
  REQUIRE(cuda_backend().memory().pooled > 100 << 20);
  f();
  CHECK(cuda_backend().memory().pooled < 8 << 20);
}

/// y = x op x, a kernel of its own for each op.
void apply(Op op, const Array& y, const Array& x) {
  const Instr code{op, 1, 0, 0, 0};
  const uint16_t result = 1;
  const Shape shape{x.n};
  const Access in{x.data, float64, {1}}, out{y.data, float64, {1}};
  cuda_backend().call(Where::here(), calls::Elementwise{{float64, 1, 0, nullptr, 1, &code, 1, &result}, shape, &in, &out});
}

}  // namespace

TEST_CASE("cuBLAS gets its handle and workspace") {
  const Array x(4), y(4);
  x.fill(3);
  with_all_in_the_pool([&] { cuda_backend().call(Where::here(), calls::Matmul{y.as({2, 2}), x.as({2, 2}), x.as({2, 2})}); });
  CHECK(y.first() == 18);
}

TEST_CASE("cuSOLVER gets its handle") {
  const Array x(4), values(2), vectors(4);
  with_all_in_the_pool([&] { cuda_backend().call(Where::here(), calls::Eigh{values.as({2}), vectors.as({2, 2}), x.as({2, 2})}); });
  CHECK(values.first() == 0);
}

TEST_CASE("a generated kernel gets room for its code") {
  const Array x(4), y(4);
  x.fill(3);
  with_all_in_the_pool([&] { apply(Op::add_, y, x); });
  CHECK(y.first() == 6);
}

TEST_CASE("a graph gets its memory when it is made") {
  const Array x(4), y(4);
  const Backend& b = cuda_backend();
  x.fill(3);
  CallGraph* graph = nullptr;
  with_all_in_the_pool([&] {
    b.begin_graph();
    b.call({}, calls::Copy{y.as({4}), x.as({4})});
    graph = b.end_graph(true);
  });
  b.launch_graph(graph);
  CHECK(y.first() == 3);
  b.destroy_graph(graph);
}

TEST_CASE("where tensors hold everything it is an error, and what is freed helps the next call") {
  const Array x(4), y(4);
  x.fill(3);
  std::string message;
  {
    const Everything all;
    try {
      apply(Op::mul_, y, x);
    } catch (const Error& e) {
      message = e.what();
    }
  }
  INFO(message);
  CHECK(message.find("mul [4]") != std::string::npos);
  CHECK(message.find("cudaErrorMemoryAllocation") != std::string::npos);
  apply(Op::mul_, y, x);
  CHECK(y.first() == 9);
}
