// The page that leads to the reports of a run: reads lines of "name, exit status, seconds" from standard input and writes index.html into
// the folder where the reports lie.
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "report/page.h"

namespace {

// What stands in the page's <title>.
std::string title_of(const std::filesystem::path& page) {
  std::ifstream in(page);
  std::ostringstream text;
  text << in.rdbuf();
  const std::string html = text.str();
  const size_t from = html.find("<title>"), to = html.find("</title>");
  return from == std::string::npos || to == std::string::npos ? "" : html.substr(from + 7, to - from - 7);
}

}  // namespace

int main(int count, char** words) {
  if (count != 2) {
    fmt::print(stderr, "usage: contents FOLDER < lines of: name exit-status seconds\n");
    return 2;
  }
  const std::filesystem::path folder = words[1];
  scoregrad::report::Page page("The experiments");
  scoregrad::report::Table table{.head = {"", "experiment", "seconds"}, .rows = {}, .kinds = {}};
  std::vector<std::pair<std::string, std::string>> links;
  std::string name;
  int status = 0, failed = 0, seconds = 0, total = 0;
  while (std::cin >> name >> status >> seconds) {
    table.kinds.push_back(status == 0 ? "pass" : "fail");
    table.rows.push_back({status == 0 ? "pass" : "FAIL", name, fmt::format("{}", seconds)});
    failed += status != 0;
    total += seconds;
    if (std::filesystem::exists(folder / (name + ".html"))) links.emplace_back(name + ".html", title_of(folder / (name + ".html")));
  }
  page.text(fmt::format("{} experiments, {} of them with an outcome that did not come out; {} s.", table.rows.size(), failed, total));
  page.table(table);
  for (const auto& [file, title] : links) page.link(file, title.empty() ? file : title);
  try {
    page.save((folder / "index.html").string());
  } catch (const std::exception& e) {
    fmt::print(stderr, "contents: {}\n", e.what());
    return 2;
  }
  fmt::print("{}\n", (folder / "index.html").string());
  return 0;
}
