#include "report/page.h"

#include <fmt/format.h>

#include "autograd/files/file.h"

namespace scoregrad::report {
namespace {

// Colours of text and ground are the reader's own; those of verdicts are from Okabe and Ito's palette, legible on both grounds.
const char* style = R"(
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; background: Canvas; color: CanvasText; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 2.5rem; }
table { border-collapse: collapse; margin: 1rem 0; font-size: 0.875rem; }
th, td { padding: 0.2rem 0.7rem; text-align: left; vertical-align: top; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
tr.head td { font-weight: 600; padding-top: 1rem; }
tr.pass td:first-child { color: #009e73; } tr.fail td { color: #d55e00; font-weight: 600; } tr.skip td { opacity: 0.7; font-style: italic; }
figure { margin: 2rem 0; } figcaption { margin-bottom: 0.5rem; } figure svg { max-width: 100%; height: auto; display: block; }
.wide { overflow-x: auto; } summary { cursor: pointer; }
@media print { body { max-width: none; } details > * { display: block; } figure, tr { break-inside: avoid; } }
)";

bool is_number(const std::string& cell) {
  return !cell.empty() && cell.find_first_of("0123456789") != std::string::npos &&
         cell.find_first_not_of("0123456789+-.eE%") == std::string::npos;
}

std::string html_of(const Table& table) {
  std::vector<bool> numeric(table.head.size(), false);
  for (size_t j = 0; j < numeric.size(); ++j)
    for (const auto& row : table.rows)
      if (j < row.size() && is_number(row[j])) numeric[j] = true;

  const auto cell = [&](const char* tag, size_t j, const std::string& text) {
    return fmt::format("<{0}{1}>{2}</{0}>", tag, j < numeric.size() && numeric[j] ? " class=\"number\"" : "", escaped(text));
  };
  std::string out = "<div class=\"wide\"><table>\n<thead><tr>";
  for (size_t j = 0; j < table.head.size(); ++j) out += cell("th", j, table.head[j]);
  out += "</tr></thead>\n<tbody>\n";
  for (size_t i = 0; i < table.rows.size(); ++i) {
    const std::string kind = i < table.kinds.size() ? table.kinds[i] : "";
    out += kind.empty() ? "<tr>" : fmt::format("<tr class=\"{}\">", kind);
    if (kind == "head")
      out += fmt::format("<td colspan=\"{}\">{}</td>", table.head.size(), escaped(table.rows[i].at(0)));
    else
      for (size_t j = 0; j < table.rows[i].size(); ++j) out += cell("td", j, table.rows[i][j]);
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

}  // namespace

std::string escaped(const std::string& text) {
  std::string out;
  for (const char ch : text) {
    if (ch == '&')
      out += "&amp;";
    else if (ch == '<')
      out += "&lt;";
    else if (ch == '>')
      out += "&gt;";
    else if (ch == '"')
      out += "&quot;";
    else
      out += ch;
  }
  return out;
}

void Page::heading(const std::string& text) { body_ += fmt::format("<h2>{}</h2>\n", escaped(text)); }
void Page::text(const std::string& text) { body_ += fmt::format("<p>{}</p>\n", escaped(text)); }
void Page::link(const std::string& file, const std::string& text) {
  body_ += fmt::format("<p><a href=\"{}\">{}</a></p>\n", escaped(file), escaped(text));
}
void Page::table(const Table& table) { body_ += html_of(table); }

void Page::figure(const Figure& figure) {
  body_ += fmt::format("<figure>\n<figcaption>{}</figcaption>\n", escaped(figure.caption));
  if (!figure.svg.empty())
    body_ += fmt::format("<div role=\"img\" aria-label=\"{}\">\n{}</div>\n", escaped(figure.alt), figure.svg);
  else
    body_ += fmt::format("<p>{}</p>\n", escaped(figure.alt));
  if (!figure.data.rows.empty())
    body_ +=
        fmt::format("<details{}><summary>The numbers</summary>\n{}</details>\n", figure.svg.empty() ? " open" : "", html_of(figure.data));
  body_ += "</figure>\n";
}

std::string Page::html() const {
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{0}</title>\n<style>{1}</style>\n</head>\n"
      "<body>\n<h1>{0}</h1>\n{2}</body>\n</html>\n",
      escaped(title_), style, body_);
}

void Page::save(const std::string& path) const {
  OutputFile out(path, "report", Where::here());
  const std::string text = html();
  out.write(text.data(), text.size());
  out.finish();
}

}  // namespace scoregrad::report
