// The pages that need the store: statistics, records, receipts. Each looks for a while; whoever
// calls does it on a thread that nobody waits for. Read transactions are the store's, milliseconds
// each. Any thread.
#pragma once

#include <cstdint>
#include <string>

#include "admin/http.h"
#include "admin/vitals.h"
#include "store/store.h"
#include "store/writer.h"

namespace llmrec::admin {

class StoreView {
 public:
  explicit StoreView(const store::Store& store) : store_(store) {}

  // What `llmrec stats --json --since` prints, and with it: since, generated_at, newest_failures,
  // recorder (as /healthz) and complete (false: there are more records than are looked at).
  Response stats(const std::string& since, const Vitals&) const;
  // As JSON, or as a page. `id`: whatever `llmrec show` takes.
  Response record(const std::string& id, bool html) const;
  // Adds notes and waits until they are stored; answers with the record.
  Response note(const std::string& id, Bytes json, store::Writer&) const;

 private:
  const store::Store& store_;
};

}  // namespace llmrec::admin
