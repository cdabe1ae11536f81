#include "net/recording.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/log.h"
#include "net/loop.h"
#include "net/reach.h"

namespace llmrec::net {

using record::CloseHow;
using record::ErrorType;
using record::Party;
using relay::Side;

Recording::Recording(Loop& loop, Instant accepted)
    : loop_(loop), accepted_(accepted), began_(accepted) {
  const Settings& settings = loop.shared().settings;
  facts_.wall = read_clocks();
  facts_.tags = settings.tags;
  facts_.budgets = settings.budgets;
  facts_.prices = settings.prices ? &*settings.prices : nullptr;
  facts_.tokens = &loop.tokens();
}

void Recording::leave_unopened(std::string_view why) {
  blind_reason_ = why;
  wanted_ = false;
}

void Recording::start(bool upstream_is_tls) {
  if (!wanted_) return;
  facts_.upstream_tls = upstream_is_tls;
  tap_ = std::make_unique<tap::Tap>(facts_, static_cast<tap::TapHost&>(*this));
  const edit::Options& edits = loop_.shared().settings.edits;
  if (edits.any()) edits_ = std::make_unique<edit::Pipe>(edits, facts_.host, facts_.dialect);
}

void Recording::change_upstream() {
  began_ = loop_.now();
  if (tap_) tap_->on_over(tap::End::none, began_);
  tap_.reset();
  edits_.reset();
  to_client_ = to_upstream_ = 0;
}

void Recording::on_octets(Side from, Bytes plain, Instant arrived) {
  (from == Side::upstream ? to_client_ : to_upstream_) += plain.size();
  const auto dir = from == Side::client ? tap::Dir::request : tap::Dir::response;
  if (tap_) tap_->on_bytes(dir, plain, arrived);
}

void Recording::on_queue(std::size_t waiting_for_client) {
  if (!tap_) return;
  tap_->on_accepted(to_client_ - std::min<std::uint64_t>(to_client_, waiting_for_client),
                    loop_.now());
}

void Recording::on_end(Side from, tap::SideEnd how) {
  const auto dir = from == Side::client ? tap::Dir::request : tap::Dir::response;
  if (tap_) tap_->on_end(dir, std::move(how), loop_.now());
}

void Recording::on_upstream_cancelled() {
  if (tap_) tap_->on_upstream_cancelled();
}

void Recording::on_cut(tap::End reason) {
  if (tap_) tap_->on_over(reason, loop_.now());
}

void Recording::on_closed(const Ends& ends) {
  if (tap_) tap_->on_over(tap::End::none, loop_.now());
  if (tap_ && !tap_->used()) record_unused(ends);
  if (blind_reason_.empty()) return;
  loop_.shared().keep(
      store::Kind::final,
      tap::tunnel_record(mint(accepted_), facts_, blind_reason_, ends.upstream, ends.client,
                         to_upstream_, to_client_, accepted_, loop_.now()));
}

void Recording::on_setup_failed(ErrorType error, std::string_view detail, Party by,
                                const Ends& ends) {
  if (!wanted_) return;
  record::Record r = tap::connection_record(mint(began_), facts_, error, detail, ends.upstream,
                                            ends.client, by, began_, loop_.now());
  log::info("record", r.request_id.text() + " " + authority(facts_.host, facts_.port) + " " +
                          std::string(record::name(error)) + " " + r.error_detail);
  loop_.shared().keep(store::Kind::final, std::move(r));
}

// Nothing was asked yet, so no call says that the provider broke off. With TLS 1.3 it is only after
// the handshake that we hear of a client certificate that is missing.
void Recording::record_unused(const Ends& ends) {
  if (ends.client.any()) return;
  if (ends.upstream.how == CloseHow::tls_alert) {
    on_setup_failed(ErrorType::tls_handshake_failed, "tls_alert:" + ends.upstream.alert,
                    Party::upstream, ends);
  } else if (ends.upstream.how == CloseHow::reset) {
    on_setup_failed(ErrorType::connect_failed, "ECONNRESET", Party::upstream, ends);
  }
}

bool Recording::checkpoint(Instant now) {
  bool again = false;
  if (!tap_) return again;
  tap_->each_running([&](tap::Exchange& exchange) {
    if (now - exchange.started() < limits::kCheckpointSoonNs) {
      again = true;  // most calls of this age will be over before they are worth a row
    } else {
      loop_.shared().keep(store::Kind::open, exchange.snapshot(now));
    }
  });
  return again;
}

RecordId Recording::mint(Instant now) {
  const RecordId id = loop_.shared().mint_id(facts_.wall.unix_us_at(now) / 1000);
  if (edits_) edits_->name_call(id);
  return id;
}

// The tap counts what the provider sent; the client got what the edits left of it.
void Recording::note_edits(record::Record& r) {
  edit::Outcome outcome = edits_->take(r.request_id);
  for (auto& note : outcome.notes) r.notes.push_back(std::move(note));
  if (r.bytes_to_client) {
    r.bytes_to_client = std::max<std::int64_t>(0, *r.bytes_to_client + outcome.answer_grew);
  }
  if (outcome.against_client) {
    log::debug("edit", r.request_id.text() + " asked for usage, against the client's false");
  }
  if (outcome.ensured && r.error_type == ErrorType::missing_usage) {
    log::warn("edit", r.request_id.text() + " " + authority(facts_.host, facts_.port) +
                          " was asked for usage and sent none");
  }
}

std::unique_ptr<tap::BodyDigest> Recording::digest() { return loop_.shared().digest(); }

std::optional<tap::Relation> Recording::on_asked(tap::Asking&& asking, Instant now) {
  return loop_.shared().relate(asking, now);
}

void Recording::on_rejected(const RecordId& id) { loop_.shared().rejected(id); }

void Recording::on_finished(record::Record&& record) {
  if (edits_) note_edits(record);
  if (log::enabled(log::Level::debug)) {
    log::debug("record", record.request_id.text() + " " + std::string(record::name(record.status)) +
                             " " + std::string(record::name(record.error_type)));
  }
  loop_.tokens().learn(record);
  loop_.shared().keep(store::Kind::final, std::move(record));
}

}  // namespace llmrec::net
