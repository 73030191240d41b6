// What a reader does with files that are cut or changed.
#pragma once
#include "tests/message.h"
#include "tests/scratch.h"

namespace scoregrad {

using Bytes = std::string;
using Reader = std::function<void(const std::string& path)>;

/// What the reader of this name says of a file of these bytes, "" if it reads them. A refusal names reader and file first.
inline std::string refusal(const std::string& name, const Bytes& bytes, const Reader& read) {
  const ScratchFile file("bad", bytes);
  try {
    read(file.path());
  } catch (const Error& e) {
    const std::string what = e.what();
    CHECK(what.find(name + ": '" + file.path() + "'") == 0);
    return what;
  }
  return "";
}
/// Checks that a file cut after any of its bytes is refused.
inline void refuses_cuts(const Bytes& whole, const Reader& read) {
  const ScratchFile file("cut");
  for (size_t n = 0; n < whole.size(); ++n) {
    file.write(whole.substr(0, n));
    CHECK_THROWS_AS(read(file.path()), Error);
  }
}
/// Puts each of `others` in the place of each byte: the file is read or refused. How often it is read.
inline int reads_of_changed(const Bytes& whole, const Bytes& others, const Reader& read) {
  const ScratchFile file("changed");
  int count = 0;
  for (size_t n = 0; n < whole.size(); ++n)
    for (char other : others) {
      Bytes changed = whole;
      changed[n] = other;
      file.write(changed);
      try {
        read(file.path());
        ++count;
      } catch (const Error&) {
      }
    }
  return count;
}

}  // namespace scoregrad
