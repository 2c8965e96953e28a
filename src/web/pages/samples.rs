//! Every page rendered with sample values, for the tests.

use std::sync::Arc;

use super::account::{
    ConnectionAndAccountPage, FieldErrors, IdentityPage, NameChoices, PHONE_NUMBER_ADVICE, PasskeyCard,
    PersonalInformationPage, RecoveryCodesCard, SessionCard, SessionsPage, WelcomePage,
};
use super::certification::{
    CertifiedPage, CloseMatchPage, NoMatchPage, NotCoveredPage, RegistersUnavailablePage,
};
use super::confirmation::ConfirmationPage;
use super::decision_helper::{
    DevicePage, ExternalHelpPage, PasskeyAdvicePage, Platform, Question, QuestionPage, TotpAdvicePage,
};
use super::errors::{ErrorPage, InteractionExpiredPage, NotFoundPage, ReturnLink, TooManyRequestsPage};
use super::factors::{
    ChoicePage, ConfiguredPage, DuringSignIn, InAccount, RecoveryCodesPage, ToolType, TotpConfigurationPage,
    TotpSetUp, TotpToolPage, Way,
};
use super::franceconnect::{FranceConnectPage, FranceConnectUnavailablePage};
use super::home::HomePage;
use super::joining::{
    ConfirmJoiningPage, DomainNotAllowedPage, DomainRefusedPage, JoinOrganizationPage, PrivateSectorPage,
    PublicSectorOnlyPage, RequestUnderStudy, SuggestionsPage,
};
use super::legal::{AccessibilityPage, PrivacyPage, TermsPage};
use super::logout::ConfirmLogoutPage;
use super::manage_organizations::{ManageOrganizationsPage, PendingRequest};
use super::moderations::{PendingModerationPage, RejectedModerationPage, RequestDetails};
use super::official_contact::{AskWhichEmailPage, ContactCodePage};
use super::oidc::{AutoSubmitPage, FormPostPage, HiddenField};
use super::organizations::{Establishment, OrganizationTile, SelectOrganizationPage};
use super::passwords::{
    ChangePasswordPage, InclusionConnectWelcomePage, MagicLinkSentPage, ResetPasswordPage,
    SignInWithMagicLinkPage, SignUpPage, VerifyEmailPage,
};
use super::second_factor::{RecoveryCodePage, SecondFactorPage};
use super::sign_in::{SignInPage, StartSignInPage};
use crate::domain::{FaultReason, PersonalFault, PersonalField};
use crate::web::assets::Assets;
use crate::web::legal_texts::LegalTexts;
use crate::web::notifications::Notification;
use crate::web::render::{Page, Renderer, Shell};

