// A .npy file: "\x93NUMPY", version, header length, a Python dictionary padded to a multiple of 64, the elements.
#include "autograd/files/npy.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "autograd/files/encoding.h"
#include "autograd/files/text_reader.h"

namespace scoregrad {
namespace {

constexpr char magic[] = "\x93NUMPY";

struct Header {
  Encoding encoding{};
  bool fortran = false;
  std::vector<int64_t> shape;
};

// Reads {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } and nothing else.
class HeaderText : TextReader {
 public:
  /// `python2`: a version that NumPy wrote under Python 2 too.
  HeaderText(const ByteSource& file, int64_t first, std::string text, bool python2)
      : TextReader(file, "a .npy header", first, std::move(text)), python2_(python2) {}

  Header parse() {
    Header h;
    bool descr = false, order = false, shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr" && !std::exchange(descr, true))
        h.encoding = element();
      else if (key == "fortran_order" && !std::exchange(order, true))
        h.fortran = boolean();
      else if (key == "shape" && !std::exchange(shape, true))
        h.shape = tuple();
      else
        fail("an unknown or repeated key '" + printable(key) + "'");
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip();
    if (!at_end()) fail("text after the dictionary");
    if (!descr || !order || !shape) fail("one of descr, fortran_order and shape is missing");
    return h;
  }

 private:
  std::string quoted() {
    const char quote = accept('"') ? '"' : '\'';
    if (quote == '\'') expect(quote);
    const size_t end = text_.find(quote, next_);
    if (end == std::string::npos) fail("a text without its closing quote");
    const size_t begin = std::exchange(next_, end + 1);
    return text_.substr(begin, end - begin);
  }
  bool boolean() {
    if (accept("True")) return true;
    if (!accept("False")) fail("fortran_order is neither True nor False");
    return false;
  }
  Encoding element() {
    skip();
    if (peek() == '[') file_.foreign("structured elements are not supported");
    const std::string s = quoted();
    Encoding e{};
    if (s.size() == 3 && std::strchr("<>|=", s[0]) && s[2] >= '0' && s[2] <= '9') e = {s[1], s[2] - '0', s[0] == '>'};
    if (!is_known(e) || !std::strchr("fiub", e.kind))
      file_.foreign(fmt::format("elements of '{}' are not supported, only f2 f4 f8, i1 i2 i4 i8, u1 u2 u4 u8 and b1", printable(s)));
    return e;
  }
  std::vector<int64_t> tuple() {
    std::vector<int64_t> extents;
    expect('(');
    while (!accept(')')) {
      const int64_t n = natural("an extent is not a number,");
      if (python2_ && peek() == 'L') ++next_;  // its long integers
      extents.push_back(n);
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return extents;
  }

  bool python2_;
};

Header read_header(ByteSource& file) {
  unsigned char start[8];
  file.read(start, 8, "the .npy magic");
  if (std::memcmp(start, magic, 6) != 0) file.refuse("not a .npy file: it does not begin with \\x93NUMPY");
  if (start[6] < 1 || start[6] > 3) file.refuse(fmt::format("version {}.{} of .npy is unknown", start[6], start[7]));
  unsigned char length[4] = {};
  file.read(length, start[6] == 1 ? 2 : 4, "the header's length");
  const int64_t bytes = length[0] | length[1] << 8 | length[2] << 16 | static_cast<int64_t>(length[3]) << 24;
  if (bytes > file.left()) file.refuse(fmt::format("truncated: a header of {} bytes is announced, {} are left", bytes, file.left()));
  return HeaderText(file, start[6] == 1 ? 10 : 12, file.text(bytes, "the header"), start[6] < 3).parse();
}

}  // namespace

std::string npy_header(const Tensor& x) {
  const char* element = x.dtype() == DType::float32   ? "<f4"
                        : x.dtype() == DType::float64 ? "<f8"
                        : x.dtype() == DType::int64   ? "<i8"
                                                      : "|b1";
  std::string text = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}{}), }}", element,
                                 fmt::join(x.shape().begin(), x.shape().end(), ", "), x.rank() == 1 ? "," : "");
  text.append(63 - (10 + text.size()) % 64, ' ');
  text += '\n';
  std::string start = magic;
  for (size_t byte : {size_t{1}, size_t{0}, text.size() & 255, text.size() >> 8}) start += static_cast<char>(byte);
  return start + text;
}

void save_npy(const std::string& path, const Tensor& x, Where at) {
  const std::string header = npy_header(x);
  const std::vector<char> bytes = host_bytes(x, at);
  OutputFile file(path, "save_npy", at);
  file.write(header.data(), header.size());
  file.write(bytes.data(), bytes.size());
  file.finish();
}

Tensor load_npy(const std::string& path, Where at) {
  InputFile file(path, "load_npy", at);
  return read_npy(file, at);
}

Tensor read_npy(ByteSource& file, Where at) {
  const Header h = read_header(file);
  if (h.shape.size() > max_rank) file.foreign(fmt::format("rank {} exceeds the limit of {}", h.shape.size(), max_rank));
  Shape shape(h.shape);
  if (h.fortran) std::reverse(shape.begin(), shape.end());
  try {
    check_shape(at, ".npy", shape);
  } catch (const Error&) {
    file.refuse(fmt::format("shape {} overflows", to_string(shape)));
  }
  const int64_t bytes = numel(shape) * h.encoding.size;
  if (bytes != file.left()) file.refuse(fmt::format("shape {} needs {} bytes, the file has {}", to_string(shape), bytes, file.left()));

  const Tensor y = allocate(at, shape, natural_dtype(h.encoding), cpu);
  decode_into(file, y, h.encoding, [&](void* to, int64_t n) { file.read(to, n, "the elements"); });
  if (!h.fortran) return y;
  Strides strides = y.strides();
  std::reverse(shape.begin(), shape.end());
  std::reverse(strides.begin(), strides.end());
  return packed(alias(y, shape, strides, 0));
}

}  // namespace scoregrad
