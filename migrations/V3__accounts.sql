-- What happened to accounts: sign-ins, changes of credentials. For their owners and for operators. Rows are only ever
-- added, and deleted when their time is over. No foreign key: the history outlives the account.
CREATE TABLE identite_events (
  id bigint GENERATED ALWAYS AS IDENTITY,
  user_id integer NOT NULL,
  kind text NOT NULL, -- sign_in, sign_out, password_changed, …: src/domain/security_event.rs
  occurred_at timestamptz NOT NULL,
  session_uid text,
  user_agent text, -- bounded to 512 characters
  ip_address text,
  method text, -- of a sign-in: pwd, email-link, pop
  CONSTRAINT identite_events_pkey PRIMARY KEY (id)
);
CREATE INDEX identite_events_by_user ON identite_events (user_id, id DESC);
CREATE INDEX identite_events_by_time ON identite_events (occurred_at);

-- What is known of the credentials of an account beside the credentials. No row: nothing special.
CREATE TABLE identite_credentials (
  user_id integer NOT NULL,
  changed_at timestamptz, -- browsers trusted before are not trusted any more
  leak_check_pending boolean NOT NULL DEFAULT false, -- the password could not be looked up in leaks when it was chosen
  CONSTRAINT identite_credentials_pkey PRIMARY KEY (user_id),
  CONSTRAINT identite_credentials_user_id_fkey FOREIGN KEY (user_id)
    REFERENCES users (id) ON UPDATE CASCADE ON DELETE CASCADE
);

-- A password chosen for an account that had none, by somebody who has yet to prove that the address is theirs. It becomes
-- the account's in the session that chose it, once the code sent to the address was entered there.
CREATE TABLE identite_pending_passwords (
  session_uid text NOT NULL,
  user_id integer NOT NULL,
  encrypted_password text NOT NULL,
  leak_check_pending boolean NOT NULL,
  created_at timestamptz NOT NULL,
  CONSTRAINT identite_pending_passwords_pkey PRIMARY KEY (session_uid),
  CONSTRAINT identite_pending_passwords_session_uid_fkey FOREIGN KEY (session_uid)
    REFERENCES identite_sessions (uid) ON UPDATE CASCADE ON DELETE CASCADE,
  CONSTRAINT identite_pending_passwords_user_id_fkey FOREIGN KEY (user_id)
    REFERENCES users (id) ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE INDEX identite_pending_passwords_by_user ON identite_pending_passwords (user_id);

-- Browsers that an account was signed in to from, by a random name in a cookie: a sign-in from another one is told to its
-- owner.
CREATE TABLE identite_browsers (
  user_id integer NOT NULL,
  browser bytea NOT NULL, -- SHA-256 of the name in the cookie
  first_seen_at timestamptz NOT NULL,
  last_seen_at timestamptz NOT NULL,
  CONSTRAINT identite_browsers_pkey PRIMARY KEY (user_id, browser),
  CONSTRAINT identite_browsers_user_id_fkey FOREIGN KEY (user_id)
    REFERENCES users (id) ON UPDATE CASCADE ON DELETE CASCADE
);
