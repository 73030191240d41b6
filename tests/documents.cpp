// A fenced block of a document that names a file, as in ```cpp examples/01_tensors.cpp, quotes it: the block must stand there word for
// word. What the examples print is compared with examples/expected/ when they run, so the documents show real output.
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <vector>

#include "tests/catch.h"

namespace {

std::string text_of(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

struct Quote {
  std::string document, file, text;
};
std::vector<Quote> quotes_of(const std::filesystem::path& document) {
  std::vector<Quote> quotes;
  std::ifstream in(document);
  bool inside = false;
  std::string file, block;
  for (std::string line; std::getline(in, line);) {
    if (line.compare(0, 3, "```") != 0) {
      if (inside) block += line + '\n';
      continue;
    }
    if (inside && !file.empty()) quotes.push_back({document.string(), file, block});
    inside = !inside;
    const size_t space = line.find(' ');
    file = space == std::string::npos ? "" : line.substr(space + 1);
    block.clear();
  }
  return quotes;
}

std::vector<std::filesystem::path> all_documents() {
  std::vector<std::filesystem::path> documents{"README.md", "CONTRIBUTING.md", "CHANGELOG.md"};
  for (const auto& entry : std::filesystem::directory_iterator("docs"))
    if (entry.path().extension() == ".md") documents.push_back(entry.path());
  return documents;
}

/// The files that a document links to, [text](file), and those that it names, `folder/file.h`, outside of quotations; from the root.
std::vector<std::string> files_named(const std::filesystem::path& document) {
  static const std::regex link(R"(\]\(([^):# ]+)\))"),
      name(R"(`((?:autograd|benchmarks|cmake|cpu|cuda|distributions|docs|examples|losses|nn|)"
           R"(reference|report|samplers|scoregrad|tests)/[A-Za-z0-9_./]+)`)");
  std::vector<std::string> found;
  std::ifstream in(document);
  bool inside = false;
  for (std::string line; std::getline(in, line);) {
    if (line.compare(0, 3, "```") == 0) inside = !inside;
    if (inside) continue;
    for (std::sregex_iterator m(line.begin(), line.end(), link), end; m != end; ++m)
      found.push_back((document.parent_path() / (*m)[1].str()).lexically_normal().string());
    for (std::sregex_iterator m(line.begin(), line.end(), name), end; m != end; ++m) found.push_back((*m)[1].str());
  }
  return found;
}

}  // namespace

TEST_CASE("the files that documents name are there") {
  size_t count = 0;
  for (const auto& document : all_documents())
    for (const std::string& file : files_named(document)) {
      CAPTURE(document.string(), file);
      // A name without extension stands for its files: `cpu/short_rows` for .h and .cpp.
      CHECK((std::filesystem::exists(file) || std::filesystem::exists(file + ".cpp")));
      ++count;
    }
  CHECK(count > 50);
}

TEST_CASE("what documents quote stands in the files they name, and they show every example's output") {
  std::set<std::string> quoted;
  for (const auto& document : all_documents())
    for (const Quote& q : quotes_of(document)) {
      CAPTURE(q.document, q.file, q.text);
      CHECK_FALSE(q.text.empty());
      CHECK(text_of(q.file).find(q.text) != std::string::npos);
      quoted.insert(q.file);
    }
  for (const auto& entry : std::filesystem::directory_iterator("examples/expected")) {
    CAPTURE(entry.path().string());
    CHECK(quoted.count(entry.path().string()) == 1);
  }
}
