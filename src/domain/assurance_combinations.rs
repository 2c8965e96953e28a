//! The computation of levels over every combination of session, identity, link and request, against a second, literal reading of the
//! tables of spec/accounts.md §6.

use std::collections::BTreeSet;

use super::acr::EssentialAcr;
use super::assurance::{
    AuthenticationLevel, IdentityLevel, Levels, OrganizationLevel, satisfies, second_factor_would_help,
    verified_identity_would_help,
};

const IDENTITIES: [IdentityLevel; 2] = [IdentityLevel::Declared, IdentityLevel::Verified];
const AUTHENTICATIONS: [AuthenticationLevel; 2] =
    [AuthenticationLevel::OneFactor, AuthenticationLevel::TwoFactors];
const ORGANIZATIONS: [OrganizationLevel; 3] = [
    OrganizationLevel::Unverified,
    OrganizationLevel::Verified,
    OrganizationLevel::Certified,
];
const CERTIFICATION: &str = "https://proconnect.gouv.fr/assurance/certification-dirigeant";
const VALUES: [&str; 6] = [
    "eidas0",
    "eidas0-mfa",
    "eidas1",
    "eidas1-mfa",
    CERTIFICATION,
    "eidas2",
];

/// The table of §6.4, by numbers.
fn published_acr(ial: usize, aal: usize, oal: usize) -> Option<&'static str> {
    match (ial, aal, oal) {
        (0, 1, 1) | (1, 1, 0) => Some("eidas0"),
        (0, 2, 1) | (1, 2, 0) => Some("eidas0-mfa"),
        (1, 1, 1 | 2) => Some("eidas1"),
        (1, 2, 1 | 2) => Some("eidas1-mfa"),
        _ => None,
    }
}

/// What is stated at the end (§6.5), by numbers.
fn published_result(ial: usize, aal: usize, oal: usize, values: &BTreeSet<&str>) -> Option<&'static str> {
    let wants_certification =
        values.contains(CERTIFICATION) && !values.iter().any(|value| VALUES[..4].contains(value));
    if wants_certification && ial == 1 && oal == 2 {
        return Some(CERTIFICATION);
    }
    published_acr(ial, aal, oal)
}

/// Every set of values that a relying party may insist on.
fn requests() -> impl Iterator<Item = BTreeSet<&'static str>> {
    (0_u32..1 << VALUES.len()).map(|set| {
        let chosen = VALUES.iter().enumerate();
        chosen
            .filter(|(index, _)| set & (1 << index) != 0)
            .map(|(_, value)| *value)
            .collect()
    })
}

fn essential(values: &BTreeSet<&'static str>) -> EssentialAcr {
    EssentialAcr::one_of(values.iter().copied())
}

/// Whether `values` hold something that is within reach with `aal`, with identities from `ial` on and with the given links.
fn is_within_reach(ial: usize, aal: usize, links: &[usize], values: &BTreeSet<&str>) -> bool {
    (ial..=1).any(|ial| {
        links
            .iter()
            .any(|oal| published_result(ial, aal, *oal, values).is_some_and(|result| values.contains(result)))
    })
}

#[test]
fn levels_add_up_as_published_for_every_request() {
    for values in requests() {
        let request = essential(&values);
        for (ial, identity) in IDENTITIES.into_iter().enumerate() {
            for (aal, authentication) in (1..).zip(AUTHENTICATIONS) {
                for (oal, organization) in ORGANIZATIONS.into_iter().enumerate() {
                    let levels = Levels {
                        identity,
                        authentication,
                        organization,
                    };
                    let what = format!("IAL{ial} AAL{aal} OAL{oal} {values:?}");
                    let expected = published_result(ial, aal, oal, &values);
                    let stated = levels.acr_for(Some(&request));
                    assert_eq!(stated.map(super::Acr::as_str), expected, "{what}");
                    let is_accepted = expected.is_some_and(|expected| values.contains(expected));
                    assert_eq!(satisfies(stated, Some(&request)), is_accepted, "{what}");
                    let ordinary = levels.acr_for(None);
                    assert_eq!(
                        ordinary.map(super::Acr::as_str),
                        published_acr(ial, aal, oal),
                        "{what}"
                    );
                    assert_eq!(satisfies(ordinary, None), ordinary.is_some(), "{what}");
                }
            }
        }
    }
}

#[test]
fn a_second_factor_is_asked_for_when_it_alone_brings_the_request_within_reach() {
    for values in requests() {
        let request = essential(&values);
        for (ial, identity) in IDENTITIES.into_iter().enumerate() {
            for known in [None, Some(0), Some(1), Some(2)] {
                let links = known.map_or(vec![0, 1, 2], |oal| vec![oal]);
                let organization = known.map(|oal| ORGANIZATIONS[oal]);
                let would_help = |authentication| {
                    second_factor_would_help(Some(&request), identity, authentication, organization)
                };
                let expected =
                    !is_within_reach(ial, 1, &links, &values) && is_within_reach(ial, 2, &links, &values);
                let what = format!("IAL{ial} OAL{known:?} {values:?}");
                assert_eq!(would_help(AuthenticationLevel::OneFactor), expected, "{what}");
                assert!(!would_help(AuthenticationLevel::TwoFactors), "{what}");
            }
        }
    }
}

/// Nobody is refused for want of a factor that was never asked for, and nobody is asked in vain: once a second factor was shown, and
/// the identity verified where that is asked for, a request is satisfied exactly when some combination within reach satisfies it.
#[test]
fn who_does_what_is_asked_gets_what_is_within_reach() {
    for values in requests() {
        let request = essential(&values);
        for (ial, identity) in IDENTITIES.into_iter().enumerate() {
            for (aal, start) in (1..).zip(AUTHENTICATIONS) {
                for (oal, organization) in ORGANIZATIONS.into_iter().enumerate() {
                    let mut levels = Levels {
                        identity,
                        authentication: start,
                        organization,
                    };
                    if second_factor_would_help(Some(&request), identity, start, Some(organization)) {
                        levels.authentication = AuthenticationLevel::TwoFactors;
                    }
                    if verified_identity_would_help(Some(&request), levels) {
                        levels.identity = IdentityLevel::Verified;
                    }
                    let reached = satisfies(levels.acr_for(Some(&request)), Some(&request));
                    let reachable = (aal..=2).any(|aal| is_within_reach(ial, aal, &[oal], &values));
                    assert_eq!(reached, reachable, "IAL{ial} AAL{aal} OAL{oal} {values:?}");
                }
            }
        }
    }
}

#[test]
fn more_values_never_make_a_request_harder() {
    for values in requests() {
        let eidas = |value: &&str| VALUES[..4].contains(value);
        for added in VALUES[..4].iter().filter(|value| !values.contains(**value)) {
            // A request for nothing but the certification is another kind of request.
            if values.contains(CERTIFICATION) && !values.iter().any(eidas) {
                continue;
            }
            let mut wider = values.clone();
            wider.insert(added);
            for identity in IDENTITIES {
                for authentication in AUTHENTICATIONS {
                    for organization in ORGANIZATIONS {
                        let levels = Levels {
                            identity,
                            authentication,
                            organization,
                        };
                        let is_satisfied = |values: &BTreeSet<&'static str>| {
                            let request = essential(values);
                            satisfies(levels.acr_for(Some(&request)), Some(&request))
                        };
                        assert!(
                            !is_satisfied(&values) || is_satisfied(&wider),
                            "{levels:?} {values:?} {added}"
                        );
                    }
                }
            }
        }
    }
}
