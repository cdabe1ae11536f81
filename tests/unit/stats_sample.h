// Figures of records as people meet them.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "report/stats.h"
#include "report_samples.h"

namespace llmrec::report::sample {

// Every kind of end, a minute apart, over three models and two routes; with a chain of two retries.
inline std::vector<Record> day() {
  std::vector<Record> out;
  RecordIdMint mint(1);
  const char* models[] = {"gpt-4o-mini", "gpt-4o", "claude-sonnet-4-5"};
  for (int round = 0; round < 8; ++round) {
    for (auto& [name, r] : all()) {
      if (name == "open" && round != 7) continue;
      // Half of the failures, so that most calls end well as in life.
      if (round % 2 == 1 && r.status == Status::failed) r = record::sample::typical();
      const auto n = out.size();
      r.started_at_us += static_cast<std::int64_t>(n) * 60'000'000;
      r.request_id = mint.mint(r.started_at_us / 1000);
      r.retry_of = {};
      r.attempt = 1;
      r.model = models[n % 3];
      r.provider = n % 3 == 2 ? "anthropic" : "openai";
      if (n % 2 == 1) r.tags = {};
      if (r.time_to_first_token_ns)
        *r.time_to_first_token_ns += static_cast<std::int64_t>(n) * 7'000'000;
      out.push_back(r);
    }
  }
  for (const std::size_t i : {std::size_t{20}, std::size_t{21}}) {
    out[i].retry_of = out[i - 1].request_id;
    out[i].attempt = static_cast<std::int64_t>(i) - 18;
  }
  return out;
}

inline Figures figures_of(const std::vector<Record>& records,
                          const std::vector<std::string>& by = {}) {
  Stats stats(by);
  for (auto r = records.rbegin(); r != records.rend(); ++r) stats.add(record::summary_of(*r));
  return stats.finish();
}

}  // namespace llmrec::report::sample
