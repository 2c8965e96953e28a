//! `DATABASE_URL`: where the server is, and how much its TLS certificate is asked for.

use std::str::FromStr;

use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode};
use percent_encoding::percent_decode_str;
use postgres_openssl::MakeTlsConnector;
use tokio_postgres::config::{Host, SslMode};

/// How far the server must prove who it is, as the `sslmode` values of libpq.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verification {
    /// `disable`, `prefer`, `require` (and `no-verify` of other drivers): any certificate.
    None,
    /// `verify-ca`: a chain to a known authority.
    Chain,
    /// `verify-full`: the chain, and the host name in the certificate.
    ChainAndHost,
}

/// A `DATABASE_URL` that was understood.
#[derive(Clone)]
pub struct Dsn {
    config: tokio_postgres::Config,
    verification: Verification,
    root_certificates: Option<String>,
    client_certificate: Option<String>,
    client_key: Option<String>,
}

/// A `DATABASE_URL` that was not understood. The text never holds the password.
#[derive(Debug, thiserror::Error)]
pub enum InvalidDsn {
    /// The connection string itself is not one, or names no server.
    #[error("not a PostgreSQL connection string: {0}")]
    Syntax(String),
    /// `sslmode` has a value that libpq does not know.
    #[error("unknown sslmode {0:?}: expected disable, prefer, require, verify-ca or verify-full")]
    SslMode(String),
    /// A certificate or key file of the connection string could not be read.
    #[error("TLS towards the database: {0}")]
    Tls(#[from] openssl::error::ErrorStack),
}

impl Dsn {
    /// Reads a `postgres://` URL, or the `key=value` form of libpq.
    ///
    /// TLS follows `sslmode` as libpq does. Without `sslmode` it is used when the server offers it, except towards this
    /// machine itself, where it would only cost time.
    ///
    /// # Errors
    /// When the text is not a connection string, or names an unknown `sslmode`.
    pub fn parse(text: &str) -> Result<Self, InvalidDsn> {
        let mut ssl_mode = None;
        let (mut root_certificates, mut client_certificate, mut client_key) = (None, None, None);
        let (base, query) = match text.split_once('?') {
            Some((base, query)) if text.contains("://") => (base, query),
            _ => (text, ""),
        };
        let mut options_of_the_driver = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
            match name {
                "sslmode" => ssl_mode = Some(value),
                "ssl" if matches!(value.as_str(), "true" | "1") => ssl_mode = Some("require".to_owned()),
                "ssl" => ssl_mode = Some("disable".to_owned()),
                "sslrootcert" => root_certificates = Some(value),
                "sslcert" => client_certificate = Some(value),
                "sslkey" => client_key = Some(value),
                "uselibpqcompat" => {}
                _ => options_of_the_driver.push(pair),
            }
        }
        let separator = if options_of_the_driver.is_empty() { "" } else { "?" };
        let known_to_the_driver = format!("{base}{separator}{}", options_of_the_driver.join("&"));
        let mut config = tokio_postgres::Config::from_str(&known_to_the_driver)
            .map_err(|error| InvalidDsn::Syntax(error.to_string()))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(InvalidDsn::Syntax("it names no host".to_owned()));
        }

