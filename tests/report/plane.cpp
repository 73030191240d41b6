// Pictures of the plane: what is drawn where gnuplot is installed, and the numbers that stand beside it in any case.
#include "report/plane.h"

#include "report/program.h"
#include "tests/catch.h"

using namespace scoregrad::report;

namespace {

size_t count(const std::string& text, const std::string& part) {
  size_t n = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

}  // namespace

TEST_CASE("a picture of the plane keeps its numbers, thinned to about sixty of each layer") {
  Panel one{.title = "it's one",
            .colours = {.columns = 2, .rows = 2, .values = {0, 1, 2, 3}, .label = "height"},
            .arrows = {{0}, {0.5}, {0.1}, {-0.2}}};
  Panel two{.title = "two", .points = {{"many", {}, {}}}};
  for (int i = 0; i < 500; ++i) {
    two.points[0].x.push_back(-1 + i / 250.0);
    two.points[0].y.push_back(i == 7 ? 5 : 0.3);  // outside: left out of the drawing, kept as a number
  }
  const Figure figure = draw(PlaneChart{.caption = "both", .alt = "two panels", .from = -1, .to = 1, .panels = {one, two}});
  CHECK(figure.data.head.size() == 6);
  REQUIRE(figure.data.rows.size() > 5);
  CHECK(figure.data.rows[1] == std::vector<std::string>{"it's one", "height", "0.5", "-0.5", "1", ""});
  CHECK(figure.data.rows[4] == std::vector<std::string>{"it's one", "arrow", "0", "0.5", "0.1", "-0.2"});
  CHECK((figure.data.rows.size() >= 5 + 50 && figure.data.rows.size() <= 5 + 60));
  if (!output_of({"gnuplot"}, "print 1\nset print '-'\nprint 1\n")) return;  // without gnuplot the numbers are the figure
  REQUIRE(!figure.svg.empty());
  CHECK(count(figure.svg, "it's one") + count(figure.svg, "it&#39;s one") >= 1);
  CHECK(count(figure.svg, "many") >= 1);
  CHECK(count(figure.svg, "<use xlink:href='#gpPt6'") >= 499);
}
