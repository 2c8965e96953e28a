//! The matrix of levels (spec/oidc.md §12, spec/accounts.md §6.5): who somebody is, what a relying party asks, which pages stand
//! between the two, and what is stated in the end.

use chrono::TimeDelta;

use super::acr_walk::{
    Certification, Choice, Denied, End, Enrolment, Factor, Identity, NotCertified, Somebody, States, Stop,
    executive, ial0_oal0, ial0_oal1, ial1_oal1, one_of, walk, with_factor,
};
use crate::domain::{Acr, Amr};
use crate::oidc::{AuthorizationRequest, sound_request};

const CERTIFIED: &str = Acr::CertificationDirigeant.as_str();
const EIDAS1: &[&str] = &["eidas1", "eidas1-mfa", "eidas2", "eidas3"];
const TWO_FACTORS: &[&str] = &["eidas0-mfa", "eidas1-mfa", "eidas2", "eidas3"];
const TWO_FACTORS_OR_CERTIFIED: &[&str] = &["eidas0-mfa", "eidas1-mfa", "eidas2", "eidas3", CERTIFIED];
const UNKNOWN: &[&str] = &[
    "https://proconnect.gouv.fr/assurance/self-asserted-2fa",
    "https://proconnect.gouv.fr/assurance/consistency-checked-2fa",
    "eidas2",
    "eidas3",
];

fn check(rows: &[(&str, Somebody, AuthorizationRequest, &[Stop], End)]) {
    for (what, somebody, request, stops, end) in rows {
        assert_eq!(walk(somebody, request), (stops.to_vec(), *end), "{what}");
    }
}

#[test]
fn without_a_request_the_levels_are_told_as_they_are() {
    let nothing = || sound_request(&[]);
    let passkey_with_presence = Somebody {
        amr: vec![Amr::Pop, Amr::Uv, Amr::Mfa],
        ..with_factor(ial0_oal1())
    };
    let outdated = Somebody {
        link_age: Some(TimeDelta::days(3)),
        identity_age: Some(TimeDelta::days(4)),
        ..executive()
    };
    check(&[
        ("IAL0 OAL1", ial0_oal1(), nothing(), &[], States(Acr::Eidas0)),
        (
            "IAL0 OAL0",
            ial0_oal0(),
            nothing(),
            &[Identity],
            States(Acr::Eidas0),
        ),
        ("IAL1 OAL1", ial1_oal1(), nothing(), &[], States(Acr::Eidas1)),
        (
            "IAL0, a factor unused",
            with_factor(ial0_oal1()),
            nothing(),
            &[],
            States(Acr::Eidas0),
        ),
        (
            "IAL1, a factor unused",
            with_factor(ial1_oal1()),
            nothing(),
            &[],
            States(Acr::Eidas1),
        ),
        (
            "a passkey",
            passkey_with_presence,
            nothing(),
            &[],
            States(Acr::Eidas0Mfa),
        ),
        ("an executive", executive(), nothing(), &[], States(Acr::Eidas1)),
        (
            "an executive of before",
            outdated,
            nothing(),
            &[],
            States(Acr::Eidas1),
        ),
    ]);
}

#[test]
fn what_is_insisted_on_is_reached_or_denied() {
    let unused = with_factor(ial0_oal1());
    check(&[
        ("IAL1", ial1_oal1(), one_of(EIDAS1), &[], States(Acr::Eidas1)),
        (
            "an identity is not enough",
            ial0_oal0(),
            one_of(EIDAS1),
            &[],
            Denied,
        ),
        (
            "an identity is enough",
            ial0_oal1(),
            one_of(EIDAS1),
            &[Identity],
            States(Acr::Eidas1),
        ),
        (
            "an identity for eidas0",
            ial0_oal0(),
            one_of(&["eidas0"]),
            &[Identity],
            States(Acr::Eidas0),
        ),
        ("no level below", ial1_oal1(), one_of(&["eidas0"]), &[], Denied),
        (
            "a factor",
            unused.clone(),
            one_of(TWO_FACTORS),
            &[Factor],
            States(Acr::Eidas0Mfa),
        ),
        (
            "no factor yet",
            ial0_oal1(),
            one_of(TWO_FACTORS),
            &[Enrolment],
            States(Acr::Eidas0Mfa),
        ),
        (
            "a factor and an identity",
            ial0_oal1(),
            one_of(&["eidas1-mfa", "eidas2", "eidas3"]),
            &[Enrolment, Identity],
            States(Acr::Eidas1Mfa),
        ),
        (
            "a factor in vain",
            with_factor(ial0_oal0()),
            one_of(&["eidas1-mfa"]),
            &[],
            Denied,
        ),
        (
            "one way is enough",
            unused,
            one_of(&["eidas0", "eidas1-mfa"]),
            &[],
            States(Acr::Eidas0),
        ),
        ("nothing that exists", ial0_oal1(), one_of(UNKNOWN), &[], Denied),
        (
            "nothing that exists, an executive",
            with_factor(executive()),
            one_of(UNKNOWN),
            &[],
            Denied,
        ),
        ("nothing at all", ial1_oal1(), one_of(&[]), &[], Denied),
    ]);
}

