-- The address that the code of a membership was sent to (a town can have several), and how often somebody typed a wrong code.
CREATE TABLE identite_official_contacts (
  user_id integer NOT NULL,
  organization_id integer NOT NULL,
  email text NOT NULL,
  failures integer NOT NULL DEFAULT 0,
  CONSTRAINT identite_official_contacts_pkey PRIMARY KEY (user_id, organization_id),
  CONSTRAINT identite_official_contacts_membership_fkey FOREIGN KEY (user_id, organization_id)
    REFERENCES users_organizations (user_id, organization_id) ON UPDATE CASCADE ON DELETE CASCADE
);

-- How far the ticket of a request has come: what is done is not done again when the desk is asked once more. One row a request.
CREATE TABLE identite_tickets (
  moderation_id integer NOT NULL,
  ticket_id text NOT NULL, -- conversation at the support desk
  message_sent_at timestamptz,
  CONSTRAINT identite_tickets_pkey PRIMARY KEY (moderation_id),
  CONSTRAINT identite_tickets_moderation_id_fkey FOREIGN KEY (moderation_id)
    REFERENCES moderations (id) ON UPDATE CASCADE ON DELETE CASCADE
);
