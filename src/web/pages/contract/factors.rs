//! Elements of the pages of second factors: sample, a selector that must find one element, and the text of that element.

pub(super) const FACTOR_HOOKS: &[(&str, &str, &str)] = &[
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
        "tool-instead-of-passkey",
        ".fr-alert a[href='/double-authentication']",
        "revenir au choix de la méthode",
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
