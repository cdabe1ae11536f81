#include "net/refusal.h"

namespace llmrec::net {
namespace {

using record::ErrorType;

std::string_view reason_phrase(int status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 431:
      return "Request Header Fields Too Large";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Error";
  }
}

}  // namespace

std::string to_http(const Refusal& refusal) {
  const std::string body = "llmrec: " + refusal.text + "\n";
  std::string out = "HTTP/1.1 " + std::to_string(refusal.status) + " ";
  out += reason_phrase(refusal.status);
  out += "\r\nProxy-Status: llmrec; error=";
  out += refusal.proxy_error;
  if (!refusal.details.empty()) out += "; details=\"" + refusal.details + "\"";
  if (refusal.status == 405) out += "\r\nAllow: CONNECT";
  out += "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ";
  out += std::to_string(body.size());
  out += "\r\nConnection: close\r\n\r\n";
  return out + body;
}

Refusal refusal_for(const DialResult& result, const std::string& authority) {
  Refusal r;
  r.details = result.detail;
  switch (result.error) {
    case ErrorType::dns_failed:
      r.status = result.timed_out ? 504 : 502;
      r.proxy_error = result.timed_out ? "dns_timeout" : "dns_error";
      r.text = "cannot resolve " + authority + " (" + result.detail + ")";
      break;
    case ErrorType::connect_refused:
      r.proxy_error = "connection_refused";
      r.text = authority + " refused the connection";
      break;
    case ErrorType::connect_timeout:
      r.status = 504;
      r.proxy_error = "connection_timeout";
      r.text = authority + " did not answer in time";
      break;
    case ErrorType::destination_denied:
      r.status = 403;
      r.proxy_error = "destination_ip_prohibited";
      r.text = authority +
               " is an address that may not be reached through this proxy; "
               "allow it by name with --record";
      break;
    default:
      r.proxy_error = result.unroutable ? "destination_ip_unroutable" : "destination_unavailable";
      r.text = "cannot connect to " + authority + " (" + result.detail + ")";
      break;
  }
  return r;
}

}  // namespace llmrec::net
