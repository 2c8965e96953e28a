//! The command-line tools: imports, the deletion of everything, the copy for statistics, the renewal of
//! what is encrypted, and what all of them do with their output.

#[path = "tools/delete_all.rs"]
mod delete_all;
#[path = "tools/import_accounts.rs"]
mod import_accounts;
#[path = "tools/import_domains.rs"]
mod import_domains;
#[path = "tools/import_volume.rs"]
mod import_volume;
#[path = "tools/migrate_check.rs"]
mod migrate_check;
#[path = "tools/mock_data.rs"]
mod mock_data;
#[path = "tools/secrets.rs"]
mod secrets;
#[path = "tools/statistics.rs"]
mod statistics;
#[path = "tools/streams.rs"]
mod streams;
#[path = "tools/tool.rs"]
mod tool;
