// The tool calls of protocols that send an answer in numbered blocks: a start that names the call,
// pieces of arguments, a stop. Says which numbers are calls of the client at the moment; all other
// blocks (text, the provider's own tools) are not ToolCalls' affair. Some gateways send the whole
// arguments with the start and no piece after it. To be told of whole documents only. Owned by a
// dialect; pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/limits.h"
#include "dialect/tool_calls.h"

namespace llmrec::dialect {

class ToolBlocks {
 public:
  explicit ToolBlocks(ToolCalls& tools) : tools_(tools) {}

  // A call begins. `input_octets`: of an object that came with it.
  void start(std::uint32_t index, Bytes id, Bytes name, std::uint64_t input_octets) {
    forget(index);
    if (open_.size() < limits::kToolCallsMax) open_.push_back({index, input_octets, false});
    tools_.begin_piece(0, index);
    tools_.set_index(index);
    tools_.add_id(id);
    tools_.add_name(name);
  }
  // Another block has this number now.
  void forget(std::uint32_t index) {
    bare_.reset();
    std::erase_if(open_, [index](const Block& b) { return b.index == index; });
  }
  // The staged arguments belong to this number: they stay if it is a call.
  void arguments(std::uint32_t index) {
    Block* block = find(index);
    if (block == nullptr) return tools_.discard();
    block->arguments = true;
  }
  void stop(std::uint32_t index) {
    const Block* block = find(index);
    if (block == nullptr) return;
    constexpr std::uint64_t kEmptyObject = 2;
    if (!block->arguments && block->input_octets > kEmptyObject) {
      tools_.begin_piece(0, index);
      tools_.set_index(index);
      tools_.set_arguments_object(block->input_octets);
      tools_.set_ended();
      tools_.commit();  // not a piece of this document
    } else {
      tools_.end_call(0, index);
    }
    const bool bare = !block->arguments && block->input_octets <= kEmptyObject;
    forget(index);
    if (bare) bare_ = index;
  }
  // The answer was cut for its length: a last call without a piece of arguments is not one without
  // arguments, though its stop was sent.
  void cut() {
    if (!bare_) return;
    tools_.begin_piece(0, *bare_);
    tools_.set_index(*bare_);
    tools_.set_cut();
    tools_.commit();
  }

 private:
  struct Block {
    std::uint32_t index;
    std::uint64_t input_octets;
    bool arguments;
  };
  Block* find(std::uint32_t index) {
    const auto it = std::find_if(open_.begin(), open_.end(),
                                 [index](const Block& b) { return b.index == index; });
    return it == open_.end() ? nullptr : &*it;
  }

  ToolCalls& tools_;
  std::vector<Block> open_;            // at most limits::kToolCallsMax
  std::optional<std::uint32_t> bare_;  // the last block, if it was a call without arguments
};

}  // namespace llmrec::dialect
