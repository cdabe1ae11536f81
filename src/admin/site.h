// Which request gets which answer. What can be said at once is said on the port's own thread; what
// needs the store is for a thread that may wait for a disk.
// Knows no socket. Owned by the daemon.
#pragma once

#include <functional>
#include <optional>

#include "admin/guard.h"
#include "admin/http.h"
#include "admin/metrics.h"
#include "admin/store_view.h"
#include "admin/vitals.h"
#include "store/store.h"
#include "store/writer.h"

namespace llmrec::admin {

struct SiteOptions {
  const store::Store* store = nullptr;
  store::Writer* writer = nullptr;
  const Metrics* metrics = nullptr;
  std::function<Vitals()> vitals;  // any thread
  relay::IpAddress listen;
  bool takes_notes = false;
};

class Site {
 public:
  explicit Site(SiteOptions);

  // nullopt: ask answer_from_store().
  std::optional<Response> answer_now(const Request&) const;
  Response answer_from_store(const Request&) const;

 private:
  Response live() const;
  Response ready() const;
  Response metrics(const Request&) const;

  SiteOptions options_;
  Guard guard_;
  StoreView view_;
};

}  // namespace llmrec::admin
