//! Remote systems: where they are and how to be let in. On a developer's machine what the implementation that this
//! server replaces had fixed in its code points at the mocks, so that nothing leaves the machine unasked.

use std::time::Duration;

use super::environment::DeployEnv;
use super::profiles::MOCKS_PATH;
use super::reader::Reader;
use super::reloadable::ReloadableSecret;

/// Credentials of remote systems that take effect without a restart.
pub const CREDENTIALS: [&str; 8] = [
    "ENTREPRISE_API_TOKEN",
    "INSEE_API_CLIENT_SECRET",
    "INSEE_API_PASSWORD",
    "RNE_API_PASSWORD",
    "FRANCECONNECT_CLIENT_SECRET",
    "DEBOUNCE_API_KEY",
    "CRISP_IDENTIFIER",
    "CRISP_KEY",
];

/// Every remote system.
#[derive(Debug, Clone)]
pub struct ConnectorsConfig {
    /// `HTTP_CLIENT_TIMEOUT`: upper bound of an outgoing call, in milliseconds in the variable. People wait for eight seconds at most.
    pub http_client_timeout: Duration,
    /// `FEATURE_PARTIALLY_MOCK_EXTERNAL_API`: a call whose key is in the mock data set is answered from it.
    pub partially_mock_external_api: bool,
    /// `NODE_TLS_REJECT_UNAUTHORIZED`: `false` accepts any certificate on outgoing connections.
    pub verify_tls_certificates: bool,
    pub api_entreprise: ApiEntrepriseConfig,
    pub insee: InseeConfig,
    pub rne: RneConfig,
    pub annuaires: AnnuairesConfig,
    pub franceconnect: FranceConnectConfig,
    pub debounce: DebounceConfig,
    pub crisp: CrispConfig,
    /// `PWNED_PASSWORDS_API_URL`: base URL, `/range/…` follows.
    pub pwned_passwords_url: String,
    /// `PASSKEY_AAGUIDS_URL`: the document with the names of passkey providers.
    pub passkey_aaguids_url: String,
    /// `RECHERCHE_ENTREPRISES_API_URL`: base URL of the public search of companies.
    pub recherche_entreprises_url: String,
}

impl ConnectorsConfig {
    pub(super) fn read(reader: &mut Reader, deploy_env: DeployEnv, base_url: &str) -> Self {
        let places = Places {
            mocks: deploy_env
                .is_localhost()
                .then(|| format!("{base_url}{MOCKS_PATH}")),
        };
        Self {
            http_client_timeout: reader.milliseconds("HTTP_CLIENT_TIMEOUT", 55_000),
            partially_mock_external_api: reader.flag("FEATURE_PARTIALLY_MOCK_EXTERNAL_API", true),
            verify_tls_certificates: reader.text("NODE_TLS_REJECT_UNAUTHORIZED", "1") != "0",
            api_entreprise: ApiEntrepriseConfig::read(reader),
            insee: InseeConfig::read(reader, &places),
            rne: RneConfig::read(reader, &places),
            annuaires: AnnuairesConfig::read(reader, &places),
            franceconnect: FranceConnectConfig::read(reader),
            debounce: DebounceConfig::read(reader, &places),
            crisp: CrispConfig::read(reader),
            pwned_passwords_url: places.url(reader, "PWNED_PASSWORDS_API_URL", "api.pwnedpasswords.com"),
            passkey_aaguids_url: places.url(
                reader,
                "PASSKEY_AAGUIDS_URL",
                "raw.githubusercontent.com/passkeydeveloper/passkey-authenticator-aaguids/main/combined_aaguid.json",
            ),
            recherche_entreprises_url: places.url(
                reader,
                "RECHERCHE_ENTREPRISES_API_URL",
                "recherche-entreprises.api.gouv.fr",
            ),
        }
    }
}

/// Where a public system is found unless a variable says otherwise.
struct Places {
    /// Base URL of the mocks, where they are served.
    mocks: Option<String>,
}

impl Places {
    /// The URL in a variable; by default the mock of the public system at `address`, or that system itself.
    fn url(&self, reader: &mut Reader, variable: &'static str, address: &str) -> String {
        let default = match &self.mocks {
            Some(mocks) => format!("{mocks}/{address}"),
            None => format!("https://{address}"),
        };
        reader.url(variable, &default)
    }
}

impl ConnectorsConfig {
    /// From now on the credentials of remote systems are those of `fresh`, wherever these were cloned to.
    pub fn take_over_credentials(&self, fresh: &Self) {
        for (held, fresh) in self.credentials().into_iter().zip(fresh.credentials()) {
            held.take_over(fresh);
        }
    }

