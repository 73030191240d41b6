// The house keeps its order: who may include whom, where fmt may be seen, how long a file may grow. Reads the source tree.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "autograd/backend/machine.h"
#include "tests/catch.h"

namespace {

namespace fs = std::filesystem;

/// A folder and what it may include besides itself. First match counts, so the engine's rooms stand before its users.
struct Layer {
  std::string folder;
  std::vector<std::string> below;
};

const std::vector<Layer> plan = {
    {"autograd/backend/", {}},
    {"autograd/tensor/", {"autograd/backend/"}},
    {"autograd/files/", {"autograd/backend/", "autograd/tensor/"}},
    {"autograd/graph/", {"autograd/backend/", "autograd/tensor/"}},
    {"autograd/ops/", {"autograd/backend/", "autograd/tensor/", "autograd/graph/"}},
    {"autograd/compile/", {"autograd/"}},
    {"report/", {"autograd/"}},
    {"nn/", {"autograd/"}},
    {"distributions/", {"autograd/"}},
    {"samplers/", {"autograd/", "distributions/"}},
    {"losses/", {"autograd/", "report/", "nn/", "distributions/", "samplers/"}},
    {"scoregrad", {"autograd/", "report/", "nn/", "distributions/", "samplers/", "losses/"}},  // scoregrad.h and scoregrad/fmt.h
    {"examples/", {"scoregrad", "autograd/", "report/", "nn/", "distributions/", "samplers/", "losses/"}},
    {"benchmarks/", {"scoregrad", "autograd/", "report/", "nn/", "distributions/", "samplers/", "losses/"}},
    {"tests/", {"scoregrad", "autograd/", "report/", "nn/", "distributions/", "samplers/", "losses/", "examples/", "benchmarks/"}},
};

/// The rooms and the backends, which see the contract alone and are seen by benchmarks and tests alone.
const std::vector<Layer> layers = [] {
  std::vector<Layer> all = plan;
  for (const std::string& name : scoregrad::device_names()) {
    for (Layer& l : all)
      if (l.folder == "benchmarks/" || l.folder == "tests/") l.below.push_back(name + "/");
    all.push_back({name + "/", {"autograd/backend/"}});
  }
  return all;
}();

bool starts_with_any(const std::string& s, const std::vector<std::string>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(), [&](const std::string& p) { return s.rfind(p, 0) == 0; });
}

/// What a line includes, with its opening quote or bracket: `"cpu/pool.h` or `<vector`; empty for any other line.
std::string included(const std::string& line) {
  std::istringstream in(line);
  std::string word, what;
  if (!(in >> word) || word[0] != '#') return {};
  if (word == "#") in >> word;
  const size_t keyword = word.find("include");
  if (keyword == std::string::npos) return {};
  std::getline(in >> std::ws, what);
  what = word.substr(keyword + 7) + what;
  return what.substr(0, what.find_first_of("\">", 1));
}

/// What is wrong with a file of this path (from the root) and these lines; empty if nothing is.
std::vector<std::string> faults(const std::string& path, const std::vector<std::string>& lines) {
  const std::string extension = fs::path(path).extension().string();
  const auto layer = std::find_if(layers.begin(), layers.end(), [&](const Layer& l) { return path.rfind(l.folder, 0) == 0; });
  if (layer == layers.end()) return {path + ": lies in no known folder"};

  std::vector<std::string> found;
  const bool library = path.rfind("tests/", 0) != 0 && path.rfind("examples/", 0) != 0 && path.rfind("benchmarks/", 0) != 0;
  const bool written_by_a_script = !lines.empty() && lines[0].find("Written by ") != std::string::npos;
  if (lines.size() > 400 && !written_by_a_script)
    found.push_back(path + ": has " + std::to_string(lines.size()) + " lines, at most 400 are allowed");
  if (extension == ".h" && std::find(lines.begin(), lines.end(), "#pragma once") == lines.end())
    found.push_back(path + ": has no #pragma once");
  for (const std::string& line : lines) {
    if (extension == ".cu" && line.find("Tensor") != std::string::npos) found.push_back(path + ": a kernel file sees Tensor: " + line);
    const std::string include = included(line), what = include.substr(std::min<size_t>(1, include.size()));
    if (include.rfind("<fmt/", 0) == 0 && library && extension != ".cpp" && path != "scoregrad/fmt.h")
      found.push_back(path + ": only .cpp files and scoregrad/fmt.h may include <" + what + ">");
    if (include[0] == '"' && what != "scoregrad/config.h" && what != "scoregrad/device_text.inc" && what != "scoregrad/gdb_text.inc" &&
        what.rfind(layer->folder, 0) != 0 && !starts_with_any(what, layer->below))
      found.push_back(path + ": may not include \"" + what + "\"");
  }
  return found;
}

