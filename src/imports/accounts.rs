//! Accounts of Inclusion Connect: `last_name, first_name, email, sub, siret` (several numbers, between blanks, or none).

use std::collections::HashSet;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use csv::StringRecord;

use super::format::{
    Format, Found, INVALID_EMAIL, INVALID_NAMES, INVALID_SIRET, Organizations, Record, Rejection,
    UNEXPECTED_ERROR, reject,
};
use super::report::{RowError, Tally};
use crate::db::imports::NewAccount;
use crate::db::{self, Transaction};
use crate::domain::{Email, LinkVerificationType, PersonName, Siret};

const INVALID_SUB: &str = "rejected_invalid_sub";
/// The record is taken; one of its establishments is unknown or closed.
const NOT_LINKED: &str = "organization_not_linked";

/// See the module.
pub(super) struct Accounts;

/// What a record tells.
pub(super) struct Row {
    email: Email,
    given_name: PersonName,
    family_name: PersonName,
    sub: String,
    sirets: Vec<Siret>,
    /// One of the numbers is none: the account is opened and linked to the others, and the record counts as rejected.
    has_invalid_siret: bool,
}

#[async_trait]
impl Format for Accounts {
    const KIND: &'static str = "accounts";
    const DELIMITER: u8 = b',';
    const COLUMNS: &'static [&'static str] = &["last_name", "first_name", "email", "sub", "siret"];
    const OUTPUT: &'static [&'static str] = &["email", "inclusionconnect_sub", "moncomptepro_sub"];

    type Row = Row;

    fn read(&self, fields: &StringRecord) -> Result<Row, Rejection> {
        let email = Email::parse(&fields[2]).map_err(|_| (INVALID_EMAIL, Some("email")))?;
        let family_name = PersonName::parse(&fields[0]).map_err(|_| (INVALID_NAMES, Some("last_name")))?;
        let given_name = PersonName::parse(&fields[1]).map_err(|_| (INVALID_NAMES, Some("first_name")))?;
        let sub = &fields[3];
        if sub.is_empty() {
            return Err((INVALID_SUB, Some("sub")));
        }
        let numbers: Vec<Result<Siret, _>> = fields[4].split_whitespace().map(str::parse).collect();
        Ok(Row {
            email,
            given_name,
            family_name,
            sub: sub.to_owned(),
            has_invalid_siret: numbers.iter().any(Result::is_err),
            sirets: numbers.into_iter().flatten().collect(),
        })
    }

    fn rejected(&self, _: &StringRecord, _: &str) -> Option<Vec<String>> {
        None
    }

    fn sirets<'r>(&self, row: &'r Row) -> &'r [Siret] {
        &row.sirets
    }

    async fn settle(
        &self,
        transaction: &Transaction<'_>,
        records: &[Record<Row>],
        organizations: &Organizations,
        tally: &mut Tally,
        now: DateTime<Utc>,
    ) -> Result<Vec<Vec<String>>, db::Error> {
        let accounts: Vec<NewAccount<'_>> = records
            .iter()
            .map(|record| NewAccount {
                email: record.row.email.as_str(),
                given_name: record.row.given_name.as_str(),
                family_name: record.row.family_name.as_str(),
                phone_number: None,
                job: None,
                comes_from_inclusion_connect: true,
            })
            .collect();
        let opened = db::imports::open_accounts(transaction, &accounts, now).await?;
        tally.add("accounts_created", opened.created);

        let mut links = HashSet::new();
        let mut output = Vec::new();
        for Record { line, row, .. } in records {
            let Some(user) = opened.ids.get(row.email.as_str()) else {
                reject(tally, *line, UNEXPECTED_ERROR, Some("email"));
                continue;
            };
            let mut is_unanswered = false;
            for siret in &row.sirets {
                match organizations.get(siret) {
                    Found::Open(organization) => {
                        links.insert((*user, organization));
                    }
                    Found::Closed | Found::Unknown => {
                        tally.count(NOT_LINKED);
                        tally.tell(RowError {
                            line: *line,
                            reason: NOT_LINKED,
                            column: Some("siret"),
                        });
                    }
                    Found::Unanswered => is_unanswered = true,
                }
            }
            if row.has_invalid_siret {
                reject(tally, *line, INVALID_SIRET, Some("siret"));
            } else if is_unanswered {
                reject(tally, *line, UNEXPECTED_ERROR, Some("siret"));
            } else {
                tally.count("success");
                output.push(vec![row.email.to_string(), row.sub.clone(), user.to_string()]);
            }
        }
        let linked = db::imports::link(
            transaction,
            &links.into_iter().collect::<Vec<_>>(),
            LinkVerificationType::ImportedFromInclusionConnect,
            now,
        )
        .await?;
        tally.add("links_created", linked);
        Ok(output)
    }
}
