//! What the browser suite, scripts and password managers rely on (spec ui-contract): titles, headings, elements.

use std::collections::HashMap;

use scraper::{ElementRef, Html};

use super::samples::samples;
use super::well_formed::{all, one, text};

/// Titles and main headings, by sample.
const TITLES: &[(&str, &str, &str)] = &[
    (
        "start-sign-in",
        "S'inscrire ou se connecter - ProConnect",
        "S’inscrire ou se connecter",
    ),
    (
        "start-sign-in-error",
        "Erreur - S'inscrire ou se connecter - ProConnect",
        "S’inscrire ou se connecter",
    ),
    ("sign-in", "Accéder au compte - ProConnect", "Accéder au compte"),
    (
        "sign-in-error",
        "Erreur - Accéder au compte - ProConnect",
        "Accéder au compte",
    ),
    (
        "inclusionconnect-welcome",
        "Première connexion - ProConnect",
        "C’est votre première connexion avec ProConnect",
    ),
    (
        "sign-up",
        "Choisir un mot de passe - ProConnect",
        "Choisir un mot de passe",
    ),
    (
        "verify-email",
        "Vérifier votre email - ProConnect",
        "Confirmer votre adresse email",
    ),
    (
        "magic-link-sent",
        "Recevoir un lien d'identification - ProConnect",
        "Consultez vos e-mails",
    ),
    (
        "sign-in-with-magic-link",
        "Connexion avec un lien - ProConnect",
        "Lien de connexion",
    ),
    (
        "magic-link-auto",
        "Connexion en cours, la page va se recharger automatiquement… - ProConnect",
        "Connexion...",
    ),
    (
        "reset-password",
        "Réinitialiser mon mot de passe - ProConnect",
        "Réinitialiser mon mot de passe",
    ),
    (
        "change-password",
        "Changer votre mot de passe - ProConnect",
        "Changer votre mot de passe",
    ),
    (
        "identity",
        "Renseigner votre identité - ProConnect",
        "Compléter votre profil",
    ),
    (
        "select-organization",
        "Choisir une organisation - ProConnect",
        "Votre organisation de rattachement",
    ),
    (
        "join",
        "Rejoindre une organisation - ProConnect",
        "Rejoindre votre organisation",
    ),
    (
        "join-error",
        "Erreur - Rejoindre une organisation - ProConnect",
        "Rejoindre votre organisation",
    ),
    (
        "suggestions",
        "Votre organisation de rattachement - ProConnect",
        "Votre organisation de rattachement",
    ),
    (
        "join-confirm",
        "Confirmer le rattachement - ProConnect",
        "Vérifier le choix de l'email",
    ),
    (
        "domain-not-allowed",
        "Accès restreint - ProConnect",
        "Accès restreint",
    ),
    (
        "domain-refused",
        "Accès restreint - ProConnect",
        "Accès restreint",
    ),
    (
        "public-sector-only",
        "Email non autorisé - ProConnect",
        "Email non autorisé",
    ),
    (
        "private-sector",
        "Email non autorisé - ProConnect",
        "Email non autorisé",
    ),
    (
        "contact-ask",
        "Vérifier votre email - ProConnect",
        "Confirmer votre adresse email",
    ),
    (
        "contact-code",
        "Erreur - Vérifier votre email - ProConnect",
        "Confirmer votre adresse email",
    ),
    (
        "moderation-pending",
        "Rattachement en cours - ProConnect",
        "Demande en cours ⌛️",
    ),
    (
        "moderation-rejected",
        "Demande refusée - ProConnect",
        "Demande refusée ⛔",
    ),
    (
        "moderation-editable",
        "Informations à corriger - ProConnect",
        "Modifications demandées",
    ),
    (
        "manage-organizations",
        "Organisations - ProConnect",
        "Vos organisations de rattachement",
    ),
    ("home", "Accueil - ProConnect", "Votre compte ProConnect"),
    (
        "personal-information",
        "Informations personnelles - ProConnect",
        "Vos informations personnelles",
    ),
    (
        "connection-and-account",
        "Compte et connexion - ProConnect",
        "Compte et connexion",
    ),
    ("sessions", "Vos sessions - ProConnect", "Vos sessions"),
    (
        "franceconnect",
        "Vérifier votre identité - ProConnect",
        "Vérifier votre identité",
    ),
    (
        "franceconnect-certification",
        "Erreur - Certification dirigeant - ProConnect",
        "Certifier votre statut",
    ),
    (
        "franceconnect-unavailable",
        "FranceConnect ne répond pas - ProConnect",
        "FranceConnect ne répond pas",
    ),
    ("certified", "Compte certifié - ProConnect", "Statut certifié 🎊"),
    (
        "close-match",
        "Certification impossible - ProConnect",
        "Impossible de vous certifier ⚠️",
    ),
    (
        "no-match",
        "Certification impossible - ProConnect",
        "Identité non trouvée ⚠️",
    ),
    (
        "no-match-unknown",
        "Certification impossible - ProConnect",
        "Identité non trouvée ⚠️",
    ),
    (
        "not-covered",
        "Certification impossible - ProConnect",
        "Structure non certifiable ⚠️",
    ),
    (
        "registers-unavailable",
        "Les registres ne répondent pas - ProConnect",
        "Les registres ne répondent pas",
    ),
    ("welcome", "Compte créé - ProConnect", "Compte créé 🎊"),
    (
        "welcome-migrated",
        "Compte créé - ProConnect",
        "Votre compte ProConnect est à jour.",
    ),
    (
        "terms",
        "Conditions Générales d'Utilisation - ProConnect",
        "Conditions Générales d'Utilisation",
    ),
    (
        "privacy",
        "Politique de confidentialité - ProConnect",
        "Politique de Protection des Données",
    ),
    (
        "accessibility",
        "Accessibilité - ProConnect",
        "Déclaration d’accessibilité",
    ),
    (
        "2fa-sign-in",
        "Se connecter avec la double authentification - ProConnect",
        "Valider avec la double authentification",
    ),
    (
        "choice-sign-in",
        "Choisir un mode de double authentification - ProConnect",
        "Choisir votre méthode de connexion renforcée",
    ),
    (
        "choice-account",
        "Double authentification - ProConnect",
        "Choisir votre méthode de connexion renforcée",
    ),
    (
        "tool-account",
        "Configurer un code à usage unique - ProConnect",
        "Configurer votre outil TOTP Étape 1 sur 3",
    ),
    (
        "tool-sign-in",
        "Installer votre outil d'authentification - ProConnect",
        "Configurer votre outil TOTP Étape 1 sur 3",
    ),
    (
        "totp-configuration-sign-in",
        "Configurer un code à usage unique - ProConnect",
        "Configurer votre application TOTP Étape 2 sur 3",
    ),
    (
        "totp-configuration-account",
        "Erreur - Configuration TOTP - ProConnect",
        "Configurer votre application TOTP Étape 2 sur 3",
    ),
    (
        "configured",
        "Votre double authentification est bien configurée - ProConnect",
        "Votre double authentification est bien configurée",
    ),
    (
        "helper-device-sign-in",
        "Trouver la meilleure méthode de 2FA - ProConnect",
        "Trouver la meilleure méthode de 2FA",
    ),
    (
        "helper-install-account",
        "Choisir la meilleure méthode pour vous - ProConnect",
        "Trouver la meilleure méthode de 2FA",
    ),
    (
        "helper-external-help-account",
        "Intervention extérieure nécessaire - ProConnect",
        "Trouver la meilleure méthode de 2FA",
    ),
    ("error-400", "Erreur 400 - ProConnect", "Une erreur est survenue."),
    ("error-404", "Page introuvable - ProConnect", "Page non trouvée"),
    (
        "error-429",
        "Accès temporairement limité - ProConnect",
        "Accès temporairement limité.",
    ),
    ("form-post", "Submitting Callback", "Retour vers le service"),
    ("logout", "Déconnexion en cours - ProConnect", "Déconnexion..."),
];

