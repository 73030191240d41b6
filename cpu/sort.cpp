// Sorts lines with their positions. Equal elements keep their order, NaNs come last in either direction.
#include <algorithm>

#include "cpu/kernels.h"
#include "cpu/loop.h"
#include "cpu/memory.h"
#include "cpu/threads.h"

namespace scoregrad::on_cpu {

namespace {

template <class T>
struct Item {
  T value;
  int64_t position;
};

template <class T>
void sort_line(Item<T>* items, const T* in, int64_t step, int64_t n, bool descending) {
  int64_t numbers = 0;
  for (int64_t i = 0; i < n; ++i)
    if (in[i * step] == in[i * step]) items[numbers++] = {in[i * step], i};
  int64_t next = numbers;
  for (int64_t i = 0; i < n; ++i)
    if (in[i * step] != in[i * step]) items[next++] = {in[i * step], i};
  // The position decides between equals, which makes the order total and any sort a stable one.
  if (descending) {
    std::sort(items, items + numbers,
              [](const Item<T>& a, const Item<T>& b) { return a.value > b.value || (a.value == b.value && a.position < b.position); });
  } else {
    std::sort(items, items + numbers,
              [](const Item<T>& a, const Item<T>& b) { return a.value < b.value || (a.value == b.value && a.position < b.position); });
  }
}

}  // namespace

void run(Where, const calls::Sort& c) {
  const View &values = c.values, &indices = c.indices, &in = c.in;
  const int axis = c.axis;
  if (numel(in.shape) == 0) return;
  const int64_t n = in.shape[axis], step = in.strides[axis];
  Shape lines = in.shape;
  lines[axis] = 1;
  const Loop<3> loop = free_loop<3>(lines, {&in.strides, &values.strides, &indices.strides});
  dispatch(in.dtype, [&]<class T>(T) {
    Scratch<Item<T>> scratch(numel(in.shape));
    const int64_t grain = std::max<int64_t>(1, 4096 / n);
    parallel_ranges(loop.count(), grain, 20.0 * static_cast<double>(n), [&](int64_t begin, int64_t end) {
      Cursor<3> cursor(loop, loop.rank, begin);
      for (int64_t line = begin; line < end; ++line, cursor.next()) {
        Item<T>* items = scratch.data() + line * n;
        sort_line(items, static_cast<const T*>(in.data) + cursor.offset[0], step, n, c.descending);
        T* v = static_cast<T*>(values.data) + cursor.offset[1];
        int64_t* p = static_cast<int64_t*>(indices.data) + cursor.offset[2];
        for (int64_t i = 0; i < n; ++i) {
          v[i * values.strides[axis]] = items[i].value;
          p[i * indices.strides[axis]] = items[i].position;
        }
      }
    });
  });
}

}  // namespace scoregrad::on_cpu
