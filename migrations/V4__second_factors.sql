-- The last time step of one-time codes that was accepted from an account: no code of this step or an earlier one is ever
-- accepted again, on any node. No row: none was.
CREATE TABLE identite_totp_steps (
  user_id integer NOT NULL,
  last_step bigint NOT NULL, -- Unix time in periods of 30 seconds
  CONSTRAINT identite_totp_steps_pkey PRIMARY KEY (user_id),
  CONSTRAINT identite_totp_steps_user_id_fkey FOREIGN KEY (user_id)
    REFERENCES users (id) ON UPDATE CASCADE ON DELETE CASCADE
) WITH (fillfactor = 80);

-- A key of one-time codes that a session was shown and has not proven to hold yet.
CREATE TABLE identite_totp_enrolments (
  session_uid text NOT NULL,
  user_id integer NOT NULL,
  encrypted_key text NOT NULL, -- as users.encrypted_totp_key
  created_at timestamptz NOT NULL,
  CONSTRAINT identite_totp_enrolments_pkey PRIMARY KEY (session_uid),
  CONSTRAINT identite_totp_enrolments_session_uid_fkey FOREIGN KEY (session_uid)
    REFERENCES identite_sessions (uid) ON UPDATE CASCADE ON DELETE CASCADE,
  CONSTRAINT identite_totp_enrolments_user_id_fkey FOREIGN KEY (user_id)
    REFERENCES users (id) ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE INDEX identite_totp_enrolments_by_user ON identite_totp_enrolments (user_id);

-- Codes that stand in for a second factor that was lost, each once.
CREATE TABLE identite_recovery_codes (
  user_id integer NOT NULL,
  digest text NOT NULL, -- keyed, hexadecimal; the codes themselves are kept nowhere
  created_at timestamptz NOT NULL,
  used_at timestamptz,
  CONSTRAINT identite_recovery_codes_pkey PRIMARY KEY (user_id, digest),
  CONSTRAINT identite_recovery_codes_user_id_fkey FOREIGN KEY (user_id)
    REFERENCES users (id) ON UPDATE CASCADE ON DELETE CASCADE
);