        let verification = match ssl_mode.as_deref() {
            Some("verify-ca") => Verification::Chain,
            Some("verify-full") => Verification::ChainAndHost,
            _ => Verification::None,
        };
        match ssl_mode.as_deref() {
            Some("disable") => config.ssl_mode(SslMode::Disable),
            Some("allow" | "prefer") => config.ssl_mode(SslMode::Prefer),
            Some("require" | "no-verify" | "verify-ca" | "verify-full") => config.ssl_mode(SslMode::Require),
            Some(unknown) => return Err(InvalidDsn::SslMode(unknown.to_owned())),
            None if config.get_hosts().iter().all(is_this_machine) => config.ssl_mode(SslMode::Disable),
            None => &mut config,
        };
        Ok(Self {
            config,
            verification,
            root_certificates,
            client_certificate,
            client_key,
        })
    }

    /// What the driver needs to connect.
    #[must_use]
    pub fn config(&self) -> &tokio_postgres::Config {
        &self.config
    }

    /// The name of the database.
    #[must_use]
    pub fn database_name(&self) -> Option<&str> {
        self.config.get_dbname()
    }

    /// The TLS side of `sslmode`: nothing where no connection is encrypted, as the authorities of the machine take 20 ms and more to read.
    ///
    /// # Errors
    /// When a certificate or key file cannot be read.
    pub(super) fn tls_connector(&self) -> Result<Option<MakeTlsConnector>, InvalidDsn> {
        if self.config.get_ssl_mode() == SslMode::Disable {
            return Ok(None);
        }
        let mut builder = SslConnector::builder(SslMethod::tls_client())?;
        builder.set_verify(match self.verification {
            Verification::None => SslVerifyMode::NONE,
            Verification::Chain | Verification::ChainAndHost => SslVerifyMode::PEER,
        });
        // "system" is libpq's word for the authorities of the machine, which the builder knows already.
        if let Some(file) = self.root_certificates.as_deref().filter(|file| *file != "system") {
            builder.set_ca_file(file)?;
        }
        if let Some(file) = &self.client_certificate {
            builder.set_certificate_chain_file(file)?;
        }
        if let Some(file) = &self.client_key {
            builder.set_private_key_file(file, openssl::ssl::SslFiletype::PEM)?;
        }
        let mut connector = MakeTlsConnector::new(builder.build());
        let checks_host = self.verification == Verification::ChainAndHost;
        connector.set_callback(move |connection, _| {
            connection.set_verify_hostname(checks_host);
            Ok(())
        });
        Ok(Some(connector))
    }
}

fn is_this_machine(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost"
                || name
                    .parse::<std::net::IpAddr>()
                    .is_ok_and(|address| address.is_loopback())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str) -> (SslMode, Verification) {
        let dsn = Dsn::parse(url).unwrap();
        let connector = dsn.tls_connector().unwrap();
        assert_eq!(connector.is_none(), dsn.config.get_ssl_mode() == SslMode::Disable);
        (dsn.config.get_ssl_mode(), dsn.verification)
    }

    #[test]
    fn tls_follows_sslmode() {
        let at = |query: &str| mode(&format!("postgres://u:p%40ss@db.example.fr:5433/identite{query}"));
        assert_eq!(at(""), (SslMode::Prefer, Verification::None));
        assert_eq!(at("?sslmode=disable"), (SslMode::Disable, Verification::None));
        assert_eq!(at("?sslmode=prefer"), (SslMode::Prefer, Verification::None));
        assert_eq!(at("?sslmode=require"), (SslMode::Require, Verification::None));
        assert_eq!(at("?ssl=true"), (SslMode::Require, Verification::None));
        assert_eq!(
            at("?sslmode=verify-ca&connect_timeout=2"),
            (SslMode::Require, Verification::Chain)
        );
        assert_eq!(
            at("?sslmode=verify-full&sslrootcert=system"),
            (SslMode::Require, Verification::ChainAndHost)
        );
    }

    #[test]
    fn this_machine_is_spoken_to_in_clear_unless_asked_otherwise() {
        assert_eq!(mode("postgres://u:p@127.0.0.1/identite").0, SslMode::Disable);
        assert_eq!(
            mode("postgres:///identite?host=/run/postgresql").0,
            SslMode::Disable
        );
        assert_eq!(
            mode("postgres://u@localhost/identite?sslmode=require").0,
            SslMode::Require
        );
    }

    #[test]
    fn a_bad_connection_string_is_told_without_its_password() {
        for url in [
            "",
            "https://u:secret@h/",
            "postgres://u:secret@h/db?sslmode=perhaps",
            "postgres://u:secret@h:x/db",
        ] {
            let message = Dsn::parse(url).err().expect(url).to_string();
            assert!(!message.contains("secret"), "{message}");
        }
    }
}
