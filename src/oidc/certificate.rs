//! The certificate that a client showed where TLS is terminated (RFC 8705), as the trusted proxy passes it on in a header.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use openssl::x509::{X509, X509NameRef};
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};

use super::client_settings::CertificateSubject;

const HEADER_LIMIT_IN_BYTES: usize = 32 * 1024;

/// What is known of a client's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// `x5t#S256`: SHA-256 of the certificate, base64url.
    pub thumbprint: String,
    /// Who terminates TLS says that somebody it trusts has issued the certificate. Until it does anybody may have written it.
    pub is_verified: bool,
    subject: String,
    dns_names: Vec<String>,
}

impl ClientCertificate {
    /// Reads a header: PEM with percent-encoding as nginx, Envoy and `HAProxy` write it, or DER in base64, between colons as
    /// RFC 9440 has it or bare. Gives `None` for anything else.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        if header.len() > HEADER_LIMIT_IN_BYTES {
            return None;
        }
        let certificate = if header.contains("BEGIN") {
            let pem = percent_decode_str(header).decode_utf8().ok()?;
            X509::from_pem(pem.as_bytes()).ok()?
        } else {
            let der = BASE64_STANDARD.decode(header.trim().trim_matches(':')).ok()?;
            X509::from_der(&der).ok()?
        };
        let dns_names = certificate
            .subject_alt_names()
            .map(|names| {
                names
                    .iter()
                    .filter_map(|name| name.dnsname().map(str::to_owned))
                    .collect()
            })
            .unwrap_or_default();
        Some(Self {
            thumbprint: BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(certificate.to_der().ok()?)),
            is_verified: false,
            subject: rfc_4514(certificate.subject_name())?,
            dns_names,
        })
    }

    /// This certificate, of which whoever terminates TLS says `verdict`: `SUCCESS` as nginx and Apache write it
    /// (`$ssl_client_verify`), or `0` as `HAProxy` does (`ssl_c_verify`). Any other word is none.
    #[must_use]
    pub fn judged(self, verdict: &str) -> Self {
        Self {
            is_verified: matches!(verdict.trim(), "SUCCESS" | "0"),
            ..self
        }
    }

    /// Whether whoever shows the certificate is `subject`: it was issued to it, by somebody who may do so (RFC 8705 §2.1).
    #[must_use]
    pub fn proves(&self, subject: &CertificateSubject) -> bool {
        self.is_verified && self.names(subject)
    }

    fn names(&self, subject: &CertificateSubject) -> bool {
        match subject {
            CertificateSubject::DistinguishedName(name) => self.subject == *name,
            CertificateSubject::DnsName(name) => {
                self.dns_names.iter().any(|own| own.eq_ignore_ascii_case(name))
            }
        }
    }
}

/// A distinguished name as RFC 4514 writes it: the last part first, special characters escaped.
fn rfc_4514(name: &X509NameRef) -> Option<String> {
    let mut parts = Vec::new();
    for entry in name.entries() {
        let value = entry.data().to_string().ok()?;
        parts.push(format!(
            "{}={}",
            entry.object().nid().short_name().ok()?,
            escaped(&value)
        ));
    }
    parts.reverse();
    Some(parts.join(","))
}

fn escaped(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut text = String::with_capacity(value.len());
    for (at, character) in value.chars().enumerate() {
        let is_special = matches!(character, ',' | '+' | '"' | '\\' | '<' | '>' | ';')
            || (character == '#' && at == 0)
            || (character == ' ' && (at == 0 || at == last));
        if is_special {
            text.push('\\');
        }
        text.push(character);
    }
    text
}

#[cfg(test)]
mod tests {
    use openssl::asn1::Asn1Time;
    use openssl::hash::MessageDigest;
    use openssl::nid::Nid;
    use openssl::pkey::PKey;
    use openssl::rsa::Rsa;
    use openssl::x509::extension::SubjectAlternativeName;
    use openssl::x509::{X509Builder, X509NameBuilder};
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;