/// As [`SIGN_IN_HOOKS`], for organizations.
const ORGANIZATION_HOOKS: &[(&str, &str, &str)] = &[
    ("join", "[type=submit]", "Enregistrer"),
    ("join", "[name=siret]#siret-selector", ""),
    (
        "join",
        "label[for=siret-selector]",
        "SIRET de l’organisation que vous représentez Il est composé de 14 chiffres",
    ),
    ("join-error", "[name=siret][value='21920023500014']", ""),
    (
        "join-error",
        ".fr-alert--warning",
        "D’après l’INSEE, cet établissement est fermé. S’il a déménagé ou changé de forme, son nouveau SIRET figure dans l’Annuaire des Entreprises.",
    ),
    (
        "suggestions",
        "[aria-label=\"Sélectionner l'organisation Commune de clamart - Mairie\"]",
        "Commune de clamart - Mairie",
    ),
    (
        "join-confirm",
        "main p:first-of-type",
        "🕵️ Vous souhaitez rejoindre Totalenergies se avec l’adresse email jean.user@yopmail.com.",
    ),
    (
        "join-confirm",
        "[href='/users/start-sign-in']",
        "Corriger l’email",
    ),
    ("join-confirm", "[type=submit]", "Continuer avec cet email"),
    (
        "domain-not-allowed",
        "main p:first-of-type",
        "Seules les adresses finances.gouv.fr peuvent rejoindre l’organisation « Commune de clamart - Mairie ».",
    ),
    (
        "domain-refused",
        "main p:first-of-type",
        "Vous ne pouvez pas rejoindre l’organisation « Commune de clamart - Mairie ».",
    ),
    (
        "contact-ask",
        "legend",
        "À quelle adresse e-mail souhaitez-vous recevoir le code ?",
    ),
    (
        "contact-ask",
        "label[for='email-courrier@lahague.com']",
        "courrier@lahague.com",
    ),
    (
        "contact-code",
        "label[for=official_contact_email_verification_token]",
        "Insérer le code à 2 mots",
    ),
    (
        "moderation-pending",
        "[action='/users/cancel-moderation-and-redirect-to-sign-in/7'] [aria-label=\"Corriger l'adresse email\"]",
        "",
    ),
    ("moderation-pending", "[aria-label='Corriger le nom']", ""),
    (
        "moderation-pending",
        "[aria-label=\"Corriger l'organisation de rattachement\"]",
        "Changer d'organisation",
    ),
    (
        "moderation-rejected",
        "a[aria-label='Changer d’adresse email'][href='/users/start-sign-in']",
        "",
    ),
    (
        "moderation-editable",
        "[action='/users/reopen-moderation/7'] [aria-label='Corriger le nom']",
        "",
    ),
];