    /// Those that `SIGHUP` re-reads, in the order of [`CREDENTIALS`].
    fn credentials(&self) -> [&ReloadableSecret; CREDENTIALS.len()] {
        [
            &self.api_entreprise.token,
            &self.insee.client_secret,
            &self.insee.password,
            &self.rne.password,
            &self.franceconnect.client_secret,
            &self.debounce.key,
            &self.crisp.identifier,
            &self.crisp.key,
        ]
    }
}

/// API Entreprise: establishments, officers.
#[derive(Debug, Clone)]
pub struct ApiEntrepriseConfig {
    /// `ENTREPRISE_API_URL`
    pub url: String,
    /// `ENTREPRISE_API_TOKEN`
    pub token: ReloadableSecret,
    /// `ENTREPRISE_API_TRACKING_CONTEXT`
    pub tracking_context: String,
    /// `ENTREPRISE_API_TRACKING_RECIPIENT`: a SIRET.
    pub tracking_recipient: String,
    /// `ENTREPRISE_API_QUOTA_PER_MINUTE`: calls that this process may make.
    pub quota_per_minute: u32,
}

impl ApiEntrepriseConfig {
    fn read(reader: &mut Reader) -> Self {
        Self {
            url: reader.required_url("ENTREPRISE_API_URL"),
            token: reader
                .secret("ENTREPRISE_API_TOKEN", "🎭 Mocked Entreprise Api Token")
                .into(),
            tracking_context: reader.text("ENTREPRISE_API_TRACKING_CONTEXT", "ProConnect Identité"),
            tracking_recipient: reader.text("ENTREPRISE_API_TRACKING_RECIPIENT", "13002526500013"),
            quota_per_minute: u32::try_from(reader.number(
                "ENTREPRISE_API_QUOTA_PER_MINUTE",
                250,
                1..=100_000,
            ))
            .unwrap_or(u32::MAX),
        }
    }
}

/// INSEE's private Sirene API.
#[derive(Debug, Clone)]
pub struct InseeConfig {
    /// `INSEE_API_URL`
    pub url: String,
    /// `INSEE_AUTH_URL`: the token endpoint.
    pub auth_url: String,
    /// `INSEE_API_CLIENT_ID`
    pub client_id: String,
    /// `INSEE_API_CLIENT_SECRET`
    pub client_secret: ReloadableSecret,
    /// `INSEE_API_USERNAME`
    pub username: String,
    /// `INSEE_API_PASSWORD`
    pub password: ReloadableSecret,
}

impl InseeConfig {
    fn read(reader: &mut Reader, places: &Places) -> Self {
        Self {
            url: reader.url("INSEE_API_URL", "https://api.insee.fr/api-sirene/prive/3.11"),
            auth_url: places.url(
                reader,
                "INSEE_AUTH_URL",
                "auth.insee.net/auth/realms/apim-gravitee/protocol/openid-connect/token",
            ),
            client_id: reader.text("INSEE_API_CLIENT_ID", "🎭 Mocked Insee API Client ID"),
            client_secret: reader
                .secret("INSEE_API_CLIENT_SECRET", "🎭 Mocked Insee API Client Secret")
                .into(),
            username: reader.text("INSEE_API_USERNAME", "🎭 Mocked Insee API Username"),
            password: reader
                .secret("INSEE_API_PASSWORD", "🎭 Mocked Insee API Password")
                .into(),
        }
    }
}

/// INPI's national register of companies.
#[derive(Debug, Clone)]
pub struct RneConfig {
    /// `RNE_API_URL`: base URL, `/api/…` follows.
    pub url: String,
    /// `RNE_API_USERNAME`
    pub username: String,
    /// `RNE_API_PASSWORD`
    pub password: ReloadableSecret,
    /// `RNE_API_HTTP_CLIENT_TIMEOUT`, in milliseconds in the variable.
    pub timeout: Duration,
}

impl RneConfig {
    fn read(reader: &mut Reader, places: &Places) -> Self {
        Self {
            url: places.url(reader, "RNE_API_URL", "registre-national-entreprises.inpi.fr"),
            username: reader.text("RNE_API_USERNAME", "🎭 Mocked RNE API Username"),
            password: reader
                .secret("RNE_API_PASSWORD", "🎭 Mocked RNE API Password")
                .into(),
            timeout: reader.milliseconds("RNE_API_HTTP_CLIENT_TIMEOUT", 3000),
        }
    }
}

/// The directories of official contact addresses.
#[derive(Debug, Clone)]
pub struct AnnuairesConfig {
    /// `ANNUAIRE_SERVICE_PUBLIC_API_URL`: town halls; base URL, `/api/explore/…` follows.
    pub service_public_url: String,
    /// `ANNUAIRE_EDUCATION_NATIONALE_API_URL`: schools; base URL, `/api/v2/…` follows.
    pub education_nationale_url: String,
}

