-- Who is signed in, since when and how. The authority for "is this session alive": one look-up by primary key, on every
-- node, with the rest of the journey. What a session is doing meanwhile is volatile and lives elsewhere.
CREATE TABLE identite_sessions (
  id bytea NOT NULL, -- SHA-256 of the secret in the browser's cookie
  uid text NOT NULL, -- stable public name of the session (43 base64url characters)
  user_id integer NOT NULL,
  amr text[] NOT NULL, -- internal method names in order: pwd, email-link, email-otp, totp, pop, uv, mfa
  signed_in_at timestamptz NOT NULL, -- instant of the first factor (auth_time)
  last_seen_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL, -- sliding, re-armed coarsely
  absolute_expires_at timestamptz NOT NULL,
  ended_at timestamptz,
  end_reason text, -- logout, replaced, expired, password_changed, elsewhere, account_deleted
  selected_organization_id integer,
  user_agent text, -- bounded to 512 characters
  ip_address text,
  CONSTRAINT identite_sessions_pkey PRIMARY KEY (id),
  CONSTRAINT identite_sessions_uid_key UNIQUE (uid),
  CONSTRAINT identite_sessions_user_id_fkey FOREIGN KEY (user_id)
    REFERENCES users (id) ON UPDATE CASCADE ON DELETE CASCADE,
  CONSTRAINT identite_sessions_selected_organization_id_fkey FOREIGN KEY (selected_organization_id)
    REFERENCES organizations (id) ON UPDATE CASCADE ON DELETE SET NULL
) WITH (fillfactor = 80); -- room for the updates of last_seen_at, which touch no index
-- Not limited to the sessions alive: the deletion of an account looks its sessions up here too.
CREATE INDEX identite_sessions_by_user ON identite_sessions (user_id);

-- What must leave the house (e-mails, tickets), written in the transaction of the change it tells of.
-- The payload is scrubbed to the bare minimum once delivered.
CREATE TABLE identite_outbox (
  id bigint GENERATED ALWAYS AS IDENTITY,
  kind text NOT NULL, -- mail
  payload jsonb NOT NULL,
  deduplication_key text,
  created_at timestamptz NOT NULL DEFAULT now(),
  next_attempt_at timestamptz NOT NULL DEFAULT now(),
  attempts integer NOT NULL DEFAULT 0,
  claimed_by text,
  claimed_until timestamptz,
  delivered_at timestamptz,
  dead_at timestamptz,
  last_error text,
  CONSTRAINT identite_outbox_pkey PRIMARY KEY (id),
  CONSTRAINT identite_outbox_deduplication_key_key UNIQUE (deduplication_key)
);
CREATE INDEX identite_outbox_due ON identite_outbox (next_attempt_at, id)
  WHERE delivered_at IS NULL AND dead_at IS NULL;
-- Dead letters are looked at by operators and counted by every scrape.
CREATE INDEX identite_outbox_dead ON identite_outbox (dead_at) WHERE dead_at IS NOT NULL;
