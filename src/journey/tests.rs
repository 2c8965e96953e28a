use chrono::{DateTime, TimeDelta, Utc};

use super::{
    Effect, Journey, Ladder, Link, PendingInteraction, Person, Place, Prompt, Requirement, Rules, Step, Visit,
};
use super::{ladders, next_step};
use crate::domain::{Amr, Email, EssentialAcr, LinkVerificationType, OrganizationId, TrustedBrowser, UserId};

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn link(organization: i32, siret: &str) -> Link {
    Link {
        organization: OrganizationId(organization),
        siret: siret.to_owned(),
        libelle: None,
        adresse: None,
        libelle_activite_principale: None,
        is_siege_social: None,
        verification_type: LinkVerificationType::Domain,
        verified_at: None,
        has_been_greeted: true,
        needs_official_contact_email_verification: false,
    }
}

const SIRET: &str = "21340126800130";
const OTHER_SIRET: &str = "13002526500013";

/// Somebody who meets every requirement.
pub(super) fn complete() -> Journey {
    Journey {
        now: now(),
        rules: Rules {
            recent_login_interval: TimeDelta::seconds(900),
            email_verification_max_age: TimeDelta::days(90),
            franceconnect_max_age: TimeDelta::days(90),
            certification_max_age: TimeDelta::days(1),
            trusted_browser_max_age: TimeDelta::days(90),
            authenticate_browser: true,
        },
        visit: Visit {
            email: Some(Email::parse("jean@exemple.fr").unwrap()),
            ..Visit::default()
        },
        person: Some(Person {
            session_uid: "uid".to_owned(),
            signed_in_at: now() - TimeDelta::seconds(60),
            amr: vec![Amr::Pwd],
            user_id: UserId(1),
            email: "jean@exemple.fr".to_owned(),
            given_name: Some("Jean".to_owned()),
            family_name: Some("Test".to_owned()),
            email_verified: true,
            email_verified_at: Some(now() - TimeDelta::days(1)),
            force_2fa: false,
            has_totp: false,
            has_passkey: false,
            needs_inclusionconnect_onboarding_help: false,
            has_pending_password: false,
            credentials_changed_at: None,
            franceconnect_updated_at: None,
            links: vec![link(1, SIRET)],
            selected_organization: Some(OrganizationId(1)),
        }),
        trusted_browser: Some(TrustedBrowser::issued(UserId(1), now())),
    }
}

pub(super) fn interaction() -> PendingInteraction {
    PendingInteraction {
        uid: "interaction".to_owned(),
        expires_at: now() + TimeDelta::seconds(3570),
        prompt: Prompt::Journey,
        prompt_is_answered: false,
        login_hint: None,
        siret_hint: None,
        sp_name: None,
        is_federation: false,
        essential_acr: None,
        authenticated_since: None,
    }
}

/// No step leads to what the request of [`interaction`] insists on.
fn denied() -> Step {
    Step::GoTo(Place::AccessDenied {
        interaction: interaction().uid,
    })
}

fn with(change: impl FnOnce(&mut Journey)) -> Journey {
    let mut journey = complete();
    change(&mut journey);
    journey
}

fn with_person(change: impl FnOnce(&mut Person)) -> Journey {
    with(|journey| change(journey.person.as_mut().unwrap()))
}

fn with_interaction(change: impl FnOnce(&mut PendingInteraction)) -> Journey {
    with(|journey| {
        let mut pending = interaction();
        change(&mut pending);
        journey.visit.interaction = Some(pending);
    })
}

/// A request that insists on one of `values`.
fn insisting_on(values: &[&str]) -> Journey {
    with_interaction(|interaction| {
        interaction.essential_acr = Some(EssentialAcr::one_of(values.iter().copied()));
    })
}