/// By sample: a selector that must find one element, and the text of that element.
const SIGN_IN_HOOKS: &[(&str, &str, &str)] = &[
    ("start-sign-in", "[type=submit]", "Continuer"),
    (
        "start-sign-in",
        "[action='/users/start-sign-in'] [type=submit]",
        "Continuer",
    ),
    (
        "start-sign-in",
        "label[for=did-you-mean-input]",
        "Email professionnel Format attendu : nom@domaine.fr",
    ),
    (
        "start-sign-in",
        "input#did-you-mean-input[name=login][type=email][autofocus]",
        "",
    ),
    (
        "start-sign-in-error",
        "#email-error[role=alert]",
        "Adresse email invalide.",
    ),
    ("start-sign-in-error", "#did-you-mean-link", "jean@yopmail.com"),
    (
        "start-sign-in-test",
        "#notifications[role=status]",
        "Information : vous êtes maintenant déconnecté.",
    ),
    (
        "sign-in",
        "[action='/users/sign-in'] [type=submit]",
        "S’identifier",
    ),
    (
        "sign-in",
        "label[for=password-input]",
        "Renseignez votre mot de passe",
    ),
    (
        "sign-in",
        "#password-input[name=password][autocomplete=current-password]",
        "",
    ),
    (
        "sign-in",
        "[href='/users/reset-password']",
        "Mot de passe oublié ?",
    ),
    (
        "sign-in",
        "[action='/users/send-magic-link'] button",
        "Recevoir un lien de connexion",
    ),
    (
        "sign-in",
        "a#change-email-address[href='/users/start-sign-in']",
        "Changer d’adresse email",
    ),
    (
        "sign-in-passkey",
        "button#change-email-address.go-back-link",
        "Changer d’adresse email",
    ),
    (
        "sign-in-passkey",
        "#webauthn-btn-begin-authentication",
        "Se connecter avec une clé d’accès",
    ),
    ("sign-in-passkey", "#webauthn-alert-error", ""),
    ("sign-up", ".fr-badge", "Nouveau compte"),
    (
        "sign-up",
        "[action='/users/sign-up'] [type=submit][aria-label$='valider le mot de passe']",
        "Continuer",
    ),
    (
        "sign-up",
        "label[for=password-input]",
        "Mot de passe Choisissez un mot de passe sécurisé",
    ),
    (
        "sign-up",
        "#password-input[minlength='10'][data-email='jean.user@yopmail.com'][required]",
        "",
    ),
    (
        "sign-up",
        "#password-input-message-special",
        "1 caractère spécial minimum,",
    ),
    (
        "sign-up",
        "#passphrase-input-message-20char",
        "20 caractères minimum,",
    ),
    (
        "verify-email",
        "#verify-email > div > p",
        "Vérifiez les emails envoyés à jean.user@yopmail.com.",
    ),
    ("verify-email", "[type=submit]", "Valider"),
    (
        "verify-email",
        "[action='/users/send-email-verification'] button",
        "Recevoir un nouveau code",
    ),
    (
        "verify-email",
        "#verify_email_token[name=verify_email_token][autocomplete=one-time-code]",
        "",
    ),
    (
        "magic-link-sent",
        "main p:first-of-type",
        "Votre lien vous attend à l’adresse...",
    ),
    (
        "reset-password",
        "[action='/users/reset-password'] [type=submit]",
        "Réinitialiser",
    ),
    (
        "change-password",
        "label[for=password-input]",
        "Nouveau mot de passe",
    ),
    (
        "change-password",
        "label[for=confirm_password]",
        "Confirmez votre mot de passe",
    ),
    ("change-password", "[type=submit]", "Enregistrer"),
    (
        "select-organization",
        "[aria-label='Commune de clamart - Mairie (choisir cette organisation)']",
        "Commune de clamart - Mairie",
    ),
    (
        "select-organization",
        "[aria-describedby=submit-join-organization-2] .fr-badge--success",
        "certifié",
    ),
    (
        "select-organization",
        "#submit-join-organization-default",
        "Continuer",
    ),
];

