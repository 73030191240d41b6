// The whole comparison: runs the cases by scoregrad and by other libraries, each in a process of its own and in turns, beside the machine's
// own limits; writes the lines, a page with tables and charts, and the tables in Markdown; prints the ratios.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "autograd/backend/error.h"
#include "autograd/backend/machine.h"
#include "benchmarks/bench_report/process.h"
#include "benchmarks/bench_report/schedule.h"
#include "benchmarks/bench_report/sections.h"

namespace {

namespace fs = std::filesystem;
using scoregrad::Error;
using scoregrad::Where;

std::string today() {
  const std::time_t now = std::time(nullptr);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", std::gmtime(&now));
  return text;
}

std::string text_of(const fs::path& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void write(const fs::path& path, const std::string& text) {
  std::ofstream out(path);
  if (!(out << text).flush()) throw Error(Where::here(), "benchmarks: cannot write " + path.string());
}

// A file of its own; or, in a document that has these two lines, what stands between them.
void write_results(const fs::path& path, const std::string& title, const std::string& text) {
  const std::string from = "<!-- measured -->\n", to = "<!-- end of measured -->\n";
  const std::string document = text_of(path);
  const size_t begin = document.find(from), end = document.find(to);
  if (begin == std::string::npos || end == std::string::npos || end < begin) {
    if (!document.empty()) throw Error(Where::here(), "benchmarks: " + path.string() + " exists and has no lines for the results");
    return write(path, "# " + title + "\n\n" + text);
  }
  write(path, document.substr(0, begin + from.size()) + "\n" + text + "\n" + document.substr(end));
}

}  // namespace

int main(int argc, char** argv) {
  bench::Plan plan;
  plan.programs = fs::read_symlink("/proc/self/exe").parent_path().string();
  std::string out = (fs::path(plan.programs) / "../../bench").lexically_normal().string(), from, revision;
  std::vector<std::string> results;
  std::vector<std::string> without;
  bool quick = false;
  CLI::App app("Runs the benchmarks and writes rows.jsonl, index.html and tables.md.", "./run bench");
  app.add_flag("--quick", quick, "one round of short runs at the usual sizes only");
  app.add_flag("--peers", plan.peers, "also the other libraries that were built in (./run installs and builds libtorch's)");
  app.add_option("--peer-folder", plan.peer_folders, "also every executable peer_* in this folder")->check(CLI::ExistingDirectory);
  app.add_option("--out", out, "the folder for what is written")->capture_default_str();
  app.add_option("--rounds", plan.rounds, "rounds, of whose medians the median counts; 3, quick 1")->check(CLI::PositiveNumber);
  app.add_option("--case", plan.only, "only the cases whose names begin so");
  app.add_option("--seconds", plan.seconds, "budget of one case in one process; 0.3, quick 0.05")->check(CLI::PositiveNumber);
  app.add_option("--device", plan.devices, "where scoregrad computes: cpu, cuda; all that are there unless said")
      ->check(CLI::IsMember({"cpu", "cuda"}));
  app.add_option("--without", without, "only what compile() gains by a pass: cases with it and without it; all: by each")
      ->check(CLI::IsMember({"merge", "fuse", "recompute", "absorb", "block", "launch", "all"}));
  app.add_option("--results", results, "also write the tables into this Markdown file: a new one, or between the lines made for it");
  app.add_option("--from", from, "time nothing: read this rows.jsonl")->check(CLI::ExistingFile);
  app.add_option("--revision", revision, "what the page says was timed");
  CLI11_PARSE(app, argc, argv);
  if (plan.devices.empty()) {
    plan.devices = {"cpu"};
    if (scoregrad::available(scoregrad::cuda)) plan.devices.push_back("cuda");
  }
  if (std::find(without.begin(), without.end(), "all") != without.end()) without = bench::passes;
  if (quick) {
    if (app.count("--rounds") == 0) plan.rounds = 1;
    if (app.count("--seconds") == 0) plan.seconds = 0.05;
    plan.samples = 2, plan.sizes = plan.patient = false;
  }
  try {
    fs::create_directories(out);
    std::vector<bench::Row> rows;
    int failed = 0;
    if (!from.empty()) {
      std::ifstream in(from);
      rows = bench::read_rows(in);
    } else {
      std::ofstream lines(fs::path(out) / "rows.jsonl");
      const auto take = [&](const bench::Row& row) {
        lines << bench::written(row) << std::endl;
        rows.push_back(row);
      };
      failed = without.empty() ? bench::carry_out(plan, take) : bench::leave_out(plan, without, take);
      if (!lines) throw Error(Where::here(), "benchmarks: cannot write into " + out);
    }
    if (rows.empty()) throw Error(Where::here(), "benchmarks: nothing was measured");

    const std::string when = from.empty() ? today() : text_of(fs::path(from).parent_path() / "machine.txt");
    const std::string machine = from.empty() ? fmt::format("{}, {}, {} CPUs, g++ {}{}", when, bench::cpu_name(), bench::cpu_count(),
                                                           __VERSION__, revision.empty() ? "" : ", " + revision)
                                             : when;
    write(fs::path(out) / "machine.txt", machine);
    scoregrad::report::Page page("How fast: scoregrad beside other libraries and the machine's limits");
    page.text(machine);
    std::string tables = machine + ".\n";
    const bench::Measurements measured(rows);
    for (const bench::Section& s :
         without.empty() ? bench::sections(measured) : std::vector<bench::Section>{bench::gains(measured, without)}) {
      page.heading(s.heading);
      page.text(s.text);
      page.table(s.table);
      for (const auto& figure : s.figures) page.figure(figure);
      if (s.brief) tables += fmt::format("\n### {}\n\n{}\n\n{}", s.heading, s.text, bench::markdown(s.table));
      if (s.heading == "Ratios" || s.heading == "GPU" || s.heading == "Passes") fmt::print("{}\n", bench::markdown(s.table));
    }
    page.save((fs::path(out) / "index.html").string());
    write(fs::path(out) / "tables.md", tables);
    for (const std::string& file : results) write_results(file, "Measured " + machine.substr(0, 10), tables);
    fmt::print("{}\n", (fs::path(out) / "index.html").string());
    if (failed > 0) fmt::print(stderr, "{} programs failed\n", failed);
    return failed > 0;
  } catch (const std::exception& e) {
    fmt::print(stderr, "bench_report: {}\n", e.what());
    return 2;
  }
}
