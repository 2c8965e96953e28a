//! The values of the claims about a person (spec/oidc.md §7.3). Pure.

use chrono::SecondsFormat;
use serde_json::{Map, Value};

use super::user_claim::{UserClaim, claims_of};
use crate::db::grants::{OrganizationRow, SubjectRow};
use crate::domain::ScopeSet;
use crate::domain::public_service::{is_commune, is_public_service};

/// Everything that claims are made of.
#[derive(Debug, Clone, Copy)]
pub struct ClaimSource<'a> {
    pub person: &'a SubjectRow,
    /// The one that the person acts for.
    pub organization: &'a OrganizationRow,
    /// The claim `sub`.
    pub subject: &'a str,
    /// The claim `updated_at` as the reference writes it, instead of the number that the standard asks for.
    pub updated_at_as_text: bool,
}

impl ClaimSource<'_> {
    /// The claims that `scope` and `named` ask for. A claim without a value is left out, except `label`.
    #[must_use]
    pub fn claims(&self, scope: &ScopeSet, named: &[UserClaim]) -> Map<String, Value> {
        let by_scope = scope.iter().flat_map(claims_of).copied();
        let mut claims = Map::new();
        for claim in by_scope.chain(named.iter().copied()) {
            if claims.contains_key(claim.as_str()) {
                continue;
            }
            if let Some(value) = self.value(claim) {
                claims.insert(claim.as_str().to_owned(), value);
            }
        }
        claims
    }

    fn value(&self, claim: UserClaim) -> Option<Value> {
        let Self {
            person, organization, ..
        } = self;
        match claim {
            UserClaim::Sub | UserClaim::Uid => Some(Value::from(self.subject)),
            UserClaim::Email => Some(Value::from(person.email.as_str())),
            UserClaim::EmailVerified => Some(Value::from(person.email_verified)),
            UserClaim::FamilyName | UserClaim::UsualName => text(person.family_name.as_deref()),
            UserClaim::GivenName => text(person.given_name.as_deref()),
            UserClaim::UpdatedAt if self.updated_at_as_text => Some(Value::from(
                person.updated_at.to_rfc3339_opts(SecondsFormat::Millis, true),
            )),
            UserClaim::UpdatedAt => Some(Value::from(person.updated_at.timestamp())),
            UserClaim::Job => text(person.job.as_deref()),
            UserClaim::Label => Some(Value::from(organization.cached_libelle.as_deref())),
            UserClaim::Siret => Some(Value::from(organization.siret.as_str())),
            UserClaim::IsCommune => Some(Value::from(is_commune(
                organization.cached_libelle_categorie_juridique.as_deref(),
            ))),
            UserClaim::IsExternal => Some(Value::from(organization.is_external)),
            UserClaim::IsPublicService | UserClaim::IsServicePublic => Some(Value::from(is_public_service(
                organization.cached_categorie_juridique.as_deref(),
                organization.siret.get(..9),
                organization.cached_etat_administratif.as_deref(),
            ))),
            UserClaim::Organizations => Some(Value::Array(Vec::new())),
            UserClaim::PhoneNumber => text(person.phone_number.as_deref()),
            // Nobody verifies numbers here; relying parties have always read `false`, with or without a number.
            UserClaim::PhoneNumberVerified => Some(Value::from(false)),
        }
    }
}

fn text(value: Option<&str>) -> Option<Value> {
    value.filter(|text| !text.is_empty()).map(Value::from)
}

#[cfg(test)]
pub(super) mod tests {
    use chrono::DateTime;
    use serde_json::json;

    use super::*;

    pub(crate) fn town_hall() -> OrganizationRow {
        OrganizationRow {
            id: 1,
            siret: "21340126800130".into(),
            cached_libelle: Some("Commune de lamalou-les-bains - Mairie".into()),
            cached_categorie_juridique: Some("7210".into()),
            cached_libelle_categorie_juridique: Some("Commune et commune nouvelle".into()),
            cached_etat_administratif: Some("A".into()),
            is_external: false,
        }
    }

    pub(crate) fn person() -> SubjectRow {
        SubjectRow {
            user_id: 1,
            email: "user@yopmail.com".into(),
            email_verified: true,
            given_name: Some("Jean".into()),
            family_name: Some("Jean".into()),
            phone_number: None,
            job: Some("Sbire".into()),
            updated_at: DateTime::from_timestamp_millis(1_795_360_241_777).unwrap(),
            organization: None,
        }
    }

    fn claims(scope: &str, named: &[UserClaim]) -> Value {
        let (person, organization) = (person(), town_hall());
        let source = ClaimSource {
            person: &person,
            organization: &organization,
            subject: "1",
            updated_at_as_text: false,
        };
        Value::Object(source.claims(&ScopeSet::parse_known(scope), named))
    }

    #[test]
    fn the_standard_scopes_tell_the_person_and_the_organization() {
        assert_eq!(
            claims("openid email profile organization", &[]),
            json!({
                "sub": "1", "email": "user@yopmail.com", "email_verified": true, "family_name": "Jean",
                "given_name": "Jean", "updated_at": 1_795_360_241, "job": "Sbire",
                "label": "Commune de lamalou-les-bains - Mairie", "siret": "21340126800130", "is_commune": true,
                "is_external": false, "is_public_service": true, "is_service_public": true
            })
        );
    }

    #[test]
    fn who_wants_the_old_text_of_updated_at_gets_it() {
        let (person, organization) = (person(), town_hall());
        let source = ClaimSource {
            person: &person,
            organization: &organization,
            subject: "1",
            updated_at_as_text: true,
        };
        let claims = source.claims(&ScopeSet::default(), &[UserClaim::UpdatedAt]);
        assert_eq!(claims["updated_at"], "2026-11-22T15:10:41.777Z");
    }

    #[test]
    fn the_federation_scopes_tell_one_claim_each() {
        assert_eq!(
            claims(
                "openid uid given_name usual_name siret phone is_public_service",
                &[]
            ),
            json!({
                "sub": "1", "uid": "1", "given_name": "Jean", "usual_name": "Jean", "siret": "21340126800130",
                "phone_number_verified": false, "is_public_service": true
            })
        );
    }

    #[test]
    fn legacy_organizations_are_an_empty_list() {
        assert_eq!(
            claims("openid organizations", &[]),
            json!({"sub": "1", "organizations": []})
        );
    }

    #[test]
    fn claims_named_one_by_one_are_added() {
        assert_eq!(
            claims("openid", &[UserClaim::Job]),
            json!({"sub": "1", "job": "Sbire"})
        );
    }

    #[test]
    fn an_organization_without_label_says_null_and_empty_texts_are_left_out() {
        let person = SubjectRow {
            job: Some(String::new()),
            given_name: None,
            ..person()
        };
        let organization = OrganizationRow {
            cached_libelle: None,
            siret: "1".into(),
            ..town_hall()
        };
        let source = ClaimSource {
            person: &person,
            organization: &organization,
            subject: "1",
            updated_at_as_text: false,
        };
        let claims = source.claims(&ScopeSet::parse_known("profile organization"), &[]);
        assert_eq!(claims.get("label"), Some(&Value::Null));
        assert!(!claims.contains_key("job") && !claims.contains_key("given_name"));
    }
}
