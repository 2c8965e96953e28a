//! Scopes: what a relying party may ask to know.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A scope that this provider knows, in the order of the discovery document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    OpenId,
    Email,
    Profile,
    Organization,
    /// Legacy: its claim is always an empty list.
    Organizations,
    Uid,
    GivenName,
    UsualName,
    Siret,
    IsPublicService,
    IsServicePublic,
    Phone,
}

/// A text that names no scope of this provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a supported scope")]
pub struct UnknownScope;

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 12] = [
        Self::OpenId,
        Self::Email,
        Self::Profile,
        Self::Organization,
        Self::Organizations,
        Self::Uid,
        Self::GivenName,
        Self::UsualName,
        Self::Siret,
        Self::IsPublicService,
        Self::IsServicePublic,
        Self::Phone,
    ];

    /// The value as it is sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenId => "openid",
            Self::Email => "email",
            Self::Profile => "profile",
            Self::Organization => "organization",
            Self::Organizations => "organizations",
            Self::Uid => "uid",
            Self::GivenName => "given_name",
            Self::UsualName => "usual_name",
            Self::Siret => "siret",
            Self::IsPublicService => "is_public_service",
            Self::IsServicePublic => "is_service_public",
            Self::Phone => "phone",
        }
    }
}

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or(UnknownScope)
    }
}

/// Some scopes, each once, in the order they were asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct ScopeSet(Vec<Scope>);

impl ScopeSet {
    /// Reads a space-separated list. Repetitions, extra blanks and unknown scopes are dropped.
    #[must_use]
    pub fn parse_known(text: &str) -> Self {
        text.split_ascii_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect()
    }

    /// Reads a space-separated list in which every scope must be known.
    ///
    /// # Errors
    /// With the first word that names no scope.
    pub fn parse_strict(text: &str) -> Result<Self, UnknownScope> {
        text.split_ascii_whitespace().map(str::parse).collect()
    }

    #[must_use]
    pub fn contains(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The scopes in the order they were asked for.
    pub fn iter(&self) -> impl Iterator<Item = Scope> + '_ {
        self.0.iter().copied()
    }

    /// The first scope that `allowed` lacks.
    #[must_use]
    pub fn first_outside(&self, allowed: &Self) -> Option<Scope> {
        self.iter().find(|scope| !allowed.contains(*scope))
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let mut set = Self::default();
        for scope in scopes {
            if !set.contains(scope) {
                set.0.push(scope);
            }
        }
        set
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

impl From<String> for ScopeSet {
    fn from(text: String) -> Self {
        Self::parse_known(&text)
    }
}

impl From<ScopeSet> for String {
    fn from(scopes: ScopeSet) -> Self {
        scopes.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_scopes_repetitions_and_blanks_are_folded() {
        let asked = ScopeSet::parse_known("  openid email  siren email offline_access openid ");
        assert_eq!(asked.to_string(), "openid email");
    }

    #[test]
    fn a_list_is_kept_as_it_is_sent() {
        let asked = ScopeSet::parse_known("openid phone email");
        let kept = serde_json::to_value(&asked).unwrap();
        assert_eq!(kept, "openid phone email");
        assert_eq!(serde_json::from_value::<ScopeSet>(kept).unwrap(), asked);
        assert!(!asked.is_empty() && asked.contains(Scope::Phone) && !asked.contains(Scope::Uid));
        assert!(ScopeSet::parse_known("offline_access").is_empty());
    }

    #[test]
    fn an_allow_list_holds_known_scopes_only() {
        assert!(ScopeSet::parse_strict("openid email profile organization").is_ok());
        assert_eq!(ScopeSet::parse_strict("openid offline_access"), Err(UnknownScope));
    }

    #[test]
    fn the_offending_scope_is_named() {
        let allowed = ScopeSet::parse_known("openid email");
        assert_eq!(
            ScopeSet::parse_known("openid phone uid").first_outside(&allowed),
            Some(Scope::Phone)
        );
        assert_eq!(ScopeSet::parse_known("email").first_outside(&allowed), None);
    }
}
