//! The ladders of the route table (spec/accounts.md §4.1).

use super::{Ladder, Requirement as R};

/// Anybody.
pub const OPEN: Ladder = &[];
/// Pages after the address was typed.
pub const EMAIL_TYPED: Ladder = &[R::EmailTyped];
/// Pages that ask for a credential.
pub const CREDENTIAL_PROMPT: Ladder = &[R::EmailTyped, R::InclusionConnectWelcomeSeen];
/// Pages where the address is proven.
pub const SIGNED_IN: Ladder = &[R::SignedIn];
/// Pages where the second factor is given.
pub const EMAIL_VERIFIED: Ladder = &[R::SignedIn, R::EmailVerified];
/// What a code sent by e-mail proves.
pub const EMAIL_PROVEN: Ladder = &[R::SignedIn, R::EmailVerified, R::TrustedBrowser];
/// Pages where a factor is added on the way to a service: whoever has one already shows it first.
pub const ENROLMENT: Ladder = &[
    R::SignedIn,
    R::SignedInRecently,
    R::EmailVerified,
    R::TrustedBrowser,
    R::SecondFactorForAdministration,
];
/// The page where an application is given its key on the way to a service, once it was reached.
pub const TOTP_ENROLMENT: Ladder = &[
    R::SignedIn,
    R::SignedInRecentlyOrEnrolling,
    R::EmailVerified,
    R::TrustedBrowser,
    R::SecondFactorForAdministration,
];
/// Pages of the account.
pub const DASHBOARD: Ladder = &[R::SignedIn, R::EmailVerified, R::SecondFactor, R::TrustedBrowser];
/// The end of a sign-in that no service asked for.
pub const SIGN_IN_COMPLETE: Ladder = &[
    R::SignedIn,
    R::EmailVerified,
    R::SecondFactor,
    R::TrustedBrowser,
    R::SecondFactorReplaced,
    R::ModerationRequested,
    R::OfficialContactVerified,
    R::Greeted,
];
/// Pages that tell of a membership.
pub const CONFIRMED: Ladder = &[
    R::SignedIn,
    R::EmailVerified,
    R::SecondFactor,
    R::TrustedBrowser,
    R::ModerationRequested,
    R::OfficialContactVerified,
];
/// Pages that change how an account is protected.
pub const ADMINISTRATION: Ladder = &[
    R::SignedIn,
    R::EmailVerified,
    R::SecondFactor,
    R::TrustedBrowser,
    R::SignedInRecently,
    R::SecondFactorForAdministration,
];
/// The page where an application is given its key in the account, once it was reached.
pub const TOTP_ADMINISTRATION: Ladder = &[
    R::SignedIn,
    R::EmailVerified,
    R::SecondFactor,
    R::TrustedBrowser,
    R::SignedInRecentlyOrEnrolling,
    R::SecondFactorForAdministration,
];
/// Pages for members of an organization.
pub const MEMBER: Ladder = &[
    R::SignedIn,
    R::EmailVerified,
    R::SecondFactor,
    R::TrustedBrowser,
    R::Organization,
];
/// Pages about the organization that the session acts for.
pub const SELECTED: Ladder = &[
    R::SignedIn,
    R::EmailVerified,
    R::SecondFactor,
    R::TrustedBrowser,
    R::Organization,
    R::HintedOrganization,
    R::SelectedOrganization,
];
/// What must hold for any relying party, whatever it asks.
pub const DIRECT_ANSWER: Ladder = &[
    R::SignedIn,
    R::EmailVerified,
    R::SecondFactor,
    R::TrustedBrowser,
    R::SecondFactorReplaced,
    R::Organization,
    R::SelectedOrganization,
    R::VerifiedIdentity,
    R::Names,
    R::OfficialContactVerified,
];
/// What the page that asks the registers is there for: this ladder leads to that page itself, once there is an identity to ask with.
pub const CERTIFICATION: Ladder = &[R::CertifiedExecutive];
/// The way to a relying party.
pub const RELYING_PARTY: Ladder = &[
    R::SignedIn,
    R::SignedInForThisRequest,
    R::AcrWithinReach,
    R::EmailVerified,
    R::SecondFactor,
    R::TrustedBrowser,
    R::SecondFactorReplaced,
    R::ModerationRequested,
    R::PendingCertification,
    R::Organization,
    R::HintedOrganization,
    R::SelectedOrganization,
    R::VerifiedIdentity,
    R::CertifiedExecutive,
    R::Names,
    R::PromptAnswered,
    R::OfficialContactVerified,
    R::Greeted,
];
