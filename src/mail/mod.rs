//! E-mails: rendered from typed structs, leaving only through the outbox.
