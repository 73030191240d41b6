#include "examples/verify/output.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "autograd/files/file.h"
#include "scoregrad/config.h"

namespace scoregrad::verify {
namespace {

// The outcome in the first element type of the run.
const Outcome* main_outcome(const Run& run, const Row& row) {
  const auto it = row.outcomes.find(run.plan().dtypes.front());
  return it == row.outcomes.end() ? nullptr : &it->second;
}

const char* word(Verdict v) { return v == Verdict::pass ? "pass" : v == Verdict::fail ? "FAIL" : "skip"; }
const char* sign(Relation r) {
  switch (r) {
    case Relation::equals:
      return "=";
    case Relation::differs:
      return "≠";
    case Relation::below:
      return ">";
    case Relation::at_most:
      return "≥";
    default:
      return "told from";
  }
}

// The first numbers that a route arrived at.
std::string shown(const Values& v) {
  std::string s;
  const size_t n = v.value.size(), most = n > 3 ? 2 : n;
  for (size_t i = 0; i < most; ++i) {
    s += fmt::format("{}{:.6g}", i ? ", " : "", v.value[i]);
    if (v.error[i] > 0) s += fmt::format("±{:.1g}", v.error[i]);
  }
  return n > most ? s + fmt::format(", .. ({})", n) : s;
}

std::string closeness(const Row& row, DType dtype) {
  const auto it = row.outcomes.find(dtype);
  if (it == row.outcomes.end()) return "";
  const Outcome& o = it->second;
  if (!o.trouble.empty()) return "error";
  if (row.relation == Relation::below || row.relation == Relation::at_most) return "holds";
  return o.distance.comparisons ? fmt::format("z {:.2f}", o.distance.z) : fmt::format("{:.1e}", o.distance.error);
}

std::string limit_of(const Run& run, const Row& row) {
  const Outcome* o = main_outcome(run, row);
  if (!o || row.relation == Relation::below || row.relation == Relation::at_most) return "";
  if (row.relation == Relation::refutes) return fmt::format("> {:.2f}", run.limit());
  if (o->distance.comparisons) return fmt::format("{}{:.2f}", row.relation == Relation::differs ? "> " : "", run.limit());
  return row.relation == Relation::differs ? fmt::format("> {:.0e}", visible)
                                           : fmt::format("{:.0e}", tolerance(row.kind, run.plan().dtypes.front()));
}

// Text of a given width on the terminal, where not every byte is a column.
std::string padded(const std::string& text, size_t width) {
  size_t columns = 0;
  for (const char ch : text)
    if ((static_cast<unsigned char>(ch) & 0xC0) != 0x80) ++columns;
  return text + std::string(columns + 2 < width ? width - columns : 2, ' ');
}

struct Counts {
  int pass = 0, fail = 0, skip = 0;
};
// Of all statements, or of one family.
Counts count(const Run& run, const std::string& family = "") {
  Counts n;
  for (const StatementRows& s : run.statements())
    if (s.name.rfind(family, 0) == 0)
      for (const Row& row : s.rows) {
        const Verdict v = run.verdict(row);
        ++(v == Verdict::pass ? n.pass : v == Verdict::fail ? n.fail : n.skip);
      }
  return n;
}

// One row a family: how many of its checks hold.
report::Table verdicts(const Run& run) {
  report::Table t{.head = {"", "family", "passed", "failed", "skipped"}, .rows = {}, .kinds = {}};
  std::string last;
  for (const StatementRows& s : run.statements()) {
    const std::string family = s.name.substr(0, s.name.find('/') + 1);
    const Counts n = count(run, family);
    if (family == last || n.pass + n.fail + n.skip == 0) continue;
    last = family;
    t.kinds.push_back(n.fail ? "fail" : n.pass ? "pass" : "skip");
    t.rows.push_back({t.kinds.back(), family.substr(0, family.size() - 1), fmt::format("{}", n.pass), fmt::format("{}", n.fail),
                      fmt::format("{}", n.skip)});
  }
  return t;
}

std::string processor() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (line.rfind("model name", 0) == 0 && line.find(": ") != std::string::npos) return line.substr(line.find(": ") + 2);
  return "unknown processor";
}

}  // namespace

std::string machine(const Plan& plan) {
  return fmt::format("scoregrad {}, {} {}, {} x {}, device {}, seed {}, {} samples", SCOREGRAD_VERSION,
#ifdef __clang__
                     "clang", __clang_version__,
#else
                     "g++", __VERSION__,
#endif
                     std::thread::hardware_concurrency(), processor(), name_of(default_device()), plan.seed, plan.samples);
}

size_t print(const Run& run, size_t first) {
  const auto& all = run.statements();
  for (size_t i = first; i < all.size(); ++i) {
    if (all[i].rows.empty()) continue;
    fmt::print("\n{}  {}\n", all[i].name, all[i].text);
    for (const Row& row : all[i].rows) {
      if (!row.skipped.empty()) {
        fmt::print("  skip  {}\n", row.skipped);
        continue;
      }
      const std::string routes = fmt::format("{} {} {}", row.reference, sign(row.relation), row.route);
      const Outcome* o = main_outcome(run, row);
      if (!o) {
        fmt::print("        {:<44}  {}\n", row.name, routes);
        continue;
      }
      fmt::print("  {}  {}{}", word(run.verdict(row)), padded(routes, 58), padded(shown(o->found), 40));
      for (const DType dtype : run.plan().dtypes) fmt::print(" {:>8}", closeness(row, dtype));
      fmt::print("\n");
      for (const auto& [dtype, out] : row.outcomes)
        if (!out.trouble.empty())
          fmt::print("        {}: {}\n", name_of(dtype), out.trouble);
        else if (run.verdict(row, dtype) == Verdict::fail)
          fmt::print("        {}: {} gives {}, {} gives {}\n", name_of(dtype), row.reference, shown(out.reference), row.route,
                     shown(out.found));
    }
  }
  std::fflush(stdout);
  return all.size();
}