/// As above, for the account and the errors.
const ACCOUNT_HOOKS: &[(&str, &str, &str)] = &[
    ("identity", "label[for=given_name]", "Prénom *obligatoire"),
    ("identity", "label[for=family_name]", "Nom *obligatoire"),
    (
        "home",
        "a.fr-sidemenu__link[href='/manage-organizations']",
        "Organisations",
    ),
    ("home", "a.fr-sidemenu__link[aria-current=page]", "Accueil"),
    ("home", "[aria-label='Se déconnecter - Jean User']", "Jean User"),
    ("personal-information", "label[for=given_name]", "Prénom *"),
    (
        "personal-information",
        "label[for=job]",
        "Profession ou rôle au sein de votre organisation",
    ),
    (
        "personal-information",
        "[action='/personal-information'] [type=submit]",
        "Mettre à jour",
    ),
    (
        "personal-information",
        ".fr-connect",
        "S’identifier avec FranceConnect",
    ),
    (
        "franceconnect",
        "[action='/users/franceconnect/login'] [aria-label='S’identifier avec FranceConnect']",
        "S’identifier avec FranceConnect",
    ),
    (
        "franceconnect-unavailable",
        "[action='/users/franceconnect/login'] [type=submit]",
        "Réessayer",
    ),
    (
        "personal-information-fc",
        "select[name=given_name] option[selected]",
        "Jean",
    ),
    (
        "personal-information-fc",
        "select[name=family_name] option[selected]",
        "Sélectionner une option",
    ),
    (
        "connection-and-account",
        ".fr-card > form[action='/delete-totp-configuration']",
        "Supprimer",
    ),
    (
        "connection-and-account",
        "[aria-label=\"Supprimer la clé d'accès Clé EEEEuispec\"]",
        "Supprimer",
    ),
    (
        "connection-and-account",
        "label[for=radio-enable]",
        "Sur tous les sites",
    ),
    ("connection-and-account", "#radio-enable[checked]", ""),
    (
        "connection-and-account",
        "[id='2fa-form'] [type=submit]",
        "Valider",
    ),
    (
        "connection-and-account",
        "[action='/users/delete'] button",
        "Supprimer mon compte",
    ),
    (
        "connection-and-account-bare",
        "[href='/double-authentication']",
        "Configurer la double authentification",
    ),
    (
        "connection-and-account",
        "[action='/codes-de-secours'] button",
        "Remplacer mes codes de secours",
    ),
    ("sessions", "[action='/mes-sessions/fermer'] button", "Fermer"),
    ("welcome", "[action='/users/welcome'] [type=submit]", "Continuer"),
    ("welcome", ".tile h2", "Commune de clamart - Mairie"),
    (
        "manage-organizations",
        "[aria-label=\"Quitter l'organisation Commune de clamart - Mairie\"]",
        "Quitter l’organisation",
    ),
    (
        "manage-organizations",
        "[action='/users/quit-organization/1'] [type=submit]",
        "Quitter l’organisation",
    ),
    (
        "manage-organizations-none",
        ".fr-alert--info",
        "Vous n’êtes attaché à aucune organisation.",
    ),
    ("error-400", ".error-block strong", "Erreur 400"),
    (
        "error-429",
        "a.fr-btn[href*='Too%20many%20requests']",
        "Continuer sur le service",
    ),
];