/// Somebody known to `FranceConnect` whom a relying party wants certified.
fn certification(change: impl FnOnce(&mut Journey)) -> Journey {
    let mut journey = with_interaction(|interaction| {
        interaction.essential_acr = Some(EssentialAcr::one_of([CERTIFICATION]));
    });
    journey.person.as_mut().unwrap().franceconnect_updated_at = Some(now() - TimeDelta::hours(2));
    change(&mut journey);
    journey
}

const CERTIFICATION: &str = "https://proconnect.gouv.fr/assurance/certification-dirigeant";

/// One journey per requirement that fails just this one, in the order of a ladder.
fn failing(requirement: Requirement) -> (Journey, Step) {
    use Requirement as R;
    match requirement {
        R::EmailTyped => (
            with(|journey| journey.visit.email = None),
            Step::GoTo(Place::StartSignIn),
        ),
        R::InclusionConnectWelcomeSeen => (
            with(|journey| journey.visit.needs_inclusionconnect_welcome_page = true),
            Step::GoTo(Place::InclusionConnectWelcome),
        ),
        R::SignedIn => (
            with(|journey| journey.person = None),
            Step::GoTo(Place::StartSignIn),
        ),
        R::SignedInRecently => (
            with_person(|person| person.signed_in_at = now() - TimeDelta::milliseconds(900_001)),
            Step::GoTo(Place::SignInAgain),
        ),
        R::SignedInRecentlyOrEnrolling => (
            with(|journey| {
                journey.person.as_mut().unwrap().signed_in_at = now() - TimeDelta::milliseconds(900_001);
                journey.visit.enrolling_since = Some(now() - TimeDelta::milliseconds(900_001));
            }),
            Step::GoTo(Place::SignInAgain),
        ),
        R::SignedInForThisRequest => (
            with_interaction(|interaction| interaction.authenticated_since = Some(now())),
            Step::GoTo(Place::StartSignIn),
        ),
        R::AcrWithinReach => (insisting_on(&["eidas2", "eidas3"]), denied()),
        R::EmailVerified => (
            with_person(|person| person.email_verified = false),
            Step::GoTo(Place::VerifyEmail),
        ),
        R::SecondFactor => (
            with_person(|person| person.force_2fa = true),
            Step::GoTo(Place::DoubleAuthenticationChoice),
        ),
        R::TrustedBrowser => (
            with(|journey| journey.trusted_browser = Some(TrustedBrowser::issued(UserId(2), now()))),
            Step::GoTo(Place::AuthenticateBrowser),
        ),
        R::SecondFactorReplaced => (
            with(|journey| journey.visit.lost_second_factor = true),
            Step::GoTo(Place::ReplaceSecondFactor),
        ),
        R::SecondFactorForAdministration => (
            with_person(|person| person.has_totp = true),
            Step::GoTo(Place::SecondFactorForAdministration),
        ),
        R::Organization => (
            with_person(|person| person.links.clear()),
            Step::GoTo(Place::JoinOrganization { siret_hint: None }),
        ),
        R::HintedOrganization => (
            with_interaction(|interaction| interaction.siret_hint = Some(OTHER_SIRET.parse().unwrap())),
            Step::GoTo(Place::JoinOrganization {
                siret_hint: Some(OTHER_SIRET.parse().unwrap()),
            }),
        ),
        R::SelectedOrganization => (
            with_person(|person| {
                person.links.push(link(2, OTHER_SIRET));
                person.selected_organization = None;
            }),
            Step::GoTo(Place::SelectOrganization),
        ),
        R::VerifiedIdentity => (
            with_person(|person| person.franceconnect_updated_at = Some(now() - TimeDelta::days(91))),
            Step::GoTo(Place::FranceConnect),
        ),
        R::PendingCertification => (
            certification(|journey| journey.visit.pending_certification = Some(OrganizationId(9))),
            Step::GoTo(Place::Certification),
        ),
        R::CertifiedExecutive => (certification(|_| ()), Step::GoTo(Place::Certification)),
        R::Names => (
            with_person(|person| person.family_name = Some(String::new())),
            Step::GoTo(Place::PersonalInformation),
        ),
        R::ModerationRequested => (
            with(|journey| journey.visit.pending_moderation = Some(OrganizationId(5))),
            Step::Perform(Effect::RequestModeration(OrganizationId(5))),
        ),
        R::OfficialContactVerified => (
            with_person(|person| person.links[0].needs_official_contact_email_verification = true),
            Step::GoTo(Place::OfficialContact {
                organization: OrganizationId(1),
            }),
        ),
        R::PromptAnswered => (
            with_interaction(|interaction| interaction.prompt = Prompt::SelectOrganization),
            Step::GoTo(Place::SelectOrganization),
        ),
        R::Greeted => (
            with_person(|person| person.links[0].has_been_greeted = false),
            Step::GoTo(Place::Welcome),
        ),
    }
}

