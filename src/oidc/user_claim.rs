//! Claims about a person and their organization, and the scopes that cover them (spec/oidc.md §7.3).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domain::Scope;

macro_rules! user_claims {
    ($($variant:ident = $name:literal,)+) => {
        /// A claim that userinfo can hold.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum UserClaim {
            $(#[serde(rename = $name)] $variant,)+
        }

        impl UserClaim {
            /// Every claim, in the order of the discovery document.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The member's name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

user_claims! {
    Sub = "sub",
    Email = "email",
    EmailVerified = "email_verified",
    FamilyName = "family_name",
    GivenName = "given_name",
    UpdatedAt = "updated_at",
    Job = "job",
    Label = "label",
    Siret = "siret",
    IsCommune = "is_commune",
    IsExternal = "is_external",
    IsPublicService = "is_public_service",
    IsServicePublic = "is_service_public",
    Organizations = "organizations",
    Uid = "uid",
    UsualName = "usual_name",
    PhoneNumber = "phone_number",
    PhoneNumberVerified = "phone_number_verified",
}

/// A text that names no claim of userinfo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a claim about a person")]
pub struct UnknownClaim;

impl FromStr for UserClaim {
    type Err = UnknownClaim;

    fn from_str(text: &str) -> Result<Self, UnknownClaim> {
        Self::ALL
            .iter()
            .copied()
            .find(|claim| claim.as_str() == text)
            .ok_or(UnknownClaim)
    }
}

impl fmt::Display for UserClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The claims that a scope covers.
#[must_use]
pub const fn claims_of(scope: Scope) -> &'static [UserClaim] {
    match scope {
        Scope::OpenId => &[UserClaim::Sub],
        Scope::Email => &[UserClaim::Email, UserClaim::EmailVerified],
        Scope::Profile => &[
            UserClaim::FamilyName,
            UserClaim::GivenName,
            UserClaim::UpdatedAt,
            UserClaim::Job,
        ],
        Scope::Organization => &[
            UserClaim::Label,
            UserClaim::Siret,
            UserClaim::IsCommune,
            UserClaim::IsExternal,
            UserClaim::IsPublicService,
            UserClaim::IsServicePublic,
        ],
        Scope::Organizations => &[UserClaim::Organizations],
        Scope::Uid => &[UserClaim::Uid],
        Scope::GivenName => &[UserClaim::GivenName],
        Scope::UsualName => &[UserClaim::UsualName],
        Scope::Siret => &[UserClaim::Siret],
        Scope::IsPublicService => &[UserClaim::IsPublicService],
        Scope::IsServicePublic => &[UserClaim::IsServicePublic],
        Scope::Phone => &[UserClaim::PhoneNumber, UserClaim::PhoneNumberVerified],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discovery_order_is_the_order_of_the_scopes() {
        let mut by_scope: Vec<UserClaim> = Vec::new();
        for claim in Scope::ALL.into_iter().flat_map(claims_of) {
            if !by_scope.contains(claim) {
                by_scope.push(*claim);
            }
        }
        assert_eq!(by_scope, UserClaim::ALL);
    }
}
