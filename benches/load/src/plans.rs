//! How the database would carry out what the server asked of it.

use serde_json::Value;
use tokio_postgres::{Client as Postgres, SimpleQueryMessage};

use crate::error::LoadError;

/// Tables that grow with the number of people: nothing on the way of a request may read one from end to end.
const GROWING: [&str; 5] = [
    "identite_sessions",
    "organizations",
    "users",
    "users_oidc_clients",
    "users_organizations",
];

/// What was found out about statements.
#[derive(Default)]
pub struct Examination {
    /// Statements whose plan was seen.
    pub examined: u64,
    /// Those whose text, in which `pg_stat_statements` has replaced every constant, is none any more.
    pub unreadable: Vec<String>,
    /// Those that read a growing table from end to end.
    pub whole_tables: Vec<String>,
}

/// Looks at the plan of each of `statements`, the one that serves any parameters.
///
/// # Errors
/// The connection is lost.
pub async fn examine(
    database: &Postgres,
    statements: impl Iterator<Item = &str>,
) -> Result<Examination, LoadError> {
    let mut examination = Examination::default();
    database
        .batch_execute("SET plan_cache_mode = force_generic_plan")
        .await?;
    for statement in statements.filter(|statement| reads_or_writes_rows(statement)) {
        let Some(plan) = generic_plan(database, statement).await else {
            examination.unreadable.push(statement.to_owned());
            continue;
        };
        examination.examined += 1;
        if reads_a_whole_table(&plan) {
            examination.whole_tables.push(statement.to_owned());
        }
    }
    database.batch_execute("RESET plan_cache_mode").await?;
    Ok(examination)
}

fn reads_or_writes_rows(statement: &str) -> bool {
    let verb = statement.split(' ').next().unwrap_or_default();
    ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"].contains(&verb)
}

async fn generic_plan(database: &Postgres, statement: &str) -> Option<Value> {
    let prepare = format!("PREPARE examined AS {statement}");
    database.batch_execute(&prepare).await.ok()?;
    let nulls = vec!["NULL"; parameters(statement)].join(", ");
    let arguments = if nulls.is_empty() {
        String::new()
    } else {
        format!("({nulls})")
    };
    let explain = format!("EXPLAIN (FORMAT JSON) EXECUTE examined{arguments}");
    let answer = database.simple_query(&explain).await;
    database.batch_execute("DEALLOCATE examined").await.ok()?;
    let plan: String = answer
        .ok()?
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        })
        .collect();
    serde_json::from_str(&plan).ok()
}

/// The highest `$n`.
fn parameters(statement: &str) -> usize {
    let numbers = statement.split('$').skip(1).filter_map(|rest| {
        let end = rest
            .find(|character: char| !character.is_ascii_digit())
            .unwrap_or(rest.len());
        rest[..end].parse().ok()
    });
    numbers.max().unwrap_or_default()
}

fn reads_a_whole_table(plan: &Value) -> bool {
    match plan {
        Value::Array(parts) => parts.iter().any(reads_a_whole_table),
        Value::Object(node) => {
            let text = |name: &str| node.get(name).and_then(Value::as_str).unwrap_or_default();
            let is_whole = text("Node Type") == "Seq Scan" && GROWING.contains(&text("Relation Name"));
            is_whole || node.values().any(reads_a_whole_table)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parameters_are_counted_by_the_highest() {
        assert_eq!(parameters("SELECT $2, $10 + $1"), 10);
        assert_eq!(parameters("SELECT 1"), 0);
    }

    #[test]
    fn a_whole_table_is_found_anywhere_in_a_plan() {
        let scan = |kind: &str, table: &str| json!([{"Plan": {"Node Type": "Limit", "Plans": [{"Node Type": kind, "Relation Name": table}]}}]);
        assert!(reads_a_whole_table(&scan("Seq Scan", "users")));
        assert!(!reads_a_whole_table(&scan("Index Scan", "users")));
        assert!(!reads_a_whole_table(&scan("Seq Scan", "oidc_clients")));
    }
}
