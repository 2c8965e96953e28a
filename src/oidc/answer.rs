//! What the authorization endpoint answers, as values; and how answers are written into a redirection URI.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};

use super::authorization_request::{ResponseMode, ResponseTarget};
use super::error::{ErrorCode, ProtocolError};
use super::redirect_uri::{with_fragment, with_query};
use super::signer::Signer;

/// How long a signed response is valid (JARM §2.1).
const SIGNED_RESPONSE_LIFE: TimeDelta = TimeDelta::minutes(10);

/// Who answers, and when.
pub struct Answerer<'a> {
    pub issuer: &'a str,
    pub signer: &'a dyn Signer,
    pub now: DateTime<Utc>,
}

/// The answer to an authorization request, or to its resumption.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthorizationAnswer {
    /// 303 to the relying party.
    Redirect { url: String },
    /// A page whose form posts `fields` to `action` by itself; `status` is 200, or 400 for an error.
    FormPost {
        status: u16,
        action: String,
        fields: Vec<(&'static str, String)>,
    },
    /// Our own error page: the relying party cannot be told.
    ErrorPage { status: u16, error: ProtocolError },
    /// 303 to `/interaction/<uid>`, with the cookies that bind the interaction to this browser until `expires_at`.
    Interaction { uid: String, expires_at: DateTime<Utc> },
    /// 303 to `/oauth/authorize/<name>`: the form came without a session, the GET brings it.
    Posted { name: String },
}

impl AuthorizationAnswer {
    /// The answer to a granted request.
    #[must_use]
    pub fn code(target: &ResponseTarget, by: &Answerer<'_>, code: String) -> Self {
        let mut parameters = vec![("code", code)];
        parameters.extend(target.state.clone().map(|state| ("state", state)));
        Self::sent(target, by, 200, parameters)
    }

    /// The answer to a refused request whose redirection URI is trusted.
    #[must_use]
    pub fn error(target: &ResponseTarget, by: &Answerer<'_>, error: ProtocolError) -> Self {
        let mut parameters = vec![("error", error.code.as_str().to_owned())];
        parameters.extend(
            error
                .description
                .map(|description| ("error_description", description.into_owned())),
        );
        parameters.extend(error.scope.map(|scope| ("scope", scope.to_owned())));
        parameters.extend(target.state.clone().map(|state| ("state", state)));
        Self::sent(target, by, 400, parameters)
    }

    /// The error page for a request that is at fault itself, or for a fault of ours.
    #[must_use]
    pub fn page(error: ProtocolError) -> Self {
        let status = match error.code {
            ErrorCode::ServerError => 500,
            ErrorCode::TemporarilyUnavailable => 503,
            _ => 400,
        };
        Self::ErrorPage { status, error }
    }

