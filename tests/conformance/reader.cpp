// Reading a reference file, every step checked.
#include "tests/conformance/reader.h"

#include <cmath>
#include <fstream>

#include <fmt/format.h>

#include "scoregrad/fmt.h"

namespace conformance {

File read(const std::string& name, Options options) {
  std::ifstream in(name);
  if (!in) throw Malformed(fmt::format("{}: cannot be opened", name));
  File file{name, {}, options};
  try {
    file.root = Json::parse(in);
  } catch (const Json::exception& e) {
    throw Malformed(fmt::format("{}: not JSON: {}", name, e.what()));
  }
  if (!file.root.is_object()) throw Malformed(fmt::format("{}: the file must be an object, not {}", name, file.root.type_name()));
  return file;
}

void Field::malformed(const std::string& what) const {
  throw Malformed(fmt::format("{}: field {}: {}", file_->name, path_.empty() ? "(top)" : path_, what));
}

Field Field::operator[](const std::string& key) const {
  if (!json_->is_object()) malformed(fmt::format("an object is expected, not {}", json_->type_name()));
  Field below(file_, nullptr, path_.empty() ? key : path_ + "." + key);
  const auto found = json_->find(key);
  if (found == json_->end()) below.malformed("missing");
  below.json_ = &*found;
  return below;
}

bool Field::has(const std::string& path) const {
  const Json* j = json_;
  for (size_t from = 0; j;) {
    const size_t dot = path.find('.', from);
    const auto found = j->is_object() ? j->find(path.substr(from, dot - from)) : j->end();
    if (!j->is_object() || found == j->end() || found->is_null()) return false;
    if (dot == std::string::npos) return true;
    j = &*found, from = dot + 1;
  }
  return false;
}

Field Field::operator[](size_t i) const {
  if (i >= size()) malformed(fmt::format("at least {} entries are expected, not {}", i + 1, size()));
  return {file_, &json_->at(i), fmt::format("{}[{}]", path_, i)};
}

size_t Field::size() const {
  if (!json_->is_array()) malformed(fmt::format("a list is expected, not {}", json_->type_name()));
  return json_->size();
}

std::vector<std::string> Field::keys() const {
  if (!json_->is_object()) malformed(fmt::format("an object is expected, not {}", json_->type_name()));
  std::vector<std::string> all;
  for (const auto& [key, value] : json_->items()) all.push_back(key);
  return all;
}

double Field::number() const {
  if (!json_->is_number()) malformed(fmt::format("a number is expected, not {}", json_->type_name()));
  return json_->get<double>();
}

int64_t Field::integer() const {
  const double x = number();
  if (x != std::floor(x) || std::abs(x) > 1e15) malformed(fmt::format("an integer is expected, not {}", x));
  return static_cast<int64_t>(x);
}

bool Field::flag() const {
  if (!json_->is_boolean()) malformed(fmt::format("true or false is expected, not {}", json_->type_name()));
  return json_->get<bool>();
}

std::string Field::text() const {
  if (!json_->is_string()) malformed(fmt::format("a text is expected, not {}", json_->type_name()));
  return json_->get<std::string>();
}

std::vector<int64_t> Field::integers() const {
  std::vector<int64_t> all(size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = (*this)[i].integer();
  return all;
}

bool Field::is_tensor() const {
  const Json* j = json_;
  if (j->is_object()) return j->contains("shape") && j->contains("data");
  while (j->is_array() && !j->empty()) j = &j->front();
  return j->is_number() || (j->is_array() && j->empty());
}

// Nested lists: the first entries give the shape, all others must agree.
void Field::collect(Shape& shape, std::vector<double>& data, int depth) const {
  if (!json_->is_array()) {
    if (depth != shape.rank) malformed("lists of unequal depth");
    data.push_back(number());
    return;
  }
  const auto n = static_cast<int64_t>(size());
  const bool first = data.empty() && depth == shape.rank;
  if (first && depth == max_rank) malformed(fmt::format("more than {} axes", max_rank));
  if (first) shape.push_back(n);
  if (depth >= shape.rank || shape[depth] != n) malformed("lists of unequal length");
  for (size_t i = 0; i < size(); ++i) (*this)[i].collect(shape, data, depth + 1);
}

std::pair<Shape, std::vector<double>> Field::array() const {
  Shape shape;
  std::vector<double> data;
  if (!json_->is_object()) {
    collect(shape, data, 0);
    return {shape, data};
  }
  const Field extents = (*this)["shape"], values = (*this)["data"];
  if (extents.size() > max_rank) extents.malformed(fmt::format("more than {} axes", max_rank));
  double count = 1;
  for (size_t i = 0; i < extents.size(); ++i) {
    shape.push_back(extents[i].integer());
    if (shape.back(0) < 0) extents[i].malformed("a negative extent");
    count *= static_cast<double>(shape.back(0));
  }
  if (count != static_cast<double>(values.size())) values.malformed(fmt::format("{} values, but the shape is {}", values.size(), shape));
  data.resize(values.size());
  for (size_t i = 0; i < data.size(); ++i) data[i] = values[i].number();
  return {shape, data};
}

Tensor Field::tensor() const {
  const auto [shape, data] = array();
  return from(data, shape, options());
}

Tensor Field::indices() const {
  const auto [shape, data] = array();
  std::vector<int64_t> whole;
  for (double x : data) {
    if (x != std::floor(x) || std::abs(x) > 1e15) malformed(fmt::format("integers are expected, not {}", x));
    whole.push_back(static_cast<int64_t>(x));
  }
  return scoregrad::indices(whole, shape, options().device);
}

Tensors Field::tensors() const {
  Tensors all;
  for (size_t i = 0; i < size(); ++i) all.push_back((*this)[i].tensor());
  return all;
}

std::map<std::string, Tensor> Field::named_tensors() const {
  std::map<std::string, Tensor> all;
  for (const std::string& key : keys()) all[key] = (*this)[key].tensor();
  return all;
}

}  // namespace conformance
