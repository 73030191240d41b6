// The report room: whole files, safe text, charts with their numbers.
#include "report/page.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include "autograd/backend/error.h"
#include "report/chart.h"
#include "report/drawing.h"
#include "report/program.h"
#include "tests/catch.h"

using namespace scoregrad;
using namespace scoregrad::report;

namespace {
bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }
}  // namespace

TEST_CASE("a page escapes its text, right-aligns numbers and needs no network") {
  Page page("a < b & c");
  page.text("\"<script>\"");
  page.table({.head = {"name", "value"}, .rows = {{"x", "-1.5e-3"}, {"y", "2"}}, .kinds = {"pass", "fail"}});
  const std::string html = page.html();
  CHECK(contains(html, "<title>a &lt; b &amp; c</title>"));
  CHECK(contains(html, "&quot;&lt;script&gt;&quot;"));
  CHECK(contains(html, "<td class=\"number\">-1.5e-3</td>"));
  CHECK(contains(html, "<td>x</td>"));
  CHECK(contains(html, "<tr class=\"fail\">"));
  CHECK_FALSE(contains(html, "http"));
}

TEST_CASE("a page is saved whole or not at all") {
  const auto folder = std::filesystem::temp_directory_path() / "scoregrad-report-test";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  const Page page("one");
  page.save((folder / "a.html").string());
  std::ifstream in(folder / "a.html");
  std::stringstream text;
  text << in.rdbuf();
  CHECK(text.str() == page.html());
  CHECK_THROWS_AS(page.save((folder / "no" / "b.html").string()), Error);
  CHECK(std::distance(std::filesystem::directory_iterator(folder), {}) == 1);  // no temporary file is left
  std::filesystem::remove_all(folder);
}

TEST_CASE("a program that is not there gives nothing, one that is there gives what it prints") {
  CHECK_FALSE(output_of({"scoregrad-no-such-program"}, ""));
  CHECK_FALSE(output_of({"false"}, ""));
  const std::string much(1 << 20, 'x');
  CHECK(output_of({"cat"}, much) == much);
}

TEST_CASE("a chart keeps its numbers whether or not gnuplot draws it") {
  const Figure lines = draw(LineChart{
      .caption = "c", .alt = "a", .x_label = "x", .y_label = "y", .lines = {{"it's", {0, 1, 2}, {3, 4, 5}, {{1, 4}}}, {"g", {1}, {7}}}});
  REQUIRE(lines.data.rows.size() == 3);
  CHECK(lines.data.rows[1] == std::vector<std::string>{"1", "4", "7"});
  const Figure bars = draw(
      BarChart{.caption = "c", .alt = "a", .y_label = "g", .bars = {"DSM", "ESM"}, .parts = {"net", "dist"}, .values = {{1, 2}, {-3, 4}}});
  CHECK(bars.data.rows[0] == std::vector<std::string>{"DSM", "1", "-3", "-2"});
  CHECK(bars.data.rows[1].back() == "6");
  if (output_of({"gnuplot", "--version"}, "")) {
    CHECK(lines.svg.rfind("<svg", 0) == 0);
    CHECK(contains(lines.svg, "currentColor"));
    CHECK(bars.svg.rfind("<svg", 0) == 0);
  }
}

TEST_CASE("an inlined drawing takes the colour of the text") {
  CHECK(inlined("<?xml version=\"1.0\"?>\n<svg><path stroke=\"black\"/><text x=\"1\">a</text></svg>") ==
        "<svg><path stroke=\"currentColor\"/><text x=\"1\">a</text></svg>");
  CHECK(inlined("no drawing").empty());
  if (output_of({"dot", "-Tplain"}, "graph {}")) CHECK(drawing("digraph { a -> b }", "c", "a").svg.rfind("<svg", 0) == 0);
}