/// As above, for second factors.
const FACTOR_HOOKS: &[(&str, &str, &str)] = &[
    (
        "2fa-sign-in",
        "label[for=totpToken]",
        "Obtenir un code à usage unique depuis votre application mobile.",
    ),
    (
        "2fa-sign-in",
        "#totpToken[name=totpToken][required][autocomplete=one-time-code][autofocus]",
        "",
    ),
    (
        "2fa-sign-in",
        "[action='/users/2fa-sign-in-with-totp'] [type=submit]",
        "Valider",
    ),
    (
        "2fa-sign-in",
        "#webauthn-btn-begin-authentication",
        "Se connecter avec une clé d’accès",
    ),
    (
        "2fa-sign-in-error",
        "#code-error[role=alert]",
        "Code invalide. Consultez notre page d’aide.",
    ),
    (
        "choice-sign-in",
        "[action='/users/is-totp-app-installed'] #webauthn-registration-button",
        "Continuer",
    ),
    (
        "choice-account",
        "[action='/is-totp-app-installed'] #webauthn-registration-button",
        "Continuer",
    ),
    (
        "choice-account",
        "[action='/passkeys/verify-registration'] [name=webauthn_registration_response_string]",
        "",
    ),
    (
        "tool-sign-in",
        "[action='/users/totp-configuration'] #continue-button",
        "Confirmer",
    ),
    (
        "tool-account",
        "label[for=totp-tool-type-smartphone]",
        "J'ai une application sur mon smartphone",
    ),
    (
        "totp-configuration-sign-in",
        "#humanReadableTotpKey",
        "jbsw y3dp ehpk 3pxp",
    ),
    (
        "totp-configuration-sign-in",
        "[action='/users/totp-configuration'] [type=submit]",
        "Valider le code",
    ),
    (
        "totp-configuration-sign-in",
        "[name=totp-tool-type][value=smartphone]",
        "",
    ),
    (
        "totp-configuration-account",
        "[action='/totp-configuration'] [type=submit]",
        "Valider le code",
    ),
    (
        "configured",
        "[action='/users/2fa-successfully-configured'] [type=submit]",
        "Continuer sur ProConnect Test",
    ),
    ("helper-device-account", "legend", "Travaillez-vous avec :"),
    (
        "helper-install-sign-in",
        "[action='/users/mfa-decision-helper/can-install-software'] legend",
        "Avez-vous le droit d'installer des logiciels ou extensions de navigateur sur votre poste ?",
    ),
    (
        "helper-smartphone-account",
        "[action='/mfa-decision-helper/can-install-software/smartphone'] legend",
        "Pouvez-vous installer une application sur un smartphone ?",
    ),
    (
        "helper-software-account",
        "main .fr-badge",
        "Recommandé pour vous",
    ),
    (
        "helper-software-account",
        "a.fr-btn[href='/is-totp-app-installed']",
        "Continuer",
    ),
    (
        "helper-app-sign-in",
        "a.fr-btn[href='/users/is-totp-app-installed']",
        "Continuer",
    ),
    (
        "helper-app-sign-in",
        "a[href='/users/double-authentication-choice']",
        "Revenir au début",
    ),
    (
        "helper-passkey-account",
        "#webauthn-registration-button[type=button]",
        "Continuer avec la passkey",
    ),
];