    fn certificate() -> X509 {
        let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let mut name = X509NameBuilder::new().unwrap();
        name.append_entry_by_nid(Nid::ORGANIZATIONNAME, "Service, public")
            .unwrap();
        name.append_entry_by_nid(Nid::COMMONNAME, "rp.example").unwrap();
        let name = name.build();
        let mut builder = X509Builder::new().unwrap();
        builder.set_subject_name(&name).unwrap();
        builder.set_issuer_name(&name).unwrap();
        builder.set_pubkey(&key).unwrap();
        builder
            .set_not_before(&Asn1Time::days_from_now(0).unwrap())
            .unwrap();
        builder
            .set_not_after(&Asn1Time::days_from_now(1).unwrap())
            .unwrap();
        let names = SubjectAlternativeName::new()
            .dns("rp.example")
            .build(&builder.x509v3_context(None, None))
            .unwrap();
        builder.append_extension(names).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        builder.build()
    }

    #[test]
    fn a_certificate_is_read_in_every_form_that_proxies_send() {
        let certificate = certificate();
        let pem = String::from_utf8(certificate.to_pem().unwrap()).unwrap();
        let der = BASE64_STANDARD.encode(certificate.to_der().unwrap());
        let by_pem =
            ClientCertificate::parse(&utf8_percent_encode(&pem, NON_ALPHANUMERIC).to_string()).unwrap();
        assert_eq!(ClientCertificate::parse(&format!(":{der}:")).unwrap(), by_pem);
        assert_eq!(ClientCertificate::parse(&der).unwrap(), by_pem);
        assert!(by_pem.names(&CertificateSubject::DnsName("RP.example".into())));
        assert!(by_pem.names(&CertificateSubject::DistinguishedName(
            "CN=rp.example,O=Service\\, public".into()
        )));
        assert!(!by_pem.names(&CertificateSubject::DistinguishedName("CN=rp.example".into())));
    }

    #[test]
    fn a_name_proves_nothing_until_the_certificate_was_verified() {
        let certificate = certificate();
        let der = BASE64_STANDARD.encode(certificate.to_der().unwrap());
        let shown = ClientCertificate::parse(&der).unwrap();
        let (own, other) = (
            CertificateSubject::DnsName("rp.example".into()),
            CertificateSubject::DnsName("other.example".into()),
        );
        assert!(shown.names(&own) && !shown.proves(&own));
        for verdict in ["SUCCESS", "0", " SUCCESS "] {
            let judged = shown.clone().judged(verdict);
            assert!(judged.proves(&own) && !judged.proves(&other), "{verdict}");
        }
        for verdict in [
            "",
            "NONE",
            "FAILED:self-signed certificate",
            "18",
            "00",
            "success",
            "GENEROUS",
            "SUCCESS,NONE",
        ] {
            assert!(!shown.clone().judged(verdict).proves(&own), "{verdict}");
        }
        assert!(!shown.clone().judged("SUCCESS").judged("NONE").proves(&own));
    }

    #[test]
    fn a_header_has_its_limit() {
        let der = BASE64_STANDARD.encode(certificate().to_der().unwrap());
        let longest = format!("{der:<HEADER_LIMIT_IN_BYTES$}");
        assert!(ClientCertificate::parse(&longest).is_some());
        assert!(ClientCertificate::parse(&format!("{longest} ")).is_none());
    }

    #[test]
    fn values_are_escaped_as_rfc_4514_says() {
        let rows = [
            ("a b", "a b"),
            (" a", "\\ a"),
            ("a ", "a\\ "),
            ("#a", "\\#a"),
            ("a#", "a#"),
            (r#"a,b+c"d"#, r#"a\,b\+c\"d"#),
            (r"a\b<c>d;e", r"a\\b\<c\>d\;e"),
            ("", ""),
        ];
        for (value, expected) in rows {
            assert_eq!(escaped(value), expected);
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_the_reader_panic(text in ".*") {
            prop_assert!(ClientCertificate::parse(&text).is_none());
            let _ = ClientCertificate::parse(&format!("-----BEGIN CERTIFICATE-----{text}"));
        }
    }
}