const LADDERS: [(&str, Ladder); 16] = [
    ("open", ladders::OPEN),
    ("email typed", ladders::EMAIL_TYPED),
    ("credential prompt", ladders::CREDENTIAL_PROMPT),
    ("signed in", ladders::SIGNED_IN),
    ("enrolment", ladders::ENROLMENT),
    ("enrolment of an application", ladders::TOTP_ENROLMENT),
    ("the same in the account", ladders::TOTP_ADMINISTRATION),
    ("email verified", ladders::EMAIL_VERIFIED),
    ("email proven", ladders::EMAIL_PROVEN),
    ("dashboard", ladders::DASHBOARD),
    ("sign-in complete", ladders::SIGN_IN_COMPLETE),
    ("selected", ladders::SELECTED),
    ("confirmed", ladders::CONFIRMED),
    ("administration", ladders::ADMINISTRATION),
    ("certification", ladders::CERTIFICATION),
    ("relying party", ladders::RELYING_PARTY),
];

#[test]
fn who_meets_everything_goes_on() {
    for (name, ladder) in LADDERS {
        assert_eq!(next_step(ladder, &complete()), Step::Continue, "{name}");
    }
}

#[test]
fn each_rung_leads_to_its_page() {
    for (name, ladder) in LADDERS {
        for &requirement in ladder {
            let (journey, expected) = failing(requirement);
            assert_eq!(next_step(ladder, &journey), expected, "{name}: {requirement:?}");
        }
    }
}

/// Whatever else is missing, a lower rung decides before a higher one.
#[test]
fn rungs_are_climbed_in_their_order() {
    for (name, ladder) in LADDERS {
        for (index, &lower) in ladder.iter().enumerate() {
            let (journey, expected) = failing(lower);
            for &higher in &ladder[index + 1..] {
                assert_eq!(
                    higher.check(&failing(higher).0),
                    failing(higher).1,
                    "{higher:?} fails alone"
                );
            }
            let rest: Vec<_> = ladder[..index]
                .iter()
                .map(|below| below.check(&journey))
                .collect();
            assert!(
                rest.iter().all(|step| *step == Step::Continue),
                "{name}: {lower:?} fails only itself"
            );
            assert_eq!(next_step(ladder, &journey), expected, "{name}: {lower:?}");
        }
    }
}

#[test]
fn an_instant_exactly_as_old_as_allowed_still_holds() {
    let journey = with_person(|person| person.signed_in_at = now() - TimeDelta::seconds(900));
    assert_eq!(next_step(ladders::ENROLMENT, &journey), Step::Continue);
    let journey = with_person(|person| person.email_verified_at = None);
    assert_eq!(
        next_step(ladders::DASHBOARD, &journey),
        Step::GoTo(Place::RenewEmailVerification)
    );
}