    fn sent(
        target: &ResponseTarget,
        by: &Answerer<'_>,
        form_status: u16,
        mut parameters: Vec<(&'static str, String)>,
    ) -> Self {
        parameters.push(("iss", by.issuer.to_owned()));
        if let Some(signed) = &target.signed {
            let mut claims: Map<String, Value> = parameters
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.into()))
                .collect();
            claims.insert("aud".to_owned(), signed.audience.as_str().into());
            let expires = by.now + SIGNED_RESPONSE_LIFE;
            claims.insert("exp".to_owned(), expires.timestamp().into());
            match by.signer.sign(signed.algorithm, &claims) {
                Ok(jwt) => parameters = vec![("response", jwt)],
                Err(error) => {
                    tracing::error!(%error, "an authorization response was not signed");
                    return Self::page(ProtocolError::bare(ErrorCode::ServerError));
                }
            }
        }
        match target.mode {
            ResponseMode::Query => Self::Redirect {
                url: with_query(&target.redirect_uri, &parameters),
            },
            ResponseMode::Fragment => Self::Redirect {
                url: with_fragment(&target.redirect_uri, &parameters),
            },
            ResponseMode::FormPost => Self::FormPost {
                status: form_status,
                action: target.redirect_uri.clone(),
                fields: parameters,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::signer::{SigningAlgorithm, SigningError, VerifiedJwt};
    use super::*;

    /// Gives the claims as they are, or signs nothing.
    struct Scribe {
        has_key: bool,
    }

    impl Signer for Scribe {
        fn sign(&self, _: SigningAlgorithm, claims: &Map<String, Value>) -> Result<String, SigningError> {
            if self.has_key {
                return Ok(Value::Object(claims.clone()).to_string());
            }
            Err(SigningError("no key".into()))
        }

        fn sign_as(
            &self,
            _: SigningAlgorithm,
            _: &str,
            _: &Map<String, Value>,
        ) -> Result<String, SigningError> {
            Err(SigningError("no key".into()))
        }

        fn verify(&self, _: &str) -> Option<VerifiedJwt> {
            None
        }

        fn algorithms(&self) -> Vec<SigningAlgorithm> {
            Vec::new()
        }

        fn public_jwks(&self) -> Value {
            Value::Null
        }
    }

    const OP: Answerer<'static> = Answerer {
        issuer: "https://op",
        signer: &Scribe { has_key: false },
        now: DateTime::UNIX_EPOCH,
    };

    #[test]
    fn a_page_has_the_status_of_its_error() {
        let rows = [
            (ErrorCode::ServerError, 500),
            (ErrorCode::TemporarilyUnavailable, 503),
            (ErrorCode::InvalidRequest, 400),
        ];
        for (code, expected) in rows {
            let AuthorizationAnswer::ErrorPage { status, .. } =
                AuthorizationAnswer::page(ProtocolError::bare(code))
            else {
                panic!("no page");
            };
            assert_eq!(status, expected);
        }
    }

    #[test]
    fn a_signed_answer_is_for_its_client_and_lives_ten_minutes() {
        let target = signed_target();
        let by = Answerer {
            signer: &Scribe { has_key: true },
            ..OP
        };
        let AuthorizationAnswer::Redirect { url } = AuthorizationAnswer::code(&target, &by, "C".into())
        else {
            panic!("no redirection");
        };
        let url = url::Url::parse(&url).unwrap();
        let (_, jwt) = url.query_pairs().find(|(name, _)| name == "response").unwrap();
        let claims: Value = serde_json::from_str(&jwt).unwrap();
        let expected =
            serde_json::json!({"iss": "https://op", "aud": "c", "exp": 600, "code": "C", "state": "s t"});
        assert_eq!(claims, expected);
    }

    #[test]
    fn an_answer_that_cannot_be_signed_is_not_sent_unsigned() {
        let target = signed_target();
        let answer = AuthorizationAnswer::code(&target, &OP, "C".into());
        assert!(matches!(
            answer,
            AuthorizationAnswer::ErrorPage { status: 500, .. }
        ));
    }

    fn signed_target() -> ResponseTarget {
        ResponseTarget {
            signed: Some(super::super::authorization_request::SignedResponse {
                algorithm: SigningAlgorithm::RS256,
                audience: "c".into(),
            }),
            ..target(ResponseMode::Query)
        }
    }

    fn target(mode: ResponseMode) -> ResponseTarget {
        ResponseTarget {
            redirect_uri: "https://rp.example/cb?a=1".into(),
            mode,
            state: Some("s t".into()),
            signed: None,
        }
    }

    #[test]
    fn a_code_travels_in_the_mode_that_was_asked_for() {
        let query = AuthorizationAnswer::code(&target(ResponseMode::Query), &OP, "C".into());
        let url = "https://rp.example/cb?a=1&code=C&state=s+t&iss=https%3A%2F%2Fop".to_owned();
        assert_eq!(query, AuthorizationAnswer::Redirect { url });
        let fragment = AuthorizationAnswer::code(&target(ResponseMode::Fragment), &OP, "C".into());
        let url = "https://rp.example/cb?a=1#code=C&state=s+t&iss=https%3A%2F%2Fop".to_owned();
        assert_eq!(fragment, AuthorizationAnswer::Redirect { url });
    }

    #[test]
    fn an_error_by_form_is_a_400_with_its_parameters_in_order() {
        let error = ProtocolError::new(ErrorCode::InvalidScope, "not allowed").about_scope("phone");
        let answer = AuthorizationAnswer::error(&target(ResponseMode::FormPost), &OP, error);
        let AuthorizationAnswer::FormPost {
            status: 400, fields, ..
        } = answer
        else {
            panic!("{answer:?}")
        };
        let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["error", "error_description", "scope", "state", "iss"]);
    }
}
