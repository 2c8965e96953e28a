//! Logs: structured application log and the access log, neither with secrets nor personal data.
