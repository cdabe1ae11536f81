// A store with some records in it.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "cli_temp.h"
#include "record/codec.h"
#include "report_samples.h"
#include "store/store.h"

namespace llmrec::cli {

inline store::Entry entry_of(const record::Record& r) {
  store::Entry e;
  e.key = r.request_id;
  e.kind = r.status == record::Status::open ? store::Kind::open : store::Kind::final;
  e.blob = record::encode(r);
  e.status = static_cast<std::uint8_t>(r.status);
  e.stage = static_cast<std::uint8_t>(r.failure_stage);
  if (e.kind == store::Kind::final) {
    e.ids = {{0, r.client_request_id}, {1, r.provider_request_id}, {2, r.response_id}};
    e.ids.push_back({3, r.trace_id});
    for (const auto& call : r.tool_calls) e.ids.push_back({4, call.id});
  }
  return e;
}

// The samples, a minute apart, each with ids of its own; the names of their kinds beside them.
struct StoreFixture {
  StoreFixture() {
    store::WriterOptions options;
    options.dir = temp.path + "/store";
    auto writer = store::Store::open_writer(options);
    REQUIRE(writer);
    RecordIdMint mint(1);
    std::vector<store::Entry> entries;
    for (auto& [name, r] : report::sample::all()) {
      r.started_at_us += static_cast<std::int64_t>(records.size()) * 60'000'000;
      r.request_id = mint.mint(r.started_at_us / 1000);
      if (!r.provider_request_id.empty()) r.provider_request_id = "provider-" + name;
      if (!r.response_id.empty()) r.response_id = "response-" + name;
      for (auto& call : r.tool_calls) call.id = "call-" + name;
      records.push_back(r);
      names.push_back(name);
      entries.push_back(entry_of(r));
    }
    REQUIRE(writer->put_batch(entries, 0));
  }
  const record::Record& of(const std::string& name) const {
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names[i] == name) return records[i];
    }
    FAIL("no such sample: " << name);
    return records.front();
  }
  std::string dir() const { return temp.path + "/store"; }

  TempDir temp;
  std::vector<record::Record> records;  // oldest first
  std::vector<std::string> names;
};

}  // namespace llmrec::cli
