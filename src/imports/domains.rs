//! E-mail domains that organizations are said to use: `domain, sirets` (several, between blanks). A domain that an
//! organization does not know under any type is added as one to be verified.

use std::collections::HashSet;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use csv::StringRecord;

use super::format::{Format, Found, INVALID_SIRET, Organizations, Record, Rejection, UNEXPECTED_ERROR};
use super::report::{RowError, Tally};
use crate::db::{self, Transaction};
use crate::domain::Siret;
use crate::domain::email_domain::{self, FreeMailRules};

const SUCCESS: &str = "success";
const KNOWN: &str = "already_known_by_mcp";
const IGNORED: &str = "ignored";
const INVALID_DOMAIN: &str = "rejected_invalid_domain";
const FREE_DOMAIN: &str = "rejected_free_email_domain";
const EMPTY_ORG: &str = "rejected_empty_org";
const INACTIVE_ORG: &str = "rejected_inactive_org";

/// See the module.
pub(super) struct Domains {
    pub rules: FreeMailRules,
}

/// What a record tells.
pub(super) struct Row {
    domain: String,
    /// What holds for all of its establishments.
    refusal: Option<&'static str>,
    /// For each text between blanks, in its order: the position in `sirets`, unless it is none.
    numbers: Vec<Option<usize>>,
    sirets: Vec<Siret>,
}

#[async_trait]
impl Format for Domains {
    const KIND: &'static str = "domains";
    const DELIMITER: u8 = b',';
    const COLUMNS: &'static [&'static str] = &["domain", "sirets"];
    const OUTPUT: &'static [&'static str] = &["domain", "sirets", "result"];

    type Row = Row;

    fn read(&self, fields: &StringRecord) -> Result<Row, Rejection> {
        let domain = fields[0].to_lowercase();
        let refusal = if !email_domain::is_valid(&domain) {
            Some(INVALID_DOMAIN)
        } else if self.rules.is_free(&domain) {
            Some(FREE_DOMAIN)
        } else {
            None
        };
        let mut row = Row {
            domain,
            refusal,
            numbers: Vec::new(),
            sirets: Vec::new(),
        };
        for text in fields[1].split_whitespace() {
            let siret: Option<Siret> = text.parse().ok();
            row.numbers.push(siret.is_some().then_some(row.sirets.len()));
            row.sirets.extend(siret);
        }
        Ok(row)
    }

    fn rejected(&self, fields: &StringRecord, reason: &str) -> Option<Vec<String>> {
        Some(vec![
            fields[0].to_owned(),
            fields[1].to_owned(),
            reason.to_owned(),
        ])
    }

    fn sirets<'r>(&self, row: &'r Row) -> &'r [Siret] {
        if row.refusal.is_some() { &[] } else { &row.sirets }
    }

    async fn settle(
        &self,
        transaction: &Transaction<'_>,
        records: &[Record<Row>],
        organizations: &Organizations,
        tally: &mut Tally,
        now: DateTime<Utc>,
    ) -> Result<Vec<Vec<String>>, db::Error> {
        let mut wanted = HashSet::new();
        for Record { row, .. } in records {
            for siret in self.sirets(row) {
                if let Found::Open(organization) = organizations.get(siret) {
                    wanted.insert((organization, row.domain.as_str()));
                }
            }
        }
        let wanted: Vec<(i32, &str)> = wanted.into_iter().collect();
        let mut added = db::imports::add_domains(transaction, &wanted, now).await?;

        let mut output = Vec::new();
        for Record { line, fields, row } in records {
            let mut results = Vec::new();
            for number in &row.numbers {
                let result = match (
                    row.refusal,
                    number.map(|index| organizations.get(&row.sirets[index])),
                ) {
                    (Some(refusal), _) => refusal,
                    (None, None) => INVALID_SIRET,
                    (None, Some(Found::Unknown)) => EMPTY_ORG,
                    (None, Some(Found::Closed)) => INACTIVE_ORG,
                    (None, Some(Found::Unanswered)) => UNEXPECTED_ERROR,
                    // Of rows that say the same, the first one adds it.
                    (None, Some(Found::Open(organization))) => {
                        if added.remove(&(organization, row.domain.clone())) {
                            SUCCESS
                        } else {
                            KNOWN
                        }
                    }
                };
                results.push(result);
            }
            if results.is_empty() {
                results.push(IGNORED);
            }
            for result in &results {
                tally.count(result);
                if ![SUCCESS, KNOWN, IGNORED].contains(result) {
                    let is_about_domain = [INVALID_DOMAIN, FREE_DOMAIN].contains(result);
                    tally.tell(RowError {
                        line: *line,
                        reason: result,
                        column: Some(if is_about_domain { "domain" } else { "sirets" }),
                    });
                }
            }
            output.extend(self.rejected(fields, &results.join(" ")));
        }
        Ok(output)
    }
}
