//! `SMTP_URL`: the mail server, and the options that such URLs have had so far (those of nodemailer).

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use url::{Host, Url};

/// Message submission with TLS from the first byte (RFC 8314 §7.3).
const SUBMISSIONS_PORT: u16 = 465;
/// Message submission (RFC 6409 §3.1).
const SUBMISSION_PORT: u16 = 587;
/// Options that change nothing: connections are kept for a while, and have deadlines of their own. The scheme says better than
/// `secure` when TLS begins, and has always prevailed.
const PASSED_OVER: [&str; 15] = [
    "secure",
    "pool",
    "maxConnections",
    "maxMessages",
    "rateDelta",
    "rateLimit",
    "connectionTimeout",
    "greetingTimeout",
    "socketTimeout",
    "dnsTimeout",
    "logger",
    "debug",
    "transactionLog",
    "disableFileAccess",
    "disableUrlAccess",
];
/// What is longer is no name of an option.
const LONGEST_NAME: usize = 32;

/// A mail server and how it is spoken to.
#[derive(Debug, Clone)]
pub struct SmtpServer {
    pub host: String,
    pub port: u16,
    pub encryption: SmtpEncryption,
    /// `tls.rejectUnauthorized`: `false` accepts any certificate of this server.
    pub verify_certificate: bool,
    pub credentials: Option<SmtpCredentials>,
    /// What this machine is called there; `None` is its own name.
    pub hello_name: Option<String>,
}

/// Whether what is said to a mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpEncryption {
    /// TLS from the first byte: `smtps`.
    Implicit,
    /// STARTTLS, or no mail leaves: `requireTLS=true`, or `tls=required`.
    Required,
    /// STARTTLS where the server offers it.
    Opportunistic,
    /// `ignoreTLS=true`: never.
    Never,
}

/// Who the mail server lets in.
#[derive(Debug, Clone)]
pub struct SmtpCredentials {
    pub user: String,
    pub password: SecretString,
}

/// What the options of a URL ask for.
#[derive(Default)]
struct Options {
    requires_tls: bool,
    ignores_tls: bool,
    rejects_unauthorized: Option<bool>,
    name: Option<String>,
}

impl SmtpServer {
    /// Reads an `smtp` or `smtps` URL that names a host.
    ///
    /// # Errors
    /// Everything that is wrong with it. No text holds a value of the URL.
    pub(super) fn read(url: &Url) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let mut options = Options::default();
        for (name, value) in url.query_pairs() {
            if let Err(problem) = options.note(&name, &value) {
                problems.push(problem);
            }
        }
        let encryption = options.encryption(url.scheme() == "smtps");
        let credentials = credentials(url);
        match (encryption, credentials) {
            (Ok(encryption), Ok(credentials)) if problems.is_empty() => Ok(Self {
                host: host(url),
                port: url.port().unwrap_or(encryption.usual_port()),
                encryption,
                verify_certificate: options.rejects_unauthorized.unwrap_or(true),
                credentials,
                hello_name: options.name.or_else(|| name_in_path(url)),
            }),
            (encryption, credentials) => {
                problems.extend(encryption.err());
                problems.extend(credentials.err());
                Err(problems)
            }
        }
    }
}

impl SmtpEncryption {
    fn usual_port(self) -> u16 {
        match self {
            Self::Implicit => SUBMISSIONS_PORT,
            Self::Required | Self::Opportunistic | Self::Never => SUBMISSION_PORT,
        }
    }
}

impl Options {
    fn note(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "requireTLS" => self.requires_tls = flag(name, value)?,
            "ignoreTLS" => self.ignores_tls = flag(name, value)?,
            "tls.rejectUnauthorized" => self.rejects_unauthorized = Some(flag(name, value)?),
            "tls" => match value {
                "required" => self.requires_tls = true,
                "opportunistic" => {}
                _ => return Err("expected required or opportunistic for the option tls".to_owned()),
            },
            "name" => self.name = Some(value.to_owned()).filter(|name| !name.is_empty()),
            _ if PASSED_OVER.contains(&name) => {}
            _ => return Err(unknown(name)),
        }
        Ok(())
    }

    fn encryption(&self, is_smtps: bool) -> Result<SmtpEncryption, String> {
        if is_smtps {
            return Ok(SmtpEncryption::Implicit);
        }
        match (self.requires_tls, self.ignores_tls) {
            (true, true) => Err("TLS cannot be required and ignored at once".to_owned()),
            (true, false) => Ok(SmtpEncryption::Required),
            (false, true) => Ok(SmtpEncryption::Never),
            (false, false) => Ok(SmtpEncryption::Opportunistic),
        }
    }
}

fn flag(name: &str, value: &str) -> Result<bool, String> {
    match value {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(format!("expected true or false for the option {name}")),
    }
}

/// A password with a question mark in it may end up where options are: only what looks like a name is told.
fn unknown(name: &str) -> String {
    let is_name = |byte: u8| byte.is_ascii_alphabetic() || byte == b'.';
    if !name.is_empty() && name.len() <= LONGEST_NAME && name.bytes().all(is_name) {
        format!("no such option: {name}")
    } else {
        "an option without a name of one".to_owned()
    }
}

/// Without the brackets around an IPv6 address.
fn host(url: &Url) -> String {
    match url.host() {
        Some(Host::Ipv6(address)) => address.to_string(),
        Some(host) => host.to_string(),
        None => String::new(),
    }
}

