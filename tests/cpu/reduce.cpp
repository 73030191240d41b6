#include <cmath>
#include <limits>

#include "tests/cpu/arrays.h"
#include "tests/cpu/targets.h"

using namespace scoregrad;
using namespace scoregrad::arrays;

namespace {

Shape reduced(Shape shape, const Axes& axes) {
  for (int64_t a : axes) shape[static_cast<int>(a)] = 1;
  return shape;
}

template <class T>
Array<T> by_reference(Reduction kind, const View& in, const Axes& axes) {
  Array<T> out(reduced(in.shape, axes));
  reference_backend().call({}, calls::Reduce{kind, out.view, in, axes});
  return out;
}

template <class T>
void check_reduction(Reduction kind, const Array<T>& in, const Axes& axes, Layout to = Layout::contiguous) {
  const Array<T> out(reduced(in.view.shape, axes), to), want = by_reference<T>(kind, in.view, axes);
  cpu_backend().call({}, calls::Reduce{kind, out.view, in.view, axes});
  INFO("kind " << static_cast<int>(kind) << " shape " << to_string(in.view.shape) << " axes " << to_string(axes));
  require_same_bits(out, want);
}

template <class T>
void check_all(const Shape& shape) {
  for (Layout layout : layouts) {
    const Array<T> in = std::move(Array<T>(shape, layout).fill_random(3));
    for (int set = 1; set < 1 << shape.rank; ++set) {
      Axes axes;
      for (int d = 0; d < shape.rank; ++d)
        if (set >> d & 1) axes.push_back(d);
      for (Reduction kind : {Reduction::sum, Reduction::prod, Reduction::max, Reduction::min}) {
        if (kind == Reduction::sum && std::is_same_v<T, bool>) continue;
        check_reduction<T>(kind, in, axes, set % 2 ? Layout::contiguous : Layout::reversed);
      }
    }
  }
}

}  // namespace

TEST_CASE("a reduction equals the tree bit for bit, for every set of axes in every layout") {
  for (const Shape& shape :
       {Shape{1}, Shape{16}, Shape{63}, Shape{200}, Shape{5000}, Shape{3, 7}, Shape{70, 3}, Shape{130, 5}, Shape{5, 130}, Shape{3, 1, 9},
        Shape{4, 5, 6}, Shape{2, 3, 4, 5}, Shape{2, 17, 3, 2, 5}, Shape{40, 5, 2}, Shape{3, 20, 2, 7}}) {
    check_all<float>(shape);
    check_all<double>(shape);
  }
  for (const Shape& shape : {Shape{1}, Shape{100}, Shape{4500}, Shape{70, 3}, Shape{4, 5, 6}}) {
    check_all<int64_t>(shape);
    check_all<bool>(shape);
  }
}

TEST_CASE("every instruction set gives the same bits") {
  for (const Shape& shape : {Shape{5000}, Shape{50, 3}, Shape{100, 10}, Shape{9, 100}, Shape{20, 5, 2}, Shape{4200, 3}, Shape{60, 2, 9},
                             Shape{60, 7, 3}, Shape{61, 6}, Shape{50, 8, 16}, Shape{40, 16}, Shape{40, 23}, Shape{40, 49}, Shape{30, 64}})
    testing::for_each_target([&](const char* target) {
      INFO(target);
      const Array<float> x = std::move(Array<float>(shape).fill_random(8));
      const Array<double> y = std::move(Array<double>(shape).fill_random(9));
      for (int d = 0; d < shape.rank; ++d)
        for (Reduction kind : {Reduction::sum, Reduction::max}) {
          check_reduction<float>(kind, x, {d});
          check_reduction<double>(kind, y, {d});
        }
    });
}

TEST_CASE("long reductions cross chunks in every layout and for any number of threads") {
  for (const Shape& shape : {Shape{3, 9000}, Shape{9000, 3}, Shape{8200, 70}, Shape{100, 3, 90}, Shape{500000}})
    for (Layout layout : layouts) {
      const Array<float> in = std::move(Array<float>(shape, layout).fill_random(4));
      with_threads([&] {
        for (int d = 0; d < shape.rank; ++d) check_reduction<float>(Reduction::sum, in, {d});
        check_reduction<float>(Reduction::max, in, {0});
        if (shape.rank == 3) check_reduction<float>(Reduction::sum, in, {0, 2});
      });
    }
}

