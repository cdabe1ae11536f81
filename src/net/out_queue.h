// Octets that a socket did not take yet. Empty queues hold no memory: most connections never need
// one. Bounded by relay::Relay, which stops reading the source at limits::kQueueHighOctets.
#pragma once

#include <cstddef>
#include <vector>

#include "base/bytes.h"

namespace llmrec::net {

class OutQueue {
 public:
  Bytes front() const { return {octets_.data() + begin_, octets_.size() - begin_}; }
  std::size_t size() const { return octets_.size() - begin_; }
  bool empty() const { return size() == 0; }
  void append(Bytes octets) {
    if (begin_ > octets_.size() / 2) {  // or a queue that never runs empty grows for ever
      octets_.erase(octets_.begin(), octets_.begin() + static_cast<std::ptrdiff_t>(begin_));
      begin_ = 0;
    }
    octets_.insert(octets_.end(), octets.begin(), octets.end());
  }
  void drop(std::size_t octets) {
    begin_ += octets;
    if (begin_ == octets_.size()) clear();
  }
  void clear() {
    begin_ = 0;
    std::vector<char>().swap(octets_);
  }

 private:
  std::vector<char> octets_;
  std::size_t begin_ = 0;
};

}  // namespace llmrec::net
