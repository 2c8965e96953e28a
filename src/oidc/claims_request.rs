//! The `claims` parameter (`OpenID Connect` Core §5.5), reduced to what has an effect here.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::ProtocolError;
use super::user_claim::{UserClaim, claims_of};
use crate::domain::{EssentialAcr, ScopeSet};

/// A claim about the sign-in, told only to those who ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignInClaim {
    Acr,
    Amr,
    AuthTime,
    Sid,
}

impl SignInClaim {
    const ALL: [Self; 4] = [Self::Acr, Self::Amr, Self::AuthTime, Self::Sid];

    /// The member's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Acr => "acr",
            Self::Amr => "amr",
            Self::AuthTime => "auth_time",
            Self::Sid => "sid",
        }
    }
}

/// What a relying party asks to be told beyond its scopes, and what it insists on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ClaimsRequest {
    /// Claims of the person to put into the ID token.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub id_token: Vec<UserClaim>,
    /// Claims of the person to put into userinfo.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub userinfo: Vec<UserClaim>,
    /// Claims of the sign-in to put into the ID token.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sign_in: Vec<SignInClaim>,
    /// The levels without which the relying party does not want the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub essential_acr: Option<EssentialAcr>,
    /// The only person (`sub`) whom the relying party wants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

impl ClaimsRequest {
    /// Reads the parameters `claims` and `acr_values`, which replaces the list of levels in the former.
    ///
    /// # Errors
    /// `invalid_request` when `claims` is not a JSON object with `userinfo` or `id_token` (each an object), or when
    /// the list of levels is not a list.
    pub fn read(claims: Option<&str>, acr_values: Option<&str>) -> Result<Self, ProtocolError> {
        let members = claims.map(parse_members).transpose()?.unwrap_or_default();
        let mut request = Self {
            id_token: user_claims_in(&members.id_token),
            userinfo: user_claims_in(&members.userinfo),
            sign_in: SignInClaim::ALL
                .into_iter()
                .filter(|claim| asks_for(&members.id_token, claim.as_str()))
                .collect(),
            ..Self::default()
        };
        if acr_values.is_some() {
            request.tell(SignInClaim::Acr);
        }
        request.essential_acr = read_essential_acr(&members.id_token, acr_values)?;
        request.subject = members
            .id_token
            .get("sub")
            .and_then(|sub| sub.get("value"))
            .and_then(Value::as_str)
            .map(str::to_owned);
        Ok(request)
    }

    /// Whether the ID token tells `claim`.
    #[must_use]
    pub fn tells(&self, claim: SignInClaim) -> bool {
        self.sign_in.contains(&claim)
    }

    /// Makes the ID token tell `claim`.
    pub fn tell(&mut self, claim: SignInClaim) {
        if !self.tells(claim) {
            self.sign_in.push(claim);
        }
    }

    /// Drops the claims that none of the scopes in `allowed` covers.
    pub fn limit_to(&mut self, allowed: &ScopeSet) {
        self.id_token.retain(|claim| is_covered(*claim, allowed));
        self.userinfo.retain(|claim| is_covered(*claim, allowed));
    }

    /// Whether the scopes in `allowed` cover every claim.
    #[must_use]
    pub fn is_within(&self, allowed: &ScopeSet) -> bool {
        let mut claims = self.id_token.iter().chain(&self.userinfo);
        claims.all(|claim| is_covered(*claim, allowed))
    }
}

fn is_covered(claim: UserClaim, allowed: &ScopeSet) -> bool {
    allowed.iter().any(|scope| claims_of(scope).contains(&claim))
}

#[derive(Default)]
struct Members {
    id_token: Map<String, Value>,
    userinfo: Map<String, Value>,
}

fn parse_members(text: &str) -> Result<Members, ProtocolError> {
    let not_an_object = || ProtocolError::invalid_request("claims must be a JSON object");
    let Ok(Value::Object(mut object)) = serde_json::from_str(text) else {
        return Err(not_an_object());
    };
    if !object.contains_key("userinfo") && !object.contains_key("id_token") {
        return Err(ProtocolError::invalid_request(
            "claims must have a member userinfo or id_token",
        ));
    }
    let mut member = |name: &'static str| match object.remove(name) {
        None => Ok(Map::new()),
        Some(Value::Object(map)) => Ok(map),
        Some(_) => Err(ProtocolError::invalid_request(format!(
            "claims.{name} must be an object"
        ))),
    };
    Ok(Members {
        id_token: member("id_token")?,
        userinfo: member("userinfo")?,
    })
}

/// A claim is asked for with `null` or with an object; other values mean nothing.
fn asks_for(member: &Map<String, Value>, name: &str) -> bool {
    member
        .get(name)
        .is_some_and(|value| value.is_null() || value.is_object())
}

fn user_claims_in(member: &Map<String, Value>) -> Vec<UserClaim> {
    UserClaim::ALL
        .iter()
        .copied()
        .filter(|claim| asks_for(member, claim.as_str()))
        .collect()
}

