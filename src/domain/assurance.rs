//! Levels of assurance, and the acr they add up to (spec/accounts.md §6).

use serde::{Deserialize, Serialize};

use super::acr::{Acr, EssentialAcr};
use super::amr::{Amr, is_two_factor};

/// IAL: what is known of who the person is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum IdentityLevel {
    /// 0: the person said so.
    Declared,
    /// 1: a `FranceConnect` identity, recent enough.
    Verified,
}

/// AAL: how the person signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AuthenticationLevel {
    /// 1
    OneFactor,
    /// 2
    TwoFactors,
}

impl AuthenticationLevel {
    /// The level of a session that used `methods`.
    #[must_use]
    pub fn of(methods: &[Amr]) -> Self {
        if is_two_factor(methods) {
            Self::TwoFactors
        } else {
            Self::OneFactor
        }
    }
}

/// OAL: what is known of the link between the person and the selected organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum OrganizationLevel {
    /// 0: nothing could be checked.
    Unverified,
    /// 1
    Verified,
    /// 2: an official register names the person as an executive.
    Certified,
}

impl OrganizationLevel {
    /// From the lowest.
    pub const ALL: [Self; 3] = [Self::Unverified, Self::Verified, Self::Certified];
}

/// The three levels of one person, signed in, acting for one organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Levels {
    pub identity: IdentityLevel,
    pub authentication: AuthenticationLevel,
    pub organization: OrganizationLevel,
}

impl Levels {
    /// The ordinary acr of these levels, or `None` when they add up to nothing that can be stated: a link that needs a
    /// verified identity and has none.
    #[must_use]
    pub const fn acr(self) -> Option<Acr> {
        let identity_is_assured = match (self.identity, self.organization) {
            (IdentityLevel::Declared, OrganizationLevel::Unverified | OrganizationLevel::Certified) => {
                return None;
            }
            (IdentityLevel::Declared, OrganizationLevel::Verified)
            | (IdentityLevel::Verified, OrganizationLevel::Unverified) => false,
            (IdentityLevel::Verified, OrganizationLevel::Verified | OrganizationLevel::Certified) => true,
        };
        Some(match (identity_is_assured, self.authentication) {
            (false, AuthenticationLevel::OneFactor) => Acr::Eidas0,
            (false, AuthenticationLevel::TwoFactors) => Acr::Eidas0Mfa,
            (true, AuthenticationLevel::OneFactor) => Acr::Eidas1,
            (true, AuthenticationLevel::TwoFactors) => Acr::Eidas1Mfa,
        })
    }

    /// The acr to state to a relying party that insists on `request`: an executive who is asked for the certification
    /// gets its level, everybody else the ordinary one.
    #[must_use]
    pub fn acr_for(self, request: Option<&EssentialAcr>) -> Option<Acr> {
        let certification_is_asked = request.is_some_and(EssentialAcr::asks_for_certification_dirigeant);
        let is_certified =
            self.identity == IdentityLevel::Verified && self.organization == OrganizationLevel::Certified;
        if certification_is_asked && is_certified {
            return Some(Acr::CertificationDirigeant);
        }
        self.acr()
    }
}

/// Whether `acr` satisfies what the relying party insists on; without insistence any acr does, and none never does.
#[must_use]
pub fn satisfies(acr: Option<Acr>, request: Option<&EssentialAcr>) -> bool {
    acr.is_some() && request.is_none_or(|request| request.accepts(acr))
}

/// Whether a second factor is what this request needs: no acr that one factor can still reach is acceptable, and one
/// that two factors can reach is.
///
/// Identity may still be raised on the way, so every level from `identity` up counts; so does every level of the link
/// as long as no organization is selected (`organization` is `None`). A session that has two factors needs no more.
#[must_use]
pub fn second_factor_would_help(
    request: Option<&EssentialAcr>,
    identity: IdentityLevel,
    authentication: AuthenticationLevel,
    organization: Option<OrganizationLevel>,
) -> bool {
    let Some(request) = request else { return false };
    if authentication == AuthenticationLevel::TwoFactors {
        return false;
    }
    let reachable_with =
        |authentication| is_reachable_with(Some(request), identity, authentication, organization);
    !reachable_with(AuthenticationLevel::OneFactor) && reachable_with(AuthenticationLevel::TwoFactors)
}