#[test]
fn whoever_decides_is_told_who_asks() {
    for ask in [
        |journey: &mut Journey| journey.visit.pending_moderation = Some(OrganizationId(5)),
        |journey: &mut Journey| {
            journey.person.as_mut().unwrap().links[0].needs_official_contact_email_verification = true;
        },
    ] {
        let mut journey = with_person(|person| person.given_name = None);
        ask(&mut journey);
        assert_eq!(
            next_step(ladders::SIGN_IN_COMPLETE, &journey),
            Step::GoTo(Place::PersonalInformation)
        );
    }
}

#[test]
fn the_selected_organization_is_confirmed_before_others() {
    let mut journey = with_person(|person| {
        person.links.push(link(2, OTHER_SIRET));
        person.links[1].needs_official_contact_email_verification = true;
    });
    assert_eq!(next_step(ladders::RELYING_PARTY, &journey), Step::Continue);
    journey.person.as_mut().unwrap().selected_organization = None;
    assert_eq!(
        next_step(ladders::SIGN_IN_COMPLETE, &journey),
        Step::GoTo(Place::OfficialContact {
            organization: OrganizationId(2)
        })
    );
}

#[test]
fn an_only_organization_is_taken_without_asking_unless_a_certification_is_wanted() {
    let mut journey = with_interaction(|_| ());
    journey.person.as_mut().unwrap().selected_organization = None;
    let select = Step::Perform(Effect::SelectOrganization(OrganizationId(1)));
    assert_eq!(next_step(ladders::RELYING_PARTY, &journey), select);

    let certification = "https://proconnect.gouv.fr/assurance/certification-dirigeant";
    journey.visit.interaction.as_mut().unwrap().essential_acr = Some(EssentialAcr::one_of([certification]));
    assert_eq!(
        next_step(ladders::RELYING_PARTY, &journey),
        Step::GoTo(Place::SelectOrganization)
    );
}

#[test]
fn an_organization_that_was_left_is_no_selection() {
    let journey = with_person(|person| {
        person.links.push(link(2, OTHER_SIRET));
        person.selected_organization = Some(OrganizationId(7));
    });
    assert_eq!(
        next_step(ladders::RELYING_PARTY, &journey),
        Step::GoTo(Place::SelectOrganization)
    );
}

#[test]
fn a_hinted_organization_is_selected_for_its_members() {
    let mut journey =
        with_interaction(|interaction| interaction.siret_hint = Some(OTHER_SIRET.parse().unwrap()));
    journey.person.as_mut().unwrap().links.push(link(2, OTHER_SIRET));
    let select = Step::Perform(Effect::SelectOrganization(OrganizationId(2)));
    assert_eq!(next_step(ladders::RELYING_PARTY, &journey), select);
    journey.person.as_mut().unwrap().selected_organization = Some(OrganizationId(2));
    assert_eq!(next_step(ladders::RELYING_PARTY, &journey), Step::Continue);
}

#[test]
fn a_prompt_is_answered_once() {
    let mut journey = with_interaction(|interaction| interaction.prompt = Prompt::UpdateUserinfo);
    assert_eq!(
        next_step(ladders::RELYING_PARTY, &journey),
        Step::GoTo(Place::PersonalInformation)
    );
    journey.visit.answer_prompt(Prompt::SelectOrganization);
    assert_eq!(
        next_step(ladders::RELYING_PARTY, &journey),
        Step::GoTo(Place::PersonalInformation)
    );
    journey.visit.answer_prompt(Prompt::UpdateUserinfo);
    assert_eq!(next_step(ladders::RELYING_PARTY, &journey), Step::Continue);
}

#[test]
fn an_expired_request_asks_for_nothing() {
    let journey = with_interaction(|interaction| {
        interaction.siret_hint = Some(OTHER_SIRET.parse().unwrap());
        interaction.expires_at = now();
    });
    assert_eq!(next_step(ladders::RELYING_PARTY, &journey), Step::Continue);
}

