// A fenced block of a document that names a file, as in ```cpp examples/01_tensors.cpp, quotes it: the block must stand there word for
// word. What the examples print is compared with examples/expected/ when they run, so the documents show real output.
#include <filesystem>
#include <fstream>
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

}  // namespace

TEST_CASE("what documents quote stands in the files they name, and they show every example's output") {
  std::vector<std::filesystem::path> documents{"README.md"};
  for (const auto& entry : std::filesystem::directory_iterator("docs"))
    if (entry.path().extension() == ".md") documents.push_back(entry.path());
  std::set<std::string> quoted;
  for (const auto& document : documents)
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
