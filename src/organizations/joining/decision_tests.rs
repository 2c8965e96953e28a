//! The vectors of the decision: the organization is the one of `establishments_expected.json` with that SIRET, altered by `override`.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::*;
use crate::domain::organization::{EstablishmentRecord, OrganizationInfo};
use crate::domain::vectors::{ESTABLISHMENTS, JOIN_DECISIONS, flag, text};

/// A column of the organization of a case.
type Columns = Map<String, Value>;

/// The organizations that the mocked register knows, and those of the vectors.
fn organizations() -> HashMap<String, Columns> {
    let mocked: HashMap<String, Value> = serde_json::from_str(include_str!(
        "../../../fixtures/api/api-entreprise-etablissements.json"
    ))
    .unwrap();
    let mocked = mocked.into_iter().filter_map(|(siret, answer)| {
        let record: EstablishmentRecord = serde_json::from_value(answer["data"].clone()).ok()?;
        Some((siret, columns(&OrganizationInfo::from(&record))))
    });
    let described = ESTABLISHMENTS.cases().into_iter().filter_map(|case| {
        let columns = case["organization"].as_object()?.clone();
        Some((columns["siret"].as_str()?.to_owned(), columns))
    });
    mocked.chain(described).collect()
}

fn columns(info: &OrganizationInfo) -> Columns {
    let Value::Object(columns) = json!({
        "siret": info.siret,
        "cached_est_active": info.est_active,
        "cached_etat_administratif": info.etat_administratif,
        "cached_categorie_juridique": info.categorie_juridique,
        "cached_libelle_categorie_juridique": info.libelle_categorie_juridique,
        "cached_activite_principale": info.activite_principale,
        "cached_libelle_activite_principale": info.libelle_activite_principale,
        "cached_tranche_effectifs_unite_legale": info.tranche_effectifs_unite_legale,
    }) else {
        unreachable!("an object was written")
    };
    columns
}

fn profile(columns: &Columns) -> OrganizationProfile<'_> {
    let column = |name: &str| columns.get(name).and_then(Value::as_str);
    OrganizationProfile {
        siret: column("siret"),
        categorie_juridique: column("cached_categorie_juridique"),
        libelle_categorie_juridique: column("cached_libelle_categorie_juridique"),
        activite_principale: column("cached_activite_principale"),
        libelle_activite_principale: column("cached_libelle_activite_principale"),
        tranche_effectifs_unite_legale: column("cached_tranche_effectifs_unite_legale"),
        etat_administratif: column("cached_etat_administratif"),
    }
}

/// The answers of the two directories in a case: `None` is a failure.
fn contacts(case: &Value, directory: ContactDirectory) -> Contacts {
    let addresses: Vec<&str> = match directory {
        ContactDirectory::ServicePublic => case["service_public_contacts"]
            .as_array()
            .map(|list| list.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default(),
        ContactDirectory::EducationNationale => text(case, "education_contact").into_iter().collect(),
    };
    Contacts::Known(
        addresses
            .into_iter()
            .filter_map(|address| Email::parse(address).ok())
            .collect(),
    )
}

fn decide_case(case: &Value, columns: &Columns) -> Decision {
    let email = Email::parse(text(case, "email").unwrap()).unwrap();
    let siret: Siret = text(case, "siret").unwrap().parse().unwrap();
    let rows = case["email_domains"].as_array().cloned().unwrap_or_default();
    let domain_types: Vec<EmailDomainType> = rows
        .iter()
        .filter(|row| row[0] == email.domain())
        .map(|row| row[1].as_str().unwrap().parse().unwrap())
        .collect();
    let toggle = |name: &str| case["env"].get(name).and_then(Value::as_bool).unwrap_or_default();
    let mut candidacy = Candidacy {
        siret: &siret,
        is_active: columns["cached_est_active"].as_bool(),
        organization: profile(columns),
        email: &email,
        is_member: flag(case, "already_member"),
        pending_request: flag(case, "pending").then_some(ModerationId(1)),
        rejected_request: flag(case, "rejected").then_some(ModerationId(2)),
        domain_types: &domain_types,
        certification_requested: flag(case, "certification_requested"),
        is_confirmed: flag(case, "confirmed"),
        contacts: &Contacts::NotAsked,
        free_mail: FreeMailRules {
            all_are_free: toggle("FEATURE_CONSIDER_ALL_EMAIL_DOMAINS_AS_FREE"),
            none_is_free: toggle("FEATURE_CONSIDER_ALL_EMAIL_DOMAINS_AS_NON_FREE"),
        },
        bypasses_moderation: toggle("FEATURE_BYPASS_MODERATION"),
    };
    let decision = decide(&candidacy);
    let Outcome::Ask(directory) = decision.outcome else {
        return decision;
    };
    let contacts = contacts(case, directory);
    candidacy.contacts = &contacts;
    decide(&candidacy)
}

/// The result as the vectors name it.
fn name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Link(_) => "linked",
        Outcome::Moderate => "UnableToAutoJoinOrganizationError",
        Outcome::CertifyDirigeant => "PendingCertificationDirigeantError",
        Outcome::Ask(_) => "asks twice",
        Outcome::Refused(refusal) => match refusal {
            Refusal::OrganizationNotActive => "OrganizationNotActiveError",
            Refusal::AlreadyMember => "UserInOrganizationAlreadyError",
            Refusal::AlreadyAsked(_) => "UserAlreadyAskedToJoinOrganizationError",
            Refusal::Rejected(_) => "UserModerationRejectedError",
            Refusal::DomainNotAllowed => "DomainNotAllowedForOrganizationError",
            Refusal::DomainRefused => "DomainRefusedForOrganizationError",
            Refusal::GouvFrForPrivateOrganization => "GouvFrDomainsForbiddenForPrivateOrg",
            Refusal::RestrictedToPublicServiceEmails => "AccessRestrictedToPublicServiceEmailError",
            Refusal::MustConfirm => "UserMustConfirmToJoinOrganizationError",
        },
    }
}

