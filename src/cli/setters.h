// How the rows of the commands take their values: small functions that parse a text and keep it.
// Included by the files that make commands, and by nobody else. What they return holds references:
// see command.h.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/values.h"
#include "record/names.h"

namespace llmrec::cli {

using Set = std::function<Result<void>(const std::string&)>;

// Parses and keeps: `into` takes what `parse` makes of the text.
template <class T, class Parse>
Set keep(T& into, Parse parse) {
  return [&into, parse](const std::string& text) -> Result<void> {
    auto value = parse(text);
    if (!value) return value.error();
    into = std::move(*value);
    return {};
  };
}

inline Set text(std::string& into) {
  return [&into](const std::string& given) -> Result<void> {
    if (given.empty()) return Error{Code::bad_argument, "the value is empty"};
    into = given;
    return {};
  };
}

inline Set duration(std::int64_t& into) {
  return keep(into, [](const std::string& t) { return parse_duration(t); });
}
inline Set duration(std::optional<std::int64_t>& into) {
  return keep(into, [](const std::string& t) { return parse_duration(t); });
}
inline Set flag(bool& into) {
  return keep(into, [](const std::string& t) { return parse_switch(t); });
}
inline Set count(std::optional<std::uint64_t>& into) {
  return keep(into, [](const std::string& t) { return parse_count(t); });
}

template <class Check>
Set each(std::vector<std::string>& into, Check check) {
  return [&into, check](const std::string& given) -> Result<void> {
    if (auto ok = check(given); !ok) return ok.error();
    into.push_back(given);
    return {};
  };
}

inline Set tag(std::vector<std::pair<std::string, std::string>>& into) {
  return [&into](const std::string& given) -> Result<void> {
    auto parsed = parse_tag(given);
    if (!parsed) return parsed.error();
    into.push_back(*std::move(parsed));
    return {};
  };
}

template <class E>
Set choice(E& into, std::vector<std::pair<std::string, E>> words) {
  return [&into, words = std::move(words)](const std::string& given) -> Result<void> {
    std::string all;
    for (const auto& [word, value] : words) {
      if (word == given) {
        into = value;
        return {};
      }
      all += (all.empty() ? "" : ", ") + word;
    }
    return Error{Code::bad_argument, "'" + given + "' is not one of " + all};
  };
}

template <class E>
Option choice_option(std::string name, char letter, std::string value, std::string help, E& into,
                     std::vector<std::pair<std::string, E>> words) {
  Option option{std::move(name), letter, std::move(value), std::move(help), {}};
  for (const auto& [text, meaning] : words) option.words.push_back(text);
  option.set = choice<E>(into, std::move(words));
  return option;
}

// What a short list has; where to find a long one.
inline std::string some(const std::vector<std::string>& names) {
  if (names.size() > 10) return "llmrec-record(5) lists them";
  std::string out;
  for (const std::string& name : names) {
    if (!name.empty()) out += (out.empty() ? "" : ", ") + name;
  }
  return out;
}

// A word of one of the record's closed lists.
template <class E>
Set word(std::string& into, std::string_view what) {
  return [&into, what](const std::string& given) -> Result<void> {
    if (!given.empty() && record::value_by_name<E>(given)) {
      into = given;
      return {};
    }
    std::vector<std::string> names;
    for (std::size_t i = 0; i < record::kCount<E>; ++i) {
      names.emplace_back(record::name(static_cast<E>(i)));
    }
    const std::string meant = nearest(given, names);
    return Error{Code::bad_argument,
                 "'" + given + "' is not " + std::string(what) +
                     (meant.empty() ? ": " + some(names) : ", did you mean " + meant + "?")};
  };
}

template <class E>
Option word_option(std::string name, std::string help, std::string& into, std::string_view what) {
  Option option{std::move(name), 0, "WORD", std::move(help), word<E>(into, what)};
  for (std::size_t i = 0; i < record::kCount<E>; ++i) {
    const auto text = record::name(static_cast<E>(i));
    if (!text.empty()) option.words.emplace_back(text);
  }
  return option;
}

inline Option help_option() {
  return {"help", 'h', "", "Print this help", [](const std::string&) { return Result<void>(); }};
}

inline Option store_option(std::string& into) {
  Option option{"store", 0, "DIR",
                "The store (default: /var/lib/llmrec as root, else $XDG_STATE_HOME/llmrec or "
                "~/.local/state/llmrec)",
                text(into)};
  option.from_outside = true;
  return option;
}

inline void add_view(std::vector<Option>& options, View& view) {
  options.push_back({"utc", 0, "", "Times in UTC, not local", flag(view.utc)});
  options.push_back({"ascii", 0, "", "Draw with ASCII characters only", flag(view.ascii)});
  options.push_back(choice_option<Color>(
      "color", 0, "WHEN", "auto (on a terminal, the default), always or never", view.color,
      {{"auto", Color::automatic}, {"always", Color::always}, {"never", Color::never}}));
  options.push_back({"no-pager", 0, "", "Print long output without a pager", flag(view.no_pager)});
}

inline Option prices_option(std::string& into) {
  return {"prices", 0, "FILE",
          "Prices of models, in LiteLLM's format; they win over the built-in list", text(into)};
}

}  // namespace llmrec::cli