TEST_CASE("the layout of equal numbers does not change a sum") {
  const Shape shape{90, 130};
  const Array<float> in = std::move(Array<float>(shape).fill_random(5));
  for (const Axes& axes : {Axes{0}, Axes{1}, Axes{0, 1}}) {
    Shape small = shape;
    for (int64_t a : axes) small[static_cast<int>(a)] = 1;
    Array<float> first(small);
    cpu_backend().call({}, calls::Reduce{Reduction::sum, first.view, in.view, axes});
    for (Layout layout : {Layout::permuted, Layout::reversed, Layout::spaced}) {
      const Array<float> same(shape, layout);
      cpu_backend().call({}, calls::Copy{same.view, in.view});
      Array<float> again(small);
      cpu_backend().call({}, calls::Reduce{Reduction::sum, again.view, same.view, axes});
      require_same_bits(first, again);
    }
  }
}

TEST_CASE("a float32 sum of ten million numbers keeps its digits") {
  Array<float> in({10000000});
  cpu_backend().call({}, calls::Fill{in.view, {0.1, 0}});
  Array<float> out({1});
  cpu_backend().call({}, calls::Reduce{Reduction::sum, out.view, in.view, {0}});
  CHECK(std::abs(out.at({0}) - 1e6) < 1);
}

TEST_CASE("nothing sums to 0, multiplies to 1 and has no maximum") {
  const Array<float> in({3, 0, 2});
  Array<float> out({3, 1, 2});
  cpu_backend().call({}, calls::Reduce{Reduction::sum, out.view, in.view, {1}});
  for_each_index(out.view.shape, [&](const Dims& i) { CHECK(same_bits(out.at(i), 0.0f)); });
  cpu_backend().call({}, calls::Reduce{Reduction::prod, out.view, in.view, {1}});
  for_each_index(out.view.shape, [&](const Dims& i) { CHECK(out.at(i) == 1); });
  CHECK_THROWS_AS(cpu_backend().call({}, calls::Reduce{Reduction::max, out.view, in.view, {1}}), Error);
  CHECK_THROWS_AS(cpu_backend().call({}, calls::Reduce{Reduction::min, out.view, in.view, {1}}), Error);
  Array<int64_t> position({3, 1, 2});
  CHECK_THROWS_AS(cpu_backend().call({}, calls::Reduce{Reduction::argmax, position.view, in.view, {1}}), Error);
  Array<float> none({0, 1, 2});
  cpu_backend().call({}, calls::Reduce{Reduction::max, none.view, Array<float>({0, 0, 2}).view, {1}});
}

TEST_CASE("lanes without elements leave the sign of zero alone") {
  for (int64_t n : {1, 2, 3, 63, 64, 65, 5000}) {
    Array<double> in({n});
    cpu_backend().call({}, calls::Fill{in.view, {-0.0, 0}});
    Array<double> out({1});
    cpu_backend().call({}, calls::Reduce{Reduction::sum, out.view, in.view, {0}});
    CHECK(std::signbit(out.at({0})));
  }
}

TEST_CASE("NaN wins in max and min wherever it stands") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (int64_t n : {2, 10, 64, 100, 5000})
    for (int64_t place : {int64_t{0}, n / 2, n - 1})
      for (Reduction kind : {Reduction::max, Reduction::min}) {
        Array<float> in = std::move(Array<float>({n}).fill_random(6));
        in.at({place}) = nan;
        Array<float> out({1});
        cpu_backend().call({}, calls::Reduce{kind, out.view, in.view, {0}});
        CHECK(std::isnan(out.at({0})));
      }
}

