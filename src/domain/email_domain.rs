//! What the domain of an address says about who uses it (spec/organizations.md §3.8 to §3.10).

use super::reference_list::ReferenceList;
use super::siret::Siret;

/// Registrable domains of public and of disposable mailbox providers. Source: the npm package `is-disposable-email-domain`.
const FREE_PROVIDERS: ReferenceList =
    ReferenceList::new(include_str!("../../assets/data/free_email_domains.txt"));

/// Providers that people in France use, in case the list above forgets one: it does, of most of them. A town hall with a mailbox there does
/// not make colleagues of everybody who has one.
const FREE_PROVIDERS_IN_FRANCE: [&str; 71] = [
    "9business.fr",
    "9online.fr",
    "alice.fr",
    "aliceadsl.fr",
    "aol.fr",
    "bbox.fr",
    "calixo.net",
    "canl.nc",
    "caramail.fr",
    "cegetel.net",
    "chello.fr",
    "club-internet.fr",
    "dartybox.com",
    "disroot.org",
    "estvideo.fr",
    "evc.net",
    "evhr.net",
    "free.fr",
    "gmail.com",
    "hotmail.com",
    "hotmail.fr",
    "icloud.com",
    "ik.me",
    "infonie.fr",
    "izi.re",
    "k-net.fr",
    "knet.fr",
    "lagoon.nc",
    "laposte.fr",
    "laposte.net",
    "libertysurf.fr",
    "live.fr",
    "magic.fr",
    "mailbox.org",
    "mailoo.org",
    "mediaserv.net",
    "mls.nc",
    "modulonet.fr",
    "msn.fr",
    "nerim.net",
    "netcourrier.com",
    "netcourrier.fr",
    "neuf.fr",
    "noos.fr",
    "nordnet.fr",
    "numeo.fr",
    "numericable.com",
    "numericable.fr",
    "only.fr",
    "orange.fr",
    "outlook.fr",
    "ozone.net",
    "posteo.de",
    "posteo.net",
    "proton.me",
    "protonmail.ch",
    "riseup.net",
    "sfr.fr",
    "tele2.fr",
    "teleos.fr",
    "tiscali.fr",
    "tuta.com",
    "vialis.net",
    "voila.fr",
    "wanadoo.fr",
    "wibox.fr",
    "worldonline.fr",
    "yahoo.com",
    "yahoo.fr",
    "zaclys.net",
    "zeop.re",
];

/// Establishments that accept people of certain domains only.
const RESTRICTED_ESTABLISHMENTS: [(&str, &[&str]); 1] = [
    // Chorus Pro
    ("11000201100044", &["finances.gouv.fr"]),
];

const GOUV_FR: &str = "gouv.fr";
const ARMEE: [&str; 2] = ["intradef.gouv.fr", "def.gouv.fr"];
const GENDARMERIE: &str = "gendarmerie.interieur.gouv.fr";

/// Whether domains count as free mailbox providers by the lists, or by decree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FreeMailRules {
    /// `FEATURE_CONSIDER_ALL_EMAIL_DOMAINS_AS_FREE`, looked at first.
    pub all_are_free: bool,
    /// `FEATURE_CONSIDER_ALL_EMAIL_DOMAINS_AS_NON_FREE`
    pub none_is_free: bool,
}

impl FreeMailRules {
    /// Whether anybody can have an address there. `domain` is a domain or a whole address.
    #[must_use]
    pub fn is_free(self, domain: &str) -> bool {
        self.all_are_free || !self.none_is_free && is_listed_as_free(domain)
    }

    /// The same for an address that joins an organization: only the long list counts then. Existing deployments let people in
    /// who have an address at one of the providers that it forgets.
    #[must_use]
    pub fn is_free_for_joining(self, address: &str) -> bool {
        self.all_are_free || !self.none_is_free && is_free_provider(address)
    }
}

/// Whether the lists know `domain` (or the domain of an address) as one of a public mailbox provider. Sub-domains of a listed domain
/// are.
#[must_use]
pub fn is_listed_as_free(domain: &str) -> bool {
    FREE_PROVIDERS_IN_FRANCE.contains(&host_of(domain)) || is_free_provider(domain)
}

fn is_free_provider(domain: &str) -> bool {
    // With the private section of the public suffix list, so that tenants of a platform are told apart.
    psl::domain_str(host_of(domain)).is_some_and(|registrable| FREE_PROVIDERS.contains(registrable))
}

/// What follows the last `@`, if there is one.
fn host_of(domain: &str) -> &str {
    domain.rsplit('@').next().unwrap_or(domain)
}

/// Whether `domain` is made of letters, digits, dots and hyphens under a known public suffix. Lower case only. A bare suffix is
/// accepted.
#[must_use]
pub fn is_valid(domain: &str) -> bool {
    let is_plain = domain
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
    !domain.is_empty() && is_plain && psl::suffix(domain.as_bytes()).is_some_and(|suffix| suffix.is_known())
}

