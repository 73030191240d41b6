// What the parsers of headers share: a text that is read from left to right, blanks passed over.
#pragma once
#include "autograd/files/file.h"

namespace scoregrad {

class TextReader {
 protected:
  /// `kind` is what the text should be, "a .npy header"; its first byte is byte `first` of the file.
  TextReader(const ByteSource& file, const char* kind, int64_t first, std::string text)
      : file_(file), kind_(kind), first_(first), text_(std::move(text)) {}

  [[noreturn]] void fail(const std::string& why) const;
  bool at_end() const { return next_ == text_.size(); }
  /// The next byte; 0 at the end.
  char peek() const { return at_end() ? '\0' : text_[next_]; }
  void skip();
  /// Passes over what is next, if it is that.
  bool accept(char c);
  bool accept(const char* word);
  void expect(char c);
  /// A number of decimal digits; fails with `what` where there is none.
  int64_t natural(const char* what);

  const ByteSource& file_;
  const char* kind_;
  int64_t first_;
  std::string text_;
  size_t next_ = 0;
};

}  // namespace scoregrad
