-- What a relying party may set beyond the reference's registration. A table of its own: the reference recognises standard
-- metadata by column name in oidc_clients. No row: exactly what the reference offers.
CREATE TABLE identite_client_settings (
  oidc_client_id integer NOT NULL,
  secret_hash text, -- SHA-256, base64url. NULL: the secret is oidc_clients.client_secret
  previous_secret_hash text, -- accepted as well, for the time of a rotation
  previous_secret_expires_at timestamptz,
  token_endpoint_auth_method text, -- NULL: a secret, in the form or in the header
  token_endpoint_auth_signing_alg text, -- NULL: any that this provider knows
  jwks jsonb,
  jwks_uri text,
  tls_client_auth_subject_dn text, -- RFC 4514
  tls_client_auth_san_dns text,
  require_pkce boolean NOT NULL DEFAULT false,
  exact_redirect_uris boolean NOT NULL DEFAULT false, -- compared as texts, without normalisation
  require_pushed_authorization_requests boolean NOT NULL DEFAULT false,
  require_signed_request_object boolean NOT NULL DEFAULT false,
  request_object_signing_alg text, -- NULL: no request objects
  dpop_bound_access_tokens boolean NOT NULL DEFAULT false,
  require_dpop_nonce boolean NOT NULL DEFAULT false,
  tls_client_certificate_bound_access_tokens boolean NOT NULL DEFAULT false,
  authorization_signed_response_alg text, -- NULL: no signed authorization responses
  id_token_encrypted_response_alg text,
  id_token_encrypted_response_enc text,
  userinfo_encrypted_response_alg text,
  userinfo_encrypted_response_enc text,
  backchannel_logout_uri text,
  refresh_token_lifetime_in_seconds integer, -- NULL: no refresh tokens
  limit_claims_to_scopes boolean NOT NULL DEFAULT false,
  updated_at_as_text boolean NOT NULL DEFAULT false, -- the claim updated_at as the reference writes it
  id_token_at_hash boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  modified_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT identite_client_settings_pkey PRIMARY KEY (oidc_client_id),
  CONSTRAINT identite_client_settings_oidc_client_id_fkey FOREIGN KEY (oidc_client_id)
    REFERENCES oidc_clients (id) ON UPDATE CASCADE ON DELETE CASCADE
);

-- Which relying parties that want to be told of a logout got to know of a session. Others are not written down.
CREATE TABLE identite_session_clients (
  session_uid text NOT NULL,
  oidc_client_id integer NOT NULL,
  first_at timestamptz NOT NULL,
  CONSTRAINT identite_session_clients_pkey PRIMARY KEY (session_uid, oidc_client_id),
  CONSTRAINT identite_session_clients_session_uid_fkey FOREIGN KEY (session_uid)
    REFERENCES identite_sessions (uid) ON UPDATE CASCADE ON DELETE CASCADE,
  CONSTRAINT identite_session_clients_oidc_client_id_fkey FOREIGN KEY (oidc_client_id)
    REFERENCES oidc_clients (id) ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE INDEX identite_session_clients_by_client ON identite_session_clients (oidc_client_id);

-- The calendar of the signing keys. Keys of the variable JWKS that nothing is said about sign for as long as they are there.
CREATE TABLE identite_signing_keys (
  kid text NOT NULL,
  encrypted_jwk text, -- private JWK in a JWE (dir, A256GCM). NULL: a key of the variable JWKS
  algorithm text, -- of a key of this table: RS256, PS256, ES256 or EdDSA
  created_at timestamptz NOT NULL,
  signs_from timestamptz NOT NULL,
  signs_until timestamptz,
  published_until timestamptz,
  CONSTRAINT identite_signing_keys_pkey PRIMARY KEY (kid)
);
