//! Accounts of the médiation numérique, in a file separated by semicolons. The account's address is the professional one.

use std::collections::HashSet;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use csv::StringRecord;

use super::format::{
    Format, Found, INVALID_EMAIL, INVALID_NAMES, INVALID_SIRET, Organizations, Record, Rejection,
    UNEXPECTED_ERROR, reject, texts,
};
use super::report::Tally;
use crate::db::imports::NewAccount;
use crate::db::{self, Transaction};
use crate::domain::{Email, LinkVerificationType, PersonName, PhoneNumber, Siret};

const INVALID_PHONE_NUMBER: &str = "rejected_invalid_phone_number";
/// The establishment is unknown or closed.
const INVALID_ORG: &str = "rejected_invalid_org";

const SIRET: &str = "SIRET structure";
const ADDRESS: &str = "email professionnel secondaire";
const COORDINATOR_JOB: &str = "Coordinateur conseillers numérique";
const ADVISER_JOB: &str = "Conseiller numérique";

/// See the module.
pub(super) struct CoopAccounts;

/// What a record tells.
pub(super) struct Row {
    email: Email,
    given_name: PersonName,
    family_name: PersonName,
    phone_number: Option<PhoneNumber>,
    is_coordinator: bool,
    siret: [Siret; 1],
}

#[async_trait]
impl Format for CoopAccounts {
    const KIND: &'static str = "coop-accounts";
    const DELIMITER: u8 = b';';
    const COLUMNS: &'static [&'static str] = &[
        "prenom",
        "nom",
        "téléphone",
        "email",
        "coordinateur",
        "Code Postal",
        "Nom commune",
        SIRET,
        ADDRESS,
    ];
    const OUTPUT: &'static [&'static str] = &[
        "prenom",
        "nom",
        "téléphone",
        "email",
        "coordinateur",
        "Code Postal",
        "Nom commune",
        SIRET,
        ADDRESS,
        "error",
    ];

    type Row = Row;

    fn read(&self, fields: &StringRecord) -> Result<Row, Rejection> {
        let email = Email::parse(&fields[8]).map_err(|_| (INVALID_EMAIL, Some(ADDRESS)))?;
        let given_name = PersonName::parse(&fields[0]).map_err(|_| (INVALID_NAMES, Some("prenom")))?;
        let family_name = PersonName::parse(&fields[1]).map_err(|_| (INVALID_NAMES, Some("nom")))?;
        let phone_number =
            PhoneNumber::parse_optional(&fields[2]).map_err(|_| (INVALID_PHONE_NUMBER, Some("téléphone")))?;
        let siret = fields[7].parse().map_err(|_| (INVALID_SIRET, Some(SIRET)))?;
        Ok(Row {
            email,
            given_name,
            family_name,
            phone_number,
            is_coordinator: &fields[4] == "oui",
            siret: [siret],
        })
    }

    fn rejected(&self, fields: &StringRecord, reason: &str) -> Option<Vec<String>> {
        let mut line = texts(fields);
        line.push(reason.to_owned());
        Some(line)
    }

    fn sirets<'r>(&self, row: &'r Row) -> &'r [Siret] {
        &row.siret
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
            .map(|Record { row, .. }| NewAccount {
                email: row.email.as_str(),
                given_name: row.given_name.as_str(),
                family_name: row.family_name.as_str(),
                phone_number: row.phone_number.as_ref().map(PhoneNumber::as_str),
                job: Some(if row.is_coordinator {
                    COORDINATOR_JOB
                } else {
                    ADVISER_JOB
                }),
                comes_from_inclusion_connect: false,
            })
            .collect();
        let opened = db::imports::open_accounts(transaction, &accounts, now).await?;
        tally.add("accounts_created", opened.created);

        let mut links = HashSet::new();
        let mut output = Vec::new();
        for Record { line, fields, row } in records {
            let user = opened.ids.get(row.email.as_str());
            let refusal = match (user, organizations.get(&row.siret[0])) {
                (Some(user), Found::Open(organization)) => {
                    links.insert((*user, organization));
                    None
                }
                (Some(_), Found::Closed | Found::Unknown) => Some((INVALID_ORG, SIRET)),
                (Some(_), Found::Unanswered) => Some((UNEXPECTED_ERROR, SIRET)),
                (None, _) => Some((UNEXPECTED_ERROR, ADDRESS)),
            };
            match refusal {
                None => tally.count("success"),
                Some((reason, column)) => {
                    reject(tally, *line, reason, Some(column));
                    output.extend(self.rejected(fields, reason));
                }
            }
        }
        let linked = db::imports::link(
            transaction,
            &links.into_iter().collect::<Vec<_>>(),
            LinkVerificationType::ImportedFromCoopMediationNumerique,
            now,
        )
        .await?;
        tally.add("links_created", linked);
        Ok(output)
    }
}