/// Captions the suite clicks by their text: sample, caption, element that must be the first to hold it (R1).
const CAPTIONS: &[(&str, &str, &str)] = &[
    ("start-sign-in-warning", "Continuer", "button"),
    ("start-sign-in", "Email professionnel", "label"),
    ("sign-in", "S’identifier", "button"),
    ("sign-in", "Recevoir un lien de connexion", "button"),
    ("sign-up", "Mot de passe", "label"),
    ("sign-up", "Continuer", "button"),
    ("verify-email-migrated", "Code de confirmation", "label"),
    ("verify-email", "Valider", "button"),
    ("reset-password-again", "Email professionnel", "label"),
    ("change-password", "Enregistrer", "button"),
    ("change-password", "Confirmez votre mot de passe", "label"),
    ("identity", "Prénom", "label"),
    ("identity", "Nom", "label"),
    ("identity", "Continuer", "button"),
    ("personal-information", "Mettre à jour", "button"),
    ("personal-information", "Profession", "label"),
    ("personal-information-fc", "Nom *", "label"),
    ("connection-and-account", "Supprimer", "button"),
    ("connection-and-account", "Valider", "button"),
    ("connection-and-account", "Supprimer mon compte", "button"),
    ("connection-and-account", "Sur tous les sites", "label"),
    ("home", "Organisations", "a"),
    ("home", "Jean User", "a"),
    (
        "manage-organizations",
        "Annuler ma demande de rattachement",
        "button",
    ),
    ("manage-organizations-none", "Rejoindre une organisation", "a"),
    ("choice-sign-in", "Code à usage unique (TOTP)", "label"),
    ("choice-sign-in", "Je ne sais pas", "label"),
    ("choice-sign-in", "Continuer", "button"),
    ("choice-account", "Clé d'accès (passkey)", "label"),
    ("choice-account", "Continuer", "button"),
    ("tool-account", "J'ai une application sur mon smartphone", "label"),
    ("tool-sign-in", "Confirmer", "button"),
    ("configured", "Continuer", "button"),
    ("helper-device-account", "Un ordinateur Mac", "label"),
    ("helper-device-account", "Windows Hello", "label"),
    ("helper-device-account", "Autre", "label"),
    ("helper-device-sign-in", "Continuer", "button"),
    ("helper-install-account", "Oui", "label"),
    ("helper-smartphone-account", "Non", "label"),
    ("helper-software-sign-in", "Continuer", "a"),
    ("helper-app-account", "Continuer", "a"),
    ("join", "SIRET de l’organisation que vous représentez", "label"),
    ("join", "Enregistrer", "button"),
    ("suggestions", "Bnp paribas", "button"),
    ("join-confirm", "Continuer avec cet email", "button"),
    ("moderation-rejected", "Changer d'organisation", "button"),
    ("contact-ask", "mairie-beaumont@lahague.com", "label"),
    ("contact-ask", "Valider", "button"),
    ("contact-code", "Insérer le code à 2 mots", "label"),
    ("contact-code", "Valider", "button"),
    ("error-500", "Continuer", "a"),
    ("welcome", "Continuer", "button"),
];