#[test]
fn a_level_is_not_out_of_reach_while_the_organization_is_to_be_chosen() {
    let asking = |change: &dyn Fn(&mut PendingInteraction)| {
        let mut journey = with_interaction(|interaction| {
            interaction.essential_acr = Some(EssentialAcr::one_of(["eidas1"]));
            change(interaction);
        });
        let link = &mut journey.person.as_mut().unwrap().links[0];
        link.verification_type = LinkVerificationType::NoVerificationMeansForSmallAssociation;
        Requirement::AcrWithinReach.check(&journey)
    };
    assert_eq!(asking(&|_| ()), denied());
    assert_eq!(
        asking(&|interaction| interaction.siret_hint = OTHER_SIRET.parse().ok()),
        Step::Continue
    );
    assert_eq!(
        asking(&|interaction| interaction.prompt = Prompt::SelectOrganization),
        Step::Continue
    );
}

#[test]
fn a_second_factor_is_asked_when_it_helps() {
    for (values, has_totp, expected) in [
        (
            vec!["eidas1", "eidas1-mfa"],
            true,
            Step::GoTo(Place::FranceConnect),
        ),
        (
            vec!["eidas0-mfa", "eidas1-mfa"],
            true,
            Step::GoTo(Place::SecondFactor),
        ),
        (
            vec!["eidas1-mfa"],
            false,
            Step::GoTo(Place::DoubleAuthenticationChoice),
        ),
        (vec!["eidas0-mfa"], true, Step::GoTo(Place::SecondFactor)),
        (vec!["eidas0", "eidas1-mfa"], true, Step::Continue),
        (vec!["eidas2"], true, denied()),
    ] {
        let mut journey = insisting_on(&values);
        journey.person.as_mut().unwrap().has_totp = has_totp;
        assert_eq!(
            next_step(ladders::RELYING_PARTY, &journey),
            expected,
            "{values:?}"
        );
    }
}

#[test]
fn an_identity_is_asked_when_it_helps_or_is_to_be_renewed() {
    use LinkVerificationType as Type;
    const UNVERIFIED: Type = Type::NoVerificationMeansForSmallAssociation;
    let asked = Step::GoTo(Place::FranceConnect);
    for (values, link_type, age_in_days, expected) in [
        (None, Type::Domain, None, &Step::Continue),
        (None, UNVERIFIED, None, &asked),
        (None, UNVERIFIED, Some(90), &Step::Continue),
        (None, Type::Domain, Some(91), &asked),
        (Some(vec!["eidas1"]), Type::Domain, None, &asked),
        (Some(vec!["eidas1"]), Type::Domain, Some(1), &Step::Continue),
        (Some(vec!["eidas0"]), UNVERIFIED, None, &asked),
        (Some(vec!["eidas1"]), UNVERIFIED, None, &denied()),
        (Some(vec!["eidas2"]), Type::Domain, None, &denied()),
    ] {
        let mut journey = with_interaction(|interaction| {
            interaction.essential_acr = values.clone().map(EssentialAcr::one_of);
        });
        let person = journey.person.as_mut().unwrap();
        person.links[0].verification_type = link_type;
        person.franceconnect_updated_at = age_in_days.map(|days| now() - TimeDelta::days(days));
        assert_eq!(
            next_step(ladders::RELYING_PARTY, &journey),
            *expected,
            "{values:?} {link_type:?} {age_in_days:?}"
        );
    }
}