#[test]
fn executives_are_certified_where_that_is_what_is_asked() {
    let certification = || one_of(&[CERTIFIED]);
    let single = {
        let claims = serde_json::json!({"id_token": {"acr": {"essential": true, "value": CERTIFIED}}});
        sound_request(&[("claims", &claims.to_string())])
    };
    let voluntary = {
        let claims = serde_json::json!({"id_token": {"acr": {"value": CERTIFIED}}});
        sound_request(&[("claims", &claims.to_string())])
    };
    let certified = States(Acr::CertificationDirigeant);
    let expired_identity = Somebody {
        identity_age: Some(TimeDelta::days(120)),
        ..executive()
    };
    let expired_certification = Somebody {
        link_age: Some(TimeDelta::hours(25)),
        identity_age: Some(TimeDelta::hours(26)),
        ..executive()
    };
    let former = Somebody {
        is_executive: false,
        ..expired_certification.clone()
    };
    let not_certified_yet = Somebody {
        is_executive: true,
        ..ial0_oal1()
    };
    let factor = with_factor(executive());
    check(&[
        ("an executive", executive(), certification(), &[Choice], certified),
        ("by a single value", executive(), single, &[Choice], certified),
        ("not essential", executive(), voluntary, &[], States(Acr::Eidas1)),
        (
            "beside levels of tomorrow",
            executive(),
            one_of(&[CERTIFIED, "eidas2"]),
            &[Choice],
            certified,
        ),
        (
            "a factor unused",
            factor.clone(),
            certification(),
            &[Choice],
            certified,
        ),
        (
            "ordinary levels first",
            factor,
            one_of(TWO_FACTORS_OR_CERTIFIED),
            &[Factor],
            States(Acr::Eidas1Mfa),
        ),
        (
            "an expired identity",
            expired_identity,
            certification(),
            &[Choice, Identity, Certification],
            certified,
        ),
        (
            "an expired certification",
            expired_certification,
            certification(),
            &[Choice, Certification],
            certified,
        ),
        (
            "an executive of before",
            former,
            certification(),
            &[Choice, Certification],
            NotCertified,
        ),
        (
            "an executive to be",
            not_certified_yet,
            certification(),
            &[Choice, Identity, Certification],
            certified,
        ),
        (
            "an employee",
            ial1_oal1(),
            certification(),
            &[Choice, Certification],
            NotCertified,
        ),
    ]);
}

#[test]
fn the_legacy_value_states_what_those_relying_parties_expect() {
    let legacy = || sound_request(&[("acr_values", "eidas1")]);
    let claims = |values: &[&str]| {
        serde_json::json!({"id_token": {"acr": {"essential": true, "values": values}}}).to_string()
    };
    let insisting = |values: &[&str]| sound_request(&[("acr_values", "eidas1"), ("claims", &claims(values))]);
    let single = serde_json::json!({"id_token": {"acr": {"essential": true, "value": "eidas2"}}}).to_string();
    let of_two_minds = sound_request(&[("acr_values", "eidas1"), ("claims", &single)]);
    check(&[
        ("IAL0", ial0_oal1(), legacy(), &[], States(Acr::Eidas1)),
        ("IAL1", ial1_oal1(), legacy(), &[], States(Acr::Eidas1)),
        ("an executive", executive(), legacy(), &[], States(Acr::Eidas1)),
        (
            "with others",
            ial0_oal1(),
            sound_request(&[("acr_values", "eidas1 eidas2")]),
            &[],
            States(Acr::Eidas0),
        ),
        (
            "the parameter takes the place of a list, and who insists is told the truth",
            ial0_oal1(),
            insisting(UNKNOWN),
            &[Identity],
            States(Acr::Eidas1),
        ),
        (
            "and of nobody less",
            ial0_oal0(),
            insisting(&["eidas0"]),
            &[],
            Denied,
        ),
        ("of two minds", ial1_oal1(), of_two_minds, &[], Denied),
    ]);
}

/// Step-up in a live session, and what is left of it for the next request.
#[test]
fn a_level_is_of_the_session_that_proved_it() {
    let live = Somebody {
        has_selected: true,
        ..with_factor(ial0_oal1())
    };
    let stepped_up = Somebody {
        amr: vec![Amr::Pwd, Amr::EmailOtp, Amr::Totp, Amr::Mfa],
        ..live.clone()
    };
    check(&[
        (
            "only the factor is missing",
            live.clone(),
            one_of(TWO_FACTORS),
            &[Factor],
            States(Acr::Eidas0Mfa),
        ),
        (
            "it was shown already",
            stepped_up.clone(),
            one_of(TWO_FACTORS),
            &[],
            States(Acr::Eidas0Mfa),
        ),
        (
            "and is not forgotten",
            stepped_up.clone(),
            sound_request(&[]),
            &[],
            States(Acr::Eidas0Mfa),
        ),
        (
            "less is not what it is",
            stepped_up,
            one_of(&["eidas0"]),
            &[],
            Denied,
        ),
        (
            "a new session has shown nothing",
            live,
            sound_request(&[]),
            &[],
            States(Acr::Eidas0),
        ),
    ]);
}