/// Whether `domain` is one of an academy: `ac-….fr`.
#[must_use]
pub fn is_education_nationale(domain: &str) -> bool {
    let academy = domain
        .strip_prefix("ac-")
        .and_then(|rest| rest.strip_suffix(".fr"));
    let is_plain = |name: &str| {
        name.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    academy.is_some_and(is_plain) && is_valid(domain)
}

/// Whether `domain` is one of the armed forces.
#[must_use]
pub fn is_armee(domain: &str) -> bool {
    ARMEE.contains(&domain)
}

/// Whether `domain` is that of the gendarmerie.
#[must_use]
pub fn is_gendarmerie(domain: &str) -> bool {
    domain == GENDARMERIE
}

/// Whether `domain` may only stand for a public service.
#[must_use]
pub fn is_gouv_fr(domain: &str) -> bool {
    domain
        .strip_suffix(GOUV_FR)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// The only domains that an establishment accepts; `None` when it accepts any.
#[must_use]
pub fn allowed_domains(siret: &Siret) -> Option<&'static [&'static str]> {
    RESTRICTED_ESTABLISHMENTS
        .iter()
        .find(|(restricted, _)| *restricted == siret.as_str())
        .map(|(_, domains)| *domains)
}

/// Whether an establishment accepts people with an address under `domain`.
#[must_use]
pub fn is_allowed(siret: &Siret, domain: &str) -> bool {
    allowed_domains(siret).is_none_or(|domains| domains.contains(&domain))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Email;
    use crate::domain::vectors::{cases, flag, text};

    fn each(section: &str, member: &str, expected: &str, actual: impl Fn(&str) -> bool) {
        for case in cases(section, &[expected]) {
            let input = text(&case, member).unwrap_or_default();
            assert_eq!(actual(input), flag(&case, expected), "{section}: {input:?}");
        }
    }

    #[test]
    fn the_vectors_hold() {
        each("siret", "input", "valid", |input| input.parse::<Siret>().is_ok());
        each("domain", "input", "valid", is_valid);
        each("free_domain", "domain", "free_by_domain", is_listed_as_free);
        each("free_domain", "domain", "free_by_domain", |domain| {
            is_listed_as_free(&format!("jean@{domain}"))
        });
        each("free_domain", "domain", "free_by_full_address", |domain| {
            FreeMailRules::default().is_free_for_joining(&format!("jean@{domain}"))
        });
        each(
            "education_nationale_domain",
            "domain",
            "expected",
            is_education_nationale,
        );
        each("armee_domain", "domain", "expected", is_armee);
        each("uses_free_provider", "email", "expected", is_listed_as_free);
        for case in cases("domain_allowed", &["siret", "domain", "allowed"]) {
            let siret: Siret = text(&case, "siret").unwrap().parse().unwrap();
            let domain = text(&case, "domain").unwrap();
            assert_eq!(is_allowed(&siret, domain), flag(&case, "allowed"), "{case}");
        }
        for case in cases("email_domain", &["email"]) {
            let email = text(&case, "email").and_then(|address| Email::parse(address).ok());
            let domain = email.as_ref().map(Email::domain);
            assert_eq!(domain, text(&case, "domain"), "{case}");
        }
    }

    #[test]
    fn every_well_known_provider_is_free_and_the_list_is_in_order() {
        assert!(
            FREE_PROVIDERS_IN_FRANCE
                .iter()
                .all(|domain| is_listed_as_free(domain))
        );
        assert!(FREE_PROVIDERS_IN_FRANCE.is_sorted());
        for domain in ["proton.me", "protonmail.com", "bbox.fr", "posteo.net", "tuta.com"] {
            assert!(is_listed_as_free(domain), "{domain}");
        }
        assert!(FREE_PROVIDERS.lines().is_sorted() && FREE_PROVIDERS.lines().count() > 100_000);
        assert!(
            FREE_PROVIDERS
                .lines()
                .step_by(997)
                .all(|domain| FREE_PROVIDERS.contains(domain))
        );
        for domain in ["", "fr", "co.uk", "example", "mairie-clamart.fr"] {
            assert!(!is_listed_as_free(domain), "{domain:?}");
        }
    }

    #[test]
    fn toggles_come_before_lists_and_free_before_none() {
        let by_list = FreeMailRules::default();
        let all = FreeMailRules {
            all_are_free: true,
            none_is_free: true,
        };
        let none = FreeMailRules {
            none_is_free: true,
            ..by_list
        };
        assert!(by_list.is_free("gmail.com") && !by_list.is_free("paris.fr"));
        assert!(all.is_free("paris.fr") && !none.is_free("gmail.com"));
        let joins_as_anybody = |rules: FreeMailRules, address| rules.is_free_for_joining(address);
        assert!(joins_as_anybody(by_list, "a@gmail.com") && !joins_as_anybody(by_list, "a@paris.fr"));
        assert!(joins_as_anybody(all, "a@paris.fr") && !joins_as_anybody(none, "a@gmail.com"));
    }

    #[test]
    fn the_gendarmerie_has_one_domain() {
        assert!(is_gendarmerie("gendarmerie.interieur.gouv.fr"));
        assert!(!is_gendarmerie("interieur.gouv.fr") && !is_gendarmerie("a.gendarmerie.interieur.gouv.fr"));
    }

    #[test]
    fn only_what_lies_under_gouv_fr_is_the_government_s() {
        for (domain, expected) in [
            ("gouv.fr", true),
            ("vip.gouv.fr", true),
            ("mongouv.fr", false),
            ("gouv.fr.net", false),
            ("", false),
        ] {
            assert_eq!(is_gouv_fr(domain), expected, "{domain:?}");
        }
    }
}
