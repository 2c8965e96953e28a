//! Walks of somebody from a request to its answer, for the tests of levels: journey and decision, without a browser.

use chrono::{DateTime, TimeDelta, Utc};

use super::seen_by_provider::authentication;
use crate::domain::amr::add_method;
use crate::domain::{Acr, Amr, LinkVerificationType, OrganizationId, UserId};
use crate::journey::{
    Effect, Journey, Link, PendingInteraction, Person, Place, Prompt, Rules, Step, Visit, ladders, next_step,
};
use crate::oidc::{
    AuthorizationRequest, Decision, InteractionPrompt, Progress, acr_is_acceptable, decide, sound_request,
};

/// A page that a person passes on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// A second factor is shown.
    Factor,
    /// One is set up, and shown.
    Enrolment,
    /// Through `FranceConnect`.
    Identity,
    /// An organization is chosen.
    Choice,
    /// The registers are asked.
    Certification,
}
pub(super) use Stop::{Certification, Choice, Enrolment, Factor, Identity};

/// How it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// This acr is stated.
    States(Acr),
    /// `access_denied`
    Denied,
    /// No register names the person: `login_required`.
    NotCertified,
}
pub(super) use End::{Denied, NotCertified, States};

/// What is known of somebody when the request arrives.
#[derive(Debug, Clone)]
pub(super) struct Somebody {
    pub(super) amr: Vec<Amr>,
    pub(super) has_factor: bool,
    pub(super) identity_age: Option<TimeDelta>,
    pub(super) link: LinkVerificationType,
    pub(super) link_age: Option<TimeDelta>,
    /// Registers name them.
    pub(super) is_executive: bool,
    /// The session acts for the organization already.
    pub(super) has_selected: bool,
}

impl Somebody {
    /// Somebody of whom this is known, whom no register names from now on.
    pub(super) fn known(
        amr: Vec<Amr>,
        has_factor: bool,
        has_selected: bool,
        identity_age: Option<TimeDelta>,
        (link, link_age): (LinkVerificationType, Option<TimeDelta>),
    ) -> Self {
        Self {
            amr,
            has_factor,
            identity_age,
            link,
            link_age,
            is_executive: false,
            has_selected,
        }
    }
}

/// Signed in with a password, linked by their domain.
pub(super) fn ial0_oal1() -> Somebody {
    Somebody {
        amr: vec![Amr::Pwd],
        has_factor: false,
        identity_age: None,
        link: LinkVerificationType::Domain,
        link_age: Some(TimeDelta::days(400)),
        is_executive: false,
        has_selected: false,
    }
}

pub(super) fn ial0_oal0() -> Somebody {
    Somebody {
        link: LinkVerificationType::NoVerificationMeansForEntrepriseUnipersonnelle,
        ..ial0_oal1()
    }
}

pub(super) fn ial1_oal1() -> Somebody {
    Somebody {
        identity_age: Some(TimeDelta::days(2)),
        ..ial0_oal1()
    }
}

pub(super) fn executive() -> Somebody {
    Somebody {
        link: LinkVerificationType::OrganizationDirigeant,
        link_age: Some(TimeDelta::hours(1)),
        is_executive: true,
        ..ial1_oal1()
    }
}

pub(super) fn with_factor(somebody: Somebody) -> Somebody {
    Somebody {
        has_factor: true,
        ..somebody
    }
}

pub(super) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_360_000, 0).unwrap()
}