#[test]
fn a_certification_counts_while_it_is_fresh_and_of_the_identity_of_today() {
    let executive = |verified_at: Option<DateTime<Utc>>, identity_at: Option<DateTime<Utc>>| {
        certification(|journey| {
            let person = journey.person.as_mut().unwrap();
            person.links[0].verification_type = LinkVerificationType::OrganizationDirigeant;
            person.links[0].verified_at = verified_at;
            person.franceconnect_updated_at = identity_at;
        })
    };
    let hours = |count| Some(now() - TimeDelta::hours(count));
    let certify = Step::GoTo(Place::Certification);
    for (verified_at, identity_at, expected) in [
        (hours(24), hours(24), Step::Continue),
        (hours(25), hours(26), certify.clone()),
        (hours(2), hours(1), certify.clone()),
        (None, hours(1), certify),
        (hours(1), None, Step::GoTo(Place::FranceConnect)),
        (hours(1), hours(24 * 91), Step::GoTo(Place::FranceConnect)),
    ] {
        let mut journey = executive(verified_at, identity_at);
        assert_eq!(
            next_step(ladders::RELYING_PARTY, &journey),
            expected,
            "{verified_at:?} {identity_at:?}"
        );
        // Whoever does not ask for it is not kept waiting by it.
        journey.visit.interaction.as_mut().unwrap().essential_acr = None;
        let without = next_step(ladders::RELYING_PARTY, &journey);
        assert_ne!(
            without,
            Step::GoTo(Place::Certification),
            "{verified_at:?} {identity_at:?}"
        );
    }
}

#[test]
fn who_is_certified_is_greeted_as_an_executive() {
    let journey = with_person(|person| {
        person.links[0].verification_type = LinkVerificationType::OrganizationDirigeant;
        person.links[0].verified_at = Some(now());
        person.links[0].has_been_greeted = false;
        person.franceconnect_updated_at = Some(now());
    });
    assert_eq!(
        next_step(ladders::RELYING_PARTY, &journey),
        Step::GoTo(Place::WelcomeExecutive)
    );
}

#[test]
fn an_executive_without_an_identity_is_asked_for_one_and_then_greeted() {
    for verified_at in [None, Some(now() - TimeDelta::days(2)), Some(now())] {
        let mut journey = with_person(|person| {
            person.links[0].verification_type = LinkVerificationType::OrganizationDirigeant;
            person.links[0].verified_at = verified_at;
            person.links[0].has_been_greeted = false;
        });
        for ladder in [ladders::SIGN_IN_COMPLETE, ladders::RELYING_PARTY] {
            assert_eq!(
                next_step(ladder, &journey),
                Step::GoTo(Place::FranceConnect),
                "{verified_at:?}"
            );
        }
        journey.person.as_mut().unwrap().franceconnect_updated_at = Some(now());
        for ladder in [ladders::SIGN_IN_COMPLETE, ladders::RELYING_PARTY] {
            assert_eq!(
                next_step(ladder, &journey),
                Step::GoTo(Place::WelcomeExecutive),
                "{verified_at:?}"
            );
        }
        journey.person.as_mut().unwrap().links[0].has_been_greeted = true;
        assert_eq!(next_step(ladders::SIGN_IN_COMPLETE, &journey), Step::Continue);
    }
}

#[test]
fn the_browser_counts_only_where_the_deployment_says_so() {
    let mut journey = with(|journey| journey.trusted_browser = None);
    assert_eq!(
        next_step(ladders::DASHBOARD, &journey),
        Step::GoTo(Place::AuthenticateBrowser)
    );
    journey.rules.authenticate_browser = false;
    assert_eq!(next_step(ladders::DASHBOARD, &journey), Step::Continue);
}

#[test]
fn a_password_that_waits_for_the_proof_of_the_address_opens_nothing() {
    let journey = with_person(|person| person.has_pending_password = true);
    for ladder in [ladders::DASHBOARD, ladders::RELYING_PARTY, ladders::DIRECT_ANSWER] {
        assert_eq!(next_step(ladder, &journey), Step::GoTo(Place::VerifyEmail));
    }
    assert_eq!(next_step(ladders::SIGNED_IN, &journey), Step::Continue);
}

#[test]
fn a_change_of_credentials_ends_the_trust_in_browsers() {
    let journey = with_person(|person| person.credentials_changed_at = Some(now() + TimeDelta::seconds(1)));
    assert_eq!(
        next_step(ladders::DASHBOARD, &journey),
        Step::GoTo(Place::AuthenticateBrowser)
    );
    let journey = with_person(|person| person.credentials_changed_at = Some(now()));
    assert_eq!(next_step(ladders::DASHBOARD, &journey), Step::Continue);
}