/// The rendered samples, by name.
struct Samples {
    renderer: Renderer,
    documents: Vec<(&'static str, String)>,
}

impl Samples {
    fn add(&mut self, name: &'static str, shell: &Shell, page: &impl Page) {
        let document = self
            .renderer
            .render(shell, page)
            .unwrap_or_else(|error| panic!("{name}: {error:?}"));
        self.documents.push((name, document));
    }
}

fn shell() -> Shell {
    Shell {
        csrf_token: Some("0123456789abcdef".to_owned()),
        notification: None,
        user_label: Some("Jean User".to_owned()),
        is_test_instance: false,
    }
}

fn notified(code: &str) -> Shell {
    Shell {
        notification: Notification::from_code(code),
        ..shell()
    }
}

fn organization(id: i32, libelle: &str, certified: bool) -> OrganizationTile {
    OrganizationTile {
        id,
        siret: "21920023500014".to_owned(),
        libelle: libelle.to_owned(),
        address: "1 place Maurice Gunsbourg, 92140 Clamart".to_owned(),
        activity: Some("84.11Z - Administration publique générale".to_owned()),
        establishment: Some(Establishment::new(!certified)),
        certified,
    }
}

/// The documents, by name of sample.
pub fn samples() -> Vec<(&'static str, String)> {
    let assets = Arc::new(Assets::load().unwrap());
    let mut samples = Samples {
        renderer: Renderer::new(assets, false, LegalTexts::default()).unwrap(),
        documents: Vec::new(),
    };
    add_sign_in(&mut samples);
    add_passwords(&mut samples);
    add_account(&mut samples);
    add_factors(&mut samples);
    add_joining(&mut samples);
    add_moderations(&mut samples);
    add_certification(&mut samples);
    add_errors(&mut samples);
    samples.documents
}

fn add_sign_in(samples: &mut Samples) {
    let start = StartSignInPage {
        focuses_email: true,
        ..StartSignInPage::default()
    };
    samples.add("start-sign-in", &shell(), &start);
    samples.add(
        "start-sign-in-test",
        &Shell {
            is_test_instance: true,
            ..notified("logout_success")
        },
        &start,
    );
    samples.add("start-sign-in-warning", &notified("email_unavailable"), &start);
    let refused = StartSignInPage {
        login_hint: Some("jean@yopmal.com".to_owned()),
        has_email_error: true,
        did_you_mean: Some("jean@yopmail.com".to_owned()),
        focuses_email: true,
    };
    samples.add("start-sign-in-error", &shell(), &refused);

    let sign_in = SignInPage {
        email: "jean.user@yopmail.com".to_owned(),
        show_passkey_section: false,
        change_email_returns_to_client: false,
    };
    samples.add("sign-in", &shell(), &sign_in);
    samples.add("sign-in-error", &notified("invalid_credentials"), &sign_in);
    let with_passkey = SignInPage {
        show_passkey_section: true,
        change_email_returns_to_client: true,
        ..sign_in
    };
    samples.add("sign-in-passkey", &shell(), &with_passkey);

    let mairie = organization(1, "Commune de clamart - Mairie", false);
    let shop = organization(2, "Decathlon france - Decathlon direction generale france", true);
    samples.add(
        "select-organization",
        &shell(),
        &SelectOrganizationPage::new(vec![mairie.clone(), shop.clone()]),
    );
    let request = PendingRequest {
        moderation_id: 7,
        organization: organization(3, "Bnp paribas", false),
    };
    samples.add(
        "manage-organizations",
        &notified("quit_organization_success"),
        &ManageOrganizationsPage::new(vec![mairie, shop], vec![request]),
    );
    samples.add(
        "manage-organizations-none",
        &shell(),
        &ManageOrganizationsPage::new(Vec::new(), Vec::new()),
    );

    let fields = vec![HiddenField::new("code", "a\"b"), HiddenField::new("state", "<s>")];
    let form_post = FormPostPage {
        action: "https://client.example/callback".to_owned(),
        fields,
    };
    samples.add("form-post", &Shell::default(), &form_post);
    samples.add(
        "logout",
        &Shell::default(),
        &AutoSubmitPage::logout("0123456789abcdef"),
    );
    samples.add(
        "confirmation",
        &shell(),
        &ConfirmationPage {
            title: "Quitter l’organisation",
            subject: Some("Commune de clamart - Mairie".to_owned()),
            question: "Pour représenter de nouveau cette organisation, il faudra une nouvelle validation. La quitter\u{a0}?",
            action: "/users/quit-organization/1".to_owned(),
            back: "/manage-organizations".to_owned(),
        },
    );
    samples.add(
        "confirm-logout",
        &Shell::default(),
        &ConfirmLogoutPage {
            xsrf: "0123456789abcdef".to_owned(),
        },
    );
    samples.add(
        "magic-link-auto",
        &Shell::default(),
        &AutoSubmitPage::magic_link("0123456789abcdef", "token"),
    );
}

fn add_certification(samples: &mut Samples) {
    let identity = crate::domain::RecordedIdentity {
        given_name: Some("Angela Claire".to_owned()),
        family_name: Some("<DUBOIS>".to_owned()),
        gender: Some("female".to_owned()),
        birthdate: chrono::NaiveDate::from_ymd_opt(1962, 8, 24),
        birthplace: Some("75107".to_owned()),
        ..crate::domain::RecordedIdentity::default()
    };
    let tile = organization(1, "Clamart", true);
    let names = (Some("Angela"), Some("Dubois"));
    let certified = CertifiedPage::new(names, "angela@exemple.fr", &identity, tile);
    samples.add("certified", &shell(), &certified);
    let refusal = crate::journey::CertificationRefusal {
        organization: "Herisson".to_owned(),
        siren: "792713778".to_owned(),
        register: "Registre National des Entreprises".to_owned(),
        matches: vec![
            "family_name".to_owned(),
            "birth_date".to_owned(),
            "gender".to_owned(),
        ],
    };
    let link = || {
        ReturnLink::service(
            "uid",
            "login_required",
            "Certification dirigeant: close match error",
        )
    };
    let close = CloseMatchPage::new(refusal, &identity, link());
    samples.add("close-match", &shell(), &close);
    let no_match = NoMatchPage {
        organization: Some("Herisson".to_owned()),
        register: Some("Registre National des Entreprises".to_owned()),
        link: link(),
    };
    samples.add("no-match", &shell(), &no_match);
    let unknown = NoMatchPage {
        organization: None,
        register: None,
        link: ReturnLink::home(),
    };
    samples.add("no-match-unknown", &shell(), &unknown);
    samples.add("not-covered", &shell(), &NotCoveredPage { link: link() });
    samples.add(
        "registers-unavailable",
        &shell(),
        &RegistersUnavailablePage { link: link() },
    );
}

const fn malformed(field: PersonalField) -> PersonalFault {
    PersonalFault {
        field,
        reason: FaultReason::Malformed,
    }
}

const fn too_long(field: PersonalField) -> PersonalFault {
    PersonalFault {
        field,
        reason: FaultReason::TooLong,
    }
}

fn add_identity(samples: &mut Samples) {
    let identity = IdentityPage {
        given_name: Some("Jean".to_owned()),
        ..IdentityPage::default()
    };
    samples.add("identity", &shell(), &identity);
    let refused = IdentityPage {
        given_name: Some(String::new()),
        family_name: Some("Durand".to_owned()),
        errors: FieldErrors::new(&[malformed(PersonalField::GivenName)], false),
        ..IdentityPage::default()
    };
    samples.add(
        "identity-refused",
        &notified("invalid_personal_informations"),
        &refused,
    );
    let certain = IdentityPage {
        family_name: Some("User".to_owned()),
        has_franceconnect_identity: true,
        needs_onboarding_help: true,
        ..identity
    };
    samples.add(
        "identity-fc",
        &notified("invalid_personal_informations"),
        &certain,
    );
}

fn add_account(samples: &mut Samples) {
    samples.add("home", &shell(), &HomePage);
    add_identity(samples);

    let identity_check = FranceConnectPage {
        certification_requested: false,
    };
    samples.add("franceconnect", &shell(), &identity_check);
    let certification = FranceConnectPage {
        certification_requested: true,
    };
    samples.add(
        "franceconnect-certification",
        &notified("franceconnect_oidc_error"),
        &certification,
    );
    let unavailable = FranceConnectUnavailablePage {
        retry: "/users/franceconnect/login",
        link: ReturnLink::home(),
    };
    samples.add("franceconnect-unavailable", &shell(), &unavailable);

    let person = PersonalInformationPage {
        given_name: Some("Jean".to_owned()),
        family_name: Some("User".to_owned()),
        phone_number: Some("0123456789".to_owned()),
        job: None,
        name_choices: None,
        errors: FieldErrors::default(),
        phone_number_advice: PHONE_NUMBER_ADVICE,
    };
    samples.add(
        "personal-information",
        &notified("personal_information_update_success"),
        &person,
    );
    let refused = PersonalInformationPage {
        phone_number: Some("FR".to_owned()),
        errors: FieldErrors::new(
            &[
                malformed(PersonalField::PhoneNumber),
                too_long(PersonalField::Job),
            ],
            false,
        ),
        ..person.clone()
    };
    samples.add(
        "personal-information-refused",
        &notified("invalid_personal_informations"),
        &refused,
    );
    let names = |values: &[&str]| values.iter().map(|&value| value.to_owned()).collect();
    let choices = NameChoices::new(
        (names(&["Jean", "Marie"]), Some("Jean")),
        (names(&["Dupont", "Durand"]), Some("User")),
    );
    let listed = PersonalInformationPage {
        name_choices: Some(choices),
        errors: FieldErrors::new(&[malformed(PersonalField::FamilyName)], true),
        ..person
    };
    samples.add("personal-information-fc", &shell(), &listed);
    add_connection(samples);

    let welcome = WelcomePage {
        given_name: "Jean".to_owned(),
        family_name: "User".to_owned(),
        email: "jean.user@yopmail.com".to_owned(),
        organization: Some(organization(1, "Commune de clamart - Mairie", false)),
        onboarding_help: false,
    };
    samples.add("welcome", &shell(), &welcome);
    let migrated = WelcomePage {
        organization: None,
        onboarding_help: true,
        ..welcome
    };
    samples.add("welcome-migrated", &shell(), &migrated);
    samples.add("terms", &Shell::default(), &TermsPage);
    for (name, measures_audience) in [("privacy", false), ("privacy-measured", true)] {
        samples.add(name, &shell(), &PrivacyPage { measures_audience });
    }
    samples.add("accessibility", &shell(), &AccessibilityPage);
}

fn add_connection(samples: &mut Samples) {
    let bare = ConnectionAndAccountPage {
        email: "jean.user@yopmail.com".to_owned(),
        ..Default::default()
    };
    samples.add("connection-and-account-bare", &shell(), &bare);
    let passkey = PasskeyCard {
        credential_id: "EEEEuispec-_".to_owned(),
        display_name: "Clé EEEEuispec".to_owned(),
        created_at: "Aujourd’hui à 16:18".to_owned(),
        last_used_at: None,
        usage_count: 0,
        second_factor_only: true,
    };
    let protected = ConnectionAndAccountPage {
        totp_created_at: Some("Hier à 09:02".to_owned()),
        passkeys: vec![passkey],
        is_2fa_capable: true,
        force_2fa: true,
        recovery_codes: RecoveryCodesCard::new(Some(2)),
        ..bare
    };
    samples.add(
        "connection-and-account",
        &notified("authenticator_added"),
        &protected,
    );

    let session = |uid: &str, browser: &str, is_current| SessionCard {
        uid: uid.to_owned(),
        browser: browser.to_owned(),
        signed_in_at: "Hier à 18:40".to_owned(),
        last_seen_at: "Aujourd’hui à 08:12".to_owned(),
        ip_address: Some("192.0.2.7".to_owned()),
        method: "mot de passe".to_owned(),
        is_current,
    };
    let sessions = vec![
        session("a", "Firefox sur Linux", true),
        session("b", "Safari sur iPhone", false),
    ];
    samples.add("sessions", &shell(), &SessionsPage::new(sessions));
}

fn add_factors(samples: &mut Samples) {
    let second_factor = SecondFactorPage {
        email: "jean.user@yopmail.com".to_owned(),
        change_email_returns_to_client: false,
        has_code_error: false,
        focuses_code: true,
        shows_totp_section: true,
        shows_passkey_section: true,
        offers_recovery_codes: true,
    };
    samples.add("2fa-sign-in", &notified("2fa_required"), &second_factor);
    let refused = SecondFactorPage {
        has_code_error: true,
        shows_passkey_section: false,
        offers_recovery_codes: false,
        ..second_factor
    };
    samples.add("2fa-sign-in-error", &shell(), &refused);
    let recovery = RecoveryCodePage {
        email: "jean.user@yopmail.com".to_owned(),
        change_email_returns_to_client: false,
        has_code_error: true,
    };
    samples.add("recovery-code", &shell(), &recovery);
    let codes = RecoveryCodesPage {
        email: "jean.user@yopmail.com".to_owned(),
        created_at: "22/11/2026 à 14:03".to_owned(),
        codes: (0..10).map(|digit| format!("7h4d{digit}-92mxq")).collect(),
    };
    samples.add("recovery-codes", &shell(), &codes);
    let choice = ChoicePage::<DuringSignIn>::new(Some("ce service".to_owned()), true);
    samples.add("choice-sign-in", &notified("recovery_code_used"), &choice);
    samples.add(
        "choice-account",
        &shell(),
        &ChoicePage::<InAccount>::new(None, false),
    );
    samples.add(
        "configured",
        &shell(),
        &ConfiguredPage {
            service: Some("ProConnect Test".to_owned()),
        },
    );
    let set_up = TotpSetUp {
        qr_code: "data:image/svg+xml;base64,PHN2Zy8+".to_owned(),
        human_readable_key: "jbsw y3dp ehpk 3pxp".to_owned(),
        tool_type: Some(ToolType::Smartphone),
        has_code_error: false,
        replaces_another: false,
    };
    let page = TotpConfigurationPage::<DuringSignIn>::new(set_up.clone());
    samples.add("totp-configuration-sign-in", &shell(), &page);
    let change = TotpSetUp {
        tool_type: None,
        has_code_error: true,
        replaces_another: true,
        ..set_up
    };
    let page = TotpConfigurationPage::<InAccount>::new(change);
    samples.add(
        "totp-configuration-account",
        &notified("invalid_totp_token"),
        &page,
    );
    let instead = TotpToolPage::<InAccount>::new(true);
    samples.add("tool-instead-of-passkey", &shell(), &instead);
    add_tools::<InAccount>(
        samples,
        [
            "tool-account",
            "helper-device-account",
            "helper-passkey-account",
            "helper-install-account",
            "helper-smartphone-account",
            "helper-software-account",
            "helper-app-account",
            "helper-external-help-account",
        ],
    );
    add_tools::<DuringSignIn>(
        samples,
        [
            "tool-sign-in",
            "helper-device-sign-in",
            "helper-passkey-sign-in",
            "helper-install-sign-in",
            "helper-smartphone-sign-in",
            "helper-software-sign-in",
            "helper-app-sign-in",
            "helper-external-help-sign-in",
        ],
    );
}

fn add_tools<W: Way>(samples: &mut Samples, names: [&'static str; 8]) {
    let [
        tool,
        device,
        passkey,
        install,
        smartphone,
        software,
        app,
        external_help,
    ] = names;
    samples.add(tool, &shell(), &TotpToolPage::<W>::new(false));
    samples.add(device, &shell(), &DevicePage::<W>::new());
    samples.add(
        passkey,
        &notified("invalid_passkey"),
        &PasskeyAdvicePage::<W>::new(),
    );
    samples.add(
        install,
        &shell(),
        &QuestionPage::<W>::new(Question::CanInstallSoftware),
    );
    let question = QuestionPage::<W>::new(Question::CanInstallAppOnSmartphone);
    samples.add(smartphone, &shell(), &question);
    samples.add(software, &shell(), &TotpAdvicePage::<W>::new(Platform::Computer));
    samples.add(app, &shell(), &TotpAdvicePage::<W>::new(Platform::Smartphone));
    samples.add(external_help, &shell(), &ExternalHelpPage::<W>::new());
}

fn add_passwords(samples: &mut Samples) {
    let email = || "jean.user@yopmail.com".to_owned();
    samples.add("inclusionconnect-welcome", &shell(), &InclusionConnectWelcomePage);
    let sign_up = SignUpPage {
        email: email(),
        change_email_returns_to_client: false,
        is_new_account: true,
    };
    samples.add("sign-up", &shell(), &sign_up);
    let existing = SignUpPage {
        is_new_account: false,
        ..sign_up
    };
    samples.add("sign-up-existing", &notified("new_password_needed"), &existing);

    let verify = VerifyEmailPage {
        email: email(),
        change_email_returns_to_client: false,
        code_sent: true,
        countdown_end: "2100-01-01T00:00:00+01:00".to_owned(),
        needs_onboarding_help: false,
        has_code_error: false,
    };
    samples.add("verify-email", &notified("browser_not_trusted"), &verify);
    let migrated = VerifyEmailPage {
        code_sent: false,
        needs_onboarding_help: true,
        has_code_error: true,
        ..verify
    };
    samples.add("verify-email-migrated", &shell(), &migrated);

    samples.add(
        "magic-link-sent",
        &shell(),
        &MagicLinkSentPage {
            email: Some(email()),
            lifetime: "une heure".to_owned(),
        },
    );
    samples.add(
        "magic-link-sent-unknown",
        &shell(),
        &MagicLinkSentPage {
            email: None,
            lifetime: "30 minutes".to_owned(),
        },
    );
    let magic_link = SignInWithMagicLinkPage {
        magic_link_token: "token".to_owned(),
    };
    samples.add("sign-in-with-magic-link", &shell(), &magic_link);
    let reset = ResetPasswordPage {
        login_hint: Some(email()),
    };
    samples.add("reset-password", &shell(), &reset);
    samples.add("reset-password-again", &notified("invalid_token"), &reset);
    let change = ChangePasswordPage {
        reset_password_token: "token".to_owned(),
        email: None,
    };
    samples.add("change-password", &shell(), &change);
}

fn add_joining(samples: &mut Samples) {
    let email = || "jean.user@yopmail.com".to_owned();
    let mairie = || "Commune de clamart - Mairie".to_owned();
    let join = JoinOrganizationPage {
        siret_hint: None,
        annuaire_url: "https://annuaire-entreprises.data.gouv.fr/?mtm_campaign=proconnect",
        siret_error: None,
        requests: Vec::new(),
    };
    samples.add("join", &shell(), &join);
    let waiting = JoinOrganizationPage {
        requests: vec![
            RequestUnderStudy {
                moderation_id: 7,
                organization: mairie(),
            },
            RequestUnderStudy {
                moderation_id: 8,
                organization: "Bnp paribas".to_owned(),
            },
        ],
        ..join.clone()
    };
    samples.add("join-waiting", &shell(), &waiting);
    let again = JoinOrganizationPage {
        siret_hint: Some("21920023500014".to_owned()),
        siret_error: Some("SIRET invalide. D’après l’INSEE, cet établissement est fermé.".to_owned()),
        ..join
    };
    samples.add("join-error", &shell(), &again);
    let suggestions = SuggestionsPage {
        organizations: vec![
            organization(1, &mairie(), false),
            organization(2, "Bnp paribas", false),
        ],
    };
    samples.add("suggestions", &shell(), &suggestions);
    let confirm = ConfirmJoiningPage {
        organization: "Totalenergies se".to_owned(),
        siret: "54205118000066".to_owned(),
        email: email(),
    };
    samples.add("join-confirm", &shell(), &confirm);
    let not_allowed = DomainNotAllowedPage {
        organization: mairie(),
        domains: "finances.gouv.fr".to_owned(),
        email: email(),
    };
    samples.add("domain-not-allowed", &shell(), &not_allowed);
    let refused = DomainRefusedPage {
        organization: mairie(),
        email: email(),
    };
    samples.add("domain-refused", &shell(), &refused);
    samples.add(
        "public-sector-only",
        &shell(),
        &PublicSectorOnlyPage { email: email() },
    );
    samples.add("private-sector", &shell(), &PrivateSectorPage { email: email() });
    let ask = AskWhichEmailPage {
        organization_id: 3,
        emails: vec![
            "courrier@lahague.com".to_owned(),
            "mairie-beaumont@lahague.com".to_owned(),
        ],
    };
    samples.add("contact-ask", &shell(), &ask);
    let code = ContactCodePage {
        organization_id: 3,
        organization_type: "mairie",
        email: "mairie-beaumont@lahague.com".to_owned(),
        has_other_organizations: true,
        offers_choice: true,
        choice_refusal: Some("L’annuaire des adresses officielles ne répond pas."),
        has_code_error: true,
    };
    samples.add("contact-code", &shell(), &code);
}

fn add_moderations(samples: &mut Samples) {
    let request = RequestDetails {
        moderation_id: 7,
        given_name: "Jean".to_owned(),
        family_name: "User".to_owned(),
        email: "jean.user@yopmail.com".to_owned(),
        organization: organization(1, "Commune de clamart - Mairie", false),
    };
    let pending = PendingModerationPage {
        request: request.clone(),
    };
    samples.add("moderation-pending", &shell(), &pending);
    let rejected = RejectedModerationPage {
        request,
        reason: "Nom de domaine introuvable".to_owned(),
        allow_editing: false,
    };
    samples.add("moderation-rejected", &shell(), &rejected);
    let editable = RejectedModerationPage {
        allow_editing: true,
        ..rejected
    };
    samples.add("moderation-editable", &shell(), &editable);
}

fn add_errors(samples: &mut Samples) {
    let service = || ReturnLink::service("kjhgf", "server_error", "Too many requests");
    let reference = || "0123456789abcdef".to_owned();
    let invalid_redirect_uri = ErrorPage {
        code: "400".to_owned(),
        message: Some("invalid_redirect_uri: redirect_uri did not match any registered uri".to_owned()),
        is_in_english: true,
        explanation: None,
        advice: ErrorPage::START_AGAIN,
        reference: reference(),
        link: ReturnLink::home(),
    };
    samples.add("error-400", &Shell::default(), &invalid_redirect_uri);
    let fault = ErrorPage {
        code: "500".to_owned(),
        message: None,
        is_in_english: false,
        explanation: None,
        advice: ErrorPage::RETRY_LATER,
        reference: reference(),
        link: service(),
    };
    samples.add("error-500", &Shell::default(), &fault);
    let out_of_reach = ErrorPage {
        code: "access_denied".to_owned(),
        message: Some(crate::oidc::ACR_NOT_MET.to_owned()),
        is_in_english: true,
        explanation: Some("Le service exige un niveau que ce compte ne permet pas d’atteindre."),
        advice: ErrorPage::ASK_THE_SERVICE,
        reference: reference(),
        link: ReturnLink::service("kjhgf", "access_denied", crate::oidc::ACR_NOT_MET),
    };
    samples.add("error-access-denied", &Shell::default(), &out_of_reach);
    samples.add(
        "error-404",
        &Shell::default(),
        &NotFoundPage {
            link: ReturnLink::home(),
        },
    );
    samples.add(
        "error-429",
        &Shell::default(),
        &TooManyRequestsPage {
            reference: reference(),
            link: service(),
        },
    );
    samples.add(
        "interaction-expired",
        &Shell::default(),
        &InteractionExpiredPage {
            link: ReturnLink::home(),
        },
    );
}
