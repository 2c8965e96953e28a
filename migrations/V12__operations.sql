-- What operators did: who, what, to whom, when. Rows are only ever added: the table itself refuses everything else, except
-- the deletion of rows that are older than a year, which housekeeping does when their time is over.
CREATE TABLE identite_audit (
  id bigint GENERATED ALWAYS AS IDENTITY,
  occurred_at timestamptz NOT NULL,
  actor text NOT NULL, -- operator page from <address>, or command line of <user>@<machine>
  action text NOT NULL, -- outbox.retry, import.accounts, …
  subject_kind text, -- user, organization, mail, client, key, …
  subject_id text,
  detail jsonb NOT NULL DEFAULT '{}', -- neither secrets nor names nor addresses
  CONSTRAINT identite_audit_pkey PRIMARY KEY (id)
);
CREATE INDEX identite_audit_by_time ON identite_audit (occurred_at, id);

CREATE FUNCTION identite_audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND OLD.occurred_at < now() - interval '1 year' THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'identite_audit is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER identite_audit_rows_stay BEFORE UPDATE OR DELETE ON identite_audit
  FOR EACH ROW EXECUTE FUNCTION identite_audit_is_append_only();
CREATE TRIGGER identite_audit_stays BEFORE TRUNCATE ON identite_audit
  FOR EACH STATEMENT EXECUTE FUNCTION identite_audit_is_append_only();

-- Imports that have begun: how far each has come, written with the rows that it brought. An import that was interrupted
-- goes on from there.
CREATE TABLE identite_imports (
  id bigint GENERATED ALWAYS AS IDENTITY,
  kind text NOT NULL, -- accounts, coop-accounts, domains
  source text NOT NULL, -- SHA-256 of the input file, hexadecimal
  started_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  finished_at timestamptz,
  records bigint NOT NULL, -- records of the input that are settled
  line bigint NOT NULL, -- line of the input where the next one begins
  input_offset bigint NOT NULL, -- byte of the input where the next one begins
  output_length bigint NOT NULL, -- bytes of the output that tell of settled records
  counts jsonb NOT NULL, -- records and rows by outcome
  CONSTRAINT identite_imports_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX identite_imports_unfinished ON identite_imports (kind, source) WHERE finished_at IS NULL;

-- Where housekeeping goes on in tables that it walks through, and when which node last did.
CREATE TABLE identite_housekeeping (
  chore text NOT NULL,
  position bigint NOT NULL DEFAULT 0, -- the last identifier that was looked at
  CONSTRAINT identite_housekeeping_pkey PRIMARY KEY (chore)
);

-- When each signing key was first seen, wherever it is kept: operators are told of keys that have grown old.
CREATE TABLE identite_key_sightings (
  kid text NOT NULL,
  first_seen_at timestamptz NOT NULL,
  CONSTRAINT identite_key_sightings_pkey PRIMARY KEY (kid)
);

-- What housekeeping looks for. The expiry of a session that slides is in no index: its updates stay cheap.
CREATE INDEX identite_sessions_ended ON identite_sessions (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX identite_sessions_absolutely_over ON identite_sessions (absolute_expires_at);
CREATE INDEX identite_outbox_delivered ON identite_outbox (delivered_at) WHERE delivered_at IS NOT NULL;
CREATE INDEX identite_browsers_by_time ON identite_browsers (last_seen_at);
