//! Elements of the pages of the account and of errors: sample, a selector that must find one element, and the text of that element.

pub(super) const ACCOUNT_HOOKS: &[(&str, &str, &str)] = &[
    ("identity", "label[for=given_name]", "Prénom *obligatoire"),
    ("identity", "label[for=family_name]", "Nom *obligatoire"),
    (
        "identity-refused",
        "#given_name[aria-invalid=true][aria-describedby=given_name-error][autofocus]",
        "",
    ),
    (
        "identity-refused",
        ".fr-input-group--error #given_name-error",
        "Un prénom s’écrit avec des lettres, sans chiffre ni signe.",
    ),
    (
        "personal-information-refused",
        "[autofocus]#phone_number[aria-invalid=true]",
        "",
    ),
    ("personal-information-refused", "#job[aria-invalid=true]", ""),
    (
        "personal-information-refused",
        "#job-error",
        "200 caractères au plus.",
    ),
    ("personal-information", "#phone_number[maxlength='40']", ""),
    (
        "personal-information",
        "#phone_number[data-error^='Écrivez le numéro avec des chiffres']",
        "",
    ),
    (
        "personal-information-fc",
        ".fr-select-group--error #family_name-error",
        "Choisissez l’un des noms de la liste.",
    ),
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
    (
        "confirmation",
        "[action='/users/quit-organization/1'] [name=confirmed][value=true] ~ [type=submit]",
        "Confirmer",
    ),
    ("confirmation", "main p strong", "Commune de clamart - Mairie"),
    ("confirmation", "main a[href='/manage-organizations']", "Annuler"),
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
        "error-400",
        ".error-block [lang=en]",
        "invalid_redirect_uri: redirect_uri did not match any registered uri",
    ),
    (
        "error-access-denied",
        ".error-block",
        "Erreur access_denied none of the requested ACRs could be obtained",
    ),
    (
        "error-429",
        "a.fr-btn[href*='Too%20many%20requests']",
        "Continuer sur le service",
    ),
];
