// The readers of the benchmarks' lines and what is computed from them. Nothing here is timed.
#include <sstream>

#include "autograd/backend/error.h"
#include "benchmarks/bench_report/figures.h"
#include "benchmarks/bench_report/process.h"
#include "benchmarks/bench_report/sections.h"
#include "tests/catch.h"
#include "tests/message.h"

using namespace bench;
using scoregrad::contains;
using scoregrad::message_of;

namespace {

Row row(const std::string& peer, const std::string& name, int threads, double median_us) {
  return {.peer = peer, .name = name, .threads = threads, .median_us = median_us};
}
const Asked& asked_of(const std::string& name) {
  for (const Asked& a : asked())
    if (a.name == name) return a;
  throw std::runtime_error("no figure is asked of " + name);
}

}  // namespace

TEST_CASE("a line is read with the fields it has and defaults for the others") {
  const Row r = read_row(R"({"peer":"libtorch","case":"hvp","threads":2,"median_us":1137,"p10_us":931.1,"future":[1],"notes":"a \"b\""})");
  CHECK(r.peer == "libtorch");
  CHECK(r.name == "hvp");
  CHECK(r.threads == 2);
  CHECK(r.median_us == 1137);
  CHECK(r.p10_us == 931.1);
  CHECK(r.notes == "a \"b\"");
  CHECK(r.device == "cpu");
  CHECK(r.scale == 1);
  CHECK_FALSE(r.loaded);
}

TEST_CASE("a row that is written is read as it was") {
  Row r = row("scoregrad", "hvp", 2, 0.1);
  r.scale = 0.3, r.foreign_cores = 0.07, r.loaded = true, r.growth_mb = 12.5, r.flops = 1e9, r.notes = "compiled";
  const Row s = read_row(written(r));
  CHECK(s.median_us == 0.1);
  CHECK(s.scale == 0.3);
  CHECK(s.foreign_cores == 0.07);
  CHECK(s.loaded);
  CHECK(s.growth_mb == 12.5);
  CHECK(s.flops == 1e9);
  CHECK(s.notes == "compiled");
}

TEST_CASE("a line that is no row is refused by its text") {
  CHECK(contains(message_of([] { read_row("{\"peer\":"); }), "not a JSON object: {\"peer\":"));
  CHECK(contains(message_of([] { read_row("[1]"); }), "not a JSON object"));
  CHECK(contains(message_of([] { read_row(R"({"peer":"a","case":"b"})"); }), "no \"median_us\""));
  CHECK(contains(message_of([] { read_row(R"({"peer":"a","case":"b","median_us":"1"})"); }), "\"median_us\" is of another type"));
}

TEST_CASE("the median of an even number of values is the mean of the middle two") {
  CHECK(median({3, 1, 2}) == 2);
  CHECK(median({4, 1, 3, 2}) == 2.5);
  CHECK_THROWS_AS(median({}), scoregrad::Error);
}

TEST_CASE("rounds come together, and those under foreign load count only where there are no others") {
  std::istringstream lines(R"({"peer":"a","case":"x","threads":1,"median_us":10,"growth_mb":1}
{"peer":"a","case":"x","threads":1,"median_us":99,"growth_mb":7,"loaded":true}

{"peer":"a","case":"x","threads":1,"median_us":12,"growth_mb":3}
{"peer":"a","case":"x","threads":1,"scale":10,"median_us":100}
{"peer":"a","case":"x","threads":2,"median_us":40,"loaded":true}
{"peer":"a","case":"x","threads":2,"median_us":60,"loaded":true}
)");
  const Measurements m(read_rows(lines));
  REQUIRE(m.find("a", "x", 1));
  CHECK(m.find("a", "x", 1)->median_us == 11);
  CHECK(m.find("a", "x", 1)->growth_mb == 3);
  CHECK(m.find("a", "x", 1)->round == 2);
  CHECK_FALSE(m.find("a", "x", 1)->loaded);
  CHECK(m.find("a", "x", 1, 10)->median_us == 100);
  CHECK(m.find("a", "x", 2)->median_us == 50);
  CHECK(m.find("a", "x", 2)->loaded);
  CHECK(m.find("a", "x", 4) == nullptr);
  CHECK(m.find("b", "x", 1) == nullptr);
  CHECK(m.threads() == std::vector<int>{1, 2});
}