#[test]
fn the_organization_acted_for_is_greeted_first_and_without_one_the_oldest() {
    let greeted = |selected| {
        let journey = with_person(|person| {
            person.links = vec![link(1, SIRET), link(2, OTHER_SIRET), link(3, SIRET)];
            person.links[1].has_been_greeted = false;
            person.links[2].has_been_greeted = false;
            person.selected_organization = selected;
        });
        journey
            .person
            .and_then(|person| person.link_to_greet().map(|link| link.organization.0))
    };
    assert_eq!(greeted(Some(OrganizationId(1))), None);
    assert_eq!(greeted(Some(OrganizationId(3))), Some(3));
    assert_eq!(greeted(None), Some(2));
}

#[test]
fn an_enrolment_that_began_in_time_may_take_its_time() {
    let journey = with(|journey| {
        journey.person.as_mut().unwrap().signed_in_at = now() - TimeDelta::hours(1);
        journey.visit.enrolling_since = Some(now() - TimeDelta::minutes(15));
    });
    for ladder in [ladders::TOTP_ENROLMENT, ladders::TOTP_ADMINISTRATION] {
        assert_eq!(next_step(ladder, &journey), Step::Continue);
    }
    for ladder in [ladders::ENROLMENT, ladders::ADMINISTRATION] {
        assert_eq!(next_step(ladder, &journey), Step::GoTo(Place::SignInAgain));
    }
}

/// Whatever the request, the account and the session: who has a second factor gives it, who has none chooses one, and nobody is asked
/// twice.
#[test]
fn the_second_factor_is_asked_once_in_every_combination() {
    const VALUES: [&str; 5] = ["eidas0", "eidas0-mfa", "eidas1", "eidas1-mfa", "eidas2"];
    let methods: [&[Amr]; 6] = [
        &[Amr::Pwd],
        &[Amr::EmailLink],
        &[Amr::Pop],
        &[Amr::Pwd, Amr::Totp, Amr::Mfa],
        &[Amr::Pwd, Amr::RecoveryCode, Amr::Mfa],
        &[Amr::Pop, Amr::Uv, Amr::Mfa],
    ];
    for set in 0_u32..1 << VALUES.len() {
        let values = VALUES.iter().enumerate();
        let values: Vec<&str> = values
            .filter(|(index, _)| set & (1 << index) != 0)
            .map(|(_, value)| *value)
            .collect();
        for amr in methods {
            for facts in 0_u32..1 << 4 {
                let is = |bit: u32| facts & (1 << bit) != 0;
                let mut journey = with_interaction(|interaction| {
                    interaction.essential_acr = (set != 0).then(|| EssentialAcr::one_of(values.clone()));
                });
                let person = journey.person.as_mut().unwrap();
                person.amr = amr.to_vec();
                person.force_2fa = is(0);
                person.has_totp = is(1);
                person.has_passkey = is(2);
                person.franceconnect_updated_at = is(3).then(now);
                let step = Requirement::SecondFactor.check(&journey);
                let what = format!("{values:?} {amr:?} {facts:04b}");
                let is_strong = amr.contains(&Amr::Mfa);
                match step {
                    Step::Continue => assert!(is_strong || !is(0), "{what}"),
                    Step::GoTo(Place::SecondFactor) => assert!(!is_strong && (is(1) || is(2)), "{what}"),
                    Step::GoTo(Place::DoubleAuthenticationChoice) => {
                        assert!(!is_strong && !is(1) && !is(2), "{what}");
                    }
                    other => panic!("{what}: {other:?}"),
                }
                journey.person.as_mut().unwrap().amr = vec![Amr::Pwd, Amr::Totp, Amr::Mfa];
                assert_eq!(
                    Requirement::SecondFactor.check(&journey),
                    Step::Continue,
                    "{what}"
                );
            }
        }
    }
}