fn documents() -> HashMap<&'static str, String> {
    samples().into_iter().collect()
}

#[test]
fn titles_and_headings_are_the_agreed_ones() {
    let documents = documents();
    for (name, title, heading) in TITLES {
        let document = Html::parse_document(&documents[name]);
        assert_eq!(text(&one(name, &document, "title")), *title);
        assert_eq!(text(&one(name, &document, "h1")), *heading);
    }
}

#[test]
fn every_hook_is_there_once() {
    let documents = documents();
    for (name, selector, expected) in SIGN_IN_HOOKS
        .iter()
        .chain(ACCOUNT_HOOKS)
        .chain(FACTOR_HOOKS)
        .chain(ORGANIZATION_HOOKS)
    {
        let document = Html::parse_document(&documents[name]);
        assert_eq!(
            text(&one(name, &document, selector)),
            *expected,
            "{name}: {selector}"
        );
    }
}

/// A click by text takes the first, deepest element that holds it: nothing before a caption may hold the same words.
#[test]
fn captions_come_first() {
    let documents = documents();
    for (name, caption, expected) in CAPTIONS {
        let document = Html::parse_document(&documents[name]);
        let holds = |element: &ElementRef| text(element).contains(caption);
        let first = all(&document, "body *")
            .into_iter()
            .find(|element| holds(element) && !element.child_elements().any(|child| holds(&child)))
            .unwrap_or_else(|| panic!("{name}: no {caption:?}"));
        let is_expected = |element: ElementRef| element.value().name() == *expected;
        assert!(
            is_expected(first) || first.ancestors().filter_map(ElementRef::wrap).any(is_expected),
            "{name}: {caption:?} is first in {}",
            first.html()
        );
    }
}

#[test]
fn pages_say_what_is_agreed() {
    let documents = documents();
    for (name, fragment) in [
        (
            "public-sector-only",
            "adresse email d’une administration publique",
        ),
        ("private-sector", "représenter des organisations privées"),
        ("domain-not-allowed", "Soyez sûrs d’utiliser le SIRET"),
        ("moderation-rejected", "lien entre l’organisation et vous"),
        ("moderation-rejected", "consultez le mail"),
        ("moderation-rejected", "Motif : Nom de domaine introuvable"),
        ("moderation-editable", "consultez le mail"),
        (
            "contact-code",
            "email officielle de votre mairie : mairie-beaumont@lahague.com",
        ),
        ("manage-organizations", "est en cours de traitement"),
    ] {
        let document = Html::parse_document(&documents[name]);
        assert!(
            text(&one(name, &document, "main")).contains(fragment),
            "{name}: {fragment}"
        );
    }
    assert!(
        !documents["moderation-rejected"].contains("Corriger le nom"),
        "nothing is to be edited"
    );
}

#[test]
fn values_are_escaped() {
    let documents = documents();
    assert!(documents["form-post"].contains(r#"name="code" value="a&quot;b""#));
    assert!(documents["form-post"].contains(r#"name="state" value="&lt;s&gt;""#));
}

#[test]
fn pages_differ_where_they_should() {
    let documents = documents();
    for name in ["start-sign-in", "sign-in", "error-400", "sign-up"] {
        assert!(
            !documents[name].contains("Se déconnecter"),
            "{name} has no link to sign out"
        );
    }
    assert!(!documents["sign-up-existing"].contains("Nouveau compte"));
    assert!(documents["verify-email-migrated"].contains("nous utilisons un code de confirmation"));
    assert!(!documents["verify-email-migrated"].contains("Code de vérification envoyé"));
    assert!(
        documents["welcome"].contains("Prénom</p>\n"),
        "label and value stand apart (R8)"
    );
    assert!(documents["error-429"].contains("dans une quinzaine de minutes"));
    assert!(documents["error-429"].contains("Too Many Requests"));
}