/// The journey of `somebody` who signed in for this request.
pub(super) fn journey(somebody: &Somebody, request: &AuthorizationRequest) -> Journey {
    let organization = OrganizationId(1);
    let link = Link {
        organization,
        siret: "21340126800130".to_owned(),
        libelle: None,
        adresse: None,
        libelle_activite_principale: None,
        is_siege_social: None,
        verification_type: somebody.link,
        verified_at: somebody.link_age.map(|age| now() - age),
        has_been_greeted: true,
        needs_official_contact_email_verification: false,
    };
    let interaction = PendingInteraction {
        uid: "interaction".to_owned(),
        expires_at: now() + TimeDelta::hours(1),
        prompt: Prompt::Journey,
        prompt_is_answered: false,
        login_hint: None,
        siret_hint: None,
        sp_name: None,
        is_federation: false,
        essential_acr: request.claims.essential_acr.clone(),
        authenticated_since: None,
    };
    Journey {
        now: now(),
        rules: Rules {
            recent_login_interval: TimeDelta::seconds(900),
            email_verification_max_age: TimeDelta::days(90),
            franceconnect_max_age: TimeDelta::days(90),
            certification_max_age: TimeDelta::days(1),
            trusted_browser_max_age: TimeDelta::days(90),
            authenticate_browser: false,
        },
        visit: Visit {
            interaction: Some(interaction),
            ..Visit::default()
        },
        person: Some(Person {
            session_uid: "session".to_owned(),
            signed_in_at: now(),
            amr: somebody.amr.clone(),
            user_id: UserId(1),
            email: "user@yopmail.com".to_owned(),
            given_name: Some("Jean".to_owned()),
            family_name: Some("User".to_owned()),
            email_verified: true,
            email_verified_at: Some(now()),
            force_2fa: false,
            has_totp: somebody.has_factor,
            has_passkey: false,
            needs_inclusionconnect_onboarding_help: false,
            has_pending_password: false,
            credentials_changed_at: None,
            franceconnect_updated_at: somebody.identity_age.map(|age| now() - age),
            links: vec![link],
            selected_organization: somebody.has_selected.then_some(organization),
        }),
        trusted_browser: None,
    }
}

/// Takes every step that the journey asks of `somebody`, who does what is asked.
pub(super) fn walk(somebody: &Somebody, request: &AuthorizationRequest) -> (Vec<Stop>, End) {
    let mut journey = journey(somebody, request);
    let mut stops = Vec::new();
    loop {
        let step = next_step(ladders::RELYING_PARTY, &journey);
        let person = journey.person.as_mut().unwrap();
        assert!(stops.len() < 6, "walks in circles: {stops:?}");
        match step {
            Step::Continue => return (stops, end(&journey, request)),
            Step::GoTo(Place::SecondFactor) => {
                stops.push(Factor);
                add_method(&mut person.amr, Amr::Totp);
            }
            Step::GoTo(Place::DoubleAuthenticationChoice) => {
                stops.push(Enrolment);
                person.has_totp = true;
                add_method(&mut person.amr, Amr::Totp);
            }
            Step::GoTo(Place::FranceConnect) => {
                stops.push(Identity);
                person.franceconnect_updated_at = Some(now());
            }
            Step::GoTo(Place::SelectOrganization) => {
                stops.push(Choice);
                person.selected_organization = Some(OrganizationId(1));
            }
            Step::Perform(Effect::SelectOrganization(organization)) => {
                person.selected_organization = Some(organization);
            }
            Step::GoTo(Place::Certification) => {
                stops.push(Certification);
                if !somebody.is_executive {
                    return (stops, NotCertified);
                }
                person.links[0].verification_type = LinkVerificationType::OrganizationDirigeant;
                person.links[0].verified_at = Some(now());
            }
            Step::GoTo(Place::AccessDenied { .. }) => return (stops, Denied),
            other => panic!("{other:?}"),
        }
    }
}

fn end(journey: &Journey, request: &AuthorizationRequest) -> End {
    let authentication = authentication(journey).unwrap();
    if !acr_is_acceptable(request, &authentication) {
        return Denied;
    }
    let progress = Progress::default().with_answer(authentication.user_id, InteractionPrompt::Login);
    match decide(request, Some(&authentication), &progress, now()) {
        Decision::Grant { acr: Some(acr) } => States(acr),
        other => panic!("{other:?}"),
    }
}

/// An essential request for one of `values`.
pub(super) fn one_of(values: &[&str]) -> AuthorizationRequest {
    let claims = serde_json::json!({"id_token": {"acr": {"essential": true, "values": values}}});
    sound_request(&[("claims", &claims.to_string())])
}