impl AnnuairesConfig {
    fn read(reader: &mut Reader, places: &Places) -> Self {
        const SERVICE_PUBLIC: &str = "https://api-lannuaire.service-public.fr";
        Self {
            service_public_url: reader.url("ANNUAIRE_SERVICE_PUBLIC_API_URL", SERVICE_PUBLIC),
            education_nationale_url: places.url(
                reader,
                "ANNUAIRE_EDUCATION_NATIONALE_API_URL",
                "data.education.gouv.fr",
            ),
        }
    }
}

/// `FranceConnect`, of which this server is a client.
#[derive(Debug, Clone)]
pub struct FranceConnectConfig {
    /// `FRANCECONNECT_ISSUER`
    pub issuer: String,
    /// `FRANCECONNECT_CLIENT_ID`
    pub client_id: String,
    /// `FRANCECONNECT_CLIENT_SECRET`
    pub client_secret: ReloadableSecret,
    /// `FRANCECONNECT_ID_TOKEN_SIGNED_RESPONSE_ALG`
    pub id_token_signed_response_alg: String,
    /// `FRANCECONNECT_SCOPES`, in the order in which they are asked for.
    pub scopes: Vec<String>,
}

impl FranceConnectConfig {
    fn read(reader: &mut Reader) -> Self {
        const SCOPES: [&str; 8] = [
            "birthcountry",
            "birthplace",
            "birthdate",
            "family_name",
            "gender",
            "given_name",
            "openid",
            "preferred_username",
        ];
        Self {
            issuer: reader.required_url("FRANCECONNECT_ISSUER"),
            client_id: reader.text("FRANCECONNECT_CLIENT_ID", "🎭 Mocked FranceConnect Client ID"),
            client_secret: reader
                .secret(
                    "FRANCECONNECT_CLIENT_SECRET",
                    "🎭 Mocked FranceConnect Client Secret",
                )
                .into(),
            id_token_signed_response_alg: reader.text("FRANCECONNECT_ID_TOKEN_SIGNED_RESPONSE_ALG", "ES256"),
            scopes: reader.list("FRANCECONNECT_SCOPES", &SCOPES),
        }
    }
}

/// Debounce, which tells whether an address can receive mail.
#[derive(Debug, Clone)]
pub struct DebounceConfig {
    /// `DEBOUNCE_API_URL`: base URL, `/v1/` follows.
    pub url: String,
    /// `DEBOUNCE_API_KEY`
    pub key: ReloadableSecret,
}

impl DebounceConfig {
    fn read(reader: &mut Reader, places: &Places) -> Self {
        Self {
            url: places.url(reader, "DEBOUNCE_API_URL", "api.debounce.io"),
            key: reader.secret("DEBOUNCE_API_KEY", "").into(),
        }
    }
}

/// Crisp, the support desk.
#[derive(Debug, Clone)]
pub struct CrispConfig {
    /// `CRISP_WEBSITE_ID`: `None` disables the support desk.
    pub website_id: Option<String>,
    /// `CRISP_BASE_URL`
    pub base_url: String,
    /// `CRISP_IDENTIFIER`: user of the plugin's token.
    pub identifier: ReloadableSecret,
    /// `CRISP_KEY`: password of the plugin's token.
    pub key: ReloadableSecret,
    /// `CRISP_MODERATION_TAG`: segments put on moderation conversations.
    pub moderation_tags: Vec<String>,
    /// `CRISP_PLUGIN_URN`
    pub plugin_urn: String,
    /// `CRISP_RESOLVE_DELAY`: wait before a conversation is closed, in milliseconds in the variable.
    pub resolve_delay: Duration,
    /// `CRISP_USER_NICKNAME`: whom the messages come from.
    pub user_nickname: String,
}

impl CrispConfig {
    fn read(reader: &mut Reader) -> Self {
        Self {
            website_id: reader.optional_text("CRISP_WEBSITE_ID"),
            base_url: reader.url("CRISP_BASE_URL", "https://api.crisp.chat"),
            identifier: reader.secret("CRISP_IDENTIFIER", "").into(),
            key: reader.secret("CRISP_KEY", "").into(),
            moderation_tags: reader.list("CRISP_MODERATION_TAG", &["identite", "moderation"]),
            plugin_urn: reader.text("CRISP_PLUGIN_URN", ""),
            resolve_delay: reader.milliseconds("CRISP_RESOLVE_DELAY", 1000),
            user_nickname: reader.text("CRISP_USER_NICKNAME", "ProConnect"),
        }
    }
}
