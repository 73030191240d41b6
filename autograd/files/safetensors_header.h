// The header of a safetensors file: JSON of one fixed form, read without a general parser so that it works in every build.
#pragma once
#include <vector>

#include "autograd/files/encoding.h"
#include "autograd/files/safetensors.h"

namespace scoregrad {

struct SafetensorsEntry {
  std::string name;
  Encoding encoding{};
  std::string foreign = {};  ///< why its elements cannot be read; then neither encoding nor shape is set
  Shape shape;
  int64_t begin = 0, end = 0;  ///< bytes, counted from the end of the header
};
struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  ///< in the order of their bytes, without gap or overlap
  Texts metadata;
  int64_t data = 0;  ///< where the header ends
};
/// Reads the header and checks it against the file's size; throws Error naming the byte where it goes wrong.
SafetensorsHeader read_safetensors_header(InputFile& file);

/// A text between quotes, escaped as JSON wants it.
std::string json_quoted(const std::string& text);

}  // namespace scoregrad
