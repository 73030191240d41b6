#include "autograd/files/text_reader.h"

#include <fmt/format.h>

#include <cstring>

namespace scoregrad {

void TextReader::fail(const std::string& why) const {
  file_.refuse(fmt::format("not {}: {} at byte {}", kind_, why, first_ + static_cast<int64_t>(next_)));
}

void TextReader::skip() {
  while (peek() && std::strchr(" \t\r\n", peek())) ++next_;
}

bool TextReader::accept(char c) {
  skip();
  if (at_end() || text_[next_] != c) return false;
  ++next_;
  return true;
}

bool TextReader::accept(const char* word) {
  skip();
  const size_t length = std::strlen(word);
  if (text_.compare(next_, length, word) != 0) return false;
  next_ += length;
  return true;
}

void TextReader::expect(char c) {
  if (!accept(c)) fail(fmt::format("'{}' expected", c));
}

int64_t TextReader::natural(const char* what) {
  skip();
  const size_t begin = next_;
  int64_t n = 0;
  for (; peek() >= '0' && peek() <= '9'; ++next_)
    if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, peek() - '0', &n)) fail("a number overflows");
  if (next_ == begin) fail(what);
  return n;
}

}  // namespace scoregrad