fn read_essential_acr(
    id_token: &Map<String, Value>,
    acr_values: Option<&str>,
) -> Result<Option<EssentialAcr>, ProtocolError> {
    let Some(Value::Object(acr)) = id_token.get("acr") else {
        return Ok(None);
    };
    let listed = match acr.get("values") {
        None => None,
        Some(Value::Array(values)) => Some(
            values
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect::<Vec<_>>(),
        ),
        Some(_) => {
            return Err(ProtocolError::invalid_request(
                "claims.id_token.acr.values must be a list",
            ));
        }
    };
    if acr.get("essential") != Some(&Value::Bool(true)) {
        return Ok(None);
    }
    let asked = acr_values.map(|asked| asked.split_ascii_whitespace().map(str::to_owned).collect());
    let request = EssentialAcr {
        values: asked.or(listed),
        value: acr.get("value").and_then(Value::as_str).map(str::to_owned),
    };
    Ok((request != EssentialAcr::default()).then_some(request))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(claims: &str) -> Result<ClaimsRequest, ProtocolError> {
        ClaimsRequest::read(Some(claims), None)
    }

    #[test]
    fn only_an_object_of_objects_is_accepted() {
        for bad in [
            "{",
            "[]",
            "{}",
            "null",
            "1",
            r#"{"id_token":null}"#,
            r#"{"userinfo":"x"}"#,
            r#"{"other":{}}"#,
            r#"{"id_token":{},"userinfo":[]}"#,
            r#"{"id_token":{"acr":{"essential":true,"values":"eidas1"}}}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert_eq!(read(r#"{"userinfo":{}}"#), Ok(ClaimsRequest::default()));
    }

    #[test]
    fn claims_are_asked_for_with_null_or_an_object() {
        let request = read(
            r#"{"id_token":{"given_name":{"essential":true},"family_name":null,"email":1,"roles":null,"amr":{}},
                "userinfo":{"siret":null,"acr":null}}"#,
        )
        .unwrap();
        assert_eq!(request.id_token, [UserClaim::FamilyName, UserClaim::GivenName]);
        assert_eq!(request.userinfo, [UserClaim::Siret]);
        assert_eq!(request.sign_in, [SignInClaim::Amr]);
    }

    #[test]
    fn a_level_is_insisted_on_only_when_essential() {
        let essential =
            read(r#"{"id_token":{"acr":{"essential":true,"values":["eidas1","eidas2"]}}}"#).unwrap();
        assert_eq!(
            essential.essential_acr,
            Some(EssentialAcr::one_of(["eidas1", "eidas2"]))
        );
        assert!(essential.tells(SignInClaim::Acr));
        let voluntary = read(r#"{"id_token":{"acr":{"values":["eidas1"]}}}"#).unwrap();
        assert_eq!(
            (voluntary.tells(SignInClaim::Acr), voluntary.essential_acr),
            (true, None)
        );
        let single = read(r#"{"id_token":{"acr":{"essential":true,"value":"eidas1"}}}"#).unwrap();
        assert_eq!(
            single.essential_acr,
            Some(EssentialAcr {
                values: None,
                value: Some("eidas1".into())
            })
        );
        assert_eq!(
            read(r#"{"id_token":{"acr":{"essential":true}}}"#)
                .unwrap()
                .essential_acr,
            None
        );
    }

    #[test]
    fn acr_values_replace_the_list_and_keep_the_insistence() {
        let claims = r#"{"id_token":{"acr":{"essential":true,"values":["eidas0"]}}}"#;
        let merged = ClaimsRequest::read(Some(claims), Some("eidas1  eidas1-mfa")).unwrap();
        assert_eq!(
            merged.essential_acr,
            Some(EssentialAcr::one_of(["eidas1", "eidas1-mfa"]))
        );
        let without_list = r#"{"id_token":{"acr":{"essential":true}}}"#;
        let merged = ClaimsRequest::read(Some(without_list), Some("eidas1")).unwrap();
        assert_eq!(merged.essential_acr, Some(EssentialAcr::one_of(["eidas1"])));
        let voluntary = ClaimsRequest::read(None, Some("eidas1")).unwrap();
        assert_eq!(
            (voluntary.tells(SignInClaim::Acr), voluntary.essential_acr),
            (true, None)
        );
    }

    #[test]
    fn a_subject_can_be_insisted_on() {
        assert_eq!(
            read(r#"{"id_token":{"sub":{"value":"12"}}}"#)
                .unwrap()
                .subject
                .as_deref(),
            Some("12")
        );
        assert_eq!(read(r#"{"id_token":{"sub":null}}"#).unwrap().subject, None);
    }

    #[test]
    fn every_claim_asked_for_is_held_against_what_the_client_may_know() {
        let rows = [
            (r#"{"userinfo":{"siret":null,"email":null}}"#, true),
            (r#"{"userinfo":{"siret":null,"job":null}}"#, false),
            (r#"{"id_token":{"job":null},"userinfo":{"siret":null}}"#, false),
            (r#"{"userinfo":{}}"#, true),
        ];
        let allowed = ScopeSet::parse_known("openid email siret");
        for (claims, expected) in rows {
            assert_eq!(read(claims).unwrap().is_within(&allowed), expected, "{claims}");
        }
    }

    #[test]
    fn claims_can_be_limited_to_what_the_client_may_know() {
        let mut request = read(r#"{"userinfo":{"siret":null,"email":null,"job":null}}"#).unwrap();
        request.limit_to(&ScopeSet::parse_known("openid email siret"));
        assert_eq!(request.userinfo, [UserClaim::Email, UserClaim::Siret]);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(claims in ".*", acr_values in proptest::option::of(".*")) {
            let _ = ClaimsRequest::read(Some(&claims), acr_values.as_deref());
        }

        #[test]
        fn no_json_makes_the_parser_panic(
            acr in "(null|1|\\{\\}|\\[\\]|\\{\"essential\":true,\"values\":(null|\\[1\\]|\\{\\})\\})",
            other in "[a-z]{1,8}",
        ) {
            let _ = ClaimsRequest::read(Some(&format!(r#"{{"id_token":{{"acr":{acr},"{other}":{acr}}}}}"#)), None);
        }
    }
}