std::vector<std::string> read_lines(const fs::path& path) {
  std::ifstream in(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

}  // namespace

TEST_CASE("every source file keeps to the layers, to 400 lines, and to fmt's place") {
  int count = 0;
  std::vector<std::string> found;
  std::vector<std::string> folders = {"autograd", "report",    "nn",    "distributions", "samplers",
                                      "losses",   "scoregrad", "tests", "examples",      "benchmarks"};
  for (const std::string& name : scoregrad::device_names()) folders.push_back(name);
  for (const std::string& folder : folders) {
    if (!fs::exists(folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      static const std::vector<std::string> kinds = {".h", ".cpp", ".cu", ".def", ".inc"};
      if (std::find(kinds.begin(), kinds.end(), entry.path().extension()) == kinds.end()) continue;
      ++count;
      for (const std::string& fault : faults(entry.path().generic_string(), read_lines(entry.path()))) found.push_back(fault);
    }
  }
  for (const std::string& fault : found) UNSCOPED_INFO(fault);
  CHECK(found.empty());
  CHECK(count > 10);
}

namespace {

/// All that a header includes, and what that includes.
std::set<std::string> reached(const std::string& header) {
  std::set<std::string> found;
  std::vector<std::string> open{header};
  while (!open.empty()) {
    const std::string next = open.back();
    open.pop_back();
    for (const std::string& line : read_lines(next))
      if (const std::string include = included(line); include[0] == '"' && fs::exists(include.substr(1)))
        if (found.insert(include.substr(1)).second) open.push_back(include.substr(1));
  }
  return found;
}

/// The headers that declare something for users: a function that asks for their line.
std::vector<std::string> public_headers(const std::vector<std::string>& rooms) {
  std::vector<std::string> found;
  for (const std::string& room : rooms)
    for (const auto& entry : fs::recursive_directory_iterator(room)) {
      if (entry.path().extension() != ".h") continue;
      const std::vector<std::string> lines = read_lines(entry.path());
      if (std::any_of(lines.begin(), lines.end(), [](const std::string& l) { return l.find("= Where::here()") != std::string::npos; }))
        found.push_back(entry.path().generic_string());
    }
  return found;
}

}  // namespace

TEST_CASE("scoregrad.h includes all that is public, and scoregrad/core.h the engine and nothing else") {
  const std::set<std::string> all = reached("scoregrad.h"), core = reached("scoregrad/core.h");
  const std::vector<std::string> engine = public_headers({"autograd"}),
                                 others = public_headers({"distributions", "nn", "samplers", "losses"});
  for (const std::string& header : engine) {
    CAPTURE(header);
    CHECK(core.count(header) == 1);
    CHECK(all.count(header) == 1);
  }
  for (const std::string& header : others) {
    CAPTURE(header);
    CHECK(all.count(header) == 1);
  }
  for (const std::string& header : core) {
    CAPTURE(header);
    CHECK((header.rfind("autograd/", 0) == 0 || header == "scoregrad/config.h"));
  }
  CHECK(engine.size() > 10);
  CHECK(others.size() > 20);
}

TEST_CASE("the check of the layers finds what is wrong and lets pass what is right") {
  const auto wrong = [](const char* path, std::vector<std::string> lines) { return !faults(path, lines).empty(); };
  CHECK(wrong("cpu/reduce.cpp", {"#include \"autograd/ops/ops.h\""}));
  CHECK(wrong("autograd/backend/shape.h", {"#pragma once", "#include \"cpu/pool.h\""}));
  CHECK(wrong("autograd/graph/sweep.cpp", {"# include \"autograd/ops/ops.h\""}));
  CHECK(wrong("nn/linear.h", {"#pragma once", "#include \"losses/dsm.h\""}));
  CHECK(wrong("nn/linear.cpp", {"#include\"cpu/pool.h\"  // quick"}));
  CHECK(wrong("cuda/reduce.cu", {"void f(const Tensor& x);"}));
  CHECK(wrong("nn/linear.h", {"#pragma once", "#include <fmt/format.h>"}));
  CHECK(wrong("nn/linear.h", {"struct Linear;"}));
  CHECK(wrong("nn/linear.cpp", {"#include \"linear.h\""}));
  CHECK(wrong("helpers/a.cpp", {}));
  CHECK(wrong("nn/linear.cpp", std::vector<std::string>(401)));
  CHECK_FALSE(wrong("nn/linear.cpp", std::vector<std::string>(400)));
  CHECK_FALSE(
      wrong("cpu/reduce.cpp", {"#include \"autograd/backend/shape.h\"", "#include \"cpu/pool.h\"", "#include \"scoregrad/config.h\""}));
  CHECK_FALSE(wrong("losses/dsm.cpp", {"#include <fmt/format.h>", "#include \"distributions/gaussian.h\""}));
  CHECK_FALSE(wrong("scoregrad/fmt.h", {"#pragma once", "#include <fmt/format.h>"}));
}
