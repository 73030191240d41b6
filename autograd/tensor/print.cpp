// Nested brackets, one row of the last axis a line, matrices set apart by blank lines, all numbers of a tensor equally wide. What is
// left out of a long axis reads "...". Only what will be shown is copied to the host.
#include "autograd/tensor/print.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ostream>

namespace scoregrad {
namespace {

// How many entries stay at either end of each axis; 0 where the axis is whole. Edges shrink with the rank, so that text stays short.
Dims edges_of(const Shape& shape, int edge) {
  constexpr double enough = 100;  // elements
  Dims edges = shape;
  for (;; --edge) {
    double shown = 1;
    for (int i = 0; i < shape.rank; ++i) {
      edges[i] = shape[i] > 2 * edge ? edge : 0;
      shown *= static_cast<double>(edges[i] ? 2 * edge : shape[i]);
    }
    if (shown <= enough || edge == 1) return edges;
  }
}

// The corners of x moved together: a small contiguous tensor.
Tensor corners(const Tensor& x, const Dims& edges) {
  Shape shape = x.shape();
  for (int i = 0; i < shape.rank; ++i)
    if (edges[i]) shape[i] = 2 * edges[i];
  Tensor y = allocate({}, shape, x.dtype(), x.device());
  for (int corner = 0; corner < 1 << shape.rank; ++corner) {
    Shape block = shape;
    int64_t from = x.body().offset, to = 0;
    bool skip = false;
    for (int i = 0; i < shape.rank; ++i) {
      const bool end = corner >> i & 1;
      if (!edges[i]) {
        skip = skip || end;
        continue;
      }
      block[i] = edges[i];
      if (!end) continue;
      from += (x.shape()[i] - edges[i]) * x.strides()[i];
      to += edges[i] * y.strides()[i];
    }
    if (!skip) y.backend().call({}, calls::Copy{alias(y, block, y.strides(), to).view(), alias(x, block, x.strides(), from).view()});
  }
  return y;
}

std::string number(double v, int precision, char style) {
  if (std::isnan(v)) return "nan";
  if (std::isinf(v)) return v < 0 ? "-inf" : "inf";
  if (style == 'e') return fmt::format("{:.{}e}", v, precision);
  if (style == 'g') return fmt::format("{:.{}g}", v, precision);
  return fmt::format("{:.{}f}", v, precision);
}

// Drops the zeros after the point that all numbers end with.
void trim_zeros(std::vector<std::string>& texts) {
  size_t zeros = std::string::npos;
  for (const std::string& t : texts) {
    const size_t point = t.find('.');
    if (point == std::string::npos) continue;
    const size_t last = t.find_last_not_of('0');
    zeros = std::min(zeros, t.size() - (last == point ? point : last + 1));
  }
  if (zeros == std::string::npos) return;
  for (std::string& t : texts)
    if (t.find('.') != std::string::npos) t.resize(t.size() - zeros);
}

std::vector<std::string> texts_of(const Tensor& x, const PrintOptions& o) {
  std::vector<std::string> texts;
  if (x.dtype() == DType::int64)
    for (int64_t v : x.to_vector<int64_t>()) texts.push_back(std::to_string(v));
  else if (x.dtype() == DType::boolean)
    for (bool v : x.to_vector<bool>()) texts.push_back(v ? "true" : "false");
  if (!is_floating(x.dtype())) return texts;

  const std::vector<double> values = x.to_vector<double>();
  char style = o.style;
  if (!style) {
    double largest = 0, smallest = INFINITY;
    bool whole = true;
    for (double v : values)
      if (std::isfinite(v) && v != 0) {
        largest = std::max(largest, std::abs(v));
        smallest = std::min(smallest, std::abs(v));
        whole = whole && v == std::floor(v);
      }
    style = largest >= (whole ? 1e8 : 1e5) || smallest < 1e-3 ? 'e' : 'f';
  }
  for (double v : values) texts.push_back(number(v, std::max(0, o.precision), style));
  if (!o.style && style == 'f') trim_zeros(texts);
  return texts;
}

class Page {
 public:
  Page(const Shape& shape, const Dims& edges, std::vector<std::string> texts, int width)
      : shape_(shape), edges_(edges), texts_(std::move(texts)), width_(static_cast<size_t>(std::max(1, width))) {
    for (const std::string& t : texts_) widest_ = std::max(widest_, t.size());
    write(0);
  }
  std::string text;

 private:
  int64_t shown(int axis) const { return edges_[axis] ? 2 * edges_[axis] : shape_[axis]; }

  void put(const std::string& s) {
    text += s;
    column_ += s.size();
  }
  void new_line(int depth) {
    text += '\n' + std::string(static_cast<size_t>(depth), ' ');
    column_ = static_cast<size_t>(depth);
  }
  void write(int axis) {
    if (axis == shape_.rank) return put(fmt::format("{:>{}}", texts_[next_++], shape_.rank ? widest_ : 0));
    put("[");
    const bool row = axis + 1 == shape_.rank;
    for (int64_t i = 0; i < shown(axis); ++i) {
      if (i > 0) separate(axis, row);
      if (edges_[axis] && i == edges_[axis]) {
        put("...");
        separate(axis, row);
      }
      write(axis + 1);
    }
    put("]");
  }
  void separate(int axis, bool row) {
    if (row) {
      const bool full = column_ + 2 + widest_ > width_;
      put(full ? "," : ", ");
      if (full) new_line(axis + 1);
      return;
    }
    put(",");
    if (axis + 2 < shape_.rank) text += '\n';
    new_line(axis + 1);
  }

  Shape shape_;
  Dims edges_;
  std::vector<std::string> texts_;
  size_t width_, widest_ = 0, column_ = 0, next_ = 0;
};

std::string description(const Tensor& x) {
  std::string s = fmt::format("{} {} {}", name_of(x.dtype()), to_string(x.shape()), name_of(x.device()));
  if (x.is_leaf())
    s += ", leaf";
  else if (x.tracked())
    s += fmt::format(", from {}", x.made_by());
  if (!x.name().empty()) s += fmt::format(" '{}'", x.name());
  return s;
}

}  // namespace

std::string to_string(const Tensor& x, const PrintOptions& options) {
  if (!x.defined()) return "undefined";
  std::string text = "[]";
  if (x.numel() != 0) {
    Dims edges = x.shape();
    std::fill(edges.begin(), edges.end(), 0);
    const bool whole = x.numel() <= options.limit;
    if (!whole) edges = edges_of(x.shape(), std::max(1, options.edge));
    text = Page(x.shape(), edges, texts_of(whole ? x : corners(x, edges), options), options.width).text;
  }
  return options.describe ? text + "  " + description(x) : text;
}

std::ostream& operator<<(std::ostream& out, const Tensor& x) { return out << to_string(x); }
std::ostream& operator<<(std::ostream& out, const Dims& shape) { return out << to_string(shape); }

}  // namespace scoregrad
