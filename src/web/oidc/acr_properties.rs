//! No combination of session and request yields an acr above what was proven.

use chrono::TimeDelta;
use proptest::prelude::*;

use super::acr_walk::{Somebody, journey, now};
use super::seen_by_provider::authentication;
use crate::domain::amr::add_method;
use crate::domain::{Acr, Amr, EssentialAcr, LinkVerificationType, UserId};
use crate::oidc::{
    AuthorizationRequest, Decision, InteractionPrompt, Progress, acr_is_acceptable, decide, sound_request,
};

const VALUES: [&str; 9] = [
    "eidas0",
    "eidas0-mfa",
    "eidas1",
    "eidas1-mfa",
    Acr::CertificationDirigeant.as_str(),
    "eidas2",
    "eidas3",
    "https://proconnect.gouv.fr/assurance/consistency-checked-2fa",
    "",
];
const METHODS: [Amr; 7] = [
    Amr::Pwd,
    Amr::EmailLink,
    Amr::EmailOtp,
    Amr::Totp,
    Amr::Pop,
    Amr::Uv,
    Amr::RecoveryCode,
];

prop_compose! {
    fn somebody()(
        methods in proptest::sample::subsequence(METHODS.to_vec(), 0..=METHODS.len()).prop_shuffle(),
        has_factor in any::<bool>(),
        has_selected in any::<bool>(),
        identity_age in proptest::option::of(0_i64..=100 * 24),
        link in proptest::sample::select(LinkVerificationType::ALL.to_vec()),
        link_age in proptest::option::of(0_i64..=48),
    ) -> Somebody {
        let mut amr = Vec::new();
        for method in methods {
            add_method(&mut amr, method);
        }
        Somebody::known(amr, has_factor, has_selected, identity_age.map(TimeDelta::hours), (link, link_age.map(TimeDelta::hours)))
    }
}

/// Claims and values in every form: essential or not, a list, a single value, both, none, and the legacy parameter.
fn request() -> impl Strategy<Value = AuthorizationRequest> {
    let values = proptest::option::of(proptest::sample::subsequence(VALUES.to_vec(), 0..=VALUES.len()));
    let value = proptest::option::of(proptest::sample::select(VALUES.to_vec()));
    let acr_values = proptest::sample::select(vec!["", "eidas1", "eidas1 eidas0", "eidas1-mfa"]);
    (values, value, any::<bool>(), acr_values).prop_map(|(values, value, essential, acr_values)| {
        let mut acr = serde_json::json!({ "essential": essential });
        if let Some(values) = values {
            acr["values"] = values.into();
        }
        if let Some(value) = value {
            acr["value"] = value.into();
        }
        let claims = serde_json::json!({"id_token": {"acr": acr}}).to_string();
        sound_request(&[("claims", &claims), ("acr_values", acr_values)])
    })
}

/// What `somebody` has proven, said again in other words than the rules say it.
fn has_proven(somebody: &Somebody, acr: Acr) -> bool {
    let identity = somebody
        .identity_age
        .is_some_and(|age| age <= TimeDelta::days(90));
    let used = |method| somebody.amr.contains(&method);
    let two_factors = (used(Amr::Pop) && used(Amr::Uv))
        || ((used(Amr::Pwd) || used(Amr::EmailLink))
            && (used(Amr::Totp) || used(Amr::Pop) || used(Amr::RecoveryCode)));
    let is_unchecked = somebody.link.as_str().starts_with("no_v");
    let names_an_executive = somebody.link == LinkVerificationType::OrganizationDirigeant
        && somebody.link_age.is_some_and(|age| age <= TimeDelta::days(1))
        && somebody.identity_age >= somebody.link_age;
    match acr {
        Acr::Eidas0 => identity || !is_unchecked,
        Acr::Eidas0Mfa => (identity || !is_unchecked) && two_factors,
        Acr::Eidas1 => identity && !is_unchecked,
        Acr::Eidas1Mfa => identity && !is_unchecked && two_factors,
        Acr::CertificationDirigeant => identity && names_an_executive,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Answered at once or after pages: what is stated was proven, and is what this request accepts. The legacy value is stated to
    /// those only who insist on nothing, after pages.
    #[test]
    fn what_is_stated_was_proven(somebody in somebody(), request in request(), has_seen_pages in any::<bool>()) {
        let journey = journey(&somebody, &request);
        let authentication = authentication(&journey).unwrap();
        let has_seen_pages = has_seen_pages && acr_is_acceptable(&request, &authentication);
        let progress = if has_seen_pages {
            Progress::default().with_answer(UserId(1), InteractionPrompt::Login)
        } else {
            Progress::default()
        };
        if let Decision::Grant { acr: Some(acr) } = decide(&request, Some(&authentication), &progress, now()) {
            let essential = request.claims.essential_acr.as_ref();
            let is_legacy = request.legacy_eidas1 && has_seen_pages && acr == Acr::Eidas1;
            prop_assert!(is_legacy || has_proven(&somebody, acr), "{acr}");
            prop_assert!(essential.is_none_or(|essential| essential.accepts(Some(acr))), "{acr}");
            if acr == Acr::CertificationDirigeant {
                prop_assert!(essential.is_some_and(EssentialAcr::asks_for_certification_dirigeant));
            }
        }
    }

    /// What one request obtained is nothing to another: it is decided as if it were the first.
    #[test]
    fn no_acr_is_reused(somebody in somebody(), first in request(), second in request()) {
        let finished = Progress::default().with_answer(UserId(1), InteractionPrompt::Login);
        let granted = decide(&first, authentication(&journey(&somebody, &first)).as_ref(), &finished, now());
        // The pages of the first request are over when the second is answered at once.
        let mut afterwards = journey(&somebody, &second);
        afterwards.visit.interaction = None;
        let decision = decide(&second, authentication(&afterwards).as_ref(), &Progress::default(), now());
        if let (Decision::Grant { acr: Some(before) }, Decision::Grant { acr: Some(acr) }) = (granted, decision) {
            prop_assert!(has_proven(&somebody, acr), "{} after {}", acr, before);
            let essential = second.claims.essential_acr.as_ref();
            prop_assert!(essential.is_none_or(|essential| essential.accepts(Some(acr))), "{} after {}", acr, before);
        }
    }
}
