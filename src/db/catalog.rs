//! The shape of a database: which tables there are, with which columns, constraints and indexes.
//!
//! `migrations/baseline.json` holds the shape that the first migration produces. A database that somebody else
//! produced is adopted only after its shape was compared with that one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tokio_postgres::types::Json;

use super::error::Error;

/// The tables of one schema, by name, and its sequences.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalog {
    pub tables: BTreeMap<String, Table>,
    pub sequences: Vec<Sequence>,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// In the order of the table.
    pub columns: Vec<Column>,
    pub primary_key: Option<PrimaryKey>,
    /// This list and the following are ordered by name.
    pub unique_constraints: Vec<UniqueConstraint>,
    pub check_constraints: Vec<CheckConstraint>,
    pub foreign_keys: Vec<ForeignKey>,
    /// Those of keys and unique constraints included.
    pub indexes: Vec<Index>,
}

/// One column, with its type and default as the server writes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    pub name: String,
    #[serde(rename = "type")]
    pub data_type: String,
    pub nullable: bool,
    pub default: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrimaryKey {
    pub name: String,
    pub columns: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UniqueConstraint {
    pub name: String,
    pub columns: Vec<String>,
    pub definition: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckConstraint {
    pub name: String,
    pub definition: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignKey {
    pub name: String,
    pub columns: Vec<String>,
    pub references: Reference,
    pub on_delete: String,
    pub on_update: String,
    pub deferrable: bool,
}

/// What a foreign key points to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    pub table: String,
    pub columns: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    pub name: String,
    pub unique: bool,
    pub primary: bool,
    /// The whole `CREATE INDEX` statement.
    pub definition: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    pub name: String,
    #[serde(rename = "type")]
    pub data_type: String,
    pub start_value: i64,
    pub increment_by: i64,
}

/// How a catalog departs from another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differences {
    /// What our statements could trip over.
    pub blocking: Vec<String>,
    /// What only costs time or is written differently.
    pub remarks: Vec<String>,
}

impl Catalog {
    /// Reads the catalog of the schema in which unqualified tables are created (`public` by default).
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn read(client: &tokio_postgres::Client) -> Result<Self, Error> {
        let row = client.query_one(READ_CATALOG, &[]).await?;
        let Json(catalog) = row.try_get::<_, Json<Self>>(0)?;
        Ok(catalog)
    }

    /// The shape that the first migration produces.
    ///
    /// # Panics
    /// Never: the text is part of the program and read by a test.
    #[must_use]
    pub fn baseline() -> Self {
        serde_json::from_str(include_str!("../../migrations/baseline.json"))
            .expect("the baseline is a catalog")
    }

    /// What `self` lacks or has otherwise, for statements written for `expected`. What it has more is left alone, as
    /// long as rows can be inserted without knowing it.
    #[must_use]
    pub fn differences_from(&self, expected: &Self) -> Differences {
        let mut differences = Differences::default();
        for (name, expected_table) in &expected.tables {
            match self.tables.get(name) {
                Some(table) => table.compare(name, expected_table, &mut differences),
                None => differences.blocking.push(format!("table {name} is missing")),
            }
        }
        differences
    }
}

impl Table {
    fn compare(&self, table: &str, expected: &Self, differences: &mut Differences) {
        for expected_column in &expected.columns {
            match self
                .columns
                .iter()
                .find(|column| column.name == expected_column.name)
            {
                Some(column) => column.compare(table, expected_column, differences),
                None => differences
                    .blocking
                    .push(format!("column {table}.{} is missing", expected_column.name)),
            }
        }
        for column in &self.columns {
            let is_ours = expected
                .columns
                .iter()
                .any(|expected| expected.name == column.name);
            if !is_ours && !column.nullable && column.default.is_none() {
                differences.blocking.push(format!(
                    "column {table}.{} wants a value that we do not know",
                    column.name
                ));
            }
        }

        let key_columns = |table: &Self| table.primary_key.as_ref().map(|key| key.columns.clone());
        if key_columns(self) != key_columns(expected) {
            differences
                .blocking
                .push(format!("the primary key of {table} is another"));
        }
        for key in &expected.foreign_keys {
            if !self
                .foreign_keys
                .iter()
                .any(|candidate| candidate.does_the_same_as(key))
            {
                differences.blocking.push(format!(
                    "foreign key {table}.{} is missing or acts otherwise",
                    key.name
                ));
            }
        }
        for check in &self.check_constraints {
            if !expected
                .check_constraints
                .iter()
                .any(|expected| expected.definition == check.definition)
            {
                differences.remarks.push(format!(
                    "{table} has one more check: {} {}",
                    check.name, check.definition
                ));
            }
        }
        for index in &expected.indexes {
            let has_same = |unique: bool| {
                self.indexes
                    .iter()
                    .any(|candidate| candidate.unique == unique && candidate.target() == index.target())
            };
            if has_same(index.unique) {
                continue;
            }
            if index.unique {
                differences
                    .blocking
                    .push(format!("unique index {} on {table} is missing", index.name));
            } else if !has_same(true) {
                differences
                    .remarks
                    .push(format!("index {} on {table} is missing", index.name));
            }
        }
    }
}

impl Column {
    fn compare(&self, table: &str, expected: &Self, differences: &mut Differences) {
        let name = format!("{table}.{}", self.name);
        if self.data_type != expected.data_type {
            differences.blocking.push(format!(
                "{name} is {} instead of {}",
                self.data_type, expected.data_type
            ));
        }
        match (self.nullable, expected.nullable) {
            (true, false) => differences.blocking.push(format!("{name} may be null")),
            (false, true) => differences.blocking.push(format!("{name} may not be null")),
            _ => {}
        }
        match (&self.default, &expected.default) {
            (None, Some(default)) => differences
                .blocking
                .push(format!("{name} lacks its default {default}")),
            (Some(found), Some(default)) if found != default => {
                differences
                    .remarks
                    .push(format!("{name} has the default {found} instead of {default}"));
            }
            _ => {}
        }
    }
}

impl ForeignKey {
    /// Whether the two differ in name at most.
    fn does_the_same_as(&self, other: &Self) -> bool {
        Self {
            name: String::new(),
            ..self.clone()
        } == Self {
            name: String::new(),
            ..other.clone()
        }
    }
}

impl Index {
    /// What is indexed and how, without the names of index and schema.
    fn target(&self) -> &str {
        self.definition
            .split_once(" USING ")
            .map_or(self.definition.as_str(), |(_, target)| target)
    }
}

/// One JSON object in the shape of [`Catalog`].
const READ_CATALOG: &str = r#"
WITH relation AS (
  SELECT
    c.oid,
    c.relname::text AS name
  FROM pg_catalog.pg_class c
  WHERE c.relnamespace = current_schema()::regnamespace
    AND c.relkind IN ('r', 'p')
),
key AS (
  SELECT
    k.conrelid,
    k.conname::text AS name,
    k.contype,
    k.confrelid::regclass::text AS referenced_table,
    k.condeferrable,
    k.confdeltype,
    k.confupdtype,
    pg_catalog.pg_get_constraintdef(k.oid) AS definition,
    (
      SELECT json_agg(a.attname ORDER BY position.at)
      FROM unnest(k.conkey) WITH ORDINALITY AS position (attnum, at)
      JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = position.attnum
    ) AS columns,
    (
      SELECT json_agg(a.attname ORDER BY position.at)
      FROM unnest(k.confkey) WITH ORDINALITY AS position (attnum, at)
      JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = position.attnum
    ) AS referenced_columns
  FROM pg_catalog.pg_constraint k
),
action (code, name) AS (
  VALUES ('a', 'NO ACTION'), ('r', 'RESTRICT'), ('c', 'CASCADE'), ('n', 'SET NULL'), ('d', 'SET DEFAULT')
)
SELECT json_build_object(
  'tables', (
    SELECT coalesce(json_object_agg(relation.name, json_build_object(
      'columns', (
        SELECT coalesce(json_agg(json_build_object(
          'name', a.attname,
          'type', pg_catalog.format_type(a.atttypid, a.atttypmod),
          'nullable', NOT a.attnotnull,
          'default', pg_catalog.pg_get_expr(d.adbin, d.adrelid)
        ) ORDER BY a.attnum), '[]')
        FROM pg_catalog.pg_attribute a
        LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = relation.oid AND a.attnum > 0 AND NOT a.attisdropped
      ),
      'primary_key', (
        SELECT json_build_object('name', key.name, 'columns', key.columns)
        FROM key
        WHERE key.conrelid = relation.oid AND key.contype = 'p'
      ),
      'unique_constraints', (
        SELECT coalesce(json_agg(json_build_object(
          'name', key.name, 'columns', key.columns, 'definition', key.definition
        ) ORDER BY key.name COLLATE "C"), '[]')
        FROM key
        WHERE key.conrelid = relation.oid AND key.contype = 'u'
      ),
      'check_constraints', (
        SELECT coalesce(json_agg(json_build_object(
          'name', key.name, 'definition', key.definition
        ) ORDER BY key.name COLLATE "C"), '[]')
        FROM key
        WHERE key.conrelid = relation.oid AND key.contype = 'c'
      ),
      'foreign_keys', (
        SELECT coalesce(json_agg(json_build_object(
          'name', key.name,
          'columns', key.columns,
          'references', json_build_object('table', key.referenced_table, 'columns', key.referenced_columns),
          'on_delete', (SELECT action.name FROM action WHERE action.code = key.confdeltype::text),
          'on_update', (SELECT action.name FROM action WHERE action.code = key.confupdtype::text),
          'deferrable', key.condeferrable
        ) ORDER BY key.name COLLATE "C"), '[]')
        FROM key
        WHERE key.conrelid = relation.oid AND key.contype = 'f'
      ),
      'indexes', (
        SELECT coalesce(json_agg(json_build_object(
          'name', i.relname,
          'unique', x.indisunique,
          'primary', x.indisprimary,
          'definition', pg_catalog.pg_get_indexdef(x.indexrelid)
        ) ORDER BY i.relname::text COLLATE "C"), '[]')
        FROM pg_catalog.pg_index x
        JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
        WHERE x.indrelid = relation.oid AND x.indisvalid
      )
    )), '{}')
    FROM relation
  ),
  'sequences', (
    SELECT coalesce(json_agg(json_build_object(
      'name', s.sequencename,
      'type', s.data_type::text,
      'start_value', s.start_value,
      'increment_by', s.increment_by
    ) ORDER BY s.sequencename::text COLLATE "C"), '[]')
    FROM pg_catalog.pg_sequences s
    WHERE s.schemaname = current_schema()
  )
)"#;

#[cfg(test)]
mod tests {
    use super::*;

    fn differences_after(change: impl FnOnce(&mut Catalog)) -> Differences {
        let expected = Catalog::baseline();
        let mut changed = expected.clone();
        change(&mut changed);
        changed.differences_from(&expected)
    }

    fn users(catalog: &mut Catalog) -> &mut Table {
        catalog.tables.get_mut("users").unwrap()
    }

    #[test]
    fn the_baseline_does_not_differ_from_itself() {
        assert_eq!(differences_after(|_| {}), Differences::default());
    }

    #[test]
    fn what_is_missing_is_told_one_by_one() {
        let differences = differences_after(|catalog| {
            catalog.tables.remove("moderations");
            users(catalog).columns.retain(|column| column.name != "force_2fa");
            users(catalog)
                .indexes
                .retain(|index| index.name != "index_users_on_email");
            users(catalog).columns[1].data_type = "text".to_owned();
            users(catalog).columns[1].nullable = true;
        });
        assert_eq!(
            differences.blocking,
            [
                "table moderations is missing",
                "users.email is text instead of character varying",
                "users.email may be null",
                "column users.force_2fa is missing",
                "unique index index_users_on_email on users is missing",
            ]
        );
    }

    #[test]
    fn additions_that_do_not_hinder_us_are_accepted() {
        let differences = differences_after(|catalog| {
            catalog
                .tables
                .insert("somebody_elses".to_owned(), catalog.tables["users"].clone());
            let mut column = users(catalog).columns[1].clone();
            column.name = "nickname".to_owned();
            column.nullable = true;
            users(catalog).columns.push(column);
        });
        assert_eq!(differences, Differences::default());
    }

    #[test]
    fn a_column_that_must_be_filled_by_who_knows_it_blocks() {
        let differences = differences_after(|catalog| {
            let mut column = users(catalog).columns[1].clone();
            column.name = "nickname".to_owned();
            users(catalog).columns.push(column);
        });
        assert_eq!(
            differences.blocking,
            ["column users.nickname wants a value that we do not know"]
        );
    }

    #[test]
    fn a_missing_index_that_only_costs_time_is_a_remark() {
        let differences = differences_after(|catalog| {
            let journal = catalog.tables.get_mut("users_oidc_clients").unwrap();
            journal.indexes.retain(|index| index.primary);
        });
        assert!(differences.blocking.is_empty());
        assert_eq!(
            differences.remarks,
            ["index idx_users_oidc_clients_user_id_created_at on users_oidc_clients is missing"]
        );
    }
}
