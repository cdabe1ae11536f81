#include "admin/notes.h"

#include <array>
#include <string>
#include <utility>

#include "base/limits.h"
#include "cli/note.h"
#include "net/payload.h"
#include "record/codec.h"
#include "wire/json.h"

namespace llmrec::admin {
namespace {

enum Slot : std::uint16_t { kRoot, kFact };

const wire::JsonPaths& paths() {
  static const std::array<wire::JsonPath, 2> kPaths = {{{"", kRoot}, {"*", kFact}}};
  static const wire::JsonPaths paths{kPaths};
  return paths;
}

class NotesSink final : public wire::JsonSink {
 public:
  void on_enter(std::uint16_t slot, std::uint32_t) override {
    if (slot == kRoot) {
      entered_ = true;
    } else {
      wrong("a value is a text, a whole number or a boolean");
    }
  }
  void on_key(std::uint16_t, Bytes key) override {
    if (key.empty() || key.size() >= limits::kFactKeyMax) {
      wrong("a key has 1 to " + std::to_string(limits::kFactKeyMax - 1) + " characters");
    }
    key_ = key;
    text_.clear();
  }
  void on_string(std::uint16_t slot, Bytes part, bool last) override {
    if (slot != kFact) return wrong("the notes are one JSON object");
    if (text_.size() + part.size() > limits::kFactValueMax) {
      return wrong("a value has at most " + std::to_string(limits::kFactValueMax) + " characters");
    }
    text_ += part;
    if (last) add(std::move(text_));
  }
  void on_int(std::uint16_t slot, std::int64_t n) override { scalar(slot, std::to_string(n)); }
  void on_bool(std::uint16_t slot, bool b) override { scalar(slot, b ? "true" : "false"); }
  void on_double(std::uint16_t, double) override {
    wrong("a value is a text, a whole number or a boolean");
  }
  void on_null(std::uint16_t) override { wrong("a value is a text, a whole number or a boolean"); }

  Result<record::Facts> result(wire::JsonState state) && {
    if (!error_.empty()) return Error{Code::bad_argument, error_};
    if (state != wire::JsonState::done || !entered_) {
      return Error{Code::bad_argument, "the notes are one JSON object"};
    }
    if (facts_.empty()) return Error{Code::bad_argument, "there is no note in it"};
    return std::move(facts_);
  }

 private:
  void scalar(std::uint16_t slot, std::string text) {
    if (slot != kFact) return wrong("the notes are one JSON object");
    add(std::move(text));
  }
  void add(std::string value) {
    if (facts_.size() == limits::kFactsMax) {
      return wrong("a record has room for " + std::to_string(limits::kFactsMax) + " notes");
    }
    facts_.emplace_back(key_, std::move(value));
    text_.clear();
  }
  void wrong(std::string what) {
    if (error_.empty()) error_ = std::move(what);
  }

  record::Facts facts_;
  std::string key_;
  std::string text_;
  std::string error_;
  bool entered_ = false;
};

std::size_t octets_of(const record::Facts& facts) {
  std::size_t n = sizeof(NotePayload);
  for (const auto& [key, value] : facts) n += key.size() + value.size() + sizeof(std::string) * 2;
  return n;
}

}  // namespace

Result<record::Facts> parse_notes(Bytes json) {
  NotesSink sink;
  wire::JsonReader reader(paths(), sink);
  reader.feed(json);
  return std::move(sink).result(reader.finish());
}

NotePayload::NotePayload(const RecordId& id, record::Facts facts)
    : Payload(id, store::Kind::final, octets_of(facts)), facts_(std::move(facts)) {}

// A call that still runs is written anew when it ends, without our notes: they would be lost.
std::optional<store::Entry> NotePayload::amend(const store::Row& row) {
  if (row.kind != store::Kind::final) return std::nullopt;
  auto record = record::decode(row.blob);
  if (!record || !cli::add_notes(*record, facts_)) return std::nullopt;
  return net::to_entry(*record, row.kind);
}

}  // namespace llmrec::admin
