//! Elements of the pages of signing in: sample, a selector that must find one element, and the text of that element.

pub(super) const SIGN_IN_HOOKS: &[(&str, &str, &str)] = &[
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
        "form[action='/users/sign-in'] input[autocomplete=username][value='jean.user@yopmail.com'][hidden]:not([name])",
        "",
    ),
    (
        "sign-up",
        "form[action='/users/sign-up'] input[autocomplete=username][value='jean.user@yopmail.com'][hidden]:not([name])",
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
        "1 caractère spécial minimum",
    ),
    (
        "sign-up",
        "#passphrase-input-message-20char",
        "20 caractères minimum",
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
        "verify-email-migrated",
        "#verify_email_token[aria-invalid=true][aria-describedby=code-error][autofocus]",
        "",
    ),
    (
        "verify-email-migrated",
        "#code-error[role=alert]",
        "Ce code n’est pas le bon, ou n’est plus valable. Vérifiez-le, ou faites-en envoyer un autre.",
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