std::string summary(const Run& run) {
  const Counts n = count(run);
  std::string s = fmt::format("{} checks, {} passed, {} failed, {} skipped", n.pass + n.fail + n.skip, n.pass, n.fail, n.skip);
  if (run.comparisons())
    s += fmt::format("; {} Monte-Carlo comparisons, |z| at most {:.2f} for a false alarm in {:.0e} of all runs", run.comparisons(),
                     run.limit(), false_alarm);
  return s;
}

void save_json(const Run& run, const std::string& path) {
  const Counts n = count(run);
  const Plan& plan = run.plan();
  nlohmann::ordered_json j = {{"program", "scoregrad verify"},
                              {"version", SCOREGRAD_VERSION},
                              {"machine", machine(plan)},
                              {"seed", plan.seed},
                              {"samples", plan.samples},
                              {"quick", plan.quick},
                              {"only", plan.only},
                              {"passed", n.pass},
                              {"failed", n.fail},
                              {"skipped", n.skip},
                              {"cpu_seconds", cpu_seconds()},
                              {"comparisons", run.comparisons()},
                              {"z_limit", run.limit()},
                              {"false_alarm", false_alarm},
                              {"checks", nlohmann::ordered_json::array()}};
  for (const StatementRows& s : run.statements())
    for (const Row& row : s.rows) {
      nlohmann::ordered_json r = {{"name", row.name},
                                  {"statement", s.text},
                                  {"reference", row.reference},
                                  {"route", row.route},
                                  {"relation", sign(row.relation)},
                                  {"kind", name_of(row.kind)},
                                  {"verdict", word(run.verdict(row))}};
      if (!row.skipped.empty()) r["skipped"] = row.skipped;
      for (const auto& [dtype, o] : row.outcomes) {
        nlohmann::ordered_json out = {{"verdict", word(run.verdict(row, dtype))}, {"cpu_seconds", o.seconds}};
        if (!o.trouble.empty())
          out["trouble"] = o.trouble;
        else
          out.update({{"reference", o.reference.value},
                      {"found", o.found.value},
                      {"error", o.distance.error},
                      {"tolerance", tolerance(row.kind, dtype)}});
        if (o.found.sampled() || o.reference.sampled())
          out.update({{"reference_standard_error", o.reference.error}, {"found_standard_error", o.found.error}, {"z", o.distance.z}});
        r[name_of(dtype)] = out;
      }
      j["checks"].push_back(r);
    }
  const std::string text = j.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  OutputFile out(path, "output", Where::here());
  out.write(text.data(), text.size());
  out.finish();
}

void save_report(const Run& run, const std::string& path, const std::string& json) {
  report::Page page("DSM, ESM and the bias between them");
  page.text(summary(run));
  page.text(fmt::format("{}. {:.1f} s of CPU time.", machine(run.plan()), cpu_seconds()));
  if (!json.empty()) {
    const auto folder = std::filesystem::absolute(path).parent_path();
    page.link(std::filesystem::absolute(json).lexically_relative(folder).string(), "Every number as JSON");
  }
  page.text(
      "DSM, the denoising loss, is what is trained; ESM, the explicit one, is what is meant. DSM = ESM − C2 + C3, where C2 is half the "
      "mean "
      "square of the true score and C3 a constant. For the network's parameters both have the same gradient. For anything that shapes the "
      "law of the noised data given the condition they differ by −∇C2: DSM pays for a larger score.");
  page.table(verdicts(run));
  for (const report::Figure& figure : run.figures()) page.figure(figure);

  page.heading("Every check");
  report::Table table{.head = {"", "routes", "value"}, .rows = {}, .kinds = {}};
  for (const DType dtype : run.plan().dtypes) table.head.push_back(name_of(dtype));
  table.head.push_back("limit");
  for (const StatementRows& s : run.statements()) {
    if (s.rows.empty()) continue;
    table.rows.push_back({s.name + ": " + s.text});
    table.kinds.push_back("head");
    for (const Row& row : s.rows) {
      const Verdict v = run.verdict(row);
      table.kinds.push_back(v == Verdict::pass ? "pass" : v == Verdict::fail ? "fail" : "skip");
      if (!row.skipped.empty()) {
        table.rows.push_back({"skip", row.skipped});
        continue;
      }
      std::vector<std::string> cells = {word(v), fmt::format("{} {} {}", row.reference, sign(row.relation), row.route),
                                        main_outcome(run, row) ? shown(main_outcome(run, row)->found) : ""};
      for (const DType dtype : run.plan().dtypes) cells.push_back(closeness(row, dtype));
      cells.push_back(limit_of(run, row));
      table.rows.push_back(cells);
    }
  }
  page.table(table);
  page.save(path);
}

}  // namespace scoregrad::verify
