//! Organizations that the address of a person suggests (spec/organizations.md §4.3).

use super::{Organizations, OrganizationsError};
use crate::db;
use crate::db::moderations::ModeratedOrganization;
use crate::domain::email_domain::{FreeMailRules, is_armee, is_education_nationale};
use crate::domain::{Email, OrganizationId};

/// Ministère des Armées.
const ARMEE_SIRET: &str = "11009001600053";
/// Of more candidates than can be shown, those with at least one in five of the members.
const SHARE: i64 = 5;

/// Whether suggestions make sense for a person at all.
fn may_suggest(email: &Email, organization_count: usize, free_mail: FreeMailRules) -> bool {
    let domain = email.domain();
    organization_count == 0 && !free_mail.is_free(domain) && !is_education_nationale(domain)
}

/// The identifiers of the candidates to show, given with their numbers of members, largest first.
fn choose(candidates: &[(OrganizationId, i64)], at_most: usize) -> Vec<OrganizationId> {
    if candidates.len() <= at_most {
        return candidates.iter().map(|(id, _)| *id).collect();
    }
    let members: i64 = candidates.iter().map(|(_, count)| count).sum();
    candidates
        .iter()
        .filter(|(_, count)| members > 0 && count * SHARE >= members)
        .map(|(id, _)| *id)
        .collect()
}

impl Organizations {
    /// The organizations that people with an address like `email` act for, to somebody who acts for `organization_count` so far.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn suggestions(
        &self,
        email: &str,
        organization_count: usize,
    ) -> Result<Vec<ModeratedOrganization>, OrganizationsError> {
        let rules = &self.services.rules;
        let Ok(email) = Email::parse(email) else {
            return Ok(Vec::new());
        };
        if !may_suggest(&email, organization_count, rules.free_mail) {
            return Ok(Vec::new());
        }
        let client = self.services.pool.get().await?;
        if is_armee(email.domain())
            && let Some(ministry) = db::suggestions::by_siret(&client, ARMEE_SIRET).await?
        {
            return Ok(vec![ministry]);
        }
        let candidates = db::suggestions::candidates(&client, email.domain()).await?;
        let counts: Vec<(OrganizationId, i64)> = candidates
            .iter()
            .map(|candidate| (candidate.organization.id, candidate.member_count))
            .collect();
        let chosen = choose(&counts, rules.max_suggestions);
        Ok(candidates
            .into_iter()
            .map(|candidate| candidate.organization)
            .filter(|organization| chosen.contains(&organization.id))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::domain::vectors::{SUGGESTIONS, text};

    #[test]
    fn suggestions_are_chosen_as_the_vectors_say() {
        let at_most = 3;
        for case in SUGGESTIONS.cases() {
            let email = Email::parse(text(&case, "email").unwrap()).unwrap();
            let count =
                usize::try_from(case["user_organization_count"].as_u64().unwrap_or_default()).unwrap();
            let id = |value: &Value| OrganizationId(i32::try_from(value.as_i64().unwrap()).unwrap());
            let candidates: Vec<(OrganizationId, i64)> = case["candidates"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|candidate| (id(&candidate["id"]), candidate["member_count"].as_i64().unwrap()))
                .collect();
            let ministry = case["armee_organization_id"]
                .as_i64()
                .map(|_| id(&case["armee_organization_id"]));
            let chosen = match ministry {
                _ if !may_suggest(&email, count, FreeMailRules::default()) => Vec::new(),
                Some(ministry) if is_armee(email.domain()) => vec![ministry],
                _ => choose(&candidates, at_most),
            };
            let expected: Vec<OrganizationId> =
                case["expected_ids"].as_array().unwrap().iter().map(id).collect();
            assert_eq!(chosen, expected, "{case}");
        }
    }
}
