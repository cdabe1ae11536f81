// Reads what a scrape of /metrics got, by the letter of the text format 0.0.4 or of
// OpenMetrics 1.0, and says what is wrong with it. As strict as promtool's linter, and stricter
// than its parser.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace llmrec::support {

struct Scrape {
  std::vector<std::string> faults;
  std::map<std::string, double> values;                              // by the whole series
  std::map<std::string, std::map<std::string, std::string>> labels;  // likewise, unescaped
};

class MetricsReader {
 public:
  MetricsReader(std::string_view text, bool open_metrics) : open_metrics_(open_metrics) {
    if (text.empty() || text.back() != '\n') fault("no line end at the end");
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      line(text.substr(0, end));
      text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    }
    if (open_metrics_ && !ended_) fault("no # EOF");
    check_histograms();
  }
  Scrape result() { return std::move(out_); }

 private:
  struct Bucket {
    double bound;
    double count;
  };
  struct Spread {
    std::vector<Bucket> buckets;
    double count = -1;
    bool has_sum = false;
  };

  void fault(std::string what) { out_.faults.push_back(std::move(what)); }

  static bool is_name(std::string_view s, bool colon) {
    if (s.empty() || (s[0] >= '0' && s[0] <= '9')) return false;
    return std::all_of(s.begin(), s.end(), [colon](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '_' || (colon && c == ':');
    });
  }

  void line(std::string_view text) {
    if (ended_) return fault("something behind # EOF");
    if (text == "# EOF" && open_metrics_) {
      ended_ = true;
    } else if (text.starts_with("# ")) {
      meta(text.substr(2));
    } else {
      sample(text);
    }
  }

  void meta(std::string_view text) {
    const std::size_t first = text.find(' ');
    const std::size_t second = text.find(' ', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) {
      return fault("malformed: # " + std::string(text));
    }
    const std::string_view kind = text.substr(0, first);
    const std::string name(text.substr(first + 1, second - first - 1));
    const std::string rest(text.substr(second + 1));
    if (!is_name(name, true)) return fault("not a name: " + name);
    if (kind == "HELP") {
      if (!families_.insert(name).second) fault(name + " is declared twice");
      family_ = name;
      type_.clear();
      if (rest.empty()) fault(name + " has no help");
    } else if (name != family_) {
      fault(name + " comes apart from its HELP");
    } else if (kind == "TYPE") {
      type_ = rest;
      if (rest != "counter" && rest != "gauge" && rest != "histogram") fault(name + ": " + rest);
      if ((rest == "counter") != name.ends_with("_total") && !open_metrics_) {
        fault(name + ": a counter, and nothing else, ends in _total");
      }
      if (open_metrics_ && name.ends_with("_total")) fault(name + ": the family has no _total");
      for (const char* bad : {"_ms", "_milliseconds", "_ns", "_kb", "_mib", "_count", "_sum"}) {
        if (name.ends_with(bad)) fault(name + " ends in " + bad);
      }
    } else if (kind == "UNIT") {
      if (!open_metrics_) fault("UNIT is for OpenMetrics");
      if (!name.ends_with("_" + rest)) fault(name + " does not end in its unit");
    } else {
      fault("malformed: # " + std::string(text));
    }
  }

  void sample(std::string_view text) {
    const std::size_t brace = text.find('{');
    const std::size_t blank = text.find(' ');
    const std::string name(text.substr(0, std::min(brace, blank)));
    if (!is_name(name, true)) return fault("not a sample: " + std::string(text));
    std::map<std::string, std::string> labels;
    std::size_t at = name.size();
    if (brace < blank && !read_labels(text, at, labels)) {
      return fault("bad labels: " + std::string(text));
    }
    if (at >= text.size() || text[at] != ' ') return fault("no value: " + std::string(text));
    const std::string number(text.substr(at + 1));
    char* end = nullptr;
    const double value = std::strtod(number.c_str(), &end);
    if (number.empty() || *end != 0 || !std::isfinite(value)) {
      return fault("not a number: " + std::string(text));
    }
    if (type_ != "gauge" && value < 0) fault("below zero: " + std::string(text));
    const std::string series(text.substr(0, at));
    if (!out_.values.emplace(series, value).second) fault("twice: " + series);
    out_.labels[series] = labels;
    belongs(name, labels, value);
  }

  // At '{'; leaves `at` behind '}'.
  static bool read_labels(std::string_view text, std::size_t& at,
                          std::map<std::string, std::string>& labels) {
    do {
      ++at;
      const std::size_t equals = text.find('=', at);
      if (equals == std::string_view::npos) return false;
      const std::string name(text.substr(at, equals - at));
      at = equals + 1;
      if (!is_name(name, false) || at >= text.size() || text[at] != '"') return false;
      std::string value;
      for (++at; at < text.size() && text[at] != '"'; ++at) {
        if (static_cast<unsigned char>(text[at]) < 0x20) return false;
        if (text[at] != '\\') {
          value += text[at];
          continue;
        }
        ++at;
        if (at == text.size() ||
            std::string_view("\\\"n").find(text[at]) == std::string_view::npos) {
          return false;
        }
        value += text[at] == 'n' ? '\n' : text[at];
      }
      ++at;  // the quote
      if (at >= text.size() || !is_utf8(value) || !labels.emplace(name, value).second) return false;
    } while (text[at] == ',');
    return text[at++] == '}';
  }

  static bool is_utf8(std::string_view s) {
    for (std::size_t i = 0; i < s.size();) {
      const auto c = static_cast<unsigned char>(s[i]);
      const std::size_t n = c < 0x80                ? 1
                            : c >= 0xf0 && c < 0xf5 ? 4
                            : c >= 0xe0             ? 3
                            : c >= 0xc2             ? 2
                                                    : 0;
      if (n == 0 || c >= 0xf5 || i + n > s.size()) return false;
      for (std::size_t k = 1; k < n; ++k) {
        if ((static_cast<unsigned char>(s[i + k]) & 0xc0U) != 0x80U) return false;
      }
      i += n;
    }
    return true;
  }

  void belongs(const std::string& name, std::map<std::string, std::string> labels, double value) {
    if (type_.empty()) return fault(name + " has no TYPE before it");
    if (type_ != "histogram") {
      const bool total = open_metrics_ && type_ == "counter";
      if (name != family_ + (total ? "_total" : "")) fault(name + " is not of " + family_);
      return;
    }
    const std::string le = labels["le"];
    labels.erase("le");
    std::string key = family_;
    for (const auto& [k, v] : labels) key += '|' + k + '=' + v;
    Spread& spread = spreads_[key];
    if (name == family_ + "_bucket") {
      const double bound =
          le == "+Inf" ? std::numeric_limits<double>::infinity() : std::strtod(le.c_str(), nullptr);
      if (open_metrics_ && le.find_first_of(".I") == std::string::npos) fault("le=" + le);
      spread.buckets.push_back({bound, value});
    } else if (name == family_ + "_sum") {
      spread.has_sum = true;
    } else if (name == family_ + "_count") {
      spread.count = value;
    } else {
      fault(name + " is not of " + family_);
    }
  }

  void check_histograms() {
    for (const auto& [key, s] : spreads_) {
      if (s.buckets.empty() || !s.has_sum || s.count < 0) {
        fault(key + " is not whole");
        continue;
      }
      for (std::size_t i = 1; i < s.buckets.size(); ++i) {
        if (s.buckets[i].bound <= s.buckets[i - 1].bound) fault(key + ": bounds do not rise");
        if (s.buckets[i].count < s.buckets[i - 1].count) fault(key + ": counts fall");
      }
      if (!std::isinf(s.buckets.back().bound)) fault(key + ": no +Inf");
      if (s.buckets.back().count != s.count) fault(key + ": +Inf is not the count");
    }
  }

  bool open_metrics_;
  bool ended_ = false;
  std::string family_;
  std::string type_;
  std::set<std::string> families_;
  std::map<std::string, Spread> spreads_;
  Scrape out_;
};

inline Scrape read_metrics(std::string_view text, bool open_metrics = false) {
  return MetricsReader(text, open_metrics).result();
}

}  // namespace llmrec::support
