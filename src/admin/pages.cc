#include "admin/pages.h"

#include <string_view>

#include "admin/embedded_pages.inc"
#include "admin/receipt_page.h"

namespace llmrec::admin {
namespace {

// Nothing but what is on the page itself, known by its hash; the dashboard may ask us for figures.
std::string policy(std::string_view style_hash, std::string_view script_hash) {
  std::string out =
      "default-src 'none'; base-uri 'none'; form-action 'none'; "
      "frame-ancestors 'none'; img-src data:; style-src 'sha256-";
  out += style_hash;
  out += '\'';
  if (!script_hash.empty()) {
    out += "; connect-src 'self'; script-src 'sha256-";
    out += script_hash;
    out += '\'';
  }
  return out;
}

Response html(int status, std::string body, std::string_view style_hash,
              std::string_view script_hash) {
  Response r;
  r.status = status;
  r.content_type = "text/html; charset=utf-8";
  r.body = std::move(body);
  r.policy = policy(style_hash, script_hash);
  return r;
}

// What is put in is not looked at again.
std::string filled(std::string_view frame, std::string_view mark, std::string_view by) {
  std::string out;
  for (std::size_t at = frame.find(mark); at != std::string_view::npos; at = frame.find(mark)) {
    out += frame.substr(0, at);
    out += by;
    frame.remove_prefix(at + mark.size());
  }
  out += frame;
  return out;
}

}  // namespace

Response dashboard() {
  return html(200, std::string(kDashboardHtml), kDashboardCssHash, kDashboardJsHash);
}

Response simple_page(int status, const std::string& title, const std::string& main) {
  const std::string titled = filled(kReceiptHtml, "{{title}}", escaped_html(title));
  return html(status, filled(titled, "{{main}}", main), kReceiptCssHash, {});
}

}  // namespace llmrec::admin