TEST_CASE("in rows of every length NaN wins, of equal zeros the later stays, and one row's numbers are not another's") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  testing::for_each_target([&](const char* target) {
    for (int64_t n = 2; n <= 64; ++n)
      for (const Shape& shape : {Shape{37, n}, Shape{11, n, 3}}) {
        Array<float> in = std::move(Array<float>(shape).fill_random(static_cast<unsigned>(n)));
        for_each_index(shape, [&](const Dims& i) {
          if (i[0] % 5 == 2) in.at(i) = (i[0] + i[1]) % 2 ? 0.0f : -0.0f;
          if (i[0] % 5 == 3 && i[1] == i[0] % n) in.at(i) = nan;
        });
        INFO(target);
        for (Reduction kind : {Reduction::max, Reduction::min}) {
          Array<float> out({shape[0], 1, shape.rank == 3 ? 3 : 1});
          const View to{out.view.data, float32, shape.rank == 3 ? Shape{shape[0], 1, 3} : Shape{shape[0], 1},
                        shape.rank == 3 ? Strides{3, 3, 1} : Strides{1, 1}};
          cpu_backend().call({}, calls::Reduce{kind, to, in.view, {1}});
          const Array<float> want = by_reference<float>(kind, in.view, {1});
          int64_t wrong = 0;
          for_each_index(to.shape, [&](const Dims& i) {
            const float got = Array<float>::at(to, i);
            wrong += std::isnan(want.at(i)) ? !std::isnan(got) : !same_bits(got, want.at(i));
          });
          REQUIRE(wrong == 0);
        }
      }
  });
}

TEST_CASE("two axes that do not join are reduced in the tree's order, also where they are few and the outputs many") {
  for (const Shape& shape : {Shape{12, 14, 2, 14, 2}, Shape{30, 9, 3, 5, 4}, Shape{40, 5, 2, 7, 3}, Shape{3, 60, 8, 9, 8}})
    for (Layout layout : layouts) {
      const Array<float> in = std::move(Array<float>(shape, layout).fill_random(12));
      for (Reduction kind : {Reduction::sum, Reduction::prod, Reduction::max}) check_reduction<float>(kind, in, {2, 4});
    }
  // Planes of a wider array.
  const Array<float> wide = std::move(Array<float>({4, 6, 8, 2, 10}).fill_random(13));
  View part = wide.view;
  part.shape = {4, 4, 8, 2, 10};
  Array<float> out({4, 4, 8, 1, 10});
  cpu_backend().call({}, calls::Reduce{Reduction::sum, out.view, part, {3}});
  int64_t wrong = 0;
  for_each_index(out.view.shape, [&](const Dims& i) { wrong += out.at(i) != wide.at(i) + wide.at({i[0], i[1], i[2], 1, i[4]}); });
  CHECK(wrong == 0);
}

TEST_CASE("argmax and argmin find the first of equals, and NaN before any number") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float x[] = {1, 3, 0, 3, 0}, with_nan[] = {1, nan, 3, nan, 0};
  for (const auto& [kind, places] : {std::pair{Reduction::argmax, std::pair{1, 1}}, std::pair{Reduction::argmin, std::pair{2, 1}}}) {
    Array<float> in({5});
    Array<int64_t> out({1});
    for (int i = 0; i < 5; ++i) in.at({i}) = x[i];
    cpu_backend().call({}, calls::Reduce{kind, out.view, in.view, {0}});
    CHECK(out.at({0}) == places.first);
    for (int i = 0; i < 5; ++i) in.at({i}) = with_nan[i];
    cpu_backend().call({}, calls::Reduce{kind, out.view, in.view, {0}});
    CHECK(out.at({0}) == places.second);
  }
  Array<bool> truth({4});
  truth.at({2}) = truth.at({3}) = true;
  Array<int64_t> place({1});
  cpu_backend().call({}, calls::Reduce{Reduction::argmax, place.view, truth.view, {0}});
  CHECK(place.at({0}) == 2);
}

TEST_CASE("integer sums wrap") {
  Array<int64_t> in({2});
  in.at({0}) = in.at({1}) = std::numeric_limits<int64_t>::max();
  Array<int64_t> out({1});
  cpu_backend().call({}, calls::Reduce{Reduction::sum, out.view, in.view, {0}});
  CHECK(out.at({0}) == -2);
}