/// A user without a password is nobody whom a server lets in.
fn credentials(url: &Url) -> Result<Option<SmtpCredentials>, String> {
    let Some(password) = url.password() else {
        return Ok(None);
    };
    Ok(Some(SmtpCredentials {
        user: decoded(url.username())?.into_owned(),
        password: SecretString::from(decoded(password)?.into_owned()),
    }))
}

fn decoded(text: &str) -> Result<Cow<'_, str>, String> {
    percent_decode_str(text)
        .decode_utf8()
        .map_err(|_| "expected UTF-8 in the credentials".to_owned())
}

/// The path, for URLs that were written for this server before it knew the option `name`.
fn name_in_path(url: &Url) -> Option<String> {
    Some(url.path().trim_matches('/').to_owned()).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::SmtpEncryption::{Implicit, Never, Opportunistic, Required};
    use super::*;

    fn read(url: &str) -> Result<SmtpServer, Vec<String>> {
        SmtpServer::read(&Url::parse(url).expect("a URL"))
    }

    #[test]
    fn options_decide_on_encryption_certificate_and_port() {
        for (url, encryption, verify_certificate, port) in [
            ("smtp://mail", Opportunistic, true, 587),
            ("smtp://mail:25", Opportunistic, true, 25),
            ("smtp://mail?tls=opportunistic", Opportunistic, true, 587),
            ("smtp://mail?tls=required", Required, true, 587),
            ("smtp://mail/?requireTLS=true", Required, true, 587),
            ("smtp://mail?requireTLS=1&ignoreTLS=0", Required, true, 587),
            ("smtp://mail?requireTLS=false", Opportunistic, true, 587),
            ("smtp://mail:1025?ignoreTLS=true", Never, true, 1025),
            ("smtp://mail?secure=true", Opportunistic, true, 587),
            ("smtp://mail?secure=false", Opportunistic, true, 587),
            ("smtps://mail", Implicit, true, 465),
            ("smtps://mail:2465?tls=required", Implicit, true, 2465),
            ("smtps://mail?ignoreTLS=true", Implicit, true, 465),
            ("smtps://mail?tls.rejectUnauthorized=false", Implicit, false, 465),
            ("smtp://mail?tls.rejectUnauthorized=0", Opportunistic, false, 587),
            (
                "smtp://mail?tls.rejectUnauthorized=true",
                Opportunistic,
                true,
                587,
            ),
            (
                "smtp://mail?pool=true&maxConnections=5&maxMessages=9",
                Opportunistic,
                true,
                587,
            ),
            (
                "smtp://mail?connectionTimeout=1&greetingTimeout=1",
                Opportunistic,
                true,
                587,
            ),
            (
                "smtp://mail?socketTimeout=1&logger=true&debug=true",
                Opportunistic,
                true,
                587,
            ),
        ] {
            let server = read(url).expect(url);
            assert_eq!(
                (server.encryption, server.verify_certificate, server.port),
                (encryption, verify_certificate, port),
                "{url}"
            );
            assert_eq!(server.host, "mail", "{url}");
        }
    }

    #[test]
    fn credentials_are_decoded() {
        let server = read("smtps://agent%40exemple.fr:p%40ss%2Fw%3Ard@mail.exemple.fr:465").expect("valid");
        let credentials = server.credentials.expect("credentials");
        assert_eq!(credentials.user, "agent@exemple.fr");
        assert_eq!(credentials.password.expose_secret(), "p@ss/w:rd");
        for url in ["smtp://mail", "smtp://user@mail"] {
            assert!(read(url).expect(url).credentials.is_none(), "{url}");
        }
    }

    #[test]
    fn a_server_is_told_who_calls() {
        for (url, name) in [
            ("smtp://mail", None),
            ("smtp://mail/", None),
            ("smtp://mail?name=", None),
            (
                "smtp://mail?name=identite.exemple.fr",
                Some("identite.exemple.fr"),
            ),
            ("smtp://mail/identite.exemple.fr", Some("identite.exemple.fr")),
        ] {
            assert_eq!(read(url).expect(url).hello_name.as_deref(), name, "{url}");
        }
    }

    #[test]
    fn an_address_has_no_brackets() {
        for (url, host) in [
            ("smtp://[::1]:1025", "::1"),
            ("smtp://127.0.0.1:1025", "127.0.0.1"),
        ] {
            assert_eq!(read(url).expect(url).host, host);
        }
    }

    #[test]
    fn what_is_not_understood_is_told_without_values() {
        for (url, problems) in [
            ("smtp://mail?dkim=x", vec!["no such option: dkim"]),
            ("smtp://mail?tls.ciphers=x", vec!["no such option: tls.ciphers"]),
            (
                "smtp://mail?tls=wrapper&requiretls=true",
                vec![
                    "expected required or opportunistic for the option tls",
                    "no such option: requiretls",
                ],
            ),
            (
                "smtp://mail?requireTLS=maybe",
                vec!["expected true or false for the option requireTLS"],
            ),
            (
                "smtp://mail?requireTLS=true&ignoreTLS=true",
                vec!["TLS cannot be required and ignored at once"],
            ),
            ("smtp://user:12?34@mail", vec!["an option without a name of one"]),
            ("smtp://user:%FF@mail", vec!["expected UTF-8 in the credentials"]),
        ] {
            assert_eq!(read(url).expect_err(url), problems, "{url}");
        }
    }
}