/// Whether any step that a person could take leads to an acr that satisfies `request`: an identity is verified, a second factor
/// is shown, a certification is asked for. `organization` is `None` as long as the person may still choose or join one.
#[must_use]
pub fn is_within_reach(
    request: Option<&EssentialAcr>,
    identity: IdentityLevel,
    authentication: AuthenticationLevel,
    organization: Option<OrganizationLevel>,
) -> bool {
    let certification_is_asked = request.is_some_and(EssentialAcr::asks_for_certification_dirigeant);
    let organization = organization.filter(|_| !certification_is_asked);
    [AuthenticationLevel::OneFactor, AuthenticationLevel::TwoFactors]
        .into_iter()
        .filter(|it| *it >= authentication)
        .any(|authentication| is_reachable_with(request, identity, authentication, organization))
}

/// Whether `request` is satisfied with this `authentication` by an identity of `identity` or above.
fn is_reachable_with(
    request: Option<&EssentialAcr>,
    identity: IdentityLevel,
    authentication: AuthenticationLevel,
    organization: Option<OrganizationLevel>,
) -> bool {
    let identities = [IdentityLevel::Declared, IdentityLevel::Verified]
        .into_iter()
        .filter(|it| *it >= identity);
    identities
        .flat_map(|identity| {
            OrganizationLevel::ALL
                .into_iter()
                .filter(move |it| organization.is_none_or(|known| known == *it))
                .map(move |organization| Levels {
                    identity,
                    authentication,
                    organization,
                })
        })
        .any(|levels| satisfies(levels.acr_for(request), request))
}

