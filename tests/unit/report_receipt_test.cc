#include "report/receipt.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "golden.h"
#include "report/format.h"
#include "report_samples.h"

using namespace llmrec;
using namespace llmrec::report;

TEST_CASE("receipts of all kinds of ends") {
  for (const auto& [name, r] : sample::all()) {
    golden::check("receipt_" + name + ".txt", sample::plain_text(receipt(r, {true, true, 80})));
  }
  golden::check("receipt_ascii.txt",
                sample::plain_text(receipt(sample::tool_call_cut(), {false, true, 80})));
}

TEST_CASE("the receipt in README.md is one that the program prints") {
  const std::string readme = golden::read(LLMREC_README);
  const std::string shown = sample::plain_text(receipt(sample::tool_call_cut(), {true, true, 80}));
  CHECK(readme.find("\n" + shown) != std::string::npos);
}

TEST_CASE("no line is too wide and none carries a control character, whatever the record says") {
  record::sample::Random random(11);
  for (int i = 0; i < 1000; ++i) {
    const record::Record r = record::sample::random(random);
    for (const Style& style :
         {Style{true, true, 80}, Style{false, true, 60}, Style{true, true, 20}}) {
      const std::size_t width = style.width < 60 ? 60 : style.width;
      for (const Line& line : receipt(r, style)) {
        std::size_t have = 0;
        std::string text;
        for (const Span& span : line) {
          have += columns(span.text);
          text += span.text;
        }
        const bool clear = std::all_of(text.begin(), text.end(), [&style](char c) {
          const auto octet = static_cast<unsigned char>(c);
          return octet >= 0x20 && octet != 0x7f && (style.unicode || octet < 0x80);
        });
        REQUIRE(clear);
        REQUIRE(have <= width);
      }
    }
  }
}
