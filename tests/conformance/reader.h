// Reading a reference file: JSON values that know where they stand, so that a malformed file is answered with its name and field.
// A tensor is {"shape": [..], "data": [..]}, a plain number a scalar, a list of numbers (of lists) an array.
#pragma once
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "distributions/gaussian.h"

namespace conformance {

using namespace scoregrad;
using namespace scoregrad::distributions;
using Json = nlohmann::json;

/// What is wrong with a file, and in which field.
struct Malformed : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/// What the library does not offer.
struct Unsupported : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct File {
  std::string name;
  Json root;
  Options options;  ///< dtype and device of the tensors read
};
/// Throws Malformed if the file cannot be read or is not a JSON object.
File read(const std::string& name, Options options);

/// A JSON value with its path. Every access throws Malformed, naming file and field, unless the value is what is asked for.
class Field {
 public:
  explicit Field(const File& file) : Field(&file, &file.root, "") {}

  const std::string& path() const { return path_; }
  Field top() const { return Field(*file_); }
  const Json& json() const { return *json_; }
  Options options() const { return file_->options; }
  /// True if the entry is there and not null; "inputs.x" looks into an object.
  bool has(const std::string& key) const;
  Field operator[](const std::string& key) const;
  Field operator[](size_t i) const;
  /// Entries of a list.
  size_t size() const;
  /// Keys of an object.
  std::vector<std::string> keys() const;

  double number() const;
  int64_t integer() const;
  bool flag() const;
  std::string text() const;
  std::vector<int64_t> integers() const;
  /// True for what tensor() can read.
  bool is_tensor() const;
  Tensor tensor() const;
  /// The same as int64.
  Tensor indices() const;
  /// The tensors of a list, or of an object by name.
  Tensors tensors() const;
  std::map<std::string, Tensor> named_tensors() const;
  [[noreturn]] void malformed(const std::string& what) const;

 private:
  Field(const File* file, const Json* json, std::string path) : file_(file), json_(json), path_(std::move(path)) {}
  std::pair<Shape, std::vector<double>> array() const;
  void collect(Shape& shape, std::vector<double>& data, int depth) const;

  const File* file_;
  const Json* json_;
  std::string path_;
};

}  // namespace conformance