/// Whether a verified identity is what this request needs: today's levels do not satisfy it, and they would with it.
#[must_use]
pub fn verified_identity_would_help(request: Option<&EssentialAcr>, levels: Levels) -> bool {
    if levels.identity == IdentityLevel::Verified || satisfies(levels.acr_for(request), request) {
        return false;
    }
    let verified = Levels {
        identity: IdentityLevel::Verified,
        ..levels
    };
    satisfies(verified.acr_for(request), request)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDENTITIES: [IdentityLevel; 2] = [IdentityLevel::Declared, IdentityLevel::Verified];
    const AUTHENTICATIONS: [AuthenticationLevel; 2] =
        [AuthenticationLevel::OneFactor, AuthenticationLevel::TwoFactors];
    const CERTIFICATION: &str = Acr::CertificationDirigeant.as_str();

    fn levels(ial: usize, aal: usize, oal: usize) -> Levels {
        Levels {
            identity: IDENTITIES[ial],
            authentication: AUTHENTICATIONS[aal - 1],
            organization: OrganizationLevel::ALL[oal],
        }
    }

    #[test]
    fn the_acr_table_holds() {
        let table = [
            (0, 1, 0, None),
            (0, 2, 0, None),
            (0, 1, 2, None),
            (0, 2, 2, None),
            (0, 1, 1, Some(Acr::Eidas0)),
            (1, 1, 0, Some(Acr::Eidas0)),
            (0, 2, 1, Some(Acr::Eidas0Mfa)),
            (1, 2, 0, Some(Acr::Eidas0Mfa)),
            (1, 1, 1, Some(Acr::Eidas1)),
            (1, 1, 2, Some(Acr::Eidas1)),
            (1, 2, 1, Some(Acr::Eidas1Mfa)),
            (1, 2, 2, Some(Acr::Eidas1Mfa)),
        ];
        for (ial, aal, oal, expected) in table {
            assert_eq!(
                levels(ial, aal, oal).acr(),
                expected,
                "IAL{ial} AAL{aal} OAL{oal}"
            );
        }
    }

    #[test]
    fn only_a_verified_executive_gets_the_certification() {
        let request = EssentialAcr::one_of([CERTIFICATION, "eidas2"]);
        assert_eq!(
            levels(1, 1, 2).acr_for(Some(&request)),
            Some(Acr::CertificationDirigeant)
        );
        assert_eq!(
            levels(1, 2, 2).acr_for(Some(&request)),
            Some(Acr::CertificationDirigeant)
        );
        assert_eq!(levels(1, 1, 1).acr_for(Some(&request)), Some(Acr::Eidas1));
        assert_eq!(levels(0, 1, 2).acr_for(Some(&request)), None);
        assert_eq!(levels(1, 1, 2).acr_for(None), Some(Acr::Eidas1));
        let with_mfa = EssentialAcr::one_of(["eidas1-mfa", CERTIFICATION]);
        assert_eq!(levels(1, 2, 2).acr_for(Some(&with_mfa)), Some(Acr::Eidas1Mfa));
    }

    #[test]
    fn a_request_is_satisfied_by_one_of_its_values_only() {
        let request = EssentialAcr::one_of(["eidas1", "eidas1-mfa", "eidas2", "eidas3"]);
        assert!(satisfies(Some(Acr::Eidas1), Some(&request)));
        assert!(!satisfies(Some(Acr::Eidas0), Some(&request)));
        assert!(satisfies(Some(Acr::Eidas0), None));
        assert!(!satisfies(None, None));
    }

    #[test]
    fn a_second_factor_is_asked_when_nothing_else_would_do() {
        let rows: [(&[&str], usize, Option<usize>, bool); 11] = [
            (&["eidas1", "eidas1-mfa", "eidas2", "eidas3"], 0, None, false),
            (&["eidas0-mfa", "eidas1-mfa", "eidas2", "eidas3"], 0, None, true),
            (&["eidas1-mfa", "eidas2", "eidas3"], 0, Some(1), true),
            (&["eidas0-mfa"], 0, Some(1), true),
            (&["eidas0", "eidas1-mfa"], 0, Some(1), false),
            (&["eidas0", "eidas1-mfa"], 1, Some(1), true),
            (&[CERTIFICATION], 1, None, false),
            (&[CERTIFICATION], 1, Some(1), false),
            (&["eidas0-mfa", "eidas1-mfa", CERTIFICATION], 1, Some(2), true),
            (&["eidas2"], 0, None, false),
            (&[], 0, None, false),
        ];
        for (values, ial, oal, expected) in rows {
            let request = EssentialAcr::one_of(values.iter().copied());
            let organization = oal.map(|oal| OrganizationLevel::ALL[oal]);
            let would_help = |authentication| {
                second_factor_would_help(Some(&request), IDENTITIES[ial], authentication, organization)
            };
            assert_eq!(
                would_help(AuthenticationLevel::OneFactor),
                expected,
                "{values:?} IAL{ial} OAL{oal:?}"
            );
            assert!(!would_help(AuthenticationLevel::TwoFactors));
        }
        assert!(!second_factor_would_help(
            None,
            IdentityLevel::Declared,
            AuthenticationLevel::OneFactor,
            None
        ));
    }

    #[test]
    fn a_verified_identity_is_asked_when_it_satisfies_the_request() {
        let rows: [(Option<&[&str]>, Levels, bool); 10] = [
            (None, levels(0, 1, 1), false),
            (None, levels(0, 1, 0), true),
            (None, levels(0, 1, 2), true),
            (None, levels(1, 1, 0), false),
            (
                Some(&["eidas1", "eidas1-mfa", "eidas2", "eidas3"]),
                levels(0, 1, 1),
                true,
            ),
            (
                Some(&["eidas1", "eidas1-mfa", "eidas2", "eidas3"]),
                levels(0, 1, 0),
                false,
            ),
            (Some(&["eidas1"]), levels(0, 1, 1), true),
            (Some(&["eidas0"]), levels(0, 1, 0), true),
            (Some(&["eidas1-mfa", "eidas2"]), levels(0, 2, 1), true),
            (Some(&[CERTIFICATION]), levels(0, 1, 2), true),
        ];
        for (values, levels, expected) in rows {
            let request = values.map(|values| EssentialAcr::one_of(values.iter().copied()));
            assert_eq!(
                verified_identity_would_help(request.as_ref(), levels),
                expected,
                "{values:?} {levels:?}"
            );
        }
    }

    #[test]
    fn what_no_step_can_lead_to_is_out_of_reach() {
        let rows: [(&[&str], Levels, bool); 12] = [
            (&["eidas2", "eidas3"], levels(0, 1, 1), false),
            (
                &["https://proconnect.gouv.fr/assurance/self-asserted-2fa"],
                levels(1, 2, 2),
                false,
            ),
            (&[], levels(1, 1, 1), false),
            (
                &["eidas1", "eidas1-mfa", "eidas2", "eidas3"],
                levels(0, 1, 0),
                false,
            ),
            (
                &["eidas1", "eidas1-mfa", "eidas2", "eidas3"],
                levels(0, 1, 1),
                true,
            ),
            (&["eidas0"], levels(0, 1, 0), true),
            (&["eidas0"], levels(1, 1, 1), false),
            (&["eidas0"], levels(0, 2, 1), false),
            (&["eidas0-mfa"], levels(0, 1, 1), true),
            (&["eidas1-mfa"], levels(0, 1, 0), false),
            (&[CERTIFICATION], levels(0, 1, 1), true),
            (&["eidas0-mfa", CERTIFICATION], levels(1, 1, 2), false),
        ];
        for (values, levels, expected) in rows {
            let request = EssentialAcr::one_of(values.iter().copied());
            let reach = |request, organization| {
                is_within_reach(request, levels.identity, levels.authentication, organization)
            };
            assert_eq!(
                reach(Some(&request), Some(levels.organization)),
                expected,
                "{values:?} {levels:?}"
            );
            assert!(
                reach(None, Some(levels.organization)),
                "without insistence: {levels:?}"
            );
        }
    }
}