TEST_CASE("a ratio is scoregrad's median over libtorch's of the same case and threads") {
  const Measurements m({row("scoregrad", "mlp_dsm_step_large", 1, 90), row("libtorch", "mlp_dsm_step_large", 1, 100),
                        row("scoregrad", "mlp_dsm_step_large", 2, 90), row("libtorch", "mlp_dsm_step_large", 2, 100),
                        row("scoregrad", "op_overhead_eager", 1, 1), row("libtorch", "op_overhead", 1, 16), row("scoregrad", "hvp", 1, 200),
                        row("libtorch", "hvp", 2, 1000)});
  const auto one = ratio(m, asked_of("mlp_dsm_step_large"), 1), two = ratio(m, asked_of("mlp_dsm_step_large"), 2);
  REQUIRE(one);
  REQUIRE(two);
  CHECK(one->value == 0.9);
  CHECK(std::string(one->verdict()) == "must");    // 0.95 asked at one thread
  CHECK(std::string(two->verdict()) == "missed");  // 0.80 at more
  const auto eager = ratio(m, asked_of("op_overhead_eager"), 1);
  REQUIRE(eager);
  CHECK(eager->value == 0.0625);
  CHECK(std::string(eager->verdict()) == "must");
  CHECK_FALSE(ratio(m, asked_of("hvp"), 1));
}

TEST_CASE("a floor is the larger of memory's time and arithmetic's, at the best rates of the same threads") {
  Row copy = row("limits", "limit_copy_4m", 1, 1000), slow = row("limits", "limit_copy_64m", 1, 1000),
      fma = row("limits", "limit_fma", 1, 1);
  Row product = row("limits", "limit_sgemm_onednn_512", 1, 100), exp = row("limits", "limit_exp", 1, 4);
  copy.bytes = 32e6, slow.bytes = 16e6, fma.flops = 1e9, product.flops = 1e7, exp.functions = 16000;
  const Measurements m({copy, slow, fma, product, exp});
  const Rates best = rates(m, 1);
  CHECK(best.bytes == 32000);
  CHECK(best.flops == 1e5);
  CHECK(best.multiply_adds == 1e9);
  CHECK(best.functions == 4000);
  CHECK(rates(m, 2).bytes == 0);

  Row r = row("scoregrad", "x", 1, 1);
  r.bytes = 64e6, r.flops = 1e8, r.functions = 4e5;  // 2000 us against 1000 + 100
  CHECK(floor_of(r, best).us == 2000);
  CHECK(std::string(floor_of(r, best).bound) == "memory");
  r.bytes = 0;
  CHECK(floor_of(r, best).us == 1100);
  CHECK(std::string(floor_of(r, best).bound) == "products");
  r.flops = 0;
  CHECK(std::string(floor_of(r, best).bound) == "functions");
}

TEST_CASE("tables in Markdown show the verdicts, and say where other programs were running") {
  std::vector<Row> rows{row("scoregrad", "hvp", 1, 200), row("libtorch", "hvp", 1, 1000), row("scoregrad", "hvp", 2, 700),
                        row("libtorch", "hvp", 2, 1000)};
  rows[2].loaded = true;
  const std::vector<Section> all = sections(Measurements(rows));
  REQUIRE_FALSE(all.empty());
  CHECK(all[0].heading == "Ratios");
  const std::string text = markdown(all[0].table);
  CHECK(text.find("| stretch | hvp | 1 | 200 us | 1 ms | 0.200 | 0.450 | 0.250 |\n"));
  CHECK(contains(text, "| missed | hvp | 2 | 700 us (busy) | 1 ms | 0.700 (busy) | 0.450 | 0.250 |\n"));
  CHECK(all[0].table.kinds == std::vector<std::string>{"pass", "fail"});
}

TEST_CASE("a duration has the unit that suits it") {
  CHECK(duration(1.861) == "1.86 us");
  CHECK(duration(14130) == "14.1 ms");
  CHECK(duration(437.6) == "438 us");
  CHECK(duration(2.6e6) == "2.6 s");
}

TEST_CASE("a program is run with its threads set, and its exit and output come back") {
  const Finished done = run({"/bin/sh", "-c", "echo $OMP_NUM_THREADS $OPENBLAS_NUM_THREADS; exit 3"}, 5);
  CHECK(done.output == "5 5\n");
  CHECK(done.status == 3);
  CHECK(done.seconds > 0);
  CHECK(done.maxrss_mb > 0);
  CHECK_THROWS_AS(run({"/no/such/program"}, 1), scoregrad::Error);
}

TEST_CASE("what a pass gains is how much longer the cases take without it") {
  const Measurements m({row("scoregrad", "hvp", 1, 100), row("without fuse", "hvp", 1, 150), row("without block", "hvp", 1, 99)});
  const Section s = gains(m, {"fuse", "block", "launch"});
  REQUIRE(s.table.rows.size() == 1);
  CHECK(s.table.rows[0] == std::vector<std::string>{"hvp", "cpu", "1", "100 us", "+50.0 %", "-1.0 %", ""});
}
