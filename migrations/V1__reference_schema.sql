-- The schema that the reference implementation reaches after its 92 migrations: same tables, columns in the same order,
-- same names of constraints, indexes and sequences, so that both implementations run on one database.

-- One row a person. The id is the public OIDC subject.
CREATE TABLE users (
  id serial,
  email varchar NOT NULL,
  encrypted_password varchar,
  reset_password_token varchar,
  reset_password_sent_at timestamptz,
  sign_in_count integer NOT NULL DEFAULT 0,
  last_sign_in_at timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  email_verified boolean NOT NULL DEFAULT false,
  verify_email_token varchar,
  verify_email_sent_at timestamptz,
  given_name varchar,
  family_name varchar,
  phone_number varchar,
  job varchar,
  magic_link_token varchar,
  magic_link_sent_at timestamptz,
  email_verified_at timestamptz,
  current_challenge varchar,
  needs_inclusionconnect_welcome_page boolean NOT NULL DEFAULT false,
  needs_inclusionconnect_onboarding_help boolean NOT NULL DEFAULT false,
  encrypted_totp_key varchar,
  totp_key_verified_at timestamptz,
  force_2fa boolean NOT NULL DEFAULT false,
  CONSTRAINT users_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX index_users_on_email ON users (email);
CREATE UNIQUE INDEX index_users_on_reset_password_token ON users (reset_password_token);

-- One row an establishment (SIRET); the cached_ columns come from the Sirene register.
CREATE TABLE organizations (
  id serial,
  siret varchar NOT NULL,
  created_at timestamptz NOT NULL DEFAULT timestamp '1970-01-01 00:00:00',
  updated_at timestamptz NOT NULL DEFAULT timestamp '1970-01-01 00:00:00',
  cached_libelle varchar,
  cached_nom_complet varchar,
  cached_enseigne varchar,
  cached_tranche_effectifs varchar,
  cached_tranche_effectifs_unite_legale varchar,
  cached_libelle_tranche_effectif varchar,
  cached_etat_administratif varchar,
  cached_est_active boolean,
  cached_statut_diffusion varchar,
  cached_est_diffusible boolean,
  cached_adresse varchar,
  cached_code_postal varchar,
  cached_activite_principale varchar,
  cached_libelle_activite_principale varchar,
  cached_categorie_juridique varchar,
  cached_libelle_categorie_juridique varchar,
  organization_info_fetched_at timestamptz,
  cached_code_officiel_geographique varchar,
  cached_siege_social boolean,
  CONSTRAINT organizations_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX index_organizations_on_siret ON organizations (siret);

-- Relying parties.
CREATE TABLE oidc_clients (
  id serial,
  client_name varchar NOT NULL,
  client_id varchar NOT NULL,
  client_secret varchar NOT NULL,
  redirect_uris varchar[] NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  post_logout_redirect_uris varchar[] NOT NULL DEFAULT '{}',
  scope varchar NOT NULL DEFAULT 'openid email',
  client_uri varchar,
  client_description varchar,
  userinfo_signed_response_alg varchar,
  id_token_signed_response_alg varchar,
  authorization_signed_response_alg varchar,
  introspection_signed_response_alg varchar,
  is_proconnect_federation boolean NOT NULL DEFAULT false,
  CONSTRAINT oidc_clients_pkey PRIMARY KEY (id)
);

-- Passkeys.
CREATE TABLE authenticators (
  credential_id text NOT NULL,
  credential_public_key bytea NOT NULL,
  counter bigint NOT NULL,
  credential_device_type varchar(32),
  credential_backed_up boolean NOT NULL,
  transports varchar(255)[] DEFAULT '{}',
  user_id integer NOT NULL,
  display_name varchar,
  created_at timestamptz NOT NULL DEFAULT now(),
  last_used_at timestamptz,
  usage_count integer NOT NULL DEFAULT 0,
  user_verified boolean NOT NULL DEFAULT true,
  CONSTRAINT authenticators_pkey PRIMARY KEY (credential_id),
  CONSTRAINT authenticators_user_id_fkey FOREIGN KEY (user_id)
    REFERENCES users (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX index_authenticators_on_credential_id ON authenticators (credential_id);

-- The identity that FranceConnect vouched for.
CREATE TABLE franceconnect_userinfo (
  user_id integer NOT NULL,
  birthdate timestamptz,
  birthplace varchar(255),
  family_name varchar(255),
  gender varchar(255),
  given_name varchar(255),
  preferred_username varchar(255),
  sub varchar(255),
  created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  birthcountry varchar(255),
  CONSTRAINT franceconnect_userinfo_pkey PRIMARY KEY (user_id),
  CONSTRAINT franceconnect_userinfo_user_id_fkey FOREIGN KEY (user_id)
    REFERENCES users (id) ON DELETE CASCADE
);

-- What the e-mail domains of an organization are worth.
CREATE TABLE email_domains (
  id serial,
  organization_id integer NOT NULL,
  domain varchar(255) NOT NULL,
  verification_type varchar(255) NOT NULL,
  can_be_suggested boolean NOT NULL DEFAULT true,
  verified_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT email_domains_pkey PRIMARY KEY (id),
  CONSTRAINT unique_organization_domain UNIQUE (organization_id, domain, verification_type),
  CONSTRAINT email_domains_organization_id_fkey FOREIGN KEY (organization_id)
    REFERENCES organizations (id) ON DELETE CASCADE
);

-- Who may act for which organization, and why that is trusted.
CREATE TABLE users_organizations (
  user_id integer NOT NULL,
  organization_id integer NOT NULL,
  is_external boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT timestamp '1970-01-01 00:00:00',
  updated_at timestamptz NOT NULL DEFAULT timestamp '1970-01-01 00:00:00',
  verification_type varchar NOT NULL,
  has_been_greeted boolean NOT NULL DEFAULT false,
  needs_official_contact_email_verification boolean NOT NULL DEFAULT false,
  official_contact_email_verification_token varchar,
  official_contact_email_verification_sent_at timestamptz,
  verified_at timestamptz,
  CONSTRAINT users_organizations_pkey PRIMARY KEY (user_id, organization_id),
  CONSTRAINT users_organizations_organization_id_fkey FOREIGN KEY (organization_id)
    REFERENCES organizations (id) ON UPDATE CASCADE,
  CONSTRAINT users_organizations_user_id_fkey FOREIGN KEY (user_id)
    REFERENCES users (id) ON UPDATE CASCADE ON DELETE CASCADE
);

-- The journal of connections: one row an authorization.
CREATE TABLE users_oidc_clients (
  user_id integer NOT NULL,
  oidc_client_id integer NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  id serial,
  organization_id integer,
  sp_name varchar,
  user_ip_address varchar,
  CONSTRAINT users_oidc_clients_pkey PRIMARY KEY (id),
  CONSTRAINT users_oidc_clients_oidc_client_id_fkey FOREIGN KEY (oidc_client_id)
    REFERENCES oidc_clients (id) ON UPDATE CASCADE ON DELETE CASCADE,
  CONSTRAINT users_oidc_clients_organization_id_fkey FOREIGN KEY (organization_id)
    REFERENCES organizations (id) ON UPDATE CASCADE ON DELETE SET NULL,
  CONSTRAINT users_oidc_clients_user_id_fkey FOREIGN KEY (user_id)
    REFERENCES users (id) ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE INDEX idx_users_oidc_clients_user_id_created_at ON users_oidc_clients (user_id, created_at DESC);

-- Decisions that a human takes about memberships.
CREATE TABLE moderations (
  id serial,
  user_id integer NOT NULL,
  organization_id integer NOT NULL,
  type varchar NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  moderated_at timestamptz,
  comment varchar,
  moderated_by varchar,
  ticket_id text,
  status text NOT NULL DEFAULT 'unknown',
  sp_name varchar,
  allow_editing boolean NOT NULL DEFAULT false,
  end_user_reason varchar(255) NOT NULL DEFAULT 'Raison transmise par mail',
  CONSTRAINT moderations_pkey PRIMARY KEY (id),
  CONSTRAINT moderations_organization_id_fkey FOREIGN KEY (organization_id)
    REFERENCES organizations (id) ON DELETE CASCADE,
  CONSTRAINT moderations_user_id_fkey FOREIGN KEY (user_id)
    REFERENCES users (id) ON DELETE CASCADE
);

-- Domains whose new addresses skip the deliverability check.
CREATE TABLE email_deliverability_whitelist (
  problematic_email varchar NOT NULL,
  email_domain varchar NOT NULL,
  verified_at timestamptz NOT NULL DEFAULT now(),
  verified_by varchar,
  CONSTRAINT email_deliverability_whitelist_pkey PRIMARY KEY (email_domain)
);

-- Lower ids belong to an older system.
ALTER SEQUENCE users_id_seq RESTART WITH 5000;

-- The bookkeeping of the reference, filled as if it had run: its migration command finds nothing to do here.
CREATE TABLE IF NOT EXISTS pgmigrations (
  id serial PRIMARY KEY,
  name varchar(255) NOT NULL,
  run_on timestamp NOT NULL
);

INSERT INTO pgmigrations (name, run_on)
SELECT name, now()
FROM unnest(ARRAY[
  '1545154190802_create-users-table',
  '1545160000000_add-legacy-account-type',
  '1545208731632_curate-users-table',
  '1545318057804_create-oidc-clients-table',
  '1549991833763_add-verified-email',
  '1554473786701_remove-legacy-account-type-from-users',
  '1558014381088_add-names-to-user',
  '1558096197437_create-organizations',
  '1563806723167_add-authorized-email-domains-to-organizations',
  '1567677616796_add-post-logout-redirect-uris-to-oidc-clients',
  '1598970018214_remove-roles-from-user',
  '1614263679948_add-personnal-informations-to-users',
  '1618321674242_add-scope-to-oidc-clients',
  '1618924395936_add-is-external-to-users-organisations',
  '1618925966212_add-date-to-organisations',
  '1623752868625_add-moderation-table',
  '1623764013744_capture-external-status',
  '1632485522301_lower-email-adresses',
  '1633705667117_add-new-moderation-type',
  '1633707001000_use-time-stamp-with-timezone',
  '1633707725384_add-comment-to-moderations',
  '1656936947798_add-magic-link-to-user',
  '1659108422817_add-info-to-organization',
  '1668786568529_add-email-verified-at-to-user',
  '1668798275828_remove-index-user-on-verify-email-token',
  '1671211126263_join-users-oidc-clients',
  '1671293452610_update-oidc-clients',
  '1674666020355_cast-some-organization-info-to-boolean',
  '1674840755193_add-verified-domains',
  '1675162777901_add-external-verified-domains',
  '1675350389872_remove-free-email-provider',
  '1675443481838_remove-external-verified',
  '1677230610398_remove-as-external',
  '1679593510025_add-cog',
  '1680524813673_normalize-connection-counter',
  '1682670752076_fix-non-consistent-verified-domains',
  '1685002008698_add-peer-authentication',
  '1685102115392_improve-organisation-greeting',
  '1685112617895_record-sponsor-id',
  '1687496281193_add-sign-alg-to-client',
  '1687505678199_add-more-sign-alg-to-client',
  '1687512509872_update-default-values',
  '1688051439414_add-official-email-contact-verification',
  '1699005727072_more-data-in-connection',
  '1702600151114_add-webauthn',
  '1703247171649_add-zammad-ticket-id-on-moderations',
  '1704468391545_webauthn-metadata',
  '1704477408785_add-webauth-use-count',
  '1706288473081_add-moderated-by',
  '1707422348867_add-trackdechets',
  '1715407987592_drop_legacy_field',
  '1715577928071_inclusionconnect-welcome-page',
  '1715580798248_inclusionconnect-onboarding-help',
  '1716761692667_add-totp-secret',
  '1718087582358_add_user_verified_in_authenticators',
  '1718445352148_add-force-2fa',
  '1721397424071_refactor-email-domains',
  '1721404910819_delete-email-duplicates',
  '1721406015258_forbid-multiple-email-domains-type-by-organization',
  '1721662773865_update-verification-type',
  '1721748117590_add-link-verified-at',
  '1723123440097_remove-same-null-verified-email-domain',
  '1724327131305_update-ticket-id',
  '1725031836488_delete-authentication-by-peers-type',
  '1728637528120_add-is-pcf',
  '1729121498808_add-null-not-distinct-to-email-domains',
  '1731434032350_delete-already-verified-email-domain',
  '1738935239433_revoke-authenticators',
  '1740165136719_rename-statutDiffusion-values',
  '1740590618761_add-franceconnect-userinfo',
  '1741363364739_add-is-executive-to-users-organizations',
  '1748262184403_delete-duplicates-email-domain',
  '1749574611474_remove-is-executive-from-users-organizations',
  '1760619840043_remove-default-email-on-users',
  '1760621627742_remove-default-encrypted-password-on-users',
  '1760621743526_set-empty-encrypted-password-to-null',
  '1761144063000_add-status-to-moderations',
  '1761747793972_create-email-delivrability-whitelist',
  '1762906340780_add-birthcountry-to-franceconnect-userinfo',
  '1768398286573_add-cached-siege-social-to-organizations',
  '1768920043747_remove-null-verification-type-in-users-organizations',
  '1769417549159_remove-empty-string-verification-type-in-users-organizations',
  '1769426233241_add-info-in-users-oidc-clients',
  '1770114737219_populate-moderation-status-from-comment',
  '1770914423350_migrate-domain-not-verified-yet-to-domain-verification',
  '1770980170968_migrate-small-association-to-domain-verification',
  '1771430997456_remove-null-verification-type-in-email-domains',
  '1773400846752_add-sp-name-to-moderation-table',
  '1779975576903_add-end-user-reason-and-allow-editing-to-moderations',
  '1780326942627_set-allow-editing-on-rejection-reason-moderations',
  '1780924063334_allow-editing-default-to-false-in-moderation',
  '1781180683383_add-user-id-created-at-index-to-users-oidc-clients'
])
WITH ORDINALITY AS reference (name, position)
ORDER BY position;
