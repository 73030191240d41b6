#include "benchmarks/bench_report/sections.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "benchmarks/bench_report/figures.h"
#include "report/chart.h"

namespace bench {

using scoregrad::report::BarChart;
using scoregrad::report::LineChart;
using scoregrad::report::Table;

namespace {

const char* const ours = "scoregrad";
const char* const theirs = "libtorch";
// Set behind numbers that were taken while other programs kept the CPU busy.
const char* marked(bool loaded) { return loaded ? " (busy)" : ""; }

std::string number(double x) { return x >= 0.995 ? fmt::format("{:.2f}", x) : fmt::format("{:.3f}", x); }
std::string time_of(const Row* row) { return row ? duration(row->median_us) + marked(row->loaded) : ""; }
std::string megabytes(double mb) { return fmt::format("{:.{}f}", mb, mb < 10 ? 1 : 0); }

// Cases whose rows take part: everything but the machine's limits and the smallest program, at full size.
std::vector<std::string> case_names(const Measurements& m) {
  std::vector<std::string> all;
  for (const std::string& name : m.names(ours))
    if (name != "smallest_program") all.push_back(name);
  return all;
}

Section ratios(const Measurements& m) {
  Section s{.heading = "Ratios",
            .text =
                "Median of scoregrad over median of libtorch in the same run, what it must be and what it would be at a stretch. A name "
                "with _eager "
                "is scoregrad without compile(); libtorch is always eager."};
  s.table.head = {"", "case", "threads", "scoregrad", "libtorch", "ratio", "must", "stretch"};
  BarChart chart{.caption = "Ratio to libtorch, one thread: shorter is faster",
                 .alt = "A bar for each case, as high as scoregrad's time in units of libtorch's.",
                 .y_label = "ratio",
                 .bars = {},
                 .parts = {"scoregrad / libtorch"},
                 .values = {{}}};
  for (const Asked& figure : asked())
    for (const int threads : m.threads()) {
      const auto r = ratio(m, figure, threads);
      if (!r) continue;
      s.table.rows.push_back({r->verdict(), figure.name, fmt::format("{}", threads), time_of(r->ours), time_of(r->theirs),
                              number(r->value) + marked(r->loaded), number(r->must), number(r->stretch)});
      s.table.kinds.push_back(r->value <= r->must ? "pass" : "fail");
      if (threads != m.threads().front()) continue;
      chart.bars.push_back(fmt::format("{}", chart.bars.size() + 1));
      chart.values[0].push_back(r->value);
      chart.alt += fmt::format(" {}: {} {}.", chart.bars.back(), figure.name, number(r->value));
    }
  if (!chart.bars.empty()) {
    chart.caption += ". " + chart.alt.substr(chart.alt.find(" 1: ") + 1);
    s.figures.push_back(draw(chart));
  }
  return s;
}

Section floors(const Measurements& m) {
  Section s{
      .heading = "Floors",
      .text =
          "What the machine needs at its best for the work that no program can avoid: the larger of bytes over bandwidth, and of flops "
          "over the rate of matrix products plus elementary functions and random numbers over theirs. All rates are of the same run."};
  s.table.head = {"case", "threads", "median", "floor", "median / floor", "floor is set by"};
  for (const Row& row : m.rows()) {
    if (row.peer != ours || row.scale != 1 || row.device != "cpu" || row.name != counterpart(row.name)) continue;
    const Floor floor = floor_of(row, rates(m, row.threads));
    const Row* copy = m.find("limits", "limit_copy_4m", row.threads);
    const bool busy = copy && copy->loaded;
    if (floor.us <= 0.05) continue;  // a handful of numbers has no floor worth the name
    s.table.rows.push_back({row.name, fmt::format("{}", row.threads), time_of(&row), duration(floor.us) + marked(busy),
                            fmt::format("{:.2f}", row.median_us / floor.us), floor.bound});
  }
  return s;
}

Section threads(const Measurements& m) {
  const std::vector<int> counts = m.threads();
  Section s{.heading = "Threads",
            .text =
                "Times faster than with one thread. No compiled step must be slower (within 2 %, which is noise); what it would be at a "
                "stretch stands "
                "beside."};
  s.table.head = {"", "case", "program", "1 thread"};
  for (const int n : counts)
    if (n > 1) s.table.head.push_back(fmt::format("{} threads", n));
  s.table.head.push_back("stretch");
  std::vector<scoregrad::report::Line> lines;
  for (const std::string& peer : m.peers())
    for (const std::string& name : m.names(peer)) {
      const Row* one = m.find(peer, name, 1);
      if (!one || peer == "limits" || name == "smallest_program" || counts.size() < 2) continue;
      const bool judged = peer == ours && name == counterpart(name);
      std::vector<std::string> cells{"", name, peer, time_of(one)};
      scoregrad::report::Line line{.name = name, .x = {1}, .y = {1}};
      for (const int n : counts) {
        if (n == 1) continue;
        const Row* row = m.find(peer, name, n);
        cells.push_back(row ? fmt::format("{:.2f}{}", one->median_us / row->median_us, marked(row->loaded || one->loaded)) : "");
        if (row) line.x.push_back(n), line.y.push_back(one->median_us / row->median_us);
      }
      const double wanted = wanted_speed_up(name), last = line.y.back();
      if (judged) cells[0] = last >= wanted && wanted > 1 ? "stretch" : last >= 0.98 ? "must" : "missed";
      cells.push_back(judged && wanted > 1 ? fmt::format("{:.2f}", wanted) : "");
      s.table.rows.push_back(cells);
      s.table.kinds.push_back(!judged ? "" : last >= 0.98 ? "pass" : "fail");
      if (judged && line.x.size() > 1) lines.push_back(line);
    }
  if (!lines.empty())
    s.figures.push_back(draw(LineChart{.caption = "Compiled steps by threads",
                                       .alt = "Lines of speed-up over the number of threads.",
                                       .x_label = "threads",
                                       .y_label = "times faster",
                                       .lines = lines}));
  return s;
}

Section memory(const Measurements& m) {
  Section s{
      .heading = "Memory",
      .text =
          "MB of resident memory: how far a case's timed calls raise it above what its inputs and the program take (code that is used for "
          "the first time included), and the program's "
          "largest, at one thread. A compiled step is eager in its first three calls: its program's largest is that of the eager step. "
          "Asked of "
          "elementwise_chain_fwdbwd, compiled: 64 MB."};
  s.table.head = {"case", "compiled", "eager", "libtorch", "program", "libtorch's program"};
  for (const std::string& name : case_names(m)) {
    if (name != counterpart(name)) continue;
    const Row *compiled = m.find(ours, name, 1), *eager = m.find(ours, name + "_eager", 1), *other = m.find(theirs, name, 1);
    const auto growth = [](const Row* r) { return r ? megabytes(r->growth_mb) : ""; };
    const auto largest = [](const Row* r) { return r ? megabytes(r->maxrss_mb) : ""; };
    s.table.rows.push_back({name, growth(compiled), growth(eager), growth(other), largest(compiled), largest(other)});
  }
  return s;
}

Section start_up(const Measurements& m) {
  Section s{.heading = "Start-up",
            .text = "The smallest program, which makes one tensor: from its start to its end. Asked: 20 ms and 12 MB."};
  s.table.head = {"program", "time", "p10 to p90", "MB"};
  for (const std::string& peer : m.peers())
    if (const Row* row = m.find(peer, "smallest_program", 1))
      s.table.rows.push_back({peer, time_of(row), duration(row->p10_us) + " to " + duration(row->p90_us), megabytes(row->maxrss_mb)});
  return s;
}

Section sizes(const Measurements& m) {
  Section s{.heading = "Sizes", .text = "One thread; time against size, with the floor where there is one.", .brief = false};
  s.table.head = {"case", "size", "scoregrad", "libtorch", "ratio", "floor"};
  const Rates best = rates(m, 1);
  for (const std::string& name : case_names(m)) {
    std::vector<const Row*> rows;
    for (const Row& r : m.rows())
      if (r.peer == ours && r.name == name && r.threads == 1 && r.device == "cpu" && r.size > 0) rows.push_back(&r);
    if (rows.size() < 3) continue;
    std::sort(rows.begin(), rows.end(), [](const Row* a, const Row* b) { return a->size < b->size; });
    scoregrad::report::Line mine{.name = ours, .x = {}, .y = {}}, other{.name = theirs, .x = {}, .y = {}},
        floor{.name = "floor", .x = {}, .y = {}};
    for (const Row* r : rows) {
      const Row* t = m.find(theirs, counterpart(name), 1, r->scale);
      const double least = floor_of(*r, best).us;
      mine.x.push_back(r->size), mine.y.push_back(r->median_us);
      if (t) other.x.push_back(r->size), other.y.push_back(t->median_us);
      if (least > 0.05) floor.x.push_back(r->size), floor.y.push_back(least);
      s.table.rows.push_back({name, fmt::format("{:.0f} {}", r->size, r->unit), time_of(r), time_of(t),
                              t ? number(r->median_us / t->median_us) : "", least > 0.05 ? duration(least) : ""});
    }
    LineChart chart{.caption = name + ": " + rows[0]->notes,
                    .alt = "Time over size, both on logarithmic axes.",
                    .x_label = rows[0]->unit,
                    .y_label = "us",
                    .lines = {mine},
                    .log_x = true,
                    .log_y = true};
    for (const auto& line : {other, floor})
      if (line.x.size() > 1) chart.lines.push_back(line);
    s.figures.push_back(draw(chart));
  }
  return s;
}

Section limits(const Measurements& m) {
  Section s{
      .heading = "The machine's limits",
      .text =
          "The best of the run for each kind of work; floors are made of the copy or triad that is fastest, the fastest matrix product and "
          "the library's own exp and normal."};
  s.table.head = {"limit", "unit"};
  const std::vector<int> counts = m.threads();
  for (const int n : counts) s.table.head.push_back(fmt::format("{} thread{}", n, n == 1 ? "" : "s"));
  for (const std::string& name : m.names("limits")) {
    std::vector<std::string> cells{name.substr(name.find('_') + 1), ""};
    for (const int n : counts) {
      const Row* r = m.find("limits", name, n);
      const double bytes = r ? r->bytes : 0, flops = r ? r->flops : 0, values = r ? r->functions + r->normals : 0;
      if (r) cells[1] = bytes > 0 ? "GB/s" : flops > 0 ? "GFLOP/s" : "values/ns";
      cells.push_back(r ? fmt::format("{:.3g}", (bytes + flops + values) / r->median_us / 1e3) + marked(r->loaded) : "");
    }
    s.table.rows.push_back(cells);
  }
  return s;
}

Section on_gpu(const Measurements& m) {
  Section s{.heading = "GPU", .text = "Compiled and eager on the GPU, beside the CPU with all threads."};
  s.table.head = {"case", "GPU", "CPU", "CPU / GPU"};
  for (const Row& r : m.rows()) {
    if (r.peer != ours || r.device != "cuda" || r.scale != 1) continue;
    const Row* cpu = m.find(ours, r.name, m.threads().back());
    s.table.rows.push_back({r.name, time_of(&r), time_of(cpu), cpu ? fmt::format("{:.1f}", cpu->median_us / r.median_us) : ""});
  }
  return s;
}

Section times(const Measurements& m) {
  Section s{.heading = "All times", .text = "Medians over the rounds of the run, with the deciles of the samples.", .brief = false};
  s.table.head = {"case", "program", "device", "threads", "median", "p10", "p90", "rounds", "other programs, cores", "notes"};
  for (const Row& r : m.rows())
    if (r.scale == 1 && r.peer != "limits")
      s.table.rows.push_back({r.name, r.peer, r.device, fmt::format("{}", r.threads), time_of(&r), duration(r.p10_us), duration(r.p90_us),
                              fmt::format("{}", r.round), fmt::format("{:.2f}", r.foreign_cores), r.notes});
  return s;
}

}  // namespace

std::vector<Section> sections(const Measurements& m) {
  std::vector<Section> all;
  for (auto make : {ratios, floors, threads, memory, start_up, limits, on_gpu, sizes, times}) {
    Section s = make(m);
    if (!s.table.rows.empty()) all.push_back(std::move(s));
  }
  return all;
}

Section gains(const Measurements& m, const std::vector<std::string>& passes) {
  Section s{.heading = "Passes",
            .text = "How much longer a compiled case takes where compile() leaves one pass out, in percent of the time with all of them."};
  s.table.head = {"case", "device", "threads", "all passes"};
  for (const std::string& pass : passes) s.table.head.push_back("without " + pass);
  for (const Row& row : m.rows()) {
    if (row.peer != ours) continue;
    std::vector<std::string> line{row.name, row.device, fmt::format("{}", row.threads), time_of(&row)};
    for (const std::string& pass : passes) {
      const Row* without = m.find("without " + pass, row.name, row.threads, row.scale, row.device);
      line.push_back(without ? fmt::format("{:+.1f} %", 100 * (without->median_us / row.median_us - 1)) + marked(without->loaded) : "");
    }
    s.table.rows.push_back(std::move(line));
  }
  return s;
}

std::string duration(double us) {
  const auto [value, unit] = us < 1e3 ? std::pair(us, "us") : us < 1e6 ? std::pair(us / 1e3, "ms") : std::pair(us / 1e6, "s");
  return value >= 100 ? fmt::format("{:.0f} {}", value, unit) : fmt::format("{:.3g} {}", value, unit);
}

std::string markdown(const Table& table) {
  const auto line = [](const std::vector<std::string>& cells) { return fmt::format("| {} |\n", fmt::join(cells, " | ")); };
  std::string out = line(table.head) + line(std::vector<std::string>(table.head.size(), "---"));
  for (const auto& row : table.rows) out += line(row);
  return out;
}

}  // namespace bench