fn effects(decision: &Decision) -> Value {
    let mut effects: Vec<Value> = decision
        .contact_domains
        .iter()
        .map(|domain| json!({ "email_domain_replaced_by": [domain, "official_contact"] }))
        .collect();
    if let Outcome::Link(link) = decision.outcome {
        if link.opens_domain_review {
            effects.push(json!({ "create_moderation": "non_verified_domain" }));
        }
        effects.push(json!({
            "link": link.verification_type,
            "is_external": link.is_external,
            "needs_official_contact_email_verification": link.needs_contact_code,
        }));
    }
    effects.into()
}

#[test]
fn candidacies_are_decided_as_the_vectors_say() {
    let organizations = organizations();
    for case in JOIN_DECISIONS.cases() {
        let siret = text(&case, "siret").unwrap();
        let known = organizations.get(siret);
        let mut columns = known
            .unwrap_or_else(|| panic!("no establishment {siret}"))
            .clone();
        if let Some(changes) = case["override"].as_object() {
            columns.extend(changes.clone());
        }
        let decision = decide_case(&case, &columns);
        assert_eq!(name(decision.outcome), case["result"], "{case}");
        let expected = case.get("effects").cloned().unwrap_or_else(|| json!([]));
        assert_eq!(effects(&decision), expected, "{case}");
    }
}

/// Somebody from a company of many people, whom only moderation lets in.
fn unknown<'a>(email: &'a Email, siret: &'a Siret, domain_types: &'a [EmailDomainType]) -> Candidacy<'a> {
    Candidacy {
        siret,
        is_active: Some(true),
        organization: OrganizationProfile {
            siret: Some(siret.as_str()),
            tranche_effectifs_unite_legale: Some("53"),
            ..OrganizationProfile::default()
        },
        email,
        is_member: false,
        pending_request: None,
        rejected_request: None,
        domain_types,
        certification_requested: false,
        is_confirmed: false,
        contacts: &Contacts::NotAsked,
        free_mail: FreeMailRules::default(),
        bypasses_moderation: false,
    }
}

#[test]
fn an_earlier_step_wins() {
    let email = Email::parse("jean@acme.world").unwrap();
    let siret: Siret = "39234600300198".parse().unwrap();
    let refused = [EmailDomainType::Refused, EmailDomainType::Verified];
    let base = unknown(&email, &siret, &refused);
    assert_eq!(decide(&base).outcome, Outcome::Refused(Refusal::DomainRefused));
    let member = Candidacy {
        is_member: true,
        pending_request: Some(ModerationId(1)),
        ..base.clone()
    };
    assert_eq!(decide(&member).outcome, Outcome::Refused(Refusal::AlreadyMember));
    let asked = Candidacy {
        is_member: false,
        rejected_request: Some(ModerationId(2)),
        ..member
    };
    assert_eq!(
        decide(&asked).outcome,
        Outcome::Refused(Refusal::AlreadyAsked(ModerationId(1)))
    );
    let closed = Candidacy {
        is_active: Some(false),
        ..asked
    };
    assert_eq!(
        decide(&closed).outcome,
        Outcome::Refused(Refusal::OrganizationNotActive)
    );
}

#[test]
fn a_domain_that_hinders_nobody_is_passed_over() {
    let email = Email::parse("jean@acme.world").unwrap();
    let siret: Siret = "39234600300198".parse().unwrap();
    for (types, expected) in [
        (&[EmailDomainType::Blacklisted][..], Outcome::Moderate),
        (&[], Outcome::Moderate),
        (
            &[EmailDomainType::NotVerifiedYet, EmailDomainType::External],
            Outcome::Link(NewLink {
                is_external: true,
                ..NewLink::by(LinkVerificationType::Domain)
            }),
        ),
    ] {
        assert_eq!(decide(&unknown(&email, &siret, types)).outcome, expected);
    }
}

/// whichever row is older.
#[test]
fn a_domain_that_is_approved_twice_makes_nobody_external() {
    use EmailDomainType::{External, OfficialContact, TrackdechetsPostalMail, Verified};

    let email = Email::parse("jean@acme.world").unwrap();
    let siret: Siret = "39234600300198".parse().unwrap();
    for (types, is_external) in [
        (&[External, Verified][..], false),
        (&[Verified, External], false),
        (&[External, TrackdechetsPostalMail], false),
        (&[External, OfficialContact, External], false),
        (&[External, External], true),
        (&[External], true),
    ] {
        let link = NewLink {
            is_external,
            ..NewLink::by(LinkVerificationType::Domain)
        };
        let decision = decide(&unknown(&email, &siret, types));
        assert_eq!(decision.outcome, Outcome::Link(link), "{types:?}");
    }
}
